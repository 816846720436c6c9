#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "io/dataset.h"
#include "io/dataset_about.h"
#include "io/fsutil.h"
#include "io/strip.h"
#include "kernels/burst.h"
#include "launch/cli/cli.h"
#include "launch/cli/device.h"
#include "launch/cli/plan.h"
#include "launch/cli/task.h"
#include "launch/version.h"

static void print_names(const pno_cli *cli, const char *label, int n, const char names[][PNO_FIELD_NAME]) {
  pno_cli_say(cli, "%-11s", label);
  for (int i = 0; i < n; i++) pno_cli_say(cli, "%s%s", i ? ", " : "", names[i]);
  pno_cli_say(cli, "\n");
}

static void print_text(const pno_cli *cli, const char *label, const char *text) {
  if (text[0]) pno_cli_say(cli, "%-11s%s\n", label, text);
}

static void print_axes(const pno_cli *cli, const pno_dataset_about *a) {
  static const char *const names[] = {"x", "y", "z"};
  for (int j = 0; j < a->n_spatial; j++)
    pno_cli_say(cli, "axis %s     %d %s, %g to %g, %s\n", names[j], a->n[j], a->centres ? "centres of cells" : "points",
                a->lo[j], a->hi[j], a->boundary[j][0] ? a->boundary[j] : "no boundary given");
  pno_cli_say(cli, "times      %d, %g to %g\n", a->n_times, a->time[0], a->time[a->n_times - 1]);
}

/* A line for each component; that of the differences between frames behind it. */
static void print_field(const pno_cli *cli, const pno_about_field *f) {
  static const char *const axes[] = {"_x", "_y", "_z"};
  for (int k = 0; k < f->components; k++) {
    const pno_field_statistics *s = &f->statistics[k];
    pno_cli_say(cli, "field      %s%s%s", f->name, f->order == 1 ? axes[k] : "",
                f->timed ? "" : ", one frame for all times");
    if (f->known)
      pno_cli_say(cli, "  min %.4g  mean %.4g  max %.4g  std %.4g  rms %.4g", s->min, s->mean, s->max, s->std, s->rms);
    if (f->delta) pno_cli_say(cli, "  between frames: mean %.4g  std %.4g", s->mean_delta, s->std_delta);
    pno_cli_say(cli, "%s\n", f->known ? "" : "  (no statistics in this file)");
  }
}

static void print_scalar(const pno_cli *cli, const pno_about_scalar *s) {
  static const char *const kinds[] = {"for all", "each time", "each trajectory", "each trajectory and time"};
  const char *kind = kinds[(s->sample ? 2 : 0) + (s->time ? 1 : 0)];
  if (s->least < s->most)
    pno_cli_say(cli, "scalar     %s  %g to %g, %s\n", s->name, s->least, s->most, kind);
  else
    pno_cli_say(cli, "scalar     %s  %g, %s\n", s->name, s->least, kind);
}

static void print_about(const pno_cli *cli, const pno_dataset_about *a) {
  print_text(cli, "equation", a->equation);
  print_text(cli, "solver", a->solver);
  print_text(cli, "generator", a->generator);
  pno_cli_say(cli, "size       %.2f MiB, %td trajectories, seed %llu%s%s\n", (double)a->bytes / 1048576,
              a->trajectories, (unsigned long long)a->seed, a->split[0] ? ", split " : "", a->split);
  print_axes(cli, a);
  for (int i = 0; i < a->n_fields; i++) print_field(cli, &a->fields[i]);
  for (int i = 0; i < a->n_scalars; i++) print_scalar(cli, &a->scalars[i]);
}

static void print_grid(const pno_cli *cli, const pno_sample_info *info) {
  for (int j = 0; j < info->dims; j++)
    pno_cli_say(cli, "axis %d     %d points, %g to %g\n", j, info->n[j], info->lo[j], info->hi[j]);
}

/* How it would be learned from if the configuration said nothing. */
static void print_view(const pno_cli *cli, const pno_dataset *ds) {
  const pno_sample_view *view = pno_dataset_view(ds);
  const pno_sample_info *info = pno_dataset_info(ds);
  char digest[PNO_DIGEST_TEXT] = "";
  pno_digest value;
  if (pno_dataset_digest(ds, &value)) pno_digest_text(value, digest);
  pno_cli_say(cli, "samples    %td (%s", pno_dataset_count(ds), pno_sample_mode_name(view->mode));
  if (view->mode != PNO_MODE_STEADY)
    pno_cli_say(cli, ", %d frames to %d, stride %d", view->frames_in, view->frames_out, view->stride);
  pno_cli_say(cli, ")\n");
  print_names(cli, "input", view->n_input, view->input);
  print_names(cli, "target", view->n_target, view->target);
  pno_cli_say(cli, "channels   %d -> %d\ndigest     %s%s\n", info->in_channels, info->out_channels,
              digest[0] ? "xxh3-128:" : "none in the file", digest);
}

static pno_status draw(const pno_cli *cli, const char *path, const pno_dataset_about *about,
                       const pno_dataset_limits *limits) {
  const char *png = pno_cli_option(cli, "png");
  long sample;
  PNO_TRY(pno_cli_count(cli, "sample", 0, 0, &sample));
  if (!png) return PNO_OK;
  if (!about) return pno_fail(PNO_E_USAGE, "%s: --png draws data sets that pno gen wrote", path);
  if (pno_file_same(png, path)) return pno_fail(PNO_E_USAGE, "--png %s: this is the file to draw", png);
  const pno_strip_spec spec = {.data = path, .about = about, .limits = limits, .trajectory = sample,
                               .field = pno_cli_option(cli, "field")};
  PNO_TRY(pno_strip_draw(png, &spec));
  pno_cli_say(cli, "picture    %s\n", png);
  return PNO_OK;
}

/* The view that the file gives itself does not fit it; what it holds can be said all the same. */
static pno_status describe_without_view(const pno_cli *cli, const char *path, const pno_dataset_limits *limits) {
  pno_dataset_about about = {.bytes = 0};
  char words[256];
  snprintf(words, sizeof words, "%s", pno_fail_words());
  if (pno_dataset_about_read(path, limits, &about) != PNO_OK) return pno_fail(PNO_E_SHAPE, "%s", words);
  pno_cli_say(cli, "file       %s\nformat     pno-dataset\n", path);
  print_about(cli, &about);
  pno_cli_say(cli, "samples    none as the file has it (%s): give data.mode and data.frames_in to learn from it\n", words);
  const pno_status st = draw(cli, path, &about, limits);
  pno_dataset_about_free(&about);
  return st;
}

static pno_status describe(const pno_cli *cli, const char *path) {
  const pno_dataset_limits limits = pno_task_limits(cli->config);
  pno_dataset *ds = NULL;
  pno_dataset_about about = {.bytes = 0};
  const pno_status opened = pno_dataset_open(path, NULL, &limits, &ds);
  if (opened == PNO_E_SHAPE) return describe_without_view(cli, path, &limits);
  PNO_TRY(opened);
  const bool native = strcmp(pno_dataset_format(ds), "pno-dataset") == 0;
  pno_status st = native ? pno_dataset_about_read(path, &limits, &about) : PNO_OK;
  if (st == PNO_OK) {
    pno_cli_say(cli, "file       %s\nformat     %s\n", path, pno_dataset_format(ds));
    if (native)
      print_about(cli, &about);
    else
      print_grid(cli, pno_dataset_info(ds));
    print_view(cli, ds);
  }
  pno_dataset_close(&ds);
  if (st == PNO_OK) st = draw(cli, path, native ? &about : NULL, &limits);
  pno_dataset_about_free(&about);
  return st;
}

/* Options that would do nothing are mistakes. */
static pno_status check_options(const pno_cli *cli) {
  static const char *const of_png[] = {"sample", "field"};
  if (cli->n_args > 1) return pno_fail(PNO_E_USAGE, "info takes one FILE, got %d", cli->n_args);
  if (pno_cli_option(cli, "png") && cli->n_args == 0) return pno_fail(PNO_E_USAGE, "--png needs a FILE to draw");
  for (size_t i = 0; i < sizeof of_png / sizeof *of_png; i++)
    if (pno_cli_option(cli, of_png[i]) && !pno_cli_option(cli, "png"))
      return pno_fail(PNO_E_USAGE, "--%s says what --png draws: give --png OUT", of_png[i]);
  return PNO_OK;
}

pno_status pno_cli_info(pno_cli *cli) {
  if (pno_cli_option(cli, "plan")) return pno_cli_plan(cli);
  PNO_TRY(check_options(cli));
  PNO_TRY(pno_cli_configure(cli, NULL));
  if (cli->n_args == 1) return describe(cli, cli->args[0]);
  char devices[PNO_DEVICE_TEXT];
  pno_device_list(devices);
  pno_cli_say(cli, "pno        " PNO_VERSION "\ncompiler   " PNO_COMPILER "\ndevices    %s (FMA burst: %s)\n"
                   "cores      %ld\n", devices, pno_burst_isa(), sysconf(_SC_NPROCESSORS_ONLN));
  return PNO_OK;
}
