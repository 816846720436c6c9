/* Every allocation of io fails once, and all from the n-th on: the call says PNO_E_NOMEM, nothing leaks, and the files
 * from before are valid. HDF5's own allocations cannot be reached. Jansson's fail too where it writes; where it parses
 * they are left alone: its lexer (2.14) ignores that its buffer did not grow and ends the process by an assert in
 * lex_scan_string. */
#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "checkpoint_world.h"
#include "io/batch.h"
#include "io/cache.h"
#include "io/fields_file.h"
#include "io/metrics.h"
#include "io/normaliser.h"
#include "io/plot.h"
#include "io/plot_reliability.h"
#include "io/rundir.h"
#include "io/scores_file.h"
#include "io/spool.h"
#include "io_files.h"
#include "native_spec.h"
#include "tests/support/alloc_sweep.h"

static char path[512], other[512];
static world made, loaded;
static pno_comm *comm;

static void name_files(void) {
  cr_assert(pno_comm_self(&comm) == PNO_OK);
  snprintf(path, sizeof path, "%s", io_temp("a"));
  snprintf(other, sizeof other, "%s", io_temp("b"));
}

static void apart(void) { pno_comm_destroy(&comm); }

TestSuite(allocations, .init = name_files, .fini = apart, .timeout = 120);

static void sweep(void (*before)(void *), pno_status (*call)(void *), bool (*after)(void *, pno_status)) {
  const alloc_sweep s = {.before = before, .call = call, .after = after};
  const alloc_sweep_result r = alloc_sweep_run(&s);
  cr_expect(alloc_sweep_clean(&r),
            "%d allocations: %d refused, %d other failures, %d done without, %d leaks (from %p), %d wrong; first n = %d%s",
            r.allocations, r.refused, r.other, r.passed, r.leaks, r.leak_from, r.wrong, r.first_bad,
            r.first_once ? " alone" : " and later");
}

/* ---- checkpoints: path holds steps 1 and 2 ---- */

static void two_checkpoints(void) {
  cr_assert(world_save(comm, path, 1, 0, NULL) == PNO_OK, "%s", pno_fail_words());
  cr_assert(world_save(comm, path, 2, 0, NULL) == PNO_OK);
}

static pno_status save_third(void *user) {
  const pno_checkpoint_options options = {.keep = 0};
  (void)user;
  return pno_checkpoint_save(comm, path, &made.meta, made.arrays, WORLD_ARRAYS, &options, NULL);
}

static bool newest_is_whole(void *user, pno_status st) {
  int step = -1;
  (void)user;
  return world_load(comm, path, (pno_checkpoint_choice){.step = -1, .strict = true}, &step) == PNO_OK &&
         (step == 3 || (step == 2 && st != PNO_OK));
}

static void without_third(void *user) {
  (void)user;
  cr_assert(world_save(comm, path, 2, 0, NULL) == PNO_OK); /* removes step 3 as an abandoned branch */
}

Test(allocations, of_a_save_leave_the_checkpoints_before) {
  json_set_alloc_funcs(malloc, free);
  two_checkpoints();
  world_make(&made, 3);
  sweep(without_third, save_third, newest_is_whole);
}

static void clear_world(void *user) {
  (void)user;
  world_clear(&loaded);
}

static pno_status load_newest(void *user) {
  const pno_checkpoint_choice newest = {.step = -1};
  (void)user;
  return pno_checkpoint_load(comm, path, &newest, &loaded.meta, loaded.arrays, WORLD_ARRAYS, NULL);
}

/* Never an older step because memory was short, and never half a checkpoint. */
static bool second_or_untouched(void *user, pno_status st) {
  static world want;
  (void)user;
  if (st == PNO_OK)
    world_make(&want, 2);
  else
    world_clear(&want);
  return loaded.meta.step == want.meta.step && world_same(&want, &loaded);
}

Test(allocations, of_a_load_never_give_an_older_checkpoint_or_half_of_one) {
  two_checkpoints();
  sweep(clear_world, load_newest, second_or_untouched);
}

static void no_report(void *user, const char *what, pno_status st, const char *words) {
  (void)user;
  (void)what;
  (void)st;
  (void)words;
}

static pno_status look_at_checkpoints(void *user) {
  static pno_checkpoint_meta meta;
  int64_t *steps = NULL;
  int n = 0;
  (void)user;
  PNO_TRY(pno_checkpoint_peek(path, &(pno_checkpoint_choice){.step = -1}, &meta, NULL));
  PNO_TRY(pno_checkpoint_steps(path, &steps, &n));
  free(steps);
  return pno_checkpoint_verify(path, NULL, true, no_report, NULL);
}

Test(allocations, of_a_look_at_checkpoints_are_refused) {
  two_checkpoints();
  sweep(NULL, look_at_checkpoints, NULL);
}

/* ---- data sets ---- */

static pno_status read_all(void *user) {
  static float v[4096];
  const pno_dataset_limits limits = {.verify = true};
  pno_dataset *ds = NULL;
  (void)user;
  PNO_TRY(pno_dataset_open(path, NULL, &limits, &ds));
  pno_status st = PNO_OK;
  for (ptrdiff_t s = 0; s < pno_dataset_count(ds) && st == PNO_OK; s++)
    st = pno_dataset_read(ds, s, v, v + pno_dataset_x_count(ds));
  pno_dataset_close(&ds);
  return st;
}

static pno_status write_native(void *user) {
  const pno_dataset_spec spec = native_series();
  (void)user;
  return pno_dataset_write(path, &spec, native_source, NULL, NULL);
}

static bool reads(void *user, pno_status st) {
  (void)st;
  return read_all(user) == PNO_OK;
}

Test(allocations, of_the_readers_of_data_sets_are_refused) {
  const hsize_t dims[3] = {3, 5, 7};
  cr_assert(write_native(NULL) == PNO_OK, "%s", pno_fail_words());
  sweep(NULL, read_all, reads);
  unlink(path);
  io_put_xy(path, 3, dims, 3, dims);
  sweep(NULL, read_all, reads);
}

Test(allocations, of_a_write_leave_the_data_set_before) {
  cr_assert(write_native(NULL) == PNO_OK);
  sweep(NULL, write_native, reads);
}

static pno_status make_batches(void *user) {
  static float x[512], y[512];
  static const int first[1] = {0};
  const pno_batch_plan plan = {.batch = 2, .micro = 2, .no_thread = true};
  pno_dataset *ds = NULL;
  pno_batch *b = NULL;
  (void)user;
  PNO_TRY(pno_dataset_open(path, NULL, NULL, &ds));
  pno_status st = pno_batch_create(ds, &plan, &b);
  if (st == PNO_OK) st = pno_batch_load(b, 0, 0, first, 1, x, y);
  pno_batch_destroy(&b);
  pno_dataset_close(&ds);
  return st;
}

Test(allocations, of_batches_are_refused) {
  const hsize_t dims[3] = {3, 5, 7};
  io_put_xy(path, 3, dims, 3, dims);
  sweep(NULL, make_batches, NULL);
}

static pno_status fit(void *user) {
  static const pno_normalise kinds[] = {PNO_NORMALISE_NONE, PNO_NORMALISE_CHANNEL, PNO_NORMALISE_POINT};
  static const float sample[6] = {1, 2, 3, 4, 5, 6};
  double partial[6];
  (void)user;
  for (int k = 0; k < 3; k++) {
    pno_normaliser *z = NULL;
    PNO_TRY(pno_normaliser_create(kinds[k], 3, 2, &z));
    for (int s = 0; s < 2; s++) {
      pno_normaliser_sums(z, sample, partial);
      pno_normaliser_add(z, partial);
    }
    const pno_status st = pno_normaliser_finish(z);
    pno_normaliser_destroy(&z);
    PNO_TRY(st);
  }
  return PNO_OK;
}

Test(allocations, of_normalisers_are_refused) { sweep(NULL, fit, NULL); }

/* ---- what a run leaves ---- */

static pno_status journal(void *user) {
  static const pno_digest none;
  int64_t bytes = 0;
  pno_digest digest;
  pno_metrics *m = NULL;
  (void)user;
  PNO_TRY(pno_metrics_open(path, PNO_METRICS_ALL, none, &m));
  const pno_metric fields[] = {pno_metric_i64("step", 1), pno_metric_f64("loss", 0.5)};
  pno_status st = pno_metrics_write(m, "valid", fields, 2);
  if (st == PNO_OK) st = pno_metrics_place(m, &bytes, &digest);
  pno_metrics_close(&m);
  return st == PNO_OK ? pno_metrics_view(path, "run", none) : st;
}

static void one_line(void *user) {
  char name[600];
  (void)user;
  snprintf(name, sizeof name, "%s/%s", path, PNO_METRICS_NAME);
  io_spit(name, "{\"t\":\"train\",\"step\":1}\n", 23);
}

static bool view_is_there(void *user, pno_status st) {
  char view[600];
  (void)user;
  (void)st;
  snprintf(view, sizeof view, "%s/%s", path, PNO_METRICS_VIEW_NAME);
  size_t n = 0;
  unsigned char *bytes = io_slurp(view, &n);
  const bool hdf5 = n > 8 && memcmp(bytes, "\211HDF\r\n\032\n", 8) == 0;
  free(bytes);
  return hdf5;
}

Test(allocations, of_metrics_leave_journal_and_view_before) {
  static const pno_digest none;
  pno_metrics *m = NULL;
  cr_assert(mkdir(path, 0700) == 0);
  cr_assert(pno_metrics_open(path, PNO_METRICS_NEW, none, &m) == PNO_OK);
  pno_metrics_close(&m);
  cr_assert(journal(NULL) == PNO_OK);
  sweep(one_line, journal, view_is_there);
}

static pno_status start_run(void *user) {
  static const char *const facts[][2] = {{"build", "abc"}};
  pno_rundir *r = NULL;
  (void)user;
  PNO_TRY(pno_rundir_open(path, true, NULL, &r));
  pno_status st = pno_rundir_write_env(r, facts, 1);
  if (st == PNO_OK) st = pno_rundir_ask(path, PNO_CONTROL_STOP);
  if (st == PNO_OK && pno_rundir_poll(r) != PNO_CONTROL_STOP) st = pno_fail(PNO_E_INTERNAL, "not asked");
  pno_rundir_close(&r);
  return st;
}

static bool run_is_free(void *user, pno_status st) {
  char text[PNO_RUNDIR_HOLDER_TEXT];
  (void)user;
  (void)st;
  pno_rundir_holder(path, text);
  return pno_rundir_is_run(path) && text[0] == '\0';
}

Test(allocations, of_a_run_directory_leave_it_a_run_that_nobody_holds) {
  pno_rundir *r = NULL;
  cr_assert(pno_rundir_open(path, false, NULL, &r) == PNO_OK);
  pno_rundir_close(&r);
  sweep(NULL, start_run, run_is_free);
}

static pno_status state_facts(void *user) {
  static const char *const facts[][2] = {{"build", "abc"}, {"ranks", "2"}};
  return pno_rundir_write_env(user, facts, 2);
}

static bool is_marked(void *user, pno_status st) {
  (void)user;
  (void)st;
  return pno_rundir_is_run(path);
}

Test(allocations, of_env_json_leave_a_whole_one) {
  pno_rundir *r = NULL;
  json_set_alloc_funcs(malloc, free);
  cr_assert(pno_rundir_open(path, false, NULL, &r) == PNO_OK);
  const alloc_sweep s = {.call = state_facts, .after = is_marked, .user = r};
  const alloc_sweep_result result = alloc_sweep_run(&s);
  cr_expect(alloc_sweep_clean(&result), "%d leaks, %d wrong, n = %d", result.leaks, result.wrong, result.first_bad);
  pno_rundir_close(&r);
}

static pno_status spool(void *user) {
  const pno_digest key = pno_digest_of("key", 3);
  pno_spool *s = NULL;
  pno_spool_set *set = NULL;
  char back[5];
  (void)user;
  PNO_TRY(pno_spool_open(path, 0, key, &s));
  pno_status st = pno_spool_append(s, 0, "value", 5);
  const pno_status closed = pno_spool_close(&s);
  if (st == PNO_OK) st = closed;
  if (st == PNO_OK) st = pno_spool_scan(path, key, 1, &set);
  if (st == PNO_OK) st = pno_spool_read(set, 0, back, sizeof back);
  pno_spool_set_close(&set);
  return st;
}

static void no_spool(void *user) {
  (void)user;
  cr_assert(access(path, F_OK) != 0 || pno_spool_remove(path) == PNO_OK);
}

Test(allocations, of_spools_are_refused) { sweep(no_spool, spool, NULL); }

static pno_status leave(void *user) {
  static const float v[16];
  const pno_fields_spec spec = {.samples = 1, .dims = 2, .n = {4, 4}, .n_vars = 1,
                                .var = {{.name = "u", .channel_axis = "channel", .channels = 1}}};
  const pno_plot_panel panel = {.title = "u", .values = v, .rows = 4, .cols = 4, .row_stride = 4, .col_stride = 1};
  pno_fields_file *f = NULL;
  (void)user;
  PNO_TRY(pno_fields_create(path, &spec, &f));
  const pno_status st = pno_fields_put(f, 0, 0, v);
  if (st != PNO_OK) pno_fields_abandon(&f);
  PNO_TRY(st);
  PNO_TRY(pno_fields_commit(&f));
  PNO_TRY(pno_plot_panels(other, &panel, 1));
  static const double half[2] = {0.25, 0.5};
  const pno_scores_array array = {.name = "a", .rank = 1, .dim = {{"k", 2}}, .values = half};
  const pno_reliability_curve curve = {.name = "raw", .n = 2, .nominal = half, .observed = half};
  PNO_TRY(pno_scores_write(path, &(pno_scores_spec){.n_arrays = 1, .array = &array}));
  return pno_plot_reliability(other, "title", &curve, 1);
}

static bool no_temporary(void *user, pno_status st) {
  char temp[2][600];
  (void)user;
  (void)st;
  snprintf(temp[0], sizeof temp[0], "%s.tmp", path);
  snprintf(temp[1], sizeof temp[1], "%s.tmp", other);
  return access(temp[0], F_OK) != 0 && access(temp[1], F_OK) != 0;
}

Test(allocations, of_field_files_and_pictures_leave_no_temporary_file) { sweep(NULL, leave, no_temporary); }

static pno_status cached(void *user) {
  char *text = NULL;
  (void)user;
  PNO_TRY(pno_cache_write(path, "text", "newer"));
  const pno_status st = pno_cache_read(path, "text", &text);
  free(text);
  return st;
}

static void older_cache(void *user) {
  (void)user;
  cr_assert(pno_cache_write(path, "text", "older") == PNO_OK, "%s", pno_fail_words());
}

static bool old_or_new(void *user, pno_status st) {
  char *text = NULL;
  (void)user;
  (void)st;
  const bool good = pno_cache_read(path, "text", &text) == PNO_OK && text &&
                    (strcmp(text, "older") == 0 || strcmp(text, "newer") == 0);
  free(text);
  return good;
}

Test(allocations, of_a_cache_leave_the_old_text_or_the_new_one) { sweep(older_cache, cached, old_or_new); }
