/* laplace_driver DIR FEATURES OUTPUTS DRAWS: reads DIR/problem (doubles: squares, points, gram, weights, phi), writes
 * DIR/result (doubles: prior, noise, evidence, variance, draws [DRAWS][outputs][f]) for laplace_oracle.py. */
#include <stdio.h>
#include <stdlib.h>

#include "engine/score/laplace.h"

static FILE *open_in(const char *dir, const char *name, const char *mode) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s", dir, name);
  return fopen(path, mode);
}

int main(int argc, char **argv) {
  if (argc != 5) return 2;
  const int f = (int)strtol(argv[2], NULL, 10), outputs = (int)strtol(argv[3], NULL, 10);
  const int draws = (int)strtol(argv[4], NULL, 10);
  const size_t n_gram = (size_t)f * (size_t)f, n_weights = (size_t)f * (size_t)outputs;
  const size_t n = 2 + n_gram + n_weights + (size_t)f;
  double *in = calloc(n, sizeof *in), *drawn = calloc(n_weights, sizeof *drawn);
  FILE *from = open_in(argv[1], "problem", "rb"), *to = open_in(argv[1], "result", "wb");
  if (!in || !drawn || !from || !to || fread(in, sizeof *in, n, from) != n) return 3;
  pno_laplace *l = NULL;
  if (pno_laplace_fit(f, outputs, in + 2, in + 2 + n_gram, in[0], in[1], &l) != PNO_OK) {
    printf("%s\n", pno_fail_words());
    return 4;
  }
  const double head[] = {l->prior, l->noise, l->log_evidence, pno_laplace_variance(l, in + n - f)};
  fwrite(head, sizeof *head, 4, to);
  for (int d = 0; d < draws; d++) {
    pno_laplace_draw(l, 20261126, d, drawn);
    fwrite(drawn, sizeof *drawn, n_weights, to);
  }
  pno_laplace_destroy(&l);
  fclose(from);
  free(in);
  free(drawn);
  return fclose(to) == 0 ? 0 : 5;
}
