/* What a training run prints on rank 0: the head, one progress line (redrawn on a terminal, every log.every_s seconds in
 * a pipe), validations, and the section table at the end. */
#ifndef PNO_LAUNCH_CLI_CONSOLE_H
#define PNO_LAUNCH_CLI_CONSOLE_H

#include "engine/train/trainer.h"
#include "launch/cli/cli.h"

typedef struct {
  const pno_cli *cli; /* borrowed */
  bool terminal, drawn;
  double every_s, started, shown; /* pno_clock */
  long steps, samples; /* of this process */
  double lost_s;                   /* in the reduction until the last line, for comm % */
} pno_console;

pno_console pno_console_create(const pno_cli *cli); /* Local */

/* Program, ranks, device, data, model and plan. Local. */
void pno_console_head(pno_console *c, const pno_trainer *t, const char *device);

void pno_console_step(pno_console *c, const pno_trainer *t, const pno_step_report *r);                  /* Local */
void pno_console_valid(pno_console *c, const pno_trainer *t, long step, int set, const pno_scores_all *scores); /* Local */
void pno_console_line(pno_console *c, const char *fmt, ...) PNO_PRINTF(2, 3);                             /* Local */

/* The section table with the spread over the ranks. Collective. Errors: PNO_E_COMM, PNO_E_NOMEM. */
pno_status pno_console_table(pno_console *c, pno_trainer *t);

/* 1h02m, 3m05s or 12s. Local. */
void pno_console_duration(double seconds, char *out, size_t cap);

/* Of validation set i: "valid" or the path of the test file. Local. */
const char *pno_console_set_name(const pno_trainer *t, int set);

#endif
