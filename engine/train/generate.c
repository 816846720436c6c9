#include "engine/train/generate.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/clock.h"
#include "engine/train/generate_impl.h"
#include "io/fsutil.h"

typedef struct {
  const pno_generate_spec *spec;
  const pno_generate_hooks *hooks;
  pno_comm *comm;
  const pno_equation *equation;
  pno_pde_spec pde_spec;
  char *config;   /* owned: that of the spec, and what the recipe added */
  pno_digest key; /* of all that decides the samples */
  char spools[PNO_PATH_MAX];
  pno_pde *pde;
  pno_spool *spool;
  float *values; /* [n_values]: of one sample */
  ptrdiff_t n_values;
  unsigned char *have, *failed; /* [samples]: the spools hold it; it has no solution */
  pno_shares shares;
  pno_round_report round; /* of this rank */
  ptrdiff_t done;         /* samples of all ranks before this round */
  double slowest;         /* seconds a unit of cost, of all samples so far */
  char first_failure[PNO_FAILURE_TEXT];
} generation;

static void generation_free(generation *g) {
  if (g->equation) g->equation->destroy(&g->pde);
  free(g->config);
  free(g->values);
  free(g->have);
  free(g->failed);
  pno_shares_destroy(&g->shares);
}

static double cost_of(const generation *g, ptrdiff_t sample) {
  double parameters[PNO_PDE_PARAMETERS_MAX];
  if (!g->equation->cost) return 1;
  pno_pde_draw(g->equation, &g->pde_spec, g->spec->seed, pno_generate_number(g->spec, sample), parameters);
  return g->equation->cost(&g->pde_spec, parameters);
}

/* As it was asked for, else as the recipe says. */
static const char *text_of_parameter(const generation *g, int i) {
  const char *name = g->equation->parameters[i].name, *text = g->pde_spec.recipe->parameters[i];
  const size_t n = strlen(name);
  for (int k = 0; k < g->spec->pde.n_parameters; k++) {
    const char *asked = g->spec->pde.parameters[k];
    if (strncmp(asked, name, n) == 0 && asked[n] == '=') text = asked + n + 1;
  }
  return text;
}

/* A recipe's numbers and the solver are the program's, so both are in the key beside what was asked for. */
static pno_status resolve_config(generation *g) {
  const pno_pde_spec *s = &g->pde_spec;
  size_t n = 0;
  FILE *out = open_memstream(&g->config, &n);
  if (!out) return pno_fail(PNO_E_NOMEM, "no memory for the configuration");
  fprintf(out, "%sresolved:\n  recipe: %s\n  time: %.17g\n  frames: %d\n  refine: %d\n  tol: %.17g\n  step: %.17g\n",
          g->spec->config, s->recipe->name, s->time, s->frames, s->refine, s->tolerance, s->step);
  fprintf(out, "  parameters: [");
  for (int i = 0; i < g->equation->n_parameters; i++)
    fprintf(out, "%s%s=%s", i ? ", " : "", g->equation->parameters[i].name, text_of_parameter(g, i));
  fprintf(out, "]\n");
  const bool failed = ferror(out) != 0;
  if (fclose(out) != 0 || failed) return pno_fail(PNO_E_NOMEM, "no memory for the configuration");
  const pno_digest both[] = {pno_digest_of(g->config, n),
                             pno_digest_of(g->spec->generator, strlen(g->spec->generator))};
  g->key = pno_digest_of(both, sizeof both);
  return PNO_OK;
}

/* The equation, ready to solve. */
static pno_status prepare_solver(generation *g) {
  const pno_generate_spec *s = g->spec;
  if (s->samples < 1 || s->samples > PNO_SPLIT_SAMPLES)
    return pno_fail(PNO_E_USAGE, "pde.samples is %td; 1 to %d are possible", s->samples, (int)PNO_SPLIT_SAMPLES);
  PNO_TRY(pno_equation_find(s->equation, &g->equation));
  PNO_TRY(pno_pde_resolve(g->equation, &s->pde, &g->pde_spec));
  PNO_TRY(resolve_config(g));
  g->n_values = pno_pde_values(g->equation, &g->pde_spec);
  g->values = calloc((size_t)g->n_values, sizeof *g->values);
  g->have = calloc((size_t)s->samples, 1);
  g->failed = calloc((size_t)s->samples, 1);
  if (!g->values || !g->have || !g->failed)
    return pno_fail(PNO_E_NOMEM, "no memory to generate %td samples of %td values", s->samples, g->n_values);
  return g->equation->create(&g->pde_spec, &g->pde);
}

static pno_status prepare(generation *g) {
  const int rank = pno_comm_rank(g->comm);
  PNO_TRY(prepare_solver(g));
  PNO_TRY(pno_spool_open(g->spools, rank, g->key, &g->spool));
  return rank == 0 ? pno_generate_check(g->spec) : PNO_OK; /* with the lock: no other process makes it meanwhile */
}

/* What one rank's disk may keep the others waiting for: 20 MB/s at the least. */
static double disk_s(double bytes) { return bytes / 20e6; }

static pno_status scan(generation *g, pno_spool_set **set) {
  return pno_spool_scan(g->spools, g->key, (uint64_t)g->spec->samples, set);
}

/* The same list on all ranks. */
static pno_status price(generation *g, ptrdiff_t *found) {
  const ptrdiff_t samples = g->spec->samples;
  ptrdiff_t n = 0;
  struct pno_open_sample *open = calloc((size_t)samples, sizeof *open);
  if (!open) return pno_fail(PNO_E_NOMEM, "no memory for %td samples", samples);
  for (ptrdiff_t s = 0; s < samples; s++)
    if (!g->have[s]) open[n++] = (struct pno_open_sample){.cost = cost_of(g, s), .sample = s};
  *found = g->done = samples - n;
  return pno_shares_create(open, n, pno_comm_size(g->comm), &g->shares);
}

/* Rank 0 reads what former runs left and says so to all. */
static pno_status share_out(generation *g, ptrdiff_t *found) {
  const ptrdiff_t samples = g->spec->samples;
  pno_spool_set *set = NULL;
  const pno_status st = pno_comm_rank(g->comm) == 0 ? scan(g, &set) : PNO_OK;
  for (ptrdiff_t s = 0; set && s < samples; s++) g->have[s] = pno_spool_has(set, (uint64_t)s);
  pno_spool_set_close(&set);
  PNO_TRY(pno_agree(g->comm, st));
  PNO_TRY(pno_bcast(g->comm, g->have, (size_t)samples, 0));
  return pno_agree(g->comm, price(g, found));
}

/* "sample 17 (nu=0.001): no finite state behind t = 3" */
static void describe_failure(const generation *g, ptrdiff_t sample, const double *parameters, const char *words,
                             pno_failed_sample *out) {
  size_t used = 0;
  out->sample = sample;
  const size_t room = sizeof out->words;
  for (int i = -1; i <= g->equation->n_parameters && used < room; i++) {
    char *at = out->words + used;
    int n = 0;
    if (i < 0) n = snprintf(at, room - used, "sample %td", sample);
    else if (i < g->equation->n_parameters)
      n = snprintf(at, room - used, "%s%s=%g", i ? ", " : " (", g->equation->parameters[i].name, parameters[i]);
    else n = snprintf(at, room - used, "%s: %s", g->equation->n_parameters ? ")" : "", words);
    used += n > 0 ? (size_t)n : 0;
  }
}

static const double cautions[] = {1, 8, 64};

/* What takes no steps heeds no caution. */
static int tries(const generation *g) {
  const bool steps = !g->equation->exact && g->pde_spec.recipe->time > 0;
  return steps ? (int)(sizeof cautions / sizeof *cautions) : 1;
}

/* Once more with smaller steps if it has no solution. */
static pno_status solve(generation *g, ptrdiff_t sample, double *parameters, pno_pde_report *report) {
  pno_pde_task task = {.seed = g->spec->seed, .sample = pno_generate_number(g->spec, sample), .parameters = parameters,
                       .values = g->values};
  pno_pde_draw(g->equation, &g->pde_spec, task.seed, task.sample, parameters);
  report->failed = true;
  for (int i = 0; i < tries(g) && report->failed; i++) {
    task.caution = cautions[i];
    PNO_TRY(pno_fail_in(g->equation->solve(g->pde, &task, report), "%s: sample %td", g->spec->equation, sample));
  }
  return PNO_OK;
}

/* Nobody looks up from a sample before it is done. What one may take is known from those before: of the given cost, and
 * tried with all cautions. */
static double sample_s(const generation *g, double cost) {
  double most = 0;
  for (int i = 0; i < tries(g); i++) most += cautions[i];
  return g->slowest * cost * most;
}

/* Before there is a first one, nothing is known. */
static pno_status hint_late(pno_status st) {
  if (st != PNO_E_COMM) return st;
  return pno_hint(st, "see whether a rank died; if one sample takes longer than that, raise parallel.timeout_s");
}

static pno_status make_sample(generation *g, const struct pno_open_sample *open) {
  double parameters[PNO_PDE_PARAMETERS_MAX];
  pno_pde_report report;
  pno_round_report *r = &g->round;
  const double start = pno_clock();
  PNO_TRY(solve(g, open->sample, parameters, &report));
  r->slowest = fmax(r->slowest, (pno_clock() - start) / open->cost);
  if (report.failed) {
    describe_failure(g, open->sample, parameters, report.words, &r->failed[r->failures++]);
  } else {
    r->worst = fmax(r->worst, report.error);
    PNO_TRY(pno_spool_append(g->spool, (uint64_t)open->sample, g->values, (size_t)g->n_values * sizeof *g->values));
  }
  r->done++;
  r->cost += open->cost;
  return PNO_OK;
}

/* Own samples until the slice of time is over, too many of them fail or somebody asks to stop. */
static pno_status work(generation *g, double until) {
  const pno_generate_hooks *hooks = g->hooks;
  const double start = pno_clock();
  pno_round_report *r = &g->round;
  pno_status st = PNO_OK;
  *r = (pno_round_report){0};
  for (ptrdiff_t i = 0; i < g->shares.n_open && st == PNO_OK; i++) {
    if (r->asked || pno_clock() >= until || r->failures == PNO_FAILURES_A_ROUND) break;
    if (g->shares.open[i].owner != pno_comm_rank(g->comm)) continue;
    st = make_sample(g, &g->shares.open[i]);
    if (st == PNO_OK && hooks->on_sample)
      hooks->on_sample(hooks->user, g->done + r->done, g->spec->samples, pno_shares_left(&g->shares));
    if (hooks->ask) r->asked = hooks->ask(hooks->user);
  }
  r->seconds = pno_clock() - start;
  if (!r->asked && hooks->ask) r->asked = hooks->ask(hooks->user); /* also of a rank without work left */
  const pno_status synced = pno_spool_sync(g->spool);
  return st != PNO_OK ? st : synced;
}

/* What the ranks said, into what all know. Returns what was asked for. */
static int take_reports(generation *g, const pno_round_report *all, pno_generate_report *out) {
  const bool speaks = pno_comm_rank(g->comm) == 0 && g->hooks->on_failure;
  int asked = 0;
  for (int r = 0; r < g->shares.ranks; r++) {
    asked |= all[r].asked;
    out->worst_error = fmax(out->worst_error, all[r].worst);
    out->failed += all[r].failures;
    g->slowest = fmax(g->slowest, all[r].slowest);
    for (int i = 0; i < all[r].failures; i++) {
      g->failed[all[r].failed[i].sample] = 1;
      if (g->first_failure[0] == '\0') snprintf(g->first_failure, sizeof g->first_failure, "%s", all[r].failed[i].words);
      if (speaks) g->hooks->on_failure(g->hooks->user, all[r].failed[i].words);
    }
  }
  pno_shares_settle(&g->shares, all);
  g->done = g->spec->samples - g->shares.n_open;
  out->made = g->done - out->found - out->failed;
  return asked;
}

/* Rounds that grow shorter as less is left, so that a slow rank gets fewer samples and nobody waits long; none is longer
 * than a slice of the time-out, however long the work is. */
static pno_status work_rounds(generation *g, pno_round_report *all, pno_generate_report *out) {
  static const double first_s = .5, least_s = .2;
  const double slice = fmin(g->spec->timeout_s / 4, 30), usual = pno_comm_timeout(g->comm);
  int asked = 0;
  while (g->shares.n_open > 0 && !asked) {
    const double left = pno_shares_left(&g->shares);
    const double span = left < 0 ? first_s : fmax(left / 2, least_s);
    pno_shares_assign(&g->shares);
    pno_comm_set_timeout(g->comm, usual + sample_s(g, g->shares.open[0].cost)); /* the dearest */
    PNO_TRY(pno_agree(g->comm, work(g, pno_clock() + fmin(span, slice))));
    PNO_TRY(pno_allgather(g->comm, &g->round, sizeof g->round, all));
    asked = take_reports(g, all, out);
  }
  if (out->failed == g->spec->samples)
    return pno_fail(PNO_E_DIVERGED, "%s: no sample has a solution; %s", g->spec->equation, g->first_failure);
  if (g->shares.n_open == 0) return PNO_OK;
  return pno_hint(pno_fail(PNO_E_INTERRUPTED, "stopped on request with %td of %td samples made",
                           out->found + out->made, g->spec->samples),
                  "run the same command again to go on");
}

static pno_status assemble(generation *g, pno_digest *digest) {
  const pno_generate_file file = {.spec = g->spec, .equation = g->equation, .pde = &g->pde_spec, .failed = g->failed,
                                  .spools = g->spools, .config = g->config, .key = g->key};
  return pno_generate_write(&file, digest);
}

/* The others wait for rank 0's disk. Its spool stays open, and so locked, until the file is in place and the spools are
 * gone: a second process would take them for samples to go on from. */
static pno_status finish(generation *g, pno_generate_report *out) {
  const double usual = pno_comm_timeout(g->comm);
  const double bytes = (double)g->spec->samples * (double)g->n_values * sizeof(float);
  PNO_TRY(pno_agree(g->comm, pno_comm_rank(g->comm) == 0 ? PNO_OK : pno_spool_close(&g->spool)));
  pno_comm_set_timeout(g->comm, usual + disk_s(2 * bytes));
  pno_status st = pno_agree(g->comm, pno_comm_rank(g->comm) == 0 ? assemble(g, &out->digest) : PNO_OK);
  pno_comm_set_timeout(g->comm, usual);
  if (st == PNO_OK) st = pno_bcast(g->comm, &out->digest, sizeof out->digest, 0);
  return st;
}

/* The spools of former runs are read by their ranks, then all of them by rank 0. */
static pno_status take_up(generation *g, ptrdiff_t *found) {
  PNO_TRY(pno_agree(g->comm, prepare(g)));
  return share_out(g, found);
}

static pno_status generate(generation *g, pno_round_report *all, pno_generate_report *out) {
  const double usual = pno_comm_timeout(g->comm);
  PNO_TRY(pno_agree(g->comm, all ? pno_generate_spools(g->spec->path, g->spools)
                                 : pno_fail(PNO_E_NOMEM, "no memory for %d ranks", pno_comm_size(g->comm))));
  pno_comm_set_timeout(g->comm, usual + disk_s(2 * pno_spool_bytes(g->spools)));
  pno_status st = take_up(g, &out->found);
  pno_comm_set_timeout(g->comm, usual);
  if (st == PNO_OK) st = hint_late(work_rounds(g, all, out));
  pno_comm_set_timeout(g->comm, usual);
  return st == PNO_OK ? finish(g, out) : st;
}

pno_status pno_generate(const pno_generate_spec *spec, const pno_generate_hooks *hooks, pno_comm *comm,
                        pno_generate_report *out) {
  generation g = {.spec = spec, .hooks = hooks, .comm = comm};
  pno_generate_report report = {0};
  pno_round_report *all = calloc((size_t)pno_comm_size(comm), sizeof *all);
  const pno_status st = generate(&g, all, &report);
  pno_spool_close(&g.spool);
  generation_free(&g);
  free(all);
  if (st == PNO_OK || st == PNO_E_INTERRUPTED) *out = report;
  return st;
}

/* ---- a forecast ---- */

typedef struct {
  pno_generate_forecast f;
  double cost; /* of the samples solved */
} probes;

/* The first call pays for caches and memory: of a short sample it is not counted. */
static pno_status probe(generation *g, ptrdiff_t sample, probes *p) {
  static const double short_s = .5;
  double parameters[PNO_PDE_PARAMETERS_MAX], seconds = 0;
  pno_pde_report report;
  for (int i = 0; i == 0 || (i == 1 && p->f.probes == 0 && seconds < short_s); i++) {
    const double start = pno_clock();
    PNO_TRY(solve(g, sample, parameters, &report));
    seconds = pno_clock() - start;
  }
  if (report.failed && p->f.failed++ == 0) {
    pno_failed_sample failure;
    describe_failure(g, sample, parameters, report.words, &failure);
    memcpy(p->f.first_failure, failure.words, sizeof failure.words);
  }
  p->f.probes++;
  p->f.probe_s += seconds;
  p->cost += cost_of(g, sample);
  g->slowest = fmax(g->slowest, seconds / cost_of(g, sample));
  return PNO_OK;
}

/* Every so many-th sample, at most so many and not much longer than so long. Rank 0's count. The first is solved by all
 * ranks at once: nobody knows yet how long to wait for it. */
static pno_status probe_some(generation *g, double dearest, probes *p) {
  enum { PROBES = 4 };
  static const double enough_s = 10;
  const pno_generate_hooks *hooks = g->hooks;
  const ptrdiff_t samples = g->spec->samples, step = samples > PROBES ? samples / PROBES : 1;
  const double usual = pno_comm_timeout(g->comm);
  for (ptrdiff_t s = 0; s < samples && p->f.probes < PROBES && p->f.probe_s < enough_s; s += step) {
    pno_status st = s == 0 || pno_comm_rank(g->comm) == 0 ? probe(g, s, p) : PNO_OK;
    if (st == PNO_OK && hooks->ask && hooks->ask(hooks->user))
      st = pno_fail(PNO_E_INTERRUPTED, "stopped on request, nothing was written");
    PNO_TRY(pno_agree(g->comm, st));
    PNO_TRY(pno_bcast(g->comm, p, sizeof *p, 0));
    PNO_TRY(pno_bcast(g->comm, &g->slowest, sizeof g->slowest, 0));
    pno_comm_set_timeout(g->comm, usual + sample_s(g, dearest));
  }
  if (p->f.failed < p->f.probes) return PNO_OK;
  return pno_fail(PNO_E_DIVERGED, "%s: none of %d samples has a solution; %s", g->spec->equation, p->f.probes,
                  p->f.first_failure);
}

static pno_status forecast(generation *g, pno_generate_forecast *out) {
  const double start = pno_clock();
  PNO_TRY(pno_agree(g->comm, prepare_solver(g)));
  const double setup = pno_clock() - start;
  probes p = {.cost = 0};
  double all = 0, dearest = 0;
  for (ptrdiff_t s = 0; s < g->spec->samples; s++) {
    all += cost_of(g, s);
    dearest = fmax(dearest, cost_of(g, s));
  }
  PNO_TRY(hint_late(probe_some(g, dearest, &p)));
  p.f.bytes = (double)g->spec->samples * (double)g->n_values * sizeof(float);
  p.f.seconds = setup + p.f.probe_s * all / p.cost / pno_comm_size(g->comm);
  *out = p.f;
  return PNO_OK;
}

pno_status pno_generate_ask(const pno_generate_spec *spec, const pno_generate_hooks *hooks, pno_comm *comm,
                            pno_generate_forecast *out) {
  generation g = {.spec = spec, .hooks = hooks, .comm = comm};
  const double usual = pno_comm_timeout(comm);
  const pno_status st = forecast(&g, out);
  pno_comm_set_timeout(comm, usual);
  generation_free(&g);
  return st;
}
