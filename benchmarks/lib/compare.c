#include "benchmarks/lib/compare.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const pno_verdict_names[3] = {"improved", "same", "regressed"};

int pno_compare(const pno_quantity *a, int n_a, const pno_quantity *b, int n_b, double tol, pno_compared *out) {
  int n = 0;
  for (int i = 0; i < n_a; i++) {
    for (int k = 0; k < n_b; k++) {
      if (strcmp(a[i].name, b[k].name) != 0) continue;
      const double ratio = b[k].value / a[i].value;
      const pno_verdict v = ratio > 1.0 + tol         ? PNO_COMPARED_REGRESSED
                            : ratio < 1.0 / (1.0 + tol) ? PNO_COMPARED_IMPROVED
                                                        : PNO_COMPARED_SAME;
      out[n++] = (pno_compared){.a = &a[i], .b = &b[k], .ratio = ratio, .verdict = v};
      break;
    }
  }
  return n;
}

pno_status pno_compare_bench(const pno_bench_result *r, pno_quantity *out) {
  if (strcmp(r->validity, "VALID") != 0) return pno_fail(PNO_E_INPUT, "the result is not valid (%.200s)", r->validity);
  for (int i = 0; i < r->n; i++) {
    const pno_bench_row *w = &r->row[i];
    snprintf(out[i].name, sizeof out[i].name, "%s %s, %g x %g threads, %s, ms", w->config, w->mode, w->ranks, w->threads,
             w->device);
    out[i].value = w->median_ms;
  }
  return PNO_OK;
}

pno_status pno_compare_tolerance(const char *text, double *out) {
  char *end;
  const double percent = strtod(text, &end);
  const bool plain = strspn(text, "0123456789.") == (size_t)(end - text);
  if (end == text || !plain || strcmp(end, "%") != 0 || !isfinite(percent) || percent > 1000)
    return pno_hint(pno_fail(PNO_E_USAGE, "--tol: '%.40s' is no percentage", text), "0%% to 1000%%, as 5%%");
  *out = percent / 100.0;
  return PNO_OK;
}
