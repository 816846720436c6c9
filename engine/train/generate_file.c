#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/train/generate_impl.h"
#include "io/beside.h"
#include "io/dataset_write.h"
#include "io/fsutil.h"

uint32_t pno_generate_number(const pno_generate_spec *spec, ptrdiff_t sample) {
  return (uint32_t)spec->split * PNO_SPLIT_SAMPLES + (uint32_t)sample;
}

/* What the file holds: samples[i] is its i-th, by its number among all that were asked for. */
typedef struct {
  pno_spool_set *set; /* owned */
  uint64_t *seeds;    /* owned: numbers of the draws */
  ptrdiff_t *samples, n;
  double *values[PNO_PDE_PARAMETERS_MAX]; /* owned: of parameters that differ from sample to sample */
} contents;

static void contents_free(contents *c) {
  pno_spool_set_close(&c->set);
  free(c->seeds);
  free(c->samples);
  for (int i = 0; i < PNO_PDE_PARAMETERS_MAX; i++) free(c->values[i]);
  *c = (contents){0};
}

static pno_status contents_list(const pno_generate_file *g, contents *c) {
  const ptrdiff_t samples = g->spec->samples;
  c->seeds = calloc((size_t)samples, sizeof *c->seeds);
  c->samples = calloc((size_t)samples, sizeof *c->samples);
  bool all = c->seeds && c->samples;
  for (int i = 0; i < g->equation->n_parameters; i++) {
    if (g->pde->parameters[i].kind == PNO_DIST_CONSTANT) continue;
    c->values[i] = calloc((size_t)samples, sizeof *c->values[i]);
    all = all && c->values[i];
  }
  if (!all) return pno_fail(PNO_E_NOMEM, "no memory for the numbers of %td samples", samples);
  for (ptrdiff_t s = 0; s < samples; s++) {
    double parameters[PNO_PDE_PARAMETERS_MAX];
    if (g->failed[s]) continue;
    pno_pde_draw(g->equation, g->pde, g->spec->seed, pno_generate_number(g->spec, s), parameters);
    for (int i = 0; i < g->equation->n_parameters; i++)
      if (c->values[i]) c->values[i][c->n] = parameters[i];
    c->seeds[c->n] = pno_generate_number(g->spec, s);
    c->samples[c->n++] = s;
  }
  return PNO_OK;
}

static pno_status contents_read(void *user, ptrdiff_t i, float *values, ptrdiff_t n) {
  const contents *c = user;
  return pno_spool_sample(c->set, c->samples[i], values, n);
}

/* Fewer frames than the recipe's window: one that fits, so that the file opens without further words. */
static void fit_view(pno_sample_view *v, int frames) {
  const int strides[] = {v->stride, 1}, most = frames - v->frames_out;
  if (v->mode == PNO_MODE_AUTOREGRESSIVE && v->frames_in > most && most >= 1) v->frames_in = most;
  if (v->mode != PNO_MODE_SPACE_TIME || (v->frames_in + v->frames_out - 1) * v->stride < frames) return;
  for (int i = 0; i < 2; i++) {
    const int half = ((frames - 1) / strides[i] + 1) / 2;
    v->frames_in = v->frames_out = half;
    v->stride = strides[i];
    if (half > 1) return; /* one frame in has its targets from that frame on, not behind it */
  }
  v->mode = PNO_MODE_STEADY; /* the first to the last */
  v->frames_in = v->frames_out = 1;
}

static void describe_view(const pno_generate_file *g, pno_sample_view *view) {
  static const pno_sample_mode modes[] = {PNO_MODE_STEADY, PNO_MODE_SPACE_TIME, PNO_MODE_AUTOREGRESSIVE};
  const pno_pde_recipe *r = g->pde->recipe;
  *view = (pno_sample_view){.mode = modes[r->mode], .frames_in = r->frames_in ? r->frames_in : 1,
                            .frames_out = r->frames_out ? r->frames_out : 1, .stride = r->stride ? r->stride : 1};
  fit_view(view, g->pde->frames);
  for (int f = 0; f < g->equation->n_fields; f++) {
    const pno_pde_field *field = &g->equation->fields[f];
    if (field->role & PNO_PDE_INPUT) snprintf(view->input[view->n_input++], PNO_FIELD_NAME, "%s", field->name);
    if (field->role & PNO_PDE_TARGET) snprintf(view->target[view->n_target++], PNO_FIELD_NAME, "%s", field->name);
  }
}

static void describe_grid(const pno_generate_file *g, pno_dataset_spec *d) {
  static const pno_boundary boundaries[] = {PNO_BOUNDARY_WALL, PNO_BOUNDARY_PERIODIC, PNO_BOUNDARY_OPEN};
  d->n_spatial = g->pde->dims;
  d->centres = g->equation->points == PNO_PDE_CENTRES;
  for (int j = 0; j < d->n_spatial; j++) {
    d->n[j] = g->pde->n[j];
    pno_pde_axis(g->equation, g->pde, j, &d->lo[j], &d->hi[j]);
    d->boundary[j] = boundaries[pno_pde_edges(g->equation, g->pde)];
  }
}

/* Rank 0: verified records in sample order become the file. */
static pno_status write_file(const pno_generate_file *g, contents *c, const char *path, double *time,
                             pno_digest *digest) {
  static const char *const splits[] = {
      [PNO_SPLIT_TRAIN] = "train", [PNO_SPLIT_VALID] = "valid", [PNO_SPLIT_TEST] = "test"};
  const pno_generate_spec *s = g->spec;
  pno_sample_view view;
  pno_field_spec fields[PNO_PDE_FIELDS_MAX];
  pno_scalar_spec scalars[PNO_PDE_PARAMETERS_MAX];
  pno_dataset_spec d = {.name = s->name, .generator = s->generator, .solver = g->equation->solver, .config = g->config,
                        .equation = g->equation->name, .split = splits[s->split],
                        .seed = s->seed, .n_samples = c->n, .n_times = g->pde->frames, .time = time,
                        .n_fields = g->equation->n_fields, .fields = fields, .n_scalars = g->equation->n_parameters,
                        .scalars = scalars, .sample_seed = c->seeds, .view = &view, .compress = s->compress};
  describe_view(g, &view);
  describe_grid(g, &d);
  for (int f = 0; f < d.n_fields; f++)
    fields[f] = (pno_field_spec){.name = g->equation->fields[f].name, .order = g->equation->fields[f].order,
                                 .time_varying = g->equation->fields[f].time_varying};
  for (int i = 0; i < d.n_scalars; i++)
    scalars[i] = (pno_scalar_spec){.name = g->equation->parameters[i].name, .value = g->pde->parameters[i].v[0],
                                   .per_sample = c->values[i]};
  for (int t = 0; t < d.n_times; t++) time[t] = d.n_times > 1 ? g->pde->time * t / (d.n_times - 1) : 0;
  return pno_dataset_write(path, &d, contents_read, c, digest);
}

/* ---- what is made, and where it lies ---- */

/* The data set comes last: where it is, what belongs beside it is too. */
static const char *const endings[] = {".xdmf", ".stats.yaml"};
enum { XDMF, STATS, DATA, PRODUCTS };

typedef struct {
  char from[PNO_PATH_MAX], to[PNO_PATH_MAX]; /* among the spools until all are whole; their place */
} product;

static pno_status with_ending(const char *path, const char *ending, char *out) {
  const int n = snprintf(out, PNO_PATH_MAX, "%s%s", path, ending);
  return n >= 0 && n < PNO_PATH_MAX ? PNO_OK : pno_fail(PNO_E_USAGE, "data.path: a path of %zu bytes", strlen(path));
}

pno_status pno_generate_spools(const char *path, char *out) { return with_ending(path, ".spool", out); }

static pno_status name_products(const char *path, const char *spools, product *p) {
  PNO_TRY(pno_path_join(spools, "whole.h5", p[DATA].from));
  snprintf(p[DATA].to, sizeof p[DATA].to, "%s", path);
  for (int i = 0; i < DATA; i++) {
    PNO_TRY(with_ending(p[DATA].from, endings[i], p[i].from));
    PNO_TRY(with_ending(path, endings[i], p[i].to));
  }
  return PNO_OK;
}

static pno_status check_name(const char *path) {
  const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
  struct stat info;
  const size_t most = NAME_MAX - strlen(".stats.yaml");
  const bool folder = stat(path, &info) == 0 && S_ISDIR(info.st_mode);
  if (name[0] == '\0' || folder)
    return pno_hint(pno_fail(PNO_E_USAGE, "data.path: %s is a folder", path), "give the name of a file, as %s%sdata.h5",
                    path, name[0] ? "/" : "");
  if (strlen(name) > most)
    return pno_fail(PNO_E_USAGE, "data.path: a file name of %zu bytes, at most %zu", strlen(name), most);
  return PNO_OK;
}

static pno_status fail_exists(const char *path, const char *spools) {
  struct stat info;
  pno_fail(PNO_E_USAGE, "%s: exists already", path);
  if (lstat(spools, &info) == 0)
    return pno_hint(PNO_E_USAGE, "give another data.path; if pno check finds it whole, %s is a rest that can be deleted",
                    spools);
  return pno_hint(PNO_E_USAGE, "remove it, or give another data.path; pno info shows what it holds");
}

pno_status pno_generate_check(const pno_generate_spec *spec) {
  char spools[PNO_PATH_MAX];
  product p[PRODUCTS];
  struct stat info;
  PNO_TRY(check_name(spec->path));
  PNO_TRY(pno_generate_spools(spec->path, spools));
  PNO_TRY(name_products(spec->path, spools, p));
  return lstat(spec->path, &info) == 0 ? fail_exists(spec->path, spools) : PNO_OK;
}

/* For other programs; made of what the file says of itself. */
static pno_status write_sidecars(const product *p) {
  const pno_dataset_limits all = {.max_bytes = UINT64_MAX};
  pno_dataset_about about;
  PNO_TRY(pno_dataset_about_read(p[DATA].from, &all, &about));
  pno_status st = pno_xdmf_write(p[XDMF].from, p[DATA].to, &about);
  if (st == PNO_OK) st = pno_well_stats_write(p[STATS].from, &about);
  pno_dataset_about_free(&about);
  return st;
}

/* A crash leaves all of it, or spools from which the same command makes it. What a data set that is gone left beside it
 * is replaced. */
static pno_status place(const pno_generate_file *g, const product *p) {
  struct stat info;
  for (int i = 0; g->spec->sidecars && i < DATA && lstat(p[DATA].to, &info) != 0; i++)
    PNO_TRY(pno_file_settle(p[i].from, p[i].to));
  PNO_TRY(pno_file_place(p[DATA].from, p[DATA].to));
  unlink(p[DATA].from);
  return pno_spool_remove(g->spools);
}

pno_status pno_generate_write(const pno_generate_file *g, pno_digest *digest) {
  contents c = {.set = NULL};
  product p[PRODUCTS];
  pno_status st = PNO_OK;
  PNO_TRY(name_products(g->spec->path, g->spools, p));
  double *time = calloc((size_t)g->pde->frames, sizeof *time);
  PNO_TRY_GOTO(st, time ? PNO_OK : pno_fail(PNO_E_NOMEM, "no memory for %d times", g->pde->frames), done);
  PNO_TRY_GOTO(st, contents_list(g, &c), done);
  PNO_TRY_GOTO(st, pno_spool_scan(g->spools, g->key, (uint64_t)g->spec->samples, &c.set), done);
  PNO_TRY_GOTO(st, write_file(g, &c, p[DATA].from, time, digest), done);
  pno_spool_set_close(&c.set);
  if (g->spec->sidecars) PNO_TRY_GOTO(st, write_sidecars(p), done);
  st = place(g, p);
done:
  contents_free(&c);
  free(time);
  return st;
}
