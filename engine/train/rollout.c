#include "engine/train/rollout.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/train/rollout_impl.h"

void pno_rollout_report_free(pno_rollout_report *r) {
  free(r->time);
  free(r->rel_l2);
  free(r->crps);
  free(r->spread);
  *r = (pno_rollout_report){.frames = 0};
}

static pno_status report_create(int frames, pno_rollout_report *r) {
  const size_t n = (size_t)frames;
  *r = (pno_rollout_report){.frames = frames,
                            .time = calloc(n, sizeof *r->time),
                            .rel_l2 = calloc(n, sizeof *r->rel_l2),
                            .crps = calloc(n, sizeof *r->crps),
                            .spread = calloc(n, sizeof *r->spread)};
  if (r->time && r->rel_l2 && r->crps && r->spread) return PNO_OK;
  pno_rollout_report_free(r);
  return pno_fail(PNO_E_NOMEM, "no memory for %d frames", frames);
}

/* Frames behind those of the file go on as its last two do. */
static pno_status fill_times(const rollout *r, double *time) {
  const int have = pno_dataset_frames(r->ds), first = pno_dataset_view(r->ds)->frames_in;
  double *all = calloc((size_t)have, sizeof *all);
  pno_status st = all ? PNO_OK : pno_fail(PNO_E_NOMEM, "no memory for %d times", have);
  if (st == PNO_OK) st = pno_dataset_times(r->ds, all);
  for (int f = 0; st == PNO_OK && f < r->frames; f++) {
    const int t = first + f;
    const double width = have > 1 ? all[have - 1] - all[have - 2] : 1;
    time[f] = t < have ? all[t] : all[have - 1] + width * (t - have + 1);
  }
  free(all);
  return st;
}

/* ---- one trajectory ---- */

static pno_status take_scores(rollout *r, int frame, pno_scorer *scorer, bool known) {
  pno_scores_all all;
  double *row = r->own_scores + (ptrdiff_t)frame * ROLLOUT_SCORES;
  pno_scorer_end(scorer, r->row);
  PNO_TRY(pno_score_finish(&r->score_spec, r->row, 1, &all));
  row[ROLLOUT_REL_L2] = known ? all.rel_l2 : NAN;
  row[ROLLOUT_CRPS] = known ? all.crps : NAN;
  row[ROLLOUT_SPREAD] = all.spread;
  rollout_take(r, ROLLOUT_MEAN, frame, pno_scorer_mean(scorer));
  if (r->draws > 1) rollout_take(r, ROLLOUT_SD, frame, pno_scorer_sd(scorer));
  return PNO_OK;
}

/* The next frames of all draws of a trajectory. */
static pno_status do_step(rollout *r, ptrdiff_t trajectory, int step) {
  const int frames = r->window_spec.frames_out, first = step * frames;
  int known = 0;
  PNO_TRY(pno_window_truth(r->window, r->ds, trajectory, first, r->x, r->y, &known));
  for (int f = 0; f < frames; f++) {
    float *truth = rollout_at(r, ROLLOUT_TRUTH, first + f);
    pno_window_frame(r->window, r->y, f, truth);
    pno_scorer_begin(r->scorers[f], truth);
  }
  for (int m = 0; m < r->draws; m++) {
    float *state = r->states + m * r->nx;
    const float *y = pno_sampler_one(r->sampler, state, (uint32_t)(trajectory * r->windows), m, step);
    for (int f = 0; f < frames; f++) {
      pno_window_frame(r->window, y, f, r->frame);
      pno_scorer_add(r->scorers[f], r->frame, 1);
      if (m < r->members) rollout_take_member(r, m, first + f, r->frame);
    }
    pno_window_slide(r->window, y, state);
  }
  for (int f = 0; f < frames; f++) PNO_TRY(take_scores(r, first + f, r->scorers[f], f < known));
  return PNO_OK;
}

static pno_status begin_trajectory(rollout *r, ptrdiff_t trajectory) {
  PNO_TRY(pno_dataset_read(r->ds, trajectory * r->windows, r->states, r->y));
  for (int m = 1; m < r->draws; m++) memcpy(r->states + m * r->nx, r->states, sizeof *r->states * (size_t)r->nx);
  rollout_take(r, ROLLOUT_INPUT, 0, r->states);
  return PNO_OK;
}

/* ---- all of them ---- */

/* Rounds of one trajectory a rank; all agree after each step, so that nobody waits for long. */
static pno_status predict_round(rollout *r, pno_comm *comm, ptrdiff_t sample) {
  const bool works = sample < r->spec->samples; /* else there are fewer left than ranks */
  const ptrdiff_t own = r->spec->first + sample;
  PNO_TRY(pno_agree(comm, works ? begin_trajectory(r, own) : PNO_OK));
  for (int step = 0; step < r->steps; step++) PNO_TRY(pno_agree(comm, works ? do_step(r, own, step) : PNO_OK));
  return PNO_OK;
}

/* Sums in the order of the trajectories. */
static void add_scores(const rollout *r, const double *scores, pno_rollout_report *out) {
  for (int f = 0; f < r->frames; f++) {
    const double *row = scores + (ptrdiff_t)f * ROLLOUT_SCORES;
    out->rel_l2[f] += row[ROLLOUT_REL_L2] / (double)r->spec->samples;
    out->crps[f] += row[ROLLOUT_CRPS] / (double)r->spec->samples;
    out->spread[f] += row[ROLLOUT_SPREAD] / (double)r->spec->samples;
  }
}

static pno_status write_round(rollout *r, ptrdiff_t first, int ranks, pno_rollout_report *out) {
  for (int k = 0; k < ranks && first + k < r->spec->samples; k++) {
    const double *scores = r->all_scores + (ptrdiff_t)k * r->frames * ROLLOUT_SCORES;
    PNO_TRY(rollout_write(r, first + k, r->all + k * r->floats, scores, out->time));
    add_scores(r, scores, out);
  }
  return PNO_OK;
}

static pno_status run(rollout *r, pno_comm *comm, pno_rollout_report *out) {
  const int ranks = pno_comm_size(comm), rank = pno_comm_rank(comm);
  const size_t floats = (size_t)r->floats * sizeof *r->own;
  const size_t doubles = (size_t)r->frames * ROLLOUT_SCORES * sizeof *r->own_scores;
  for (ptrdiff_t first = 0; first < r->spec->samples; first += ranks) {
    PNO_TRY(predict_round(r, comm, first + rank));
    PNO_TRY(pno_gather(comm, r->own, floats, r->all, 0));
    PNO_TRY(pno_gather(comm, r->own_scores, doubles, r->all_scores, 0));
    PNO_TRY(pno_agree(comm, rank == 0 ? write_round(r, first, ranks, out) : PNO_OK));
  }
  return pno_agree(comm, rank == 0 ? pno_fields_commit(&r->file) : PNO_OK);
}

/* Rank 0's sums to all. */
static pno_status share(pno_comm *comm, pno_rollout_report *out) {
  const size_t bytes = (size_t)out->frames * sizeof(double);
  PNO_TRY(pno_bcast(comm, out->rel_l2, bytes, 0));
  PNO_TRY(pno_bcast(comm, out->crps, bytes, 0));
  return pno_bcast(comm, out->spread, bytes, 0);
}

static pno_status prepare(rollout *r, const pno_predictive *p, pno_comm *comm, pno_rollout_report *out) {
  const bool writes = pno_comm_rank(comm) == 0;
  PNO_TRY(rollout_create(r, p, pno_comm_size(comm), writes));
  PNO_TRY(report_create(r->frames, out));
  const int left = pno_dataset_frames(r->ds) - r->window_spec.frames_in;
  out->known = left < r->frames ? left : r->frames;
  PNO_TRY(fill_times(r, out->time));
  return writes ? rollout_file(r, out->time) : PNO_OK;
}

pno_status pno_rollout(const pno_predict_spec *spec, int steps, const pno_predictive *p, pno_dataset *ds,
                       pno_comm *comm, pno_rollout_report *out) {
  rollout r = {.spec = spec, .ds = ds, .steps = steps};
  pno_rollout_report report = {.frames = 0};
  for (int i = 0; i < p->n_members; i++) PNO_TRY(pno_operator_choose(&p->members[i], comm, pno_dataset_info(ds)));
  pno_status st = pno_agree(comm, prepare(&r, p, comm, &report));
  if (st == PNO_OK) st = run(&r, comm, &report);
  if (st == PNO_OK) st = share(comm, &report);
  rollout_destroy(&r);
  if (st == PNO_OK) {
    *out = report;
    report = (pno_rollout_report){.frames = 0};
  }
  pno_rollout_report_free(&report);
  return st;
}
