#include "io/order.h"

#include <criterion/criterion.h>
#include <stdlib.h>

Test(order, is_a_bijection_with_its_inverse_for_every_size_up_to_2000) {
  for (ptrdiff_t n = 1; n <= 2000; n++) {
    const pno_order o = {.seed = 42, .epoch = (uint32_t)n, .n = n, .shuffle = true};
    unsigned char *seen = calloc((size_t)n, 1);
    for (ptrdiff_t p = 0; p < n; p++) {
      const ptrdiff_t s = pno_order_sample(&o, p);
      cr_assert(s >= 0 && s < n && !seen[s], "n %td position %td gives %td", n, p, s);
      seen[s] = 1;
      cr_assert(pno_order_position(&o, s) == p);
    }
    free(seen);
  }
}

static int moved(pno_order a, pno_order b) {
  int n = 0;
  for (ptrdiff_t p = 0; p < a.n; p++) n += pno_order_sample(&a, p) != pno_order_sample(&b, p);
  return n;
}

Test(order, another_epoch_and_another_seed_give_another_order) {
  const pno_order o = {.seed = 1, .epoch = 0, .n = 1000, .shuffle = true};
  pno_order next = o, seeded = o, plain = o;
  next.epoch = 1;
  seeded.seed = 2;
  plain.shuffle = false;
  cr_assert(moved(o, next) > 980);
  cr_assert(moved(o, seeded) > 980);
  cr_assert(moved(o, plain) > 980);
  cr_assert(moved(o, o) == 0);
}

Test(order, without_shuffling_position_is_sample) {
  const pno_order o = {.seed = 1, .n = 77};
  for (ptrdiff_t p = 0; p < 77; p++) cr_assert(pno_order_sample(&o, p) == p && pno_order_position(&o, p) == p);
}

/* 24 orders of 4 samples over 4800 epochs: each 200 times expected, standard deviation 14. */
Test(order, all_orders_of_four_samples_are_about_equally_frequent) {
  int count[256] = {0};
  for (uint32_t e = 0; e < 4800; e++) {
    const pno_order o = {.seed = 7, .epoch = e, .n = 4, .shuffle = true};
    int key = 0;
    for (ptrdiff_t p = 0; p < 4; p++) key = key * 4 + (int)pno_order_sample(&o, p);
    count[key]++;
  }
  int orders = 0;
  for (int i = 0; i < 256; i++) {
    orders += count[i] > 0;
    cr_assert(count[i] == 0 || (count[i] > 100 && count[i] < 300), "order %d came %d times", i, count[i]);
  }
  cr_assert(orders == 24, "%d orders", orders);
}

/* Chi-square of where sample 0 goes among 50 positions in 5000 epochs: 49 degrees, 99.99 % point 96. */
Test(order, a_sample_visits_all_positions_evenly) {
  int count[50] = {0};
  for (uint32_t e = 0; e < 5000; e++) {
    const pno_order o = {.seed = 3, .epoch = e, .n = 50, .shuffle = true};
    count[pno_order_position(&o, 0)]++;
  }
  double chi = 0.0;
  for (int i = 0; i < 50; i++) chi += (count[i] - 100.0) * (count[i] - 100.0) / 100.0;
  cr_assert(chi < 96.0, "chi-square %g", chi);
}

Test(order, holds_more_samples_than_an_int_counts) {
  const pno_order o = {.seed = 5, .epoch = 9, .n = ((ptrdiff_t)1 << 33) + 12345, .shuffle = true};
  for (ptrdiff_t p = 0; p < o.n; p += o.n / 97) {
    const ptrdiff_t s = pno_order_sample(&o, p);
    cr_assert(s >= 0 && s < o.n && pno_order_position(&o, s) == p);
  }
}
