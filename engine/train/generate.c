#include "engine/train/generate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/clock.h"
#include "io/dataset_write.h"
#include "io/spool.h"

enum { PATH_TEXT = 4096 };

typedef struct {
  const pno_generate_spec *spec;
  const pno_generate_hooks *hooks;
  pno_comm *comm;
  const pno_equation *equation;
  char spools[PATH_TEXT];
  pno_pde *pde;
  pno_spool *spool;
  float *values;
  ptrdiff_t n_values;
  unsigned char *have; /* [samples]: the spools hold it */
  ptrdiff_t *own, n_own, next;
  double worst;
} generation;

/* What a rank says after a round of work. */
typedef struct {
  ptrdiff_t left, made;
  int asked;
  double worst;
} round_report;

static ptrdiff_t points_of(const pno_generate_spec *s) {
  ptrdiff_t points = 1;
  for (int j = 0; j < s->pde.dims; j++) points *= s->pde.n[j];
  return points;
}

static pno_status prepare(generation *g) {
  const pno_generate_spec *s = g->spec;
  if (strlen(s->path) + sizeof ".spool" > sizeof g->spools)
    return pno_fail(PNO_E_USAGE, "data.path: a path of %zu bytes", strlen(s->path));
  snprintf(g->spools, sizeof g->spools, "%s.spool", s->path);
  PNO_TRY(pno_equation_find(s->equation, &g->equation));
  PNO_TRY(g->equation->create(&s->pde, &g->pde));
  g->n_values = points_of(s) * g->equation->n_fields;
  g->values = calloc((size_t)g->n_values, sizeof *g->values);
  g->have = calloc((size_t)s->samples, 1);
  g->own = calloc((size_t)s->samples, sizeof *g->own);
  if (!g->values || !g->have || !g->own)
    return pno_fail(PNO_E_NOMEM, "no memory to generate %td samples of %td values", s->samples, g->n_values);
  return pno_spool_open(g->spools, pno_comm_rank(g->comm), s->key, &g->spool);
}

static pno_status scan(generation *g, pno_spool_set **set) {
  return pno_spool_scan(g->spools, g->spec->key, (uint64_t)g->spec->samples, set);
}

/* Rank 0 reads what former runs left and says so to all; each rank then takes every size-th sample that is missing. */
static pno_status share_out(generation *g, ptrdiff_t *found) {
  const ptrdiff_t samples = g->spec->samples;
  const int rank = pno_comm_rank(g->comm), ranks = pno_comm_size(g->comm);
  pno_spool_set *set = NULL;
  const pno_status st = rank == 0 ? scan(g, &set) : PNO_OK;
  for (ptrdiff_t s = 0; set && s < samples; s++) g->have[s] = pno_spool_has(set, (uint64_t)s);
  pno_spool_set_close(&set);
  PNO_TRY(pno_agree(g->comm, st));
  PNO_TRY(pno_bcast(g->comm, g->have, (size_t)samples, 0));
  ptrdiff_t missing = 0;
  for (ptrdiff_t s = 0; s < samples; s++)
    if (!g->have[s] && missing++ % ranks == rank) g->own[g->n_own++] = s;
  *found = samples - missing;
  return PNO_OK;
}

static pno_status make_sample(generation *g, ptrdiff_t sample) {
  double residual = 0;
  const pno_status st = g->equation->solve(g->pde, g->spec->seed, (uint32_t)sample, g->values, &residual);
  PNO_TRY(pno_fail_in(st, "%s: sample %td", g->spec->equation, sample));
  g->worst = residual > g->worst ? residual : g->worst;
  return pno_spool_append(g->spool, (uint64_t)sample, g->values, (size_t)g->n_values * sizeof *g->values);
}

/* Own samples until the slice of time is over or somebody asks to stop. */
static pno_status work(generation *g, double until, round_report *r) {
  const ptrdiff_t first = g->next;
  pno_status st = PNO_OK;
  while (st == PNO_OK && g->next < g->n_own && !r->asked && pno_clock() < until) {
    st = make_sample(g, g->own[g->next]);
    if (st != PNO_OK) break;
    g->next++;
    if (g->hooks->on_sample) g->hooks->on_sample(g->hooks->user, g->next, g->n_own);
    if (g->hooks->ask) r->asked = g->hooks->ask(g->hooks->user);
  }
  if (!r->asked && g->hooks->ask) r->asked = g->hooks->ask(g->hooks->user); /* also of a rank without work left */
  r->made = g->next - first;
  r->left = g->n_own - g->next;
  r->worst = g->worst;
  const pno_status synced = pno_spool_sync(g->spool);
  return st != PNO_OK ? st : synced;
}

/* Rounds of a slice of time, so that no rank waits for another longer than the time-out, however long the work is. */
static pno_status work_rounds(generation *g, round_report *all, pno_generate_report *out) {
  const double slice = g->spec->timeout_s / 4 < 30 ? g->spec->timeout_s / 4 : 30;
  const int ranks = pno_comm_size(g->comm);
  ptrdiff_t left = 1;
  int asked = 0;
  while (left > 0 && !asked) {
    round_report mine = {0};
    PNO_TRY(pno_agree(g->comm, work(g, pno_clock() + slice, &mine)));
    PNO_TRY(pno_allgather(g->comm, &mine, sizeof mine, all));
    left = 0;
    for (int r = 0; r < ranks; r++) {
      left += all[r].left;
      asked |= all[r].asked;
      out->made += all[r].made;
      out->worst_residual = all[r].worst > out->worst_residual ? all[r].worst : out->worst_residual;
    }
  }
  if (left == 0) return PNO_OK;
  return pno_hint(pno_fail(PNO_E_INTERRUPTED, "stopped on request with %td of %td samples made",
                           out->found + out->made, g->spec->samples),
                  "run the same command again to go on");
}

static void describe(const generation *g, pno_sample_view *view, pno_field_spec *fields, pno_dataset_spec *d) {
  const pno_generate_spec *s = g->spec;
  *view = (pno_sample_view){.mode = PNO_MODE_STEADY, .frames_in = 1, .frames_out = 1, .stride = 1};
  for (int f = 0; f < g->equation->n_fields; f++) {
    const pno_pde_field *field = &g->equation->fields[f];
    fields[f] = (pno_field_spec){.name = field->name};
    char *name = field->input ? view->input[view->n_input++] : view->target[view->n_target++];
    snprintf(name, PNO_FIELD_NAME, "%s", field->name);
  }
  *d = (pno_dataset_spec){.name = s->name, .generator = s->generator, .solver = g->equation->solver,
                          .config = s->config, .seed = s->seed, .n_samples = s->samples, .n_spatial = s->pde.dims,
                          .n_times = 1, .n_fields = g->equation->n_fields, .fields = fields, .view = view,
                          .compress = s->compress};
  for (int j = 0; j < s->pde.dims; j++) {
    d->n[j] = s->pde.n[j];
    d->lo[j] = g->equation->lo;
    d->hi[j] = g->equation->hi;
    d->boundary[j] = PNO_BOUNDARY_WALL;
  }
}

/* Rank 0: verified records in sample order become the file. */
static pno_status assemble(generation *g, pno_digest *digest) {
  pno_sample_view view;
  pno_field_spec fields[PNO_PDE_FIELDS_MAX];
  pno_dataset_spec d;
  pno_spool_set *set = NULL;
  describe(g, &view, fields, &d);
  pno_status st = PNO_OK;
  PNO_TRY_GOTO(st, scan(g, &set), done);
  PNO_TRY_GOTO(st, pno_dataset_write(g->spec->path, &d, pno_spool_sample, set, digest), done);
  pno_spool_set_close(&set);
  PNO_TRY_GOTO(st, pno_spool_remove(g->spools), done);
done:
  pno_spool_set_close(&set);
  return st;
}

/* The others wait for rank 0's disk, which gets 20 MB/s at the least. */
static pno_status finish(generation *g, pno_generate_report *out) {
  enum { SLOWEST_DISK = 20000000 };
  const double usual = pno_comm_timeout(g->comm);
  const double bytes = (double)g->spec->samples * (double)g->n_values * sizeof(float);
  PNO_TRY(pno_agree(g->comm, pno_spool_close(&g->spool)));
  pno_comm_set_timeout(g->comm, usual + 2 * bytes / SLOWEST_DISK);
  pno_status st = pno_agree(g->comm, pno_comm_rank(g->comm) == 0 ? assemble(g, &out->digest) : PNO_OK);
  pno_comm_set_timeout(g->comm, usual);
  if (st == PNO_OK) st = pno_bcast(g->comm, &out->digest, sizeof out->digest, 0);
  return st;
}

static pno_status generate(generation *g, round_report *all, pno_generate_report *out) {
  PNO_TRY(pno_agree(g->comm, all ? prepare(g) : pno_fail(PNO_E_NOMEM, "no memory for %d ranks",
                                                         pno_comm_size(g->comm))));
  PNO_TRY(share_out(g, &out->found));
  PNO_TRY(work_rounds(g, all, out));
  return finish(g, out);
}

pno_status pno_generate(const pno_generate_spec *spec, const pno_generate_hooks *hooks, pno_comm *comm,
                        pno_generate_report *out) {
  generation g = {.spec = spec, .hooks = hooks, .comm = comm};
  pno_generate_report report = {0};
  round_report *all = calloc((size_t)pno_comm_size(comm), sizeof *all);
  const pno_status st = generate(&g, all, &report);
  pno_spool_close(&g.spool);
  if (g.equation) g.equation->destroy(&g.pde);
  free(g.values);
  free(g.have);
  free(g.own);
  free(all);
  if (st == PNO_OK || st == PNO_E_INTERRUPTED) *out = report;
  return st;
}
