/* Writes one file of each kind that leaves the program, and reads data sets, for interoperability.py.
 *
 *   io_exchange native|packed|series|line|box|cells PATH
 *                                             data sets of native_spec.h: value k of trajectory i is i + k / 1024
 *   io_exchange fields PATH                   value k of variable v of sample s is 1000 v + 100 s + k / 64
 *   io_exchange members PATH                  value k of member m of sample s is 1000 m + 100 s + k / 64
 *   io_exchange scores PATH | reliability PATH
 *   io_exchange metrics DIR | checkpoint DIR
 *   io_exchange beside PATH                   what lies beside a data set: PATH.xdmf and PATH.stats.yaml
 *   io_exchange read PATH OUT                 prints "format dims n.. in out count"; floats x, y a sample into OUT
 *
 * Ends with the exit code of the status and its words on standard output. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checkpoint_world.h"
#include "io/beside.h"
#include "io/dataset.h"
#include "io/fields_file.h"
#include "io/fsutil.h"
#include "io/metrics.h"
#include "io/plot_reliability.h"
#include "io/scores_file.h"
#include "native_spec.h"

static pno_status write_native(const char *path, const char *which) {
  static const struct {
    const char *name;
    pno_dataset_spec (*make)(void);
  } rows[] = {{"series", native_series}, {"line", native_line}, {"box", native_box}};
  pno_dataset_spec spec = native_steady();
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    if (strcmp(which, rows[i].name) == 0) spec = rows[i].make();
  if (strcmp(which, "cells") == 0) {
    spec = native_series();
    spec.centres = true;
  }
  spec.compress = strcmp(which, "packed") == 0;
  return pno_dataset_write(path, &spec, native_source, NULL, NULL);
}

static pno_status write_beside(const char *path) {
  char xdmf[PNO_PATH_MAX], stats[PNO_PATH_MAX];
  pno_dataset_about about;
  snprintf(xdmf, sizeof xdmf, "%.1000s.xdmf", path);
  snprintf(stats, sizeof stats, "%.1000s.stats.yaml", path);
  PNO_TRY(pno_dataset_about_read(path, NULL, &about));
  pno_status st = pno_xdmf_write(xdmf, path, &about);
  if (st == PNO_OK) st = pno_well_stats_write(stats, &about);
  pno_dataset_about_free(&about);
  return st;
}

static pno_status write_fields(const char *path) {
  enum { SAMPLES = 3, NX = 5, NY = 7, IN = 2 };
  static const int64_t ids[SAMPLES] = {4, 8, 15};
  static const double x[NX] = {0, 0.25, 0.5, 0.75, 1};
  const pno_fields_spec spec = {.samples = SAMPLES,
                                .sample_ids = ids,
                                .dims = 2,
                                .n = {NX, NY},
                                .coord = {x, NULL},
                                .n_vars = 3,
                                .var = {{.name = "input", .channel_axis = "channel_in", .channels = IN},
                                        {.name = "prediction", .channel_axis = "channel", .channels = 1},
                                        {.name = "rel_l2"}},
                                .n_notes = 1,
                                .note = {{"generator", "pno test"}}};
  float v[IN * NX * NY];
  pno_fields_file *f = NULL;
  PNO_TRY(pno_fields_create(path, &spec, &f));
  pno_status st = PNO_OK;
  for (int s = 0; s < SAMPLES && st == PNO_OK; s++) {
    for (int var = 0; var < 2 && st == PNO_OK; var++) {
      for (int k = 0; k < IN * NX * NY; k++) v[k] = (float)(1000 * var + 100 * s) + (float)k / 64.0f;
      st = pno_fields_put(f, var, s, v);
    }
    if (st == PNO_OK) st = pno_fields_put_scalar(f, 2, s, 0.5 * s);
  }
  if (st == PNO_OK) return pno_fields_commit(&f);
  pno_fields_abandon(&f);
  return st;
}

static pno_status write_members(const char *path) {
  enum { SAMPLES = 2, MEMBERS = 3, NX = 4, CHANNELS = 2 };
  const pno_fields_spec spec = {.samples = SAMPLES, .dims = 1, .n = {NX}, .n_vars = 1,
                                .var = {{.name = "draws", .long_name = "members", .units = "K", .channel_axis = "channel",
                                         .channels = CHANNELS, .members = MEMBERS, .n_attrs = 1,
                                         .attr = {{"level", 0.9}}}}};
  float v[CHANNELS * NX];
  pno_fields_file *f = NULL;
  PNO_TRY(pno_fields_create(path, &spec, &f));
  pno_status st = PNO_OK;
  for (int i = 0; i < SAMPLES * MEMBERS && st == PNO_OK; i++) {
    for (int k = 0; k < CHANNELS * NX; k++) v[k] = (float)(1000 * (i % MEMBERS) + 100 * (i / MEMBERS)) + (float)k / 64.0f;
    st = pno_fields_put_member(f, 0, i / MEMBERS, i % MEMBERS, v);
  }
  if (st == PNO_OK) return pno_fields_commit(&f);
  pno_fields_abandon(&f);
  return st;
}

static const double levels[] = {0.5, 0.8, 0.95}, coverage[] = {0.4, 0.75, 0.9}, better[] = {0.5, 0.81, 0.94};

static pno_status write_scores(const char *path) {
  static const double by_channel[] = {1, 2, 3, 4, 5, 6}, crps = 0.125, pit[] = {3, 1, 1, 3};
  const pno_scores_axis axis = {.name = "level", .n = 3, .values = levels, .long_name = "nominal level", .units = "1"};
  const pno_scores_array array[] = {
      {.name = "crps", .long_name = "CRPS, fair", .units = "K", .values = &crps},
      {.name = "coverage", .rank = 1, .dim = {{"level", 3}}, .values = coverage},
      {.name = "width", .rank = 2, .dim = {{"channel", 2}, {"level", 3}}, .values = by_channel},
      {.name = "pit", .rank = 1, .dim = {{"bin", 4}}, .values = pit}};
  const pno_scores_spec spec = {.n_axes = 1, .axis = &axis, .n_arrays = 4, .array = array, .n_notes = 1,
                                .note = {{"generator", "pno test"}}};
  return pno_scores_write(path, &spec);
}

static pno_status write_reliability(const char *path) {
  static const double raw[] = {3, 1, 1, 3}, after[] = {1, 1.25, 1, 0.75};
  const pno_reliability_curve curves[] = {
      {.name = "raw & <unsure>", .n = 3, .nominal = levels, .observed = coverage, .bins = 4, .pit = raw},
      {.name = "recalibrated \"\xc3\xa4\xff\x01", .n = 3, .nominal = levels, .observed = better, .bins = 4, .pit = after}};
  return pno_plot_reliability(path, "</title><script>&amp;", curves, 2);
}

static pno_status write_metrics(const char *dir) {
  pno_metrics *m = NULL;
  const pno_digest none = {0, 0};
  PNO_TRY(pno_metrics_open(dir, PNO_METRICS_NEW, none, &m));
  pno_status st = PNO_OK;
  for (int step = 1; step <= 3 && st == PNO_OK; step++) {
    const pno_metric train[] = {pno_metric_i64("step", step), pno_metric_f64("loss", 1.0 / step)};
    const pno_metric valid[] = {pno_metric_i64("step", step), pno_metric_f64("rel_l2", 2.0 / step)};
    st = pno_metrics_write(m, "train", train, 2);
    if (st == PNO_OK && step % 2 == 1) st = pno_metrics_write(m, "valid", valid, 2);
  }
  const pno_metric perf[] = {pno_metric_text("section", "forward"), pno_metric_f64("seconds", 1.5),
                             pno_metric_i64("calls", 3)};
  if (st == PNO_OK) st = pno_metrics_write(m, "perf", perf, 3);
  pno_metrics_close(&m);
  return st == PNO_OK ? pno_metrics_view(dir, "run-7", none) : st;
}

static pno_status write_checkpoint(const char *dir) {
  pno_comm *comm = NULL;
  PNO_TRY(pno_comm_self(&comm));
  const pno_status st = world_save(comm, dir, 1, 0, NULL);
  pno_comm_destroy(&comm);
  return st;
}

static pno_status read_samples(pno_dataset *ds, FILE *out) {
  const size_t nx = (size_t)pno_dataset_x_count(ds), ny = (size_t)pno_dataset_y_count(ds);
  float *v = calloc(nx + ny, sizeof *v);
  pno_status st = v ? PNO_OK : pno_fail(PNO_E_NOMEM, "no memory for a sample");
  for (ptrdiff_t s = 0; s < pno_dataset_count(ds) && st == PNO_OK; s++) {
    st = pno_dataset_read(ds, s, v, v + nx);
    if (st == PNO_OK && fwrite(v, sizeof *v, nx + ny, out) != nx + ny) st = pno_fail(PNO_E_IO, "cannot be written");
  }
  free(v);
  return st;
}

static pno_status read_dataset(const char *path, const char *to) {
  const pno_dataset_limits limits = {.verify = true};
  pno_dataset *ds = NULL;
  PNO_TRY(pno_dataset_open(path, NULL, &limits, &ds));
  const pno_sample_info *info = pno_dataset_info(ds);
  printf("%s %d", pno_dataset_format(ds), info->dims);
  for (int i = 0; i < info->dims; i++) printf(" %d", info->n[i]);
  printf(" %d %d %td\n", info->in_channels, info->out_channels, pno_dataset_count(ds));
  FILE *out = fopen(to, "wb");
  pno_status st = out ? read_samples(ds, out) : pno_fail(PNO_E_IO, "%s cannot be opened", to);
  if (out && fclose(out) != 0) st = pno_fail(PNO_E_IO, "%s cannot be written", to);
  pno_dataset_close(&ds);
  return st;
}

int main(int argc, char **argv) {
  const char *what = argc > 2 ? argv[1] : "";
  pno_status st = pno_fail(PNO_E_USAGE, "%s: see the top of tests/io/exchange.c", argv[0]);
  static const char *const native[] = {"native", "packed", "series", "line", "box", "cells"};
  for (size_t i = 0; i < sizeof native / sizeof *native; i++)
    if (strcmp(what, native[i]) == 0) st = write_native(argv[2], what);
  if (strcmp(what, "beside") == 0) st = write_beside(argv[2]);
  if (strcmp(what, "fields") == 0) st = write_fields(argv[2]);
  if (strcmp(what, "members") == 0) st = write_members(argv[2]);
  if (strcmp(what, "scores") == 0) st = write_scores(argv[2]);
  if (strcmp(what, "reliability") == 0) st = write_reliability(argv[2]);
  if (strcmp(what, "metrics") == 0) st = write_metrics(argv[2]);
  if (strcmp(what, "checkpoint") == 0) st = write_checkpoint(argv[2]);
  if (strcmp(what, "read") == 0 && argc > 3) st = read_dataset(argv[2], argv[3]);
  if (st != PNO_OK) printf("%s\n", pno_fail_words());
  return pno_exit_code(st);
}
