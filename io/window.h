/* How the frames of an autoregressive sample move on: what an operator has predicted becomes part of its next input.
 * Inputs without times stay. All functions are Local. */
#ifndef PNO_IO_WINDOW_H
#define PNO_IO_WINDOW_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/base/status.h"
#include "io/dataset.h"

/* The channels of a sample as io/sample.h orders them. */
typedef struct {
  ptrdiff_t points;
  int frames_in, frames_out, n_input, n_target;
  struct {
    int channels;
    bool timed;
    int target; /* which target it is, -1: none */
  } input[PNO_FIELDS_MAX];
  int target[PNO_FIELDS_MAX]; /* channels of each */
} pno_window_spec;

typedef struct pno_window pno_window;

/* The window of an open data set. Errors: PNO_E_USAGE its mode is not autoregressive. */
pno_status pno_window_spec_of(const pno_dataset *ds, pno_window_spec *out);

/* Errors: PNO_E_USAGE an input with times that is no target, so that nothing predicts it, or has other channels than
 * the target; PNO_E_NOMEM. */
pno_status pno_window_create(const pno_window_spec *spec, pno_window **out);
void pno_window_destroy(pno_window **w); /* takes NULL */

int pno_window_in(const pno_window *w);    /* channels of an input */
int pno_window_out(const pno_window *w);   /* of a prediction */
int pno_window_frame_channels(const pno_window *w); /* of one frame of it */

/* The input frames_out frames later. x [points][in] becomes it; y [points][out]. */
void pno_window_slide(const pno_window *w, const float *y, float *x);

/* Frame number frame of y as [points][frame channels]. */
void pno_window_frame(const pno_window *w, const float *y, int frame, float *out);

/* The true frames first .. first + frames_out - 1 behind the first window of a trajectory, as y [points][out]; NaN
 * where the file has none. ds: with a stride of 1; x: room for an input. *known: how many it has. Errors: those of
 * pno_dataset_read. */
pno_status pno_window_truth(const pno_window *w, pno_dataset *ds, ptrdiff_t trajectory, int first, float *x, float *y,
                            int *known);

#endif
