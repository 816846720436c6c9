#include "launch/cli/plan.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/sync/placement.h"
#include "engine/train/plan.h"
#include "io/fsutil.h"
#include "io/rundir.h"
#include "launch/cli/device.h"
#include "launch/cli/task.h"

/* The shape of the training samples: the file's if it is there, else what gen would make of pde.grid. */
static pno_status sample_shape(const pno_config *cfg, const pno_train_spec *s, pno_sample_info *out, const char **from) {
  const pno_dataset_limits limits = pno_task_limits(cfg);
  if (access(s->data, F_OK) == 0) {
    pno_dataset *ds = NULL;
    PNO_TRY(pno_fail_in(pno_dataset_open(s->data, &s->view, &limits, &ds), "data.path"));
    *out = *pno_dataset_info(ds);
    *from = s->data;
    pno_dataset_close(&ds);
    return PNO_OK;
  }
  const int given = pno_config_count(cfg, PNO_KEY_PDE_GRID);
  *out = (pno_sample_info){.dims = given ? given : 2, .n = {64, 64}, .in_channels = 1, .out_channels = 1};
  if (out->dims < 1 || out->dims > PNO_DIMS_MAX)
    return pno_fail(PNO_E_USAGE, "pde.grid has %d values: give one an axis, 1 to %d", out->dims, PNO_DIMS_MAX);
  for (int j = 0; j < given; j++) out->n[j] = (int)pno_config_float_at(cfg, PNO_KEY_PDE_GRID, j);
  *from = "pde.grid, as data.path is not there";
  return PNO_OK;
}

static void print_plan(const pno_cli *cli, const pno_train_spec *s, const pno_sample_info *info, const char *from,
                       const pno_train_plan *p) {
  const double mib = 1.0 / 1048576.0, batch = s->batch;
  const double moved = p->activations + p->spectra + p->fields + p->weights + p->optimizer;
  pno_cli_say(cli, "samples    ");
  for (int j = 0; j < info->dims; j++) pno_cli_say(cli, "%s%d", j ? " x " : "", info->n[j]);
  pno_cli_say(cli, ", %d -> %d channels (%s)\n", info->in_channels, info->out_channels, from);
  pno_cli_say(cli, "model      %td real numbers, %d layers of width %d\n", p->parameters, s->model.layers, s->model.width);
  pno_cli_say(cli, "calls      %d of %d samples, one activation %.1f MiB, %s, %d thread%s\n",
              (s->batch + p->chunk - 1) / p->chunk, p->chunk, (double)p->layer_bytes * mib, s->kernels->name, s->threads,
              s->threads == 1 ? "" : "s");
  pno_cli_say(cli, "rows       %d points, %d modes, by %s", p->row.n, p->row.k, p->fft ? "FFTW" : "tables");
  if (p->times.fft > 0)
    pno_cli_say(cli, " (a layer of one: %.1f us by tables, %.1f us by FFTW)", 1e6 * p->times.tables, 1e6 * p->times.fft);
  pno_cli_say(cli, "\n");
  pno_cli_say(cli, "memory of a rank that computes a batch of %d alone, what further ranks add not counted\n", s->batch);
  for (int i = 0; i < p->lines; i++)
    pno_cli_say(cli, "  %-24s %10.2f MiB %15zu\n", p->line[i].purpose, (double)p->line[i].bytes * mib, p->line[i].bytes);
  pno_cli_say(cli, "  %-24s %10.2f MiB %15zu\n", "total", (double)p->bytes * mib, p->bytes);
  pno_cli_say(cli, "work       %.4g GFLOP a step, %.4g GFLOP an inference of the same samples\n",
              1e-9 * batch * p->cost.step, 1e-9 * batch * p->cost.forward);
  pno_cli_say(cli, "           GELU %.4g + %.4g M with slope a step, %.4g M an inference\n", 1e-6 * batch * p->cost.gelu_step,
              1e-6 * batch * p->cost.gelu_slope, 1e-6 * batch * p->cost.gelu_forward);
  pno_cli_say(cli, "moves      %.1f MiB a step: activations %.1f, spectra %.1f, fields %.1f, weights %.1f, optimiser %.1f\n",
              moved * mib, p->activations * mib, p->spectra * mib, p->fields * mib, p->weights * mib, p->optimizer * mib);
}

static pno_status configure(pno_cli *cli, pno_train_spec *out) {
  char own[PNO_PATH_MAX];
  const char *file = cli->n_args == 1 ? cli->args[0] : NULL;
  if (cli->n_args > 1) return pno_fail(PNO_E_USAGE, "--plan takes one CONFIG or RUN, got %d", cli->n_args);
  if (file && pno_rundir_is_run(file)) {
    PNO_TRY(pno_path_join(file, "config.yaml", own));
    file = own;
  }
  PNO_TRY(pno_cli_configure(cli, file));
  PNO_TRY(pno_task_train(cli->config, out));
  PNO_TRY(pno_device_transforms(cli, &out->transforms));
  return pno_device_choose(cli->config, &out->kernels);
}

static pno_status make_and_print(const pno_cli *cli, const pno_train_spec *s) {
  const char *from = "";
  pno_sample_info info;
  pno_train_plan plan;
  PNO_TRY(sample_shape(cli->config, s, &info, &from));
  PNO_TRY(pno_train_plan_make(s, &info, &plan));
  print_plan(cli, s, &info, from, &plan);
  return PNO_OK;
}

pno_status pno_cli_plan(pno_cli *cli) {
  pno_train_spec spec;
  pno_placement placed;
  PNO_TRY(pno_agree(cli->comm, configure(cli, &spec)));
  PNO_TRY(pno_placement_make(cli->comm, (int)pno_config_int(cli->config, PNO_KEY_PARALLEL_THREADS), &placed));
  spec.threads = placed.threads;
  return pno_agree(cli->comm, make_and_print(cli, &spec));
}
