#include "benchmarks/lib/gates.h"

#include <criterion/criterion.h>

#include "kernels/dispatch.h"
#include "kernels/scalar/table.h"

TestSuite(gates, .timeout = 60);

Test(gates, every_table_of_this_machine_passes_both) {
  int n;
  const pno_kernels *const *all = pno_kernels_all(&n);
  for (int i = 0; i < n; i++) {
    if (!pno_kernels_run(all[i])) continue;
    cr_assert_eq(pno_bench_gate_gradients(all[i], 1), PNO_OK, "%s: %s", all[i]->name, pno_fail_words());
    cr_assert_eq(pno_bench_gate_transforms(all[i], 1), PNO_OK, "%s: %s", all[i]->name, pno_fail_words());
  }
}

/* Operations that forget something. */
static void late_mix(const pno_mix *a, int mode, int count) { pno_scalar_mix_forward(a, mode, count > 1 ? count - 1 : count); }

static void no_gradient(const pno_mix *a, int mode, int count, float *scratch) {
  pno_mix other = *a;
  other.samples = a->samples > 1 ? a->samples - 1 : 1;
  pno_scalar_mix_backward(&other, mode, count, scratch);
}

static void half_axis(const pno_axis_call *a, int column, int count, float *scratch) {
  pno_scalar_axis_forward(a, column, count / 2, scratch);
}

static void bare_layer(const pno_back *a, int block, int count, float *scratch) {
  pno_back other = *a;
  other.activate = false;
  pno_scalar_layer_backward(&other, block, count, scratch);
}

static void one_sided(const pno_accumulate *a, ptrdiff_t first, ptrdiff_t count) {
  pno_accumulate other = *a;
  if (a->blocks > 1) other.blocks = a->blocks - 1;
  pno_scalar_accumulate(&other, first, count);
}

static void slightly(const pno_lift *a, int block, int count, float *scratch) {
  pno_scalar_lift_forward(a, block, count, scratch);
  a->rows[0] *= 1.001f;
}

static void twice_a_bias(const pno_head *a, int block, int count, float *scratch) {
  pno_scalar_head_loss(a, block, count, scratch);
  a->partial[pno_mlp_floats(&a->mlp) - pno_padded(a->out)] *= 2.0f; /* the last bias of block 0 */
}

Test(gates, a_wrong_forward_operation_is_caught_by_the_transforms) {
  pno_kernels t[3];
  for (int i = 0; i < 3; i++) t[i] = *pno_kernels_scalar();
  t[0].mix_forward = late_mix;
  t[1].axis_forward = half_axis;
  t[2].lift_forward = slightly;
  for (int i = 0; i < 3; i++) cr_assert_eq(pno_bench_gate_transforms(&t[i], 1), PNO_E_DIVERGED, "%d", i);
}

Test(gates, a_wrong_backward_operation_is_caught_by_the_gradients) {
  pno_kernels t[4];
  for (int i = 0; i < 4; i++) t[i] = *pno_kernels_scalar();
  t[0].mix_backward = no_gradient;
  t[1].layer_backward = bare_layer;
  t[2].accumulate = one_sided;
  t[3].head_loss = twice_a_bias;
  for (int i = 0; i < 4; i++) cr_assert_eq(pno_bench_gate_gradients(&t[i], 1), PNO_E_DIVERGED, "%d", i);
}
