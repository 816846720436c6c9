/* Runs one case of the oracle through the operator and leaves everything raw in a folder for oracle.py:
 *   oracle_driver FOLDER key=value ...
 * The first two gradients are of other data and thrown away: what a call leaves in a plan must not reach the next. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/base/rng.h"
#include "engine/model/row_fft.h"
#include "kernels/dispatch.h"
#include "tests/engine/model/oracle_case.h"

typedef struct {
  const char *folder;
  oracle_case c;
  pno_fno *fno;
  ptrdiff_t points, in_floats, out_floats; /* of one sample */
  float *params, *input, *target, *output, *grad;
  float *norms[4]; /* scale and shift of the input, then of the output */
  double *loss;
  const pno_kernels *kernels;
  int threads;
  bool by_fft;
  pno_row_fft *fft;
} run;

static pno_status put(const run *r, const char *name, const void *data, size_t bytes) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s", r->folder, name);
  FILE *f = fopen(path, "wb");
  if (!f) return pno_fail(PNO_E_IO, "%s: %s", path, strerror(errno));
  const size_t done = fwrite(data, 1, bytes, f);
  return fclose(f) == 0 && done == bytes ? PNO_OK : pno_fail(PNO_E_IO, "%s: short write", path);
}

static float *draw(uint16_t site, ptrdiff_t n, double mean, double deviation) {
  const pno_rng rng = {.seed = 20261124, .stream = PNO_STREAM_FIELD, .site = site};
  float *out = calloc((size_t)n, sizeof *out);
  for (ptrdiff_t i = 0; out && i < n; i++) out[i] = (float)(mean + deviation * pno_rng_normal(&rng, (uint64_t)i));
  return out;
}

/* A wave along every axis with noise on top: all modes are met, but sums over points do not cancel as those of pure
 * noise do. Where they cancel, the last digits of fp32 would be compared and not the operator. */
static float *draw_field(const run *r, uint16_t site, int channels, double mean, double noise) {
  const oracle_case *c = &r->c;
  const double two_pi = 6.283185307179586;
  float *out = draw(site, c->samples * r->points * channels, mean, noise);
  for (ptrdiff_t i = 0; out && i < c->samples * r->points * channels; i++) {
    const double phase = (double)(i % channels) + 0.7 * (double)(i / channels / r->points);
    ptrdiff_t rest = i / channels % r->points;
    for (int j = c->spec.dims - 1; j >= 0; j--) {
      out[i] += (float)(0.7 * cos(two_pi * (double)(rest % c->n[j]) / c->n[j] + phase + j));
      rest /= c->n[j];
    }
  }
  return out;
}

/* Values that let every part of the operator matter: the real initial values make the Fourier part of li vanish and
 * all gates one. Padding lanes stay zero. */
static void draw_tensor(const pno_tensor *t, uint16_t site, float *p) {
  const pno_rng rng = {.seed = 7, .stream = PNO_STREAM_INIT, .site = site};
  const bool gate = t->init == PNO_INIT_ONES;
  const double deviation = t->kind == PNO_TENSOR_VECTOR ? 0.3 : 1.0 / sqrt((double)t->in);
  const ptrdiff_t op = pno_padded(t->out);
  for (ptrdiff_t row = 0; row < t->count / op; row++)
    for (int o = 0; o < t->out; o++)
      p[row * op + o] = (float)((gate ? 1.0 : 0.0) + deviation * pno_rng_normal(&rng, (uint64_t)(row * t->out + o)));
}

static void draw_params(run *r) {
  const pno_registry *g = pno_fno_registry(r->fno);
  for (int i = 0; i < g->n; i++) draw_tensor(&g->tensor[i], (uint16_t)i, r->params + g->tensor[i].at);
}

static pno_status make(run *r) {
  const oracle_case *c = &r->c;
  const pno_registry *g = pno_fno_registry(r->fno);
  r->points = 1;
  for (int j = 0; j < c->spec.dims; j++) r->points *= c->n[j];
  r->in_floats = r->points * c->spec.in;
  r->out_floats = r->points * c->spec.out;
  r->params = calloc((size_t)g->floats, sizeof *r->params);
  r->grad = calloc((size_t)g->floats, sizeof *r->grad);
  r->output = calloc((size_t)(c->samples * c->draws * r->out_floats), sizeof *r->output);
  r->loss = calloc((size_t)c->samples, sizeof *r->loss);
  r->input = draw_field(r, 1, c->spec.in, 0.2, 0.3);
  r->target = draw_field(r, 2, c->spec.out, -2.0, 0.1);
  const ptrdiff_t most[4] = {r->in_floats, r->in_floats, r->out_floats, r->out_floats};
  for (int i = 0; i < 4; i++) {
    r->norms[i] = draw((uint16_t)(3 + i), most[i], i % 2 ? 0.5 : 1.0, c->norm == CASE_NORM_NONE ? 0.0 : 0.2);
    for (ptrdiff_t k = 0; r->norms[i] && k < most[i]; k++) {
      float *v = &r->norms[i][k];
      if (i % 2 == 0) *v = fabsf(*v) + 0.1f;
      if (c->norm == CASE_NORM_NONE) *v = i % 2 == 0 ? 1.0f : 0.0f;
    }
  }
  const bool all = r->params && r->grad && r->output && r->loss && r->input && r->target && r->norms[0] &&
                   r->norms[1] && r->norms[2] && r->norms[3];
  return all ? PNO_OK : pno_fail(PNO_E_NOMEM, "no memory for the case");
}

static void unmake(run *r) {
  free(r->params);
  free(r->grad);
  free(r->output);
  free(r->loss);
  free(r->input);
  free(r->target);
  for (int i = 0; i < 4; i++) free(r->norms[i]);
  pno_fno_destroy(&r->fno);
  pno_row_fft_destroy(&r->fft);
}

static pno_fno_use use_of(const run *r, bool train) {
  const bool per_point = r->c.norm == CASE_NORM_POINT;
  pno_fno_use use = {.kernels = r->kernels, .threads = r->threads, .samples = r->c.samples, .micro = r->c.micro, .train = train,
                     .norm_in = {per_point, r->norms[0], r->norms[1]},
                     .norm_out = {per_point, r->norms[2], r->norms[3]}, .loss = r->c.loss};
  memcpy(use.n, r->c.n, sizeof use.n);
  use.draws = r->c.draws;
  use.dropout = r->c.drop;
  use.fourier_dropout = r->c.fdrop;
  use.draw_loss = r->c.draw_loss;
  use.fft = r->fft;
  return use;
}

enum { SAMPLES_MAX = 8 };
static void set_noise(const run *r, pno_fno_plan *p, uint32_t sample[SAMPLES_MAX], uint32_t epoch) {
  for (int s = 0; s < r->c.samples; s++) sample[s] = (uint32_t)(7 + 5 * s);
  const pno_fno_noise noise = {.seed = 0x123456789ABC, .epoch = epoch, .sample = sample, .first_draw = 2};
  pno_fno_plan_noise(p, &noise);
}

static pno_status put_tensors(const run *r) {
  const pno_registry *g = pno_fno_registry(r->fno);
  char *text = NULL;
  size_t bytes = 0;
  FILE *f = open_memstream(&text, &bytes);
  if (!f) return pno_fail(PNO_E_NOMEM, "no memory for the list of tensors");
  for (int i = 0; i < g->n; i++) {
    const pno_tensor *t = &g->tensor[i];
    fprintf(f, "%s %d %d %d %td %td", t->name, (int)t->kind, t->in, t->out, t->at, t->count);
    for (int j = 0; j < t->rank; j++) fprintf(f, " %d", t->shape[j]);
    fprintf(f, "\n");
  }
  fclose(f);
  const pno_status st = put(r, "tensors.txt", text, bytes);
  free(text);
  return st;
}

static pno_status put_inputs(const run *r) {
  static const char *const names[4] = {"in_scale", "in_shift", "out_scale", "out_shift"};
  const oracle_case *c = &r->c;
  const size_t f = sizeof(float), in = (size_t)(r->in_floats * c->samples), out = (size_t)(r->out_floats * c->samples);
  PNO_TRY(put(r, "params", r->params, f * (size_t)pno_fno_registry(r->fno)->floats));
  PNO_TRY(put(r, "input", r->input, f * in));
  PNO_TRY(put(r, "target", r->target, f * out));
  for (int i = 0; i < 4; i++) {
    const ptrdiff_t whole = i < 2 ? r->in_floats : r->out_floats;
    const ptrdiff_t n = c->norm == CASE_NORM_POINT ? whole : whole / r->points;
    PNO_TRY(put(r, names[i], r->norms[i], f * (size_t)n));
  }
  return put_tensors(r);
}

/* Outputs, losses and gradients of a plan that was used before. */
static pno_status put_gradient(run *r) {
  const oracle_case *c = &r->c;
  const size_t floats = sizeof(float) * (size_t)pno_fno_registry(r->fno)->floats;
  const pno_fno_use use = use_of(r, true);
  pno_fno_plan *p;
  PNO_TRY(pno_fno_plan_create(r->fno, &use, &p));
  uint32_t sample[SAMPLES_MAX];
  float *other = draw(9, c->samples * r->in_floats, 2.0, 3.0);
  set_noise(r, p, sample, 9);
  for (int i = 0; i < 2 && other; i++)
    pno_fno_gradient(p, r->params, other, r->target, c->samples, false, r->output, r->grad, r->loss);
  memset(r->grad, 0, floats);
  set_noise(r, p, sample, 3);
  pno_fno_gradient(p, r->params, r->input, r->target, c->samples, false, r->output, r->grad, r->loss);
  free(other);
  pno_fno_plan_destroy(&p);
  PNO_TRY(put(r, "output", r->output, sizeof(float) * (size_t)(c->samples * c->draws * r->out_floats)));
  PNO_TRY(put(r, "loss", r->loss, sizeof(double) * (size_t)c->samples));
  return put(r, "grad", r->grad, floats);
}

/* The same from a plan that keeps nothing, with all three losses of its output. */
static pno_status put_forward(run *r) {
  static const char *const names[3] = {"loss_l2", "loss_rel", "loss_h1"};
  const oracle_case *c = &r->c;
  const pno_fno_use use = use_of(r, false);
  pno_fno_plan *p;
  PNO_TRY(pno_fno_plan_create(r->fno, &use, &p));
  uint32_t sample[SAMPLES_MAX];
  set_noise(r, p, sample, 3);
  pno_fno_forward(p, r->params, r->input, c->samples, r->output);
  pno_status st = put(r, "forward", r->output, sizeof(float) * (size_t)(c->samples * c->draws * r->out_floats));
  for (int kind = 0; kind < 3 && st == PNO_OK && c->draws == 1; kind++) {
    pno_fno_losses(p, (pno_loss_kind)kind, r->output, r->target, c->samples, r->loss);
    st = put(r, names[kind], r->loss, sizeof(double) * (size_t)c->samples);
  }
  pno_fno_plan_destroy(&p);
  return st;
}

/* The first run of a case leaves FFTW's wisdom beside its folder: two processes that measure have other plans, and other
 * bits, but not one that follows the other's wisdom. */
static pno_status make_fft(run *r) {
  static char text[1 << 20];
  char path[4096], *wisdom = NULL;
  pno_row_shape row;
  snprintf(path, sizeof path, "%s/../wisdom", r->folder);
  PNO_TRY(pno_row_shape_of(r->fno, r->c.n, &row));
  FILE *f = fopen(path, "r");
  if (f) {
    text[fread(text, 1, sizeof text - 1, f)] = '\0';
    fclose(f);
    if (!pno_row_wisdom_import(text)) return pno_fail(PNO_E_INPUT, "%s: no wisdom", path);
    if (pno_row_fft_create(row.n, true, &r->fft) == PNO_OK) return PNO_OK;
  }
  PNO_TRY(pno_row_fft_create(row.n, false, &r->fft));
  PNO_TRY(pno_row_wisdom(&wisdom));
  const pno_status st = put(r, "../wisdom", wisdom, strlen(wisdom));
  free(wisdom);
  return st;
}

static pno_status whole(run *r, int words, char *const *word) {
  PNO_TRY(oracle_case_parse(words, word, &r->c));
  PNO_TRY(pno_fno_create(&r->c.spec, &r->fno));
  PNO_TRY(make(r));
  draw_params(r);
  if (r->by_fft) PNO_TRY(make_fft(r));
  PNO_TRY(put_inputs(r));
  PNO_TRY(put_gradient(r));
  return put_forward(r);
}

int main(int argc, char **argv) {
  enum { NO_SUCH_TABLE = 77 };
  if (argc < 5) return fprintf(stderr, "usage: oracle_driver FOLDER TABLE THREADS key=value ...\n"), 2;
  char *plus = strchr(argv[2], '+'); /* cpu/avx2+fft: rows by FFTW */
  if (plus) *plus = '\0';
  run r = {.folder = argv[1], .kernels = pno_kernels_find(argv[2]), .by_fft = plus != NULL, .threads = (int)strtol(argv[3], NULL, 10)};
  if (!r.kernels) return NO_SUCH_TABLE;
  const pno_status st = whole(&r, argc - 4, argv + 4);
  unmake(&r);
  if (st != PNO_OK) fprintf(stderr, "%s\n", pno_fail_words());
  return pno_exit_code(st);
}
