#include "launch/signals.h"

#include <signal.h>
#include <stddef.h>
#include <unistd.h>

static volatile sig_atomic_t stops, checkpoints;

static void on_stop(int number) {
  (void)number;
  stops = stops + 1;
  if (stops >= 3) _exit(130);
}

static void on_checkpoint(int number) {
  (void)number;
  checkpoints = 1;
}

void pno_signals_install(void) {
  static const int stopping[] = {SIGUSR1, SIGTERM, SIGINT};
  struct sigaction act = {.sa_handler = on_stop, .sa_flags = SA_RESTART};
  sigemptyset(&act.sa_mask);
  for (size_t i = 0; i < sizeof stopping / sizeof stopping[0]; i++) sigaction(stopping[i], &act, NULL);
  act.sa_handler = on_checkpoint;
  sigaction(SIGUSR2, &act, NULL);
  act.sa_handler = SIG_IGN;
  sigaction(SIGPIPE, &act, NULL);
  sigaction(SIGXFSZ, &act, NULL);
}

int pno_signals_stop(void) { return stops; }

int pno_signals_checkpoint(void) {
  const int asked = checkpoints;
  checkpoints = 0;
  return asked;
}
