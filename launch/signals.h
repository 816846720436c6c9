/* Signals as requests: handlers only set flags, the training loop takes them between steps. Local. */
#ifndef PNO_LAUNCH_SIGNALS_H
#define PNO_LAUNCH_SIGNALS_H

/* SIGUSR1, SIGTERM, SIGINT: stop after this step with a checkpoint; a second one the same; a third ends the process with
 * exit code 130. SIGUSR2: checkpoint and go on. SIGPIPE and SIGXFSZ are ignored: writing fails with words instead. */
void pno_signals_install(void);

int pno_signals_stop(void);       /* how often a stop was asked for */
int pno_signals_checkpoint(void); /* 1 once after each SIGUSR2 */

#endif
