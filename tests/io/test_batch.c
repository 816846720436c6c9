#include "io/batch.h"

#include "io/order.h"
#include "io_files.h"

#include <criterion/criterion.h>
#include <hdf5.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { COUNT = 11, POINTS = 6, BATCH = 4, MICRO = 3, EPOCHS = 5, MICROS_MAX = 4 };

static pno_dataset *data;

/* Point p of sample s is 6 s + p in x and the negative of it in y: a value says where it comes from. */
static void open_data(void) {
  const char *path = io_temp("batch.h5");
  const hsize_t dims[2] = {COUNT, POINTS};
  io_put_xy(path, 2, dims, 2, dims);
  cr_assert(pno_dataset_open(path, NULL, NULL, &data) == PNO_OK, "%s", pno_fail_words());
}

static void close_data(void) { pno_dataset_close(&data); }

TestSuite(batch, .init = open_data, .fini = close_data, .timeout = 60);

static pno_batch_plan plan_of(size_t memory, bool no_thread) {
  return (pno_batch_plan){.batch = BATCH, .micro = MICRO, .seed = 7, .shuffle = true, .memory = memory,
                          .no_thread = no_thread};
}

static pno_batch *must_create(const pno_batch_plan *plan) {
  pno_batch *b = NULL;
  cr_assert(pno_batch_create(data, plan, &b) == PNO_OK, "%s", pno_fail_words());
  return b;
}

static void expect_sample(ptrdiff_t sample, const float *x, const float *y) {
  for (int p = 0; p < POINTS; p++) {
    cr_assert(x[p] == (float)(sample * POINTS + p), "x of sample %td starts with %g", sample, (double)x[0]);
    cr_assert(y[p] == -x[p], "y of sample %td starts with %g", sample, (double)y[0]);
  }
}

/* Loads the named micro-batches of one step and checks every value against the order itself. Returns the samples. */
static int expect_step(pno_batch *b, const pno_order *o, ptrdiff_t step, const int *micro, int n_micro) {
  float x[BATCH * POINTS], y[BATCH * POINTS];
  memset(x, 0x55, sizeof x);
  memset(y, 0x55, sizeof y);
  cr_assert(pno_batch_load(b, o->epoch, step, micro, n_micro, x, y) == PNO_OK, "%s", pno_fail_words());
  int at = 0;
  for (int i = 0; i < n_micro; i++)
    for (int k = 0; k < pno_batch_micro_samples(b, step, micro[i]); k++, at++) {
      const ptrdiff_t sample = pno_order_sample(o, step * BATCH + micro[i] * MICRO + k);
      cr_assert(pno_batch_sample(b, o->epoch, step, micro[i], k) == sample);
      expect_sample(sample, x + at * POINTS, y + at * POINTS);
    }
  return at;
}

static void expect_epochs(pno_batch *b, ptrdiff_t n) {
  static const int all[MICROS_MAX] = {0, 1, 2, 3};
  for (uint32_t e = 0; e < EPOCHS; e++) {
    const pno_order o = {.seed = 7, .epoch = e, .n = n, .shuffle = true};
    ptrdiff_t seen = 0;
    for (ptrdiff_t s = 0; s < pno_batch_steps(b); s++) seen += expect_step(b, &o, s, all, pno_batch_micros(b, s));
    cr_assert(seen == n, "%td of %td samples in epoch %u", seen, n, e);
  }
}

/* The three ways of keeping samples: all in memory, only those wanted next, and too little room even for one. */
static const struct {
  size_t memory, prefetch;
} rooms[] = {{0, 0}, {1, 0}, {1, 2 * 2 * POINTS * sizeof(float)}, {1, 1}};

Test(batch, every_value_is_that_of_the_order_in_every_way_of_reading) {
  for (size_t r = 0; r < sizeof rooms / sizeof *rooms; r++)
    for (int no_thread = 0; no_thread < 2; no_thread++) {
      pno_batch_plan plan = plan_of(rooms[r].memory, no_thread);
      plan.prefetch = rooms[r].prefetch;
      pno_batch *b = must_create(&plan);
      int64_t ready = -1, late = -1;
      expect_epochs(b, COUNT);
      pno_batch_counts(b, &ready, &late);
      cr_expect(ready >= 0 && late >= 0 && ready + late == EPOCHS * COUNT, "%d + %d", (int)ready, (int)late);
      pno_batch_destroy(&b);
      cr_assert_null(b);
    }
}

Test(batch, a_batch_is_cut_into_micro_batches_of_fixed_size_the_last_one_shorter) {
  const pno_batch_plan plan = plan_of(0, true);
  pno_batch *b = must_create(&plan);
  cr_assert_eq(pno_batch_steps(b), 3);
  cr_expect_eq(pno_batch_samples(b, 0), 4);
  cr_expect_eq(pno_batch_micros(b, 0), 2);
  cr_expect_eq(pno_batch_micro_samples(b, 0, 0), 3);
  cr_expect_eq(pno_batch_micro_samples(b, 0, 1), 1);
  cr_expect_eq(pno_batch_samples(b, 2), 3);
  cr_expect_eq(pno_batch_micros(b, 2), 1);
  cr_expect_eq(pno_batch_micro_samples(b, 2, 0), 3);
  pno_batch_destroy(&b);
}

/* What ranks do: each names its own micro-batches, other ones at the next step, or none at all. */
Test(batch, micro_batches_named_in_any_order_hold_the_same_samples) {
  static const int lists[][2] = {{1, 0}, {0, 1}, {1, 1}};
  for (size_t r = 0; r < sizeof rooms / sizeof *rooms; r++) {
    pno_batch_plan plan = plan_of(rooms[r].memory, false);
    plan.prefetch = rooms[r].prefetch;
    pno_batch *b = must_create(&plan);
    for (uint32_t e = 0; e < EPOCHS; e++) {
      const pno_order o = {.seed = 7, .epoch = e, .n = COUNT, .shuffle = true};
      for (int s = 0; s < 2; s++) {
        expect_step(b, &o, s, lists[0], 2);
        expect_step(b, &o, s, lists[1], 1);
        expect_step(b, &o, s, lists[2], 1);
        expect_step(b, &o, s, NULL, 0);
      }
    }
    pno_batch_destroy(&b);
  }
}

Test(batch, steps_may_be_asked_for_in_any_order) {
  static const struct {
    uint32_t epoch;
    int step;
  } jumps[] = {{3, 2}, {0, 0}, {3, 2}, {1, 1}, {1, 0}, {2, 0}, {0, 2}};
  static const int first[1] = {0};
  const pno_batch_plan plan = plan_of(1, false);
  pno_batch *b = must_create(&plan);
  for (size_t i = 0; i < sizeof jumps / sizeof *jumps; i++) {
    const pno_order o = {.seed = 7, .epoch = jumps[i].epoch, .n = COUNT, .shuffle = true};
    expect_step(b, &o, jumps[i].step, first, 1);
  }
  pno_batch_destroy(&b);
}

Test(batch, in_memory_each_sample_is_read_once_and_elsewhere_without_a_thread_each_time) {
  for (int resident = 0; resident < 2; resident++) {
    const pno_batch_plan plan = plan_of(resident ? 0 : 1, true);
    pno_batch *b = must_create(&plan);
    int64_t ready = -1, late = -1;
    expect_epochs(b, COUNT);
    pno_batch_counts(b, &ready, &late);
    cr_expect_eq(late, resident ? COUNT : EPOCHS * COUNT);
    cr_expect_eq(ready, resident ? (EPOCHS - 1) * COUNT : 0);
    pno_batch_destroy(&b);
  }
}

/* A batch of all samples has one step an epoch: whatever is found read ahead was read across the end of an epoch. */
Test(batch, the_thread_reads_ahead_across_the_end_of_an_epoch) {
  static const int first[1] = {0};
  static float x[COUNT * POINTS], y[COUNT * POINTS];
  const struct timespec pause = {.tv_nsec = 1000000};
  const pno_batch_plan plan = {.batch = COUNT, .micro = COUNT, .memory = 1};
  pno_batch *b = must_create(&plan);
  int64_t ready = 0, late = 0;
  for (uint32_t e = 0; ready == 0; e++) { /* ends at the suite's time-out if nothing is ever read ahead */
    cr_assert(pno_batch_load(b, e, 0, first, 1, x, y) == PNO_OK);
    for (int s = 0; s < COUNT; s++) expect_sample(s, x + s * POINTS, y + s * POINTS);
    pno_batch_counts(b, &ready, &late);
    nanosleep(&pause, NULL);
  }
  pno_batch_destroy(&b);
}

Test(batch, only_the_first_samples_are_used_when_a_number_is_given) {
  pno_batch_plan plan = plan_of(0, false);
  plan.samples = 6;
  pno_batch *b = must_create(&plan);
  cr_assert_eq(pno_batch_steps(b), 2);
  expect_epochs(b, 6);
  pno_batch_destroy(&b);
  plan.samples = COUNT;
  b = must_create(&plan);
  expect_epochs(b, COUNT);
  pno_batch_destroy(&b);
}

Test(batch, a_batch_larger_than_the_data_is_one_batch_of_all) {
  const pno_batch_plan plan = {.batch = 1000, .micro = 500, .no_thread = true};
  pno_batch *b = must_create(&plan);
  cr_expect_eq(pno_batch_steps(b), 1);
  cr_expect_eq(pno_batch_micros(b, 0), 1);
  cr_expect_eq(pno_batch_micro_samples(b, 0, 0), COUNT);
  cr_expect_eq(pno_batch_sample(b, 3, 0, 0, 5), 5);
  pno_batch_destroy(&b);
}

Test(batch, sizes_that_do_not_fit_together_are_refused) {
  static const pno_batch_plan bad[] = {{.batch = 0, .micro = 1},
                                       {.batch = 4, .micro = 0},
                                       {.batch = 4, .micro = 5},
                                       {.batch = 4, .micro = 1, .samples = COUNT + 1},
                                       {.batch = 4, .micro = 1, .samples = -1}};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    pno_batch *b = NULL;
    cr_expect_eq(pno_batch_create(data, &bad[i], &b), PNO_E_USAGE, "plan %zu", i);
    cr_expect_null(b);
  }
  pno_batch_destroy(NULL);
}

Test(batch, steps_and_micro_batches_that_do_not_exist_are_refused) {
  static const int past[1] = {2}, below[1] = {-1}, first[1] = {0};
  float x[BATCH * POINTS], y[BATCH * POINTS];
  const pno_batch_plan plan = plan_of(0, true);
  pno_batch *b = must_create(&plan);
  cr_expect_eq(pno_batch_load(b, 0, 3, first, 1, x, y), PNO_E_USAGE);
  cr_expect_eq(pno_batch_load(b, 0, -1, first, 1, x, y), PNO_E_USAGE);
  cr_expect_eq(pno_batch_load(b, 0, 0, past, 1, x, y), PNO_E_USAGE);
  cr_expect_eq(pno_batch_load(b, 0, 0, below, 1, x, y), PNO_E_USAGE);
  pno_batch_destroy(&b);
}

/* The thread meets the NaN first; its words must not be lost, and the other samples must still be right. */
Test(batch, a_value_that_is_no_number_is_reported_to_the_caller_of_its_batch_only) {
  static const int both[2] = {0, 1};
  const char *path = io_temp("nan.h5");
  const hsize_t dims[2] = {COUNT, POINTS};
  double values[COUNT * POINTS];
  float x[BATCH * POINTS], y[BATCH * POINTS];
  for (int i = 0; i < COUNT * POINTS; i++) values[i] = i == 5 * POINTS + 2 ? 0.0 / 0.0 : i;
  io_put(path, "x", H5T_IEEE_F32LE, 2, dims, values);
  io_put(path, "y", H5T_IEEE_F32LE, 2, dims, NULL);
  close_data();
  cr_assert(pno_dataset_open(path, NULL, NULL, &data) == PNO_OK);
  for (size_t r = 0; r < sizeof rooms / sizeof *rooms; r++) {
    pno_batch_plan plan = plan_of(rooms[r].memory, false);
    plan.prefetch = rooms[r].prefetch;
    plan.shuffle = false;
    pno_batch *b = must_create(&plan);
    for (uint32_t e = 0; e < EPOCHS; e++) {
      cr_assert(pno_batch_load(b, e, 0, both, 2, x, y) == PNO_OK);
      cr_assert(pno_batch_load(b, e, 1, both, 2, x, y) == PNO_E_INPUT);
      cr_assert_not_null(strstr(pno_fail_words(), "sample 5"), "%s", pno_fail_words());
      cr_assert(pno_batch_load(b, e, 2, both, 1, x, y) == PNO_OK);
      cr_assert(x[0] == 8 * POINTS);
    }
    pno_batch_destroy(&b);
  }
}

Test(batch, a_data_set_without_samples_is_refused) {
  const char *path = io_temp("none.h5");
  const hsize_t dims[2] = {0, POINTS};
  const pno_batch_plan plan = plan_of(0, true);
  pno_dataset *none = NULL;
  pno_batch *b = NULL;
  io_put_xy(path, 2, dims, 2, dims);
  cr_assert(pno_dataset_open(path, NULL, NULL, &none) == PNO_OK, "%s", pno_fail_words());
  cr_expect_eq(pno_batch_create(none, &plan, &b), PNO_E_INPUT);
  pno_dataset_close(&none);
}
