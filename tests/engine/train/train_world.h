/* What tests of engine/train share: a small data set, a small training, a folder that all ranks know. */
#ifndef PNO_TESTS_ENGINE_TRAIN_WORLD_H
#define PNO_TESTS_ENGINE_TRAIN_WORLD_H

#include "engine/train/trainer.h"
#include "tests/engine/sync/world.h"

/* world_run; with PNO_ALONE in the environment the cases run on pno_comm_self and MPI is never started. */
void train_run(const world_case *cases, size_t n);

/* A new folder: DIR/name becomes path. Made by rank 0 and known to all; removed with all it holds by train_leave.
 * Collective. */
enum { TRAIN_PATH = 256 };
void train_enter(world *w);
const char *train_path(const char *name); /* valid until the eighth call after it. Local */
void train_leave(world *w);

/* Samples of a smooth map from a to u on n0 x n1 points, written by rank 0 to train_path(name). Collective. */
void train_data(world *w, const char *name, ptrdiff_t samples, int n0, int n1);

/* Trains on train_path("data.h5") of 10 samples, 2 of them held out: 8 = 3 + 3 + 2, so that a batch is short. */
pno_train_spec train_spec(void);

/* A trainer with these hooks (NULL: none); fails the test if there is none. Collective. */
pno_trainer *train_make(world *w, const pno_train_spec *spec, const pno_train_hooks *hooks, pno_comm *comm);

/* Relative difference of two buffers in L2. */
double train_distance(const float *a, const float *b, ptrdiff_t n);

#endif
