#include <math.h>

#include "engine/base/rng.h"
#include "kernels/normal.h"
#include "kernels/scalar/table.h"

/* Of one value: the deviation in the units of the field, and its slope by s. */
static double deviation(const pno_normal *a, ptrdiff_t point, int o, double *slope) {
  const ptrdiff_t at = a->norm.per_point ? 2 * point * a->out : 0;
  return pno_normal_deviation((double)a->heads[2 * point * a->out + a->out + o], (double)a->norm.scale[at + o], slope);
}

static pno_rng rng_of(const pno_normal *a, int draw) {
  return (pno_rng){.seed = a->seed, .stream = PNO_STREAM_DRAW, .epoch = a->epoch, .sample = a->sample,
                   .draw = (uint16_t)(a->first_draw + draw)};
}

/* The points of a step, few at a time, with the normals of one draw after the other. */
enum { FEW = 64 };

static ptrdiff_t step_end(const pno_normal *a, ptrdiff_t step) {
  const ptrdiff_t end = (step + 1) * PNO_STEP;
  return end < a->points ? end : a->points;
}

void pno_scalar_normal_draw(const pno_normal *a, ptrdiff_t step, ptrdiff_t count) {
  double z[FEW], slope;
  const ptrdiff_t values = a->points * a->out;
  for (int m = 0; m < a->draws; m++) {
    const pno_rng r = rng_of(a, m);
    const ptrdiff_t first = step * PNO_STEP * a->out, end = step_end(a, step + count - 1) * a->out;
    for (ptrdiff_t i = first; i < end; i += FEW) {
      const ptrdiff_t n = end - i < FEW ? end - i : FEW;
      pno_rng_normals(&r, (uint64_t)i, n, z);
      for (ptrdiff_t j = 0; j < n; j++) {
        const ptrdiff_t p = (i + j) / a->out;
        const int o = (int)((i + j) % a->out);
        if (a->z) a->z[m * values + i + j] = (float)z[j];
        a->output[m * values + i + j] =
            (float)((double)a->heads[2 * p * a->out + o] + deviation(a, p, o, &slope) * z[j]);
      }
    }
  }
}

/* The numbers that draw m had at the values i .. */
static void drawn(const pno_normal *a, int m, ptrdiff_t i, ptrdiff_t n, double *z) {
  const pno_rng r = rng_of(a, m);
  if (!a->z) pno_rng_normals(&r, (uint64_t)i, n, z);
  for (ptrdiff_t j = 0; a->z && j < n; j++) z[j] = (double)a->z[m * a->points * a->out + i + j];
}

void pno_scalar_normal_gradient(const pno_normal *a, ptrdiff_t step, ptrdiff_t count) {
  double z[FEW];
  const ptrdiff_t values = a->points * a->out;
  const ptrdiff_t first = step * PNO_STEP * a->out, end = step_end(a, step + count - 1) * a->out;
  for (ptrdiff_t i = first; i < end; i += FEW) {
    double mean[FEW] = {0}, spread[FEW] = {0};
    const ptrdiff_t n = end - i < FEW ? end - i : FEW;
    for (int m = 0; m < a->draws; m++) {
      const float *dy = a->dy + m * values + i;
      drawn(a, m, i, n, z);
      for (ptrdiff_t j = 0; j < n; j++) {
        mean[j] += (double)dy[j];
        spread[j] += (double)dy[j] * z[j];
      }
    }
    for (ptrdiff_t j = 0; j < n; j++) {
      const ptrdiff_t p = (i + j) / a->out;
      const int o = (int)((i + j) % a->out);
      double slope;
      deviation(a, p, o, &slope);
      a->dheads[2 * p * a->out + o] = (float)mean[j];
      a->dheads[2 * p * a->out + a->out + o] = (float)(spread[j] * slope);
    }
  }
}

void pno_scalar_normal_nll(const pno_normal *a, ptrdiff_t step, ptrdiff_t count) {
  const double two_pi = 6.283185307179586;
  for (ptrdiff_t b = step; b < step + count; b++) {
    a->sums[b] = 0;
    for (ptrdiff_t p = b * PNO_STEP; p < step_end(a, b); p++) {
      for (int o = 0; o < a->out; o++) {
        double slope;
        const double sd = deviation(a, p, o, &slope);
        const double e = ((double)a->target[p * a->out + o] - (double)a->heads[2 * p * a->out + o]) / sd;
        a->sums[b] += 0.5 * (log(two_pi) + e * e) + log(sd);
      }
    }
  }
}

void pno_scalar_normal_nll_gradient(const pno_normal *a, ptrdiff_t step, ptrdiff_t count) {
  for (ptrdiff_t p = step * PNO_STEP; p < step_end(a, step + count - 1); p++) {
    for (int o = 0; o < a->out; o++) {
      const ptrdiff_t at = 2 * p * a->out + o;
      double slope;
      const double sd = deviation(a, p, o, &slope);
      const double e = ((double)a->target[p * a->out + o] - (double)a->heads[at]) / sd;
      a->dheads[at] = (float)(-a->factor * e / sd);
      a->dheads[at + a->out] = (float)(a->factor * (1.0 - e * e) / sd * slope);
    }
  }
}
