/* Times what gen spends its time with, the solvers, through the interface that gen uses; one core.
 *
 *   bench_gen [--repeats 5] [--json FILE] [ns_step] [ns_accuracy] [ks] [darcy] [recipes]    all if none is named
 *   bench_gen --case NAME [--n N[,N]] [--time T] [--tolerance E] [--step H] [--sample I]    one solution
 *             [--state FILE] [--result FILE] [--serve]
 *
 * --state writes the state that the sample starts from, in double (.npy), for peers to start from; --result the one it
 * ends at; --serve answers each line `step` with one more solution (the protocol of benchmarks/peers). */
#include "benchmarks/gen.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "benchmarks/lib/npy.h"
#include "benchmarks/lib/order.h"

typedef struct {
  pno_pde_case c;
  uint32_t sample;
  const char *state, *result, *json;
  bool one, serve;
  int repeats;
} options;

void contest_free(contest *t) {
  pno_pde_bench_destroy(&t->bench);
  free(t->first);
  free(t->last);
  *t = (contest){.first = NULL};
}

static pno_status fill(contest *t, const pno_pde_case *c, uint32_t sample) {
  PNO_TRY(pno_pde_bench_create(c, &t->bench));
  t->first = malloc((size_t)t->bench.points * sizeof *t->first);
  t->last = malloc((size_t)t->bench.points * sizeof *t->last);
  if (!t->first || !t->last) return pno_fail(PNO_E_NOMEM, "no memory for two states of %td points", t->bench.points);
  return pno_pde_bench_state(&t->bench, GEN_SEED, sample, t->first);
}

pno_status contest_make(const pno_pde_case *c, uint32_t sample, contest *out) {
  contest t = {.first = NULL};
  const pno_status st = fill(&t, c, sample);
  if (st == PNO_OK)
    *out = t;
  else
    contest_free(&t);
  return st;
}

pno_status contest_run(contest *t, uint32_t sample, int repeats) {
  double ms[GEN_REPEATS_MOST];
  for (int i = -1; i < repeats; i++) {
    double seconds = 0;
    PNO_TRY(pno_pde_bench_solve(&t->bench, GEN_SEED, sample, t->first, t->last, &t->report, &seconds));
    ms[i < 0 ? 0 : i] = 1e3 * seconds;
  }
  const size_t n = repeats > 0 ? (size_t)repeats : 1;
  pno_sort(ms, n);
  t->median_ms = pno_median(ms, n);
  t->best_ms = ms[0];
  return PNO_OK;
}

static pno_status answer(contest *t, uint32_t sample) {
  struct rusage use = {0};
  double seconds = 0;
  PNO_TRY(pno_pde_bench_solve(&t->bench, GEN_SEED, sample, t->first, t->last, &t->report, &seconds));
  getrusage(RUSAGE_SELF, &use);
  printf("{\"ms\": %.5f, \"steps\": %td, \"rejected\": %td, \"worst\": %.3g, \"rss_mb\": %ld}\n", 1e3 * seconds,
         t->report.steps, t->report.rejected, t->report.error, use.ru_maxrss / 1024);
  fflush(stdout);
  return PNO_OK;
}

static pno_status run_case(const options *want) {
  const pno_pde_case *c = &want->c;
  char line[64];
  contest t;
  PNO_TRY(contest_make(c, want->sample, &t));
  pno_status st = want->state ? pno_npy_write(want->state, t.bench.spec.dims, t.bench.n, t.first) : PNO_OK;
  if (st == PNO_OK && want->serve) {
    printf("{\"ready\": \"pno, %s, tolerance %g\"}\n", t.bench.equation->solver, t.bench.spec.tolerance);
    fflush(stdout);
  }
  while (st == PNO_OK && (!want->serve || (fgets(line, sizeof line, stdin) && strcmp(line, "step\n") == 0))) {
    st = answer(&t, want->sample);
    if (!want->serve) break;
  }
  if (st == PNO_OK && want->result) st = pno_npy_write(want->result, t.bench.spec.dims, t.bench.n, t.last);
  contest_free(&t);
  return st;
}

/* false: it is no number, or not in [least, most]. */
static bool read_number(const char *text, double least, double most, double *out) {
  char *end = NULL;
  *out = strtod(text, &end);
  return end != text && *end == '\0' && *out >= least && *out <= most;
}

static bool read_grid(const char *text, pno_pde_case *c) {
  char *end = NULL;
  for (int d = 0; d < 2; text = end + 1) {
    const long n = strtol(text, &end, 10);
    if (n < 3 || n > 1 << 17 || end == text) return false;
    c->n[d++] = (int)n;
    if (*end == '\0') return d == c->dims;
    if (*end != ',') return false;
  }
  return false;
}

static bool read_options(int argc, char **argv, options *o) {
  static const struct option known[] = {
      {"case", required_argument, NULL, 'c'},    {"n", required_argument, NULL, 'n'},
      {"time", required_argument, NULL, 't'},    {"tolerance", required_argument, NULL, 'e'},
      {"step", required_argument, NULL, 'h'},    {"sample", required_argument, NULL, 'i'},
      {"state", required_argument, NULL, 's'},   {"result", required_argument, NULL, 'r'},
      {"serve", no_argument, NULL, 'w'},         {"json", required_argument, NULL, 'j'},
      {"repeats", required_argument, NULL, 'k'}, {0}};
  bool good = true;
  double v = 0;
  for (int k; good && (k = getopt_long(argc, argv, "", known, NULL)) != -1;) {
    if (k == 'c') {
      const pno_pde_case *c = pno_pde_case_find(optarg);
      good = c != NULL;
      o->one = true;
      if (c) o->c = *c;
    } else if (k == 'n') {
      good = read_grid(optarg, &o->c);
    } else if (k == 't') {
      good = read_number(optarg, 1e-12, 1e6, &o->c.time);
    } else if (k == 'e') {
      good = read_number(optarg, 1e-15, 1, &o->c.tolerance);
    } else if (k == 'h') {
      good = read_number(optarg, 1e-9, 1e6, &o->c.step);
    } else if (k == 'i' || k == 'k') {
      good = read_number(optarg, k == 'k', k == 'k' ? GEN_REPEATS_MOST : 1e6, &v);
      if (k == 'k')
        o->repeats = (int)v;
      else
        o->sample = (uint32_t)v;
    } else if (k == 's') {
      o->state = optarg;
    } else if (k == 'r') {
      o->result = optarg;
    } else if (k == 'j') {
      o->json = optarg;
    } else {
      good = o->serve = k == 'w';
    }
  }
  for (int i = optind; i < argc; i++) good = good && (pno_pde_case_find(argv[i]) || strcmp(argv[i], "recipes") == 0);
  return good && (!o->one || optind == argc);
}

int main(int argc, char **argv) {
  options o = {.repeats = 5};
  if (!read_options(argc, argv, &o)) {
    fprintf(stderr, "bench_gen: an unknown name, a value out of range, or --n before --case; see benchmarks/gen.c\n");
    return 2;
  }
  const pno_status st = o.one ? run_case(&o) : gen_measure_all(o.repeats, argv + optind, argc - optind, o.json);
  if (st != PNO_OK) fprintf(stderr, "bench_gen: %s\n", pno_fail_words());
  return pno_exit_code(st);
}
