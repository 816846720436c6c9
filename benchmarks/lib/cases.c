#include "benchmarks/lib/cases.h"

#include <string.h>

const pno_bench_case pno_bench_cases[] = {
    {.name = "a1", .dims = 2, .n = {64, 64}, .modes = 12, .width = 32, .batch = 20},
    {.name = "a2", .dims = 2, .n = {256, 256}, .modes = 12, .width = 32, .batch = 20},
    {.name = "b1", .dims = 2, .n = {128, 128}, .modes = 16, .width = 64, .batch = 20},
    {.name = "b2", .dims = 2, .n = {128, 128}, .modes = 32, .width = 64, .batch = 20},
    {.name = "c1", .dims = 1, .n = {1024}, .modes = 16, .width = 64, .batch = 20},
    {.name = "c2", .dims = 1, .n = {8192}, .modes = 16, .width = 64, .batch = 20},
    {.name = "d1", .dims = 3, .n = {64, 64, 40}, .modes = 8, .width = 20, .batch = 10},
    {.name = "d2", .dims = 3, .n = {64, 64, 40}, .modes = 12, .width = 32, .batch = 10},
    {.name = "e1", .dims = 2, .n = {64, 64}, .modes = 6, .width = 32, .batch = 16, .pno = true},
    {.name = "e1d", .dims = 2, .n = {64, 64}, .modes = 6, .width = 32, .batch = 16, .pno = true, .draws = 3, .dropout = 0.2, .inputs = 2},
    {.name = "e1r", .dims = 2, .n = {64, 64}, .modes = 6, .width = 32, .batch = 16, .pno = true, .draws = 3, .heads = 2, .inputs = 2},
    {.name = "t1", .dims = 2, .n = {16, 16}, .modes = 4, .width = 16, .batch = 2, .on_request = true},
};
const int pno_n_bench_cases = sizeof pno_bench_cases / sizeof pno_bench_cases[0];

/* Length of the name at the head of a list, and where the next one begins (NULL: nowhere). */
static size_t first_name(const char *list, const char **next) {
  const size_t n = strcspn(list, ",");
  *next = list[n] ? list + n + 1 : NULL;
  return n;
}

static bool is_name(const char *text, size_t n, const char *name) { return strlen(name) == n && memcmp(text, name, n) == 0; }

bool pno_bench_wants(const char *list, const pno_bench_case *c) {
  if (!list) return !c->on_request;
  for (const char *at = list, *next; at; at = next)
    if (is_name(at, first_name(at, &next), c->name)) return true;
  return false;
}

pno_status pno_bench_check(const char *list) {
  for (const char *at = list, *next; at; at = next) {
    const size_t n = first_name(at, &next);
    bool known = false;
    for (int i = 0; i < pno_n_bench_cases; i++) known = known || is_name(at, n, pno_bench_cases[i].name);
    if (!known)
      return pno_hint(pno_fail(PNO_E_USAGE, "no configuration '%.*s'", n < 40 ? (int)n : 40, at),
                      "a1, a2, b1, b2, c1, c2, d1, d2, e1, e1d, e1r or t1, several with commas");
  }
  return PNO_OK;
}

pno_fno_spec pno_bench_spec(const pno_bench_case *c) {
  pno_fno_spec s = {.flavour = PNO_FLAVOUR_LI, .dims = c->dims, .in = 1, .out = 1, .width = c->width, .layers = 4,
                    .head_hidden = 128, .embed = true};
  if (c->neuralop) {
    s.flavour = PNO_FLAVOUR_NEURALOP;
    s.lift_hidden = s.head_hidden = 2 * c->width;
    s.mlp_hidden = c->width / 2;
  }
  if (c->pno) {
    s.flavour = PNO_FLAVOUR_PNO;
    s.lift_hidden = s.head_hidden = 256;
    s.heads = c->heads;
  }
  for (int j = 0; j < c->dims; j++) s.modes[j] = c->neuralop || c->pno ? 2 * c->modes : c->modes;
  return s;
}
