#include "launch/cli/phases.h"

void pno_phases_print(const pno_cli *cli, const pno_bench_row *row) {
  if (row->n_phases == 0) return;
  const pno_bench_phase *pass = &row->phase[row->n_phases - 1];
  const double ghz = pass->mcycles / pass->ms / row->threads;
  pno_cli_say(cli, "\n %s %s, phases of rank 0 of %g, %g threads: core %.3f GHz, ticks %.3f GHz, FMA %.1f flop/cycle\n",
              row->config, row->mode, row->ranks, row->threads, ghz, pass->mticks / pass->ms,
              row->fma_gflops / (row->ranks * row->threads * ghz));
  pno_cli_say(cli, " phase          Mcycles   Mticks       ms share %%    GFLOP flop/cycle FMA %%  GELU 10^6       MB    GB/s"
                   " copy %% floor ms     %%\n");
  for (int i = 0; i < row->n_phases; i++) {
    const pno_bench_phase *f = &row->phase[i];
    pno_cli_say(cli, " %-12s %9.3f %8.3f %8.3f %7.1f %8.4f %10.2f %5.1f %10.3f %8.1f %7.2f %6.1f %8.3f %5.1f\n", f->phase,
                f->mcycles, f->mticks, f->ms, 100.0 * f->share, f->gflop, f->flop_a_cycle, 100.0 * f->fma_part, f->gelu_m,
                f->mbytes, f->gbytes, 100.0 * f->copy_part, f->floor_ms, 100.0 * f->fraction);
  }
}
