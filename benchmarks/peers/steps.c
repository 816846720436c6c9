#include "benchmarks/peers/steps.h"

#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum { LINE = 64, PATH = 4096 };

static bool usage(const char *program) {
  fprintf(stderr,
          "%s --n N[,N[,N]] --modes M --width W --batch B [--threads T] [--ranks R] [--mode train|infer|eval]\n"
          "  [--neuralop | --method none|pno_d|pno_r] [--burst] [--from FIFO] [--weights FILE --result FILE]\n",
          program);
  return false;
}

static bool read_grid(const char *text, steps_case *c) {
  char *end = NULL;
  for (c->dims = 0; c->dims < 3; text = end + 1) {
    const long n = strtol(text, &end, 10);
    if (n < 2 || n > 1 << 20 || end == text) return false;
    c->n[c->dims++] = (int)n;
    if (*end == '\0') return true;
    if (*end != ',') return false;
  }
  return false;
}

static bool read_count(const char *text, int *out) {
  char *end = NULL;
  const long value = strtol(text, &end, 10);
  *out = (int)value;
  return end != text && *end == '\0' && value >= 1 && value <= 1 << 20;
}

/* As torch_pno.py has them. */
static bool read_method(const char *text, steps_case *c) {
  const bool d = strcmp(text, "pno_d") == 0, r = strcmp(text, "pno_r") == 0;
  c->pno = true;
  c->draws = d || r ? 3 : 0;
  c->heads = r ? 2 : 1;
  c->dropout = d ? 0.2 : 0;
  return d || r || strcmp(text, "none") == 0;
}

bool steps_read(int argc, char **argv, steps_case *out) {
  static const struct option options[] = {{"n", required_argument, NULL, 'n'},
                                          {"modes", required_argument, NULL, 'm'},
                                          {"width", required_argument, NULL, 'w'},
                                          {"batch", required_argument, NULL, 'b'},
                                          {"threads", required_argument, NULL, 't'},
                                          {"ranks", required_argument, NULL, 'r'},
                                          {"mode", required_argument, NULL, 'M'},
                                          {"neuralop", no_argument, NULL, 'N'},
                                          {"method", required_argument, NULL, 'P'},
                                          {"burst", no_argument, NULL, 'B'},
                                          {"weights", required_argument, NULL, 'i'},
                                          {"from", required_argument, NULL, 'f'},
                                          {"result", required_argument, NULL, 'o'},
                                          {0}};
  steps_case c = {.threads = 1, .ranks = 1, .train = true};
  bool good = true;
  for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1 && good;) {
    if (o == 'n')
      good = read_grid(optarg, &c);
    else if (o == 'm')
      good = read_count(optarg, &c.modes);
    else if (o == 'w')
      good = read_count(optarg, &c.width);
    else if (o == 'b')
      good = read_count(optarg, &c.batch);
    else if (o == 't')
      good = read_count(optarg, &c.threads);
    else if (o == 'r')
      good = read_count(optarg, &c.ranks);
    else if (o == 'M')
      c.train = strcmp(optarg, "train") == 0;
    else if (o == 'P')
      good = read_method(optarg, &c);
    else if (o == 'N')
      c.neuralop = true;
    else if (o == 'B')
      c.burst = true;
    else if (o == 'f')
      c.from = optarg;
    else if (o == 'i')
      c.weights = optarg;
    else if (o == 'o')
      c.result = optarg;
    else
      good = false;
  }
  if (!good || optind != argc) return usage(argv[0]);
  if (!c.burst && (!c.dims || !c.modes || !c.width || !c.batch)) return usage(argv[0]);
  *out = c;
  return true;
}

bool steps_listen(const steps_case *c, int rank) {
  char path[PATH];
  if (!c->from) return true;
  return snprintf(path, sizeof path, "%s.%d", c->from, rank) < (int)sizeof path && freopen(path, "r", stdin);
}

bool steps_next(void) {
  char line[LINE];
  return fgets(line, sizeof line, stdin) && strcmp(line, "step\n") == 0;
}

void steps_ready(const char *what) {
  printf("{\"ready\": \"%s\"}\n", what);
  fflush(stdout);
}

void steps_answer(double seconds, double loss) {
  struct rusage use = {0};
  getrusage(RUSAGE_SELF, &use);
  if (isfinite(loss))
    printf("{\"ms\": %.4f, \"loss\": %.9g, \"rss_mb\": %ld}\n", 1e3 * seconds, loss, use.ru_maxrss / 1024);
  else
    printf("{\"error\": \"the loss is not finite\"}\n");
  fflush(stdout);
}

double steps_clock(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}
