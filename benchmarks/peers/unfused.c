/* The FNO of Li et al. as a competent C programmer writes it with libraries: FFTW for the transforms, OpenBLAS for
 * every product, OpenMP over samples, channels and modes. Channel planes (b, c, points), where FFTW is fastest;
 * columns are transformed for kept modes only (1.3 to 2 times faster than the full transform). Every stage is a pass
 * over memory: what pno fuses is not fused here, so the difference of the two is what fusing is worth. */
#include <cblas.h>
#include <fftw3.h>
#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "benchmarks/lib/fields.h"
#include "benchmarks/peers/steps.h"
#include "benchmarks/peers/unfused_fft.h"

enum { LAYERS = 4, HEAD = 128 };
typedef float complex_f[2];

typedef struct {
  float *w0, *b0, *w[LAYERS], *b[LAYERS], *w1, *b1, *w2, *b2; /* dense, [out][in] */
  complex_f *s[LAYERS];                                       /* [k0][k1][k2][in][out] */
} weights;

typedef struct {
  const steps_case *c;
  unfused_fft fft;
  int width, in, batch, threads;
  ptrdiff_t points, modes, dense, floats;
  float *params, *grad, *m, *v, *partial;  /* partial: dense gradients of each thread */
  float *input, *target, *out;             /* [b][in][points], [b][points] */
  float *x[LAYERS + 1], *z[LAYERS], *d[2]; /* [b][width][points] */
  float *hidden;                           /* [thread][2][HEAD][points] */
  complex_f *xs[LAYERS], *ys;              /* spectra [mode][b][channel] */
  double loss;
  long steps;
} net;

/* Counts, and gives each tensor its place if there is a buffer. */
static ptrdiff_t place(const net *n, float *flat, weights *w, ptrdiff_t *dense) {
  float *at = flat;
  const ptrdiff_t c = n->width;
  weights t;
  t.w0 = at, at += c * n->in, t.b0 = at, at += c;
  for (int l = 0; l < LAYERS; l++) t.w[l] = at, at += c * c, t.b[l] = at, at += c;
  t.w1 = at, at += HEAD * c, t.b1 = at, at += HEAD, t.w2 = at, at += HEAD, t.b2 = at, at += 1;
  *dense = at - flat;
  at = flat + (*dense + 15) / 16 * 16;
  for (int l = 0; l < LAYERS; l++) t.s[l] = (complex_f *)at, at += 2 * n->modes * c * c;
  *w = t;
  return at - flat;
}

static void *floats(ptrdiff_t n) {
  void *p = fftwf_malloc(sizeof(float) * (size_t)n);
  if (!p) {
    fprintf(stderr, "unfused: no memory for %td floats\n", n);
    exit(3);
  }
  memset(p, 0, sizeof(float) * (size_t)n);
  return p;
}

static void gemm(bool ta, bool tb, int m, int n, int k, const float *a, const float *b, float beta, float *c) {
  cblas_sgemm(CblasRowMajor, ta ? CblasTrans : CblasNoTrans, tb ? CblasTrans : CblasNoTrans, m, n, k, 1.0f, a,
              ta ? m : k, b, tb ? k : n, beta, c, n);
}

static void add_bias(int rows, ptrdiff_t n, const float *bias, float *z) {
  for (int r = 0; r < rows; r++)
    for (ptrdiff_t i = 0; i < n; i++) z[r * n + i] += bias[r];
}

static void add_row_sums(int rows, ptrdiff_t n, const float *z, float *sums) {
  for (int r = 0; r < rows; r++) {
    float sum = 0;
    for (ptrdiff_t i = 0; i < n; i++) sum += z[r * n + i];
    sums[r] += sum;
  }
}

/* The normal distribution function by Abramowitz & Stegun 7.1.26, error 7e-8: vectorised, unlike erff.
 * gauss: exp(-z*z/2). */
static inline float normal_cdf(float z, float gauss) {
  const float a = fabsf(z) * 0.70710678f, t = 1.0f / (1.0f + 0.3275911f * a);
  const float tail = 0.5f * gauss * t *
                     (0.254829592f + t * (-0.284496736f + t * (1.421413741f + t * (-1.453152027f + t * 1.061405429f))));
  return z < 0 ? tail : 1.0f - tail;
}

static void gelu(ptrdiff_t n, const float *z, float *y) {
#pragma omp simd
  for (ptrdiff_t i = 0; i < n; i++) y[i] = z[i] * normal_cdf(z[i], expf(-0.5f * z[i] * z[i]));
}

static void gelu_backward(ptrdiff_t n, const float *z, float *d) {
#pragma omp simd
  for (ptrdiff_t i = 0; i < n; i++) {
    const float gauss = expf(-0.5f * z[i] * z[i]);
    d[i] *= normal_cdf(z[i], gauss) + 0.39894228f * z[i] * gauss;
  }
}

/* planes [b][c][points] -> spectra [mode][b][c] */
static void to_spectra(net *n, const float *planes, complex_f *spectra) {
  const int total = n->batch * n->width;
#pragma omp parallel for num_threads(n->threads) schedule(static)
  for (int i = 0; i < total; i++)
    unfused_fft_forward(&n->fft, omp_get_thread_num(), planes + i * n->points, spectra + i, total);
}

static void to_planes(net *n, int b, complex_f *spectra, float *planes) {
  const int total = n->batch * n->width;
  for (int i = b * n->width; i < (b + 1) * n->width; i++)
    unfused_fft_inverse(&n->fft, omp_get_thread_num(), spectra + i, total, planes + i * n->points);
}

static void mix(net *n, complex_f *x, complex_f *s, complex_f *y) {
  const complex_f scale = {1.0f / (float)n->points, 0}, zero = {0, 0};
  const int c = n->width, b = n->batch;
#pragma omp parallel for num_threads(n->threads) schedule(static)
  for (ptrdiff_t k = 0; k < n->modes; k++)
    cblas_cgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, b, c, c, scale, x + k * b * c, c, s + k * c * c, c, zero,
                y + k * b * c, c);
}

/* g: the transform of the gradient, replaced by that of the input's. A column of modes above 0 stands for its mirror
 * image too: twice in the gradient of the weights; in that of the input the inverse transform doubles it by itself. */
static void mix_backward(net *n, complex_f *x, complex_f *s, complex_f *g, complex_f *ds, complex_f *room) {
  const complex_f once = {1.0f / (float)n->points, 0}, twice = {2.0f / (float)n->points, 0}, zero = {0, 0};
  const int c = n->width, b = n->batch, row = n->c->modes;
#pragma omp parallel for num_threads(n->threads) schedule(static)
  for (ptrdiff_t k = 0; k < n->modes; k++) {
    complex_f *mine = room + (ptrdiff_t)omp_get_thread_num() * b * c;
    cblas_cgemm(CblasRowMajor, CblasConjTrans, CblasNoTrans, c, c, b, k % row ? twice : once, x + k * b * c, c,
                g + k * b * c, c, zero, ds + k * c * c, c);
    cblas_cgemm(CblasRowMajor, CblasNoTrans, CblasConjTrans, b, c, c, once, g + k * b * c, c, s + k * c * c, c, zero,
                mine, c);
    memcpy(g + k * b * c, mine, sizeof *g * (size_t)(b * c));
  }
}

/* Head, loss and the head's backward of one sample: the loss of a sample needs no other. d: gradient of its layers. */
static double head(net *n, const weights *w, const weights *g, int b, float *d) {
  const int p = (int)n->points;
  const float *x = n->x[LAYERS] + (ptrdiff_t)b * n->width * p, *y = n->target + (ptrdiff_t)b * p;
  float *h = n->hidden + (ptrdiff_t)omp_get_thread_num() * 2 * HEAD * p, *a = h + (ptrdiff_t)HEAD * p;
  float *out = n->out + (ptrdiff_t)b * p;
  gemm(false, false, HEAD, p, n->width, w->w1, x, 0, h);
  add_bias(HEAD, p, w->b1, h);
  gelu((ptrdiff_t)HEAD * p, h, a);
  gemm(false, false, 1, p, HEAD, w->w2, a, 0, out);
  add_bias(1, p, w->b2, out);
  if (!n->c->train) return out[0];
  double error = 0, norm = 0;
  for (int i = 0; i < p; i++) error += (out[i] - y[i]) * (out[i] - y[i]), norm += y[i] * y[i];
  const float scale = (float)(1 / (sqrt(error * norm) * n->batch));
  float *dout = n->input + (ptrdiff_t)n->batch * n->in * p + (ptrdiff_t)omp_get_thread_num() * p;
  for (int i = 0; i < p; i++) dout[i] = scale * (out[i] - y[i]);
  gemm(false, true, 1, HEAD, p, dout, a, 1, g->w2);
  add_row_sums(1, p, dout, g->b2);
  for (int j = 0; j < HEAD; j++)
    for (int i = 0; i < p; i++) a[(ptrdiff_t)j * p + i] = w->w2[j] * dout[i];
  gelu_backward((ptrdiff_t)HEAD * p, h, a);
  gemm(false, true, HEAD, n->width, p, a, x, 1, g->w1);
  add_row_sums(HEAD, p, a, g->b1);
  gemm(true, false, n->width, p, HEAD, w->w1, a, 0, d);
  return sqrt(error / norm) / n->batch;
}

static void forward(net *n, const weights *w) {
  const int p = (int)n->points, c = n->width;
#pragma omp parallel for num_threads(n->threads) schedule(static)
  for (int b = 0; b < n->batch; b++) {
    float *x = n->x[0] + (ptrdiff_t)b * c * p;
    gemm(false, false, c, p, n->in, w->w0, n->input + (ptrdiff_t)b * n->in * p, 0, x);
    add_bias(c, p, w->b0, x);
  }
  for (int l = 0; l < LAYERS; l++) {
    to_spectra(n, n->x[l], n->xs[l]);
    mix(n, n->xs[l], w->s[l], n->ys);
#pragma omp parallel for num_threads(n->threads) schedule(static)
    for (int b = 0; b < n->batch; b++) {
      const ptrdiff_t at = (ptrdiff_t)b * c * p;
      to_planes(n, b, n->ys, n->z[l]);
      gemm(false, false, c, p, c, w->w[l], n->x[l] + at, 1, n->z[l] + at);
      add_bias(c, p, w->b[l], n->z[l] + at);
      if (l < LAYERS - 1) gelu((ptrdiff_t)c * p, n->z[l] + at, n->x[l + 1] + at);
    }
  }
}

static weights of_thread(const net *n) {
  weights g;
  ptrdiff_t dense;
  place(n, n->partial + omp_get_thread_num() * n->dense, &g, &dense);
  return g;
}

static void backward_layer(net *n, const weights *w, complex_f *ds, int l) {
  const int p = (int)n->points, c = n->width;
  float *d = n->d[l % 2], *next = n->d[(l + 1) % 2];
#pragma omp parallel for num_threads(n->threads) schedule(static)
  for (int b = 0; b < n->batch; b++) {
    const weights g = of_thread(n);
    const ptrdiff_t at = (ptrdiff_t)b * c * p;
    if (l < LAYERS - 1) gelu_backward((ptrdiff_t)c * p, n->z[l] + at, d + at);
    add_row_sums(c, p, d + at, g.b[l]);
    gemm(false, true, c, c, p, d + at, n->x[l] + at, 1, g.w[l]);
  }
  to_spectra(n, d, n->ys);
  mix_backward(n, n->xs[l], w->s[l], n->ys, ds, n->ys + n->modes * n->batch * c);
#pragma omp parallel for num_threads(n->threads) schedule(static)
  for (int b = 0; b < n->batch; b++) {
    const ptrdiff_t at = (ptrdiff_t)b * c * p;
    to_planes(n, b, n->ys, next);
    gemm(true, false, c, p, c, w->w[l], d + at, 1, next + at);
  }
}

static void backward(net *n, const weights *w, const weights *grad) {
  const int p = (int)n->points, c = n->width;
  for (int l = LAYERS - 1; l >= 0; l--) backward_layer(n, w, grad->s[l], l);
#pragma omp parallel for num_threads(n->threads) schedule(static)
  for (int b = 0; b < n->batch; b++) {
    const weights g = of_thread(n);
    const float *d = n->d[1] + (ptrdiff_t)b * c * p;
    add_row_sums(c, p, d, g.b0);
    gemm(false, true, c, n->in, p, d, n->input + (ptrdiff_t)b * n->in * p, 1, g.w0);
  }
  for (ptrdiff_t i = 0; i < n->dense; i++) {
    n->grad[i] = 0;
    for (int t = 0; t < n->threads; t++) n->grad[i] += n->partial[t * n->dense + i];
  }
}

/* As torch.optim.Adam: decay in the gradient, a complex number is two real ones. */
static void adam(net *n) {
  const float b1 = 0.9f, b2 = 0.999f, eps = 1e-8f, decay = 1e-4f;
  n->steps++;
  const float size = (float)(1e-3 / (1 - pow(b1, (double)n->steps)));
  const float root = (float)(1 / sqrt(1 - pow(b2, (double)n->steps)));
#pragma omp parallel for simd num_threads(n->threads) schedule(static)
  for (ptrdiff_t i = 0; i < n->floats; i++) {
    const float g = n->grad[i] + decay * n->params[i];
    n->m[i] = b1 * n->m[i] + (1 - b1) * g;
    n->v[i] = b2 * n->v[i] + (1 - b2) * g * g;
    n->params[i] -= size * n->m[i] / (sqrtf(n->v[i]) * root + eps);
  }
}

static double step(net *n) {
  weights w, grad;
  ptrdiff_t dense;
  double loss = 0;
  place(n, n->params, &w, &dense);
  place(n, n->grad, &grad, &dense);
  forward(n, &w);
  if (n->c->train) memset(n->partial, 0, sizeof(float) * (size_t)(n->threads * n->dense));
#pragma omp parallel for num_threads(n->threads) schedule(static) reduction(+ : loss)
  for (int b = 0; b < n->batch; b++) {
    weights g = {0};
    if (n->c->train) g = of_thread(n);
    loss += head(n, &w, &g, b, n->c->train ? n->d[1] + (ptrdiff_t)b * n->width * n->points : NULL);
  }
  if (!n->c->train) return loss;
  backward(n, &w, &grad);
  adam(n);
  return loss;
}

static void set_up(net *n) {
  const ptrdiff_t points = n->points, layer = (ptrdiff_t)n->batch * n->width * points;
  const ptrdiff_t spectrum = 2 * n->modes * n->batch * n->width;
  weights w;
  n->floats = place(n, NULL, &w, &n->dense);
  n->params = floats(n->floats);
  n->input = floats(((ptrdiff_t)n->batch * n->in + n->threads) * points); /* and a row a thread */
  n->target = floats(n->batch * points);
  n->out = floats(n->batch * points);
  n->hidden = floats(2 * HEAD * points * n->threads);
  n->ys = floats(spectrum + 2 * (ptrdiff_t)n->batch * n->width * n->threads);
  if (n->c->train) {
    n->grad = floats(n->floats), n->m = floats(n->floats), n->v = floats(n->floats);
    n->partial = floats(n->dense * n->threads);
    n->d[0] = floats(layer), n->d[1] = floats(layer);
  }
  for (int l = 0; l <= LAYERS; l++) n->x[l] = l < 2 || (n->c->train && l < LAYERS) ? floats(layer) : n->x[l % 2];
  for (int l = 0; l < LAYERS; l++) {
    n->z[l] = n->c->train ? floats(layer) : n->x[l + 1];
    n->xs[l] = l == 0 || n->c->train ? floats(spectrum) : n->xs[0];
  }
  n->x[LAYERS] = n->z[LAYERS - 1]; /* no GELU on the last */
  unfused_fft_plan(&n->fft, n->c, n->x[0]);
  for (int b = 0; b < n->batch; b++) {
    float *in = n->input + (ptrdiff_t)b * n->in * points;
    pno_bench_fields(b * points, points, in, n->target + b * points);
    for (ptrdiff_t i = 0; i < points; i++) {
      ptrdiff_t rest = i;
      for (int j = n->c->dims - 1; j >= 0; rest /= n->c->n[j], j--)
        in[(j + 1) * points + i] = (float)(rest % n->c->n[j]) / (float)(n->c->n[j] - 1);
    }
  }
  srand(1);
  for (ptrdiff_t i = 0; i < n->floats; i++) { /* as Li et al. for spectra, about as torch for the rest */
    const float unit = (float)rand() / (float)RAND_MAX;
    n->params[i] = i < n->dense ? (2 * unit - 1) / sqrtf((float)n->width) : unit / (float)(n->width * n->width);
  }
}

static bool once(net *n) {
  FILE *in = fopen(n->c->weights, "rb"), *out = fopen(n->c->result, "wb");
  const size_t d = (size_t)n->dense, at = (d + 15) / 16 * 16, s = (size_t)n->floats - at;
  if (!in || !out || fread(n->params, 4, d, in) != d || fread(n->params + at, 4, s, in) != s) return false;
  const float loss = (float)step(n);
  fwrite(&loss, 4, 1, out);
  fwrite(n->out, 4, (size_t)(n->batch * n->points), out);
  fwrite(n->grad, 4, d, out), fwrite(n->grad + at, 4, s, out);
  fwrite(n->params, 4, d, out), fwrite(n->params + at, 4, s, out);
  fclose(in);
  return fclose(out) == 0;
}

int main(int argc, char **argv) {
  steps_case c;
  if (!steps_read(argc, argv, &c)) return 2;
  openblas_set_num_threads(1); /* the threads are here */
  net n = {.c = &c,
           .width = c.width,
           .in = 1 + c.dims,
           .batch = c.batch,
           .threads = c.threads,
           .points = 1,
           .modes = c.modes};
  for (int j = 0; j < c.dims; j++) n.points *= c.n[j], n.modes *= j ? 2 * c.modes : 1;
  set_up(&n);
  if (c.weights) return once(&n) ? 0 : 3;
  char what[256];
  snprintf(what, sizeof what, "%s, OpenBLAS %s", fftwf_version, openblas_get_corename());
  steps_ready(what);
  while (steps_next()) {
    const double start = steps_clock(), loss = step(&n);
    steps_answer(steps_clock() - start, loss);
  }
  return 0;
}
