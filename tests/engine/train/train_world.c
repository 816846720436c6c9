#include "tests/engine/train/train_world.h"

#include <criterion/criterion.h>
#include <ftw.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/dataset_write.h"

static char dir[TRAIN_PATH / 2];

void train_run(const world_case *cases, size_t n) {
  if (!getenv("PNO_ALONE")) {
    world_run(cases, n, 30.0);
    return;
  }
  world w = {.size = 1};
  cr_assert(pno_comm_self(&w.comm) == PNO_OK);
  for (size_t i = 0; i < n; i++) {
    const int wrong = cases[i].run(&w);
    cr_expect(wrong == 0, "%s: %d wrong alone", cases[i].name, wrong);
  }
  pno_comm_destroy(&w.comm);
}

void train_enter(world *w) {
  if (w->rank == 0) {
    const char *base = getenv("TMPDIR");
    snprintf(dir, sizeof dir, "%s/pno-train-XXXXXX", base && strlen(base) < sizeof dir - 20 ? base : "/tmp");
    cr_assert(mkdtemp(dir) != NULL, "no folder like %s", dir);
  }
  cr_assert(pno_bcast(w->comm, dir, sizeof dir, 0) == PNO_OK, "%s", pno_fail_words());
}

const char *train_path(const char *name) {
  static char path[8][TRAIN_PATH];
  static int turn;
  char *out = path[turn++ % 8];
  snprintf(out, TRAIN_PATH, "%s/%.*s", dir, TRAIN_PATH / 2 - 2, name);
  return out;
}

static int remove_one(const char *path, const struct stat *s, int kind, struct FTW *at) {
  (void)s;
  (void)kind;
  (void)at;
  return remove(path);
}

void train_leave(world *w) {
  cr_expect(pno_barrier(w->comm) == PNO_OK, "%s", pno_fail_words());
  if (w->rank == 0) nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

typedef struct {
  int n0, n1;
} grid;

/* a: a wave of the sample; u: the same one, damped and moved. */
static pno_status waves(void *user, ptrdiff_t sample, float *values, ptrdiff_t n) {
  const grid *g = user;
  const ptrdiff_t points = (ptrdiff_t)g->n0 * g->n1;
  if (n != 2 * points) return pno_fail(PNO_E_INTERNAL, "%td values for %td points", n, points);
  for (ptrdiff_t p = 0; p < points; p++) {
    const double x = (double)(p / g->n1) / g->n0, y = (double)(p % g->n1) / g->n1, k = 1.0 + (double)(sample % 5);
    values[p] = (float)(2.0 + sin(k * x + 0.3 * (double)sample) * cos(2.0 * y));
    values[points + p] = (float)(0.1 + sin(k * x + 0.3 * (double)sample + 0.5) * cos(2.0 * y) / k);
  }
  return PNO_OK;
}

void train_data(world *w, const char *name, ptrdiff_t samples, int n0, int n1) {
  static const pno_field_spec fields[] = {{.name = "a"}, {.name = "u"}};
  static const pno_sample_view view = {.mode = PNO_MODE_STEADY, .n_input = 1, .n_target = 1, .input = {"a"},
                                       .target = {"u"}, .frames_in = 1, .frames_out = 1, .stride = 1};
  const pno_dataset_spec d = {.name = "waves", .generator = "test", .solver = "none", .n_samples = samples,
                              .n_spatial = 2, .n = {n0, n1}, .hi = {1, 1}, .n_times = 1, .n_fields = 2,
                              .fields = fields, .view = &view};
  grid g = {n0, n1};
  const pno_status st = w->rank == 0 ? pno_dataset_write(train_path(name), &d, waves, &g, NULL) : PNO_OK;
  cr_assert(pno_agree(w->comm, st) == PNO_OK, "%s", pno_fail_words());
}

pno_train_spec train_spec(void) {
  static char data[TRAIN_PATH], checkpoints[TRAIN_PATH];
  snprintf(data, sizeof data, "%s", train_path("data.h5"));
  snprintf(checkpoints, sizeof checkpoints, "%s", train_path("checkpoints"));
  return (pno_train_spec){
      .kernels = pno_kernels_scalar(),
      .data = data, .valid_samples = 2, .batch = 3, .micro = 1, .shuffle = true, .seed = 5,
      .normalise_in = PNO_NORMALISE_CHANNEL, .normalise_out = PNO_NORMALISE_CHANNEL,
      .model = {.flavour = PNO_FLAVOUR_NEURALOP, .dims = 2, .width = 5, .modes = {4, 4}, .layers = 2, .lift_hidden = 10,
                .head_hidden = 10, .mlp_hidden = 3, .embed = true},
      .loss = PNO_LOSS_REL_L2, .physical = true,
      .optim = {.kind = PNO_OPTIM_ADAMW, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8, .weight_decay = 1e-4},
      .schedule = {.kind = PNO_SCHEDULE_NONE, .lr = 5e-3}, .epochs = 2, .max_bad_steps = 2, .timeout_s = 30,
      .eval_every = 1, .checkpoints = checkpoints, .run_id = "test", .keep = 100};
}

pno_trainer *train_make(world *w, const pno_train_spec *spec, const pno_train_hooks *hooks, pno_comm *comm) {
  static const pno_train_hooks none;
  pno_trainer *t = NULL;
  cr_assert(pno_trainer_create(spec, hooks ? hooks : &none, comm, &t) == PNO_OK, "rank %d: %s", w->rank,
            pno_fail_words());
  return t;
}

double train_distance(const float *a, const float *b, ptrdiff_t n) {
  double error = 0, norm = 0;
  for (ptrdiff_t i = 0; i < n; i++) {
    const double d = (double)a[i] - (double)b[i];
    error += d * d;
    norm += (double)b[i] * (double)b[i];
  }
  return sqrt(error / norm);
}
