#include "launch/cli/console.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "engine/base/clock.h"
#include "launch/version.h"

/* Open MPI gives ranks a pseudo-terminal even where mpirun writes into a pipe: its own output counts, which is seen only
 * from a rank that mpirun itself started. */
static bool on_terminal(void) {
  char name[64], target[64] = "";
  if (!isatty(STDOUT_FILENO)) return false;
  if (!getenv("OMPI_COMM_WORLD_RANK")) return true;
  snprintf(name, sizeof name, "/proc/%ld/fd/1", (long)getppid());
  const ssize_t n = readlink(name, target, sizeof target - 1);
  return n > 0 && strncmp(target, "/dev/pts/", 9) == 0;
}

pno_console pno_console_create(const pno_cli *cli) {
  pno_console c = {.cli = cli, .every_s = pno_config_float(cli->config, PNO_KEY_LOG_EVERY_S)};
  c.terminal = on_terminal();
  c.started = c.shown = pno_clock();
  return c;
}

void pno_console_duration(double seconds, char *out, size_t cap) {
  const long s = seconds > 0 ? lround(seconds) : 0;
  if (s >= 3600)
    snprintf(out, cap, "%ldh%02ldm", s / 3600, s / 60 % 60);
  else if (s >= 60)
    snprintf(out, cap, "%ldm%02lds", s / 60, s % 60);
  else
    snprintf(out, cap, "%lds", s);
}

const char *pno_console_set_name(const pno_trainer *t, int set) {
  if (t->spec.valid_samples > 0) set--;
  return set < 0 ? "valid" : t->spec.tests[set];
}

void pno_console_line(pno_console *c, const char *fmt, ...) {
  if (c->cli->quiet || !pno_cli_rank0(c->cli)) return;
  va_list ap;
  va_start(ap, fmt);
  if (c->drawn) printf("\r\033[K");
  c->drawn = false;
  vprintf(fmt, ap);
  printf("\n");
  fflush(stdout);
  va_end(ap);
}

/* "16 x 16", "1 -> 2 channels" */
static void shape_text(const pno_sample_info *info, char *out, size_t cap) {
  size_t used = 0;
  for (int j = 0; j < info->dims && used < cap; j++)
    used += (size_t)snprintf(out + used, cap - used, "%s%d", j ? " x " : "", info->n[j]);
  if (used < cap) snprintf(out + used, cap - used, ", %d -> %d channels", info->in_channels, info->out_channels);
}

void pno_console_head(pno_console *c, const pno_trainer *t, const char *device) {
  char shape[80];
  const pno_registry *r = pno_fno_registry(t->op.fno);
  const pno_fno_spec *m = pno_fno_spec_of(t->op.fno);
  const int ranks = pno_comm_size(t->comm);
  pno_console_line(c, "pno " PNO_VERSION "  %d rank%s, %d on %s, device %s", ranks, ranks > 1 ? "s" : "",
                   pno_comm_host_ranks(t->comm), pno_comm_host(t->comm), device);
  shape_text(pno_dataset_info(t->data), shape, sizeof shape);
  pno_console_line(c, "data    %s (%s)  %s  %td steps an epoch", t->spec.data, pno_dataset_format(t->data), shape,
                   pno_batch_steps(t->batch));
  for (int i = 0; i < t->spec.n_tests; i++) {
    shape_text(pno_dataset_info(t->test_data[i]), shape, sizeof shape);
    pno_console_line(c, "test    %s  %s  %td samples", t->spec.tests[i], shape, pno_dataset_count(t->test_data[i]));
  }
  pno_console_line(c, "model   fno (%s)  width %d  layers %d  %td parameters, %td real numbers",
                   m->flavour == PNO_FLAVOUR_LI ? "li" : m->flavour == PNO_FLAVOUR_PNO ? "pno" : "neuralop", m->width, m->layers, pno_registry_elements(r),
                   pno_registry_reals(r));
  const double mib = 1.0 / 1048576.0;
  pno_console_line(c, "plan    batch %d in micro-batches of %d  %ld steps  memory a rank: model %.1f MiB, trainer %.1f MiB",
                   t->spec.batch, t->spec.micro, pno_trainer_total_steps(t), (double)pno_fno_plan_bytes(t->plan) * mib,
                   (double)(t->memory.cap + t->op.memory.cap + pno_reduce_bytes(t->reduce)) * mib);
}

void pno_console_step(pno_console *c, const pno_trainer *t, const pno_step_report *r) {
  const double now = pno_clock(), waited = t->seconds[PNO_SECTION_REDUCE];
  c->steps++;
  c->samples += r->samples;
  if (c->cli->quiet || !pno_cli_rank0(c->cli)) return;
  if (now - c->shown < (c->terminal ? 0.2 : c->every_s)) return;
  const double per_step = (now - c->started) / (double)c->steps, rate = (double)c->samples / (now - c->started);
  const long left = pno_trainer_total_steps(t) - r->step;
  char eta[32];
  pno_console_duration(per_step * (double)left, eta, sizeof eta);
  printf("%sstep %6ld/%ld | loss %.3e%s | grad %.2e | lr %.1e | %.1f ms | %.0f samp/s %.2f Mpt/s | comm %.0f%% | ETA %s",
         c->drawn ? "\r\033[K" : "", r->step, pno_trainer_total_steps(t), r->loss, r->skipped ? " SKIPPED" : "",
         r->grad_norm, r->lr, 1e3 * per_step, rate, 1e-6 * rate * (double)pno_dataset_points(t->data),
         100.0 * (waited - c->lost_s) / (now - c->shown), eta);
  if (!c->terminal) printf("\n");
  fflush(stdout);
  c->drawn = c->terminal;
  c->shown = now;
  c->lost_s = waited;
}

void pno_console_valid(pno_console *c, const pno_trainer *t, long step, int set, const pno_scores_all *scores) {
  char draws[80] = "";
  if (scores->draws > 1)
    snprintf(draws, sizeof draws, "energy %.4e | crps %.4e | spread/skill %.2f | ", scores->energy, scores->crps, scores->ssr);
  pno_console_line(c, "valid  step %ld | epoch %d | %srel_l2 %.5f | l2 %.4e | h1 %.5f | %s", step, t->epoch, draws,
                   scores->rel_l2, scores->l2, scores->h1, pno_console_set_name(t, set));
}

static const char rule[] = "--------------------------------------------------------------------------------";

/* seconds: [ranks][PNO_SECTIONS + 1], the wall time last. */
static void print_table(pno_console *c, const pno_trainer *t, const double *seconds) {
  enum { ROW = PNO_SECTIONS + 1, IMBALANCE = 25 };
  const int ranks = pno_comm_size(t->comm);
  const double wall = seconds[PNO_SECTIONS];
  double flops[2];
  pno_fno_flops(t->plan, &flops[0], &flops[1]);
  struct rusage use;
  getrusage(RUSAGE_SELF, &use);
  pno_console_line(c, "%s\n section       calls    min s    avg s    max s  imb%%  total%%   slowest", rule);
  for (int s = 0; s < PNO_SECTIONS; s++) {
    double least = INFINITY, most = 0, sum = 0;
    int slowest = 0;
    for (int r = 0; r < ranks; r++) {
      const double x = seconds[r * ROW + s];
      sum += x;
      least = x < least ? x : least;
      if (x > most) {
        most = x;
        slowest = r;
      }
    }
    const double mean = sum / ranks;
    pno_console_line(c, " %-11s %7ld %8.3f %8.3f %8.3f %5.0f %7.1f   rank %d", pno_section_names[s], t->calls[s], least,
                     mean, most, mean > 0 ? 100.0 * (most / mean - 1.0) : 0.0, 100.0 * mean / wall, slowest);
    if (s == PNO_SECTION_GRADIENT && mean > 0 && 100.0 * (most / mean - 1.0) > IMBALANCE)
      pno_console_line(c, "  note: rank %d works longest: try parallel.balance=speed", slowest);
  }
  pno_console_line(c, "%s", rule);
  pno_console_line(c, " wall %.2f s  %ld steps  %.1f samples/s  %.3f Mpoint/s  %.2f GFLOP/s on all ranks  peak RSS %.0f MiB",
                   wall, c->steps, (double)c->samples / wall,
                   1e-6 * (double)c->samples * (double)pno_dataset_points(t->data) / wall,
                   1e-9 * (double)c->samples * flops[1] / wall, (double)use.ru_maxrss / 1024.0);
}

pno_status pno_console_table(pno_console *c, pno_trainer *t) {
  enum { ROW = PNO_SECTIONS + 1 };
  double mine[ROW];
  memcpy(mine, t->seconds, sizeof t->seconds);
  mine[PNO_SECTIONS] = pno_clock() - c->started;
  double *all = calloc((size_t)pno_comm_size(t->comm), sizeof mine);
  pno_status st = pno_agree(t->comm, all ? PNO_OK : pno_fail(PNO_E_NOMEM, "no memory for the section table"));
  if (st == PNO_OK) st = pno_gather(t->comm, mine, sizeof mine, all, 0);
  if (st == PNO_OK && pno_cli_rank0(c->cli)) print_table(c, t, all);
  free(all);
  return st;
}
