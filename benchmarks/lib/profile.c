#include "benchmarks/lib/profile.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "benchmarks/lib/order.h"

/* Behind the phases of the plan. REST: gradients set to zero, the loss, and what lies between the phases. */
enum { REDUCE = PNO_PHASES, UPDATE, REST, PASS, ROWS };
_Static_assert((int)ROWS <= (int)PNO_BENCH_PHASES, "a result has room for all phases");

static const char *name_of(int row) {
  static const char *const more[] = {"reduce", "optimiser", "rest", "pass"};
  return row < PNO_PHASES ? pno_phase_names[row] : more[row - PNO_PHASES];
}

/* Sums that the stepper keeps; none of REST and PASS. */
static pno_phase_time sum_of(const pno_stepper *s, int row) {
  return row < PNO_PHASES ? pno_fno_phase_times(s->plan)[row] : row == REDUCE ? s->reducing : s->updating;
}

pno_status pno_profile_create(int most, const pno_stepper *s, pno_profile *out) {
  const size_t n = (size_t)ROWS * (size_t)most;
  *out = (pno_profile){.most = most, .seconds = calloc(n, sizeof(double)), .ticks = calloc(n, sizeof(double))};
  for (int i = 0; i < REST; i++) out->before[i] = sum_of(s, i);
  return out->seconds && out->ticks ? PNO_OK : pno_fail(PNO_E_NOMEM, "no memory for the phases of %d passes", most);
}

void pno_profile_destroy(pno_profile *p) {
  free(p->seconds);
  free(p->ticks);
  *p = (pno_profile){0};
}

static void put(pno_profile *p, int row, double seconds, double ticks) {
  p->seconds[row * p->most + p->passes] = fmax(seconds, 0.0);
  p->ticks[row * p->most + p->passes] = fmax(ticks, 0.0); /* the counter is not read in order */
}

void pno_profile_take(pno_profile *p, const pno_stepper *s) {
  pno_phase_time rest = s->own;
  if (p->passes == p->most) return;
  for (int i = 0; i < REST; i++) {
    const pno_phase_time now = sum_of(s, i), *before = &p->before[i];
    put(p, i, now.seconds - before->seconds, now.ticks - before->ticks);
    rest.seconds -= now.seconds - before->seconds;
    rest.ticks -= now.ticks - before->ticks;
    p->before[i] = now;
  }
  put(p, REST, rest.seconds, rest.ticks);
  put(p, PASS, s->own.seconds, s->own.ticks);
  p->passes++;
}

/* Of one row; sorts it. */
static double median(double *row, int n) {
  pno_sort(row, (size_t)n);
  return pno_median(row, (size_t)n);
}

/* What a row has to do in a pass of this rank. */
typedef struct {
  double flops, gelu, slope, bytes;
} work;

static void add(work *to, const work *w) {
  to->flops += w->flops;
  to->gelu += w->gelu;
  to->slope += w->slope;
  to->bytes += w->bytes;
}

static void count(const pno_stepper *b, work rows[ROWS]) {
  memset(rows, 0, ROWS * sizeof *rows);
  for (int c = 0; c < pno_stepper_calls(b); c++) {
    pno_fno_work phases[PNO_PHASES];
    const int n = pno_stepper_call(b, c);
    pno_fno_work_of(b->plan, n, false, phases);
    for (int i = 0; i < PNO_PHASES; i++) {
      const pno_fno_traffic *t = &phases[i].bytes;
      add(&rows[i], &(work){n * phases[i].flops, n * phases[i].gelu, n * phases[i].gelu_slope,
                            t->activations + t->spectra + t->fields + t->weights});
    }
  }
  if (b->train) {
    const int sharing = pno_reduce_sharing(b->reduce);
    const double bytes = (double)sizeof(float) * (double)pno_fno_registry(b->fno)->floats;
    /* Each rank reads its slice of all gradients and writes the sum; alone it does neither. Between nodes: not counted. */
    if (sharing > 1) rows[REDUCE].bytes = bytes + bytes / sharing;
    rows[UPDATE].bytes = pno_optimizer_traffic(&b->optim);
  }
  for (int i = 0; i < REST; i++) add(&rows[PASS], &rows[i]);
}

void pno_profile_fill(const pno_profile *p, const pno_stepper *s, const pno_profile_beside *beside, pno_bench_row *row) {
  const double ranks = pno_comm_size(s->comm), pass = median(&p->seconds[PASS * p->most], p->passes);
  work rows[ROWS];
  count(s, rows);
  row->n_phases = 0;
  for (int i = 0; i < ROWS; i++) {
    const work *w = &rows[i];
    const double seconds = median(&p->seconds[i * p->most], p->passes);
    const pno_fno_cost cost = {.step = w->flops, .gelu_step = w->gelu, .gelu_slope = w->slope};
    pno_bench_phase *f = &row->phase[row->n_phases];
    if (!(seconds > 0)) continue;
    *f = (pno_bench_phase){.ms = 1e3 * seconds, .share = seconds / pass,
                           .mcycles = 1e-6 * seconds * beside->clock.core_hz * s->threads,
                           .mticks = 1e-6 * median(&p->ticks[i * p->most], p->passes), .gflop = 1e-9 * w->flops,
                           .fma_part = w->flops / seconds * ranks / beside->rates.fma,
                           .gelu_m = 1e-6 * (w->gelu + w->slope), .mbytes = 1e-6 * w->bytes,
                           .gbytes = 1e-9 * w->bytes / seconds,
                           .copy_part = w->bytes / seconds * ranks / (2.0 * beside->copy),
                           .floor_ms = 1e3 * ranks * pno_bench_floor(&cost, &beside->rates, 1, true)};
    f->flop_a_cycle = 1e3 * f->gflop / f->mcycles;
    f->fraction = f->floor_ms / f->ms;
    snprintf(f->phase, sizeof f->phase, "%s", name_of(i));
    row->n_phases++;
  }
}
