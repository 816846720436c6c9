#include "engine/model/fno_phase.h"

#ifdef _OPENMP
#include <omp.h>
#endif

#include "engine/base/clock.h"
#include "kernels/dispatch.h"

/* This worker's share of n things. */
int fno_share(const fno_crew *w, int n, int *first) {
  *first = (int)((long long)n * w->id / w->of);
  return (int)((long long)n * (w->id + 1) / w->of) - *first;
}

static void wait_for_crew(const fno_crew *w) {
  if (w->of > 1) {
#pragma omp barrier
  }
}

static pno_axis_call axis_of(const pno_fno_plan *p, int j, const float *in, float *out) {
  pno_axis_call a = {.axis = p->axis[j], .inner = 1, .channels = pno_padded(p->fno->spec.width), .in = in, .out = out};
  for (int i = j + 1; i < p->grid.dims; i++) a.inner *= p->kept[i];
  if (j == p->grid.dims - 2) a.point_step = p->row.stride; /* points of this axis are rows */
  return a;
}

static void share_axis(const fno_pass *c, const fno_crew *w, int j, bool inverse, const float *in, float *out) {
  const pno_kernels *k = c->p->use.kernels;
  const pno_axis_call a = axis_of(c->p, j, in, out);
  int first;
  const int count = fno_share(w, a.inner, &first);
  (inverse ? k->axis_inverse : k->axis_forward)(&a, first, count, w->scratch);
}

/* 1-D and 2-D: the sample is one slab. */
static void run_slab(const fno_pass *c, const fno_crew *w, const fno_phase *f, int s) {
  const pno_fno_plan *p = c->p;
  const bool axis = p->grid.dims > 1;
  float *in = f->in ? f->in + s * p->stride : NULL, *out = f->out ? f->out + s * p->stride : NULL;
  int first;
  if (axis && in) share_axis(c, w, 0, true, in, w->rows);
  wait_for_crew(w);
  const int count = fno_share(w, p->grid.blocks, &first);
  f->work(c, w, axis ? w->rows : in, axis ? w->rows : out, s * p->grid.blocks + first, count);
  wait_for_crew(w);
  if (axis && out) share_axis(c, w, 0, false, w->rows, out);
  wait_for_crew(w);
}

static void run_slabs(const fno_pass *c, const fno_crew *w, const fno_phase *f, int s) {
  const pno_fno_plan *p = c->p;
  const fno_crew alone = {.of = 1, .rows = p->rows[w->id], .scratch = w->scratch};
  const ptrdiff_t slab = 2 * (ptrdiff_t)pno_padded(p->fno->spec.width) * p->kept[1] * p->row.k;
  int first;
  if (f->in) share_axis(c, w, 0, true, f->in + s * p->stride, p->between);
  wait_for_crew(w);
  const int count = fno_share(w, p->grid.slabs, &first);
  for (int i = first; i < first + count; i++) {
    if (f->in) share_axis(c, &alone, 1, true, p->between + i * slab, alone.rows);
    f->work(c, &alone, alone.rows, alone.rows, s * p->grid.blocks + i * p->grid.slab_blocks, p->grid.slab_blocks);
    if (f->out) share_axis(c, &alone, 1, false, alone.rows, p->between + i * slab);
  }
  wait_for_crew(w);
  if (f->out) share_axis(c, w, 0, false, p->between, f->out + s * p->stride);
  wait_for_crew(w);
}

/* Whole samples to each thread as long as they go round; what is left, and every 3-D sample, by all together. */
static void run_samples(const fno_pass *c, fno_crew w, const fno_phase *f) {
  const pno_fno_plan *p = c->p;
  const int round = p->grid.dims > 2 ? 0 : c->samples / w.of * w.of;
  const fno_crew alone = {.of = 1, .rows = p->rows[w.id], .scratch = w.scratch};
  int first;
  const int own = fno_share(&w, round, &first);
  for (int s = first; s < first + own; s++) run_slab(c, &alone, f, s);
  if (round < c->samples) wait_for_crew(&w);
  w.rows = p->rows[0];
  for (int s = round; s < c->samples; s++) (p->grid.dims > 2 ? run_slabs : run_slab)(c, &w, f, s);
}

pno_phase_time fno_time(void) { return (pno_phase_time){.seconds = pno_clock(), .ticks = (double)pno_ticks()}; }

void fno_book(pno_fno_plan *p, pno_phase name, const pno_phase_time *start) {
  const pno_phase_time end = fno_time();
  p->time[name].seconds += end.seconds - start->seconds;
  p->time[name].ticks += end.ticks - start->ticks;
}

/* On all threads: samples, or modes. */
static void run(const fno_pass *c, pno_phase name, const fno_phase *f, fno_mode_work *modes) {
  pno_fno_plan *p = c->p;
  const pno_phase_time start = fno_time();
#pragma omp parallel num_threads(p->threads) if (p->threads > 1)
  {
    fno_crew w = {.of = 1};
#ifdef _OPENMP
    w.id = omp_get_thread_num();
    w.of = omp_get_num_threads();
#endif
    w.scratch = p->scratch[w.id];
    const unsigned state = pno_denormals_flush();
    if (f)
      run_samples(c, w, f);
    else
      modes(c, &w);
    pno_denormals_restore(state);
  }
  fno_book(p, name, &start);
}

void fno_run_samples(const fno_pass *c, pno_phase name, const fno_phase *f) { run(c, name, f, NULL); }

void fno_run_modes(const fno_pass *c, pno_phase name, fno_mode_work *work) { run(c, name, NULL, work); }

const char *const pno_phase_names[PNO_PHASES] = {"lift", "mix", "layers", "turn", "mix_back", "layers_back", "partials"};

const pno_phase_time *pno_fno_phase_times(const pno_fno_plan *p) { return p->time; }
