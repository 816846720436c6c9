#include "engine/train/plan.h"

#include <stdlib.h>
#include <string.h>

#include "engine/train/arrays.h"
#include "engine/train/trainer_impl.h"

static void add_line(pno_train_plan *p, const char *purpose, size_t bytes) {
  int at = 0;
  if (bytes == 0) return;
  while (at < p->lines && strcmp(p->line[at].purpose, purpose) != 0) at++;
  if (at == p->lines) p->line[p->lines++].purpose = purpose;
  p->line[at].bytes += bytes;
  p->bytes += bytes;
}

/* Adds the bytes of an arena to the lines of their purposes. */
static void add_lines(pno_train_plan *p, const pno_arena *a) {
  for (int i = 0; i <= a->purposes; i++)
    add_line(p, a->purpose[i].name ? a->purpose[i].name : "other", a->purpose[i].bytes);
}

static void add_model(pno_train_plan *p, const pno_fno *f, const pno_fno_plan *plan, int batch) {
  add_lines(p, pno_fno_plan_memory(plan));
  p->parameters = pno_registry_reals(pno_fno_registry(f));
  p->points = pno_grid_points(pno_fno_plan_grid(plan));
  p->layer_bytes = sizeof(float) * (size_t)p->chunk * (size_t)p->points * (size_t)pno_padded(pno_fno_spec_of(f)->width);
  p->cost = pno_fno_cost_of(plan, false);
  for (int s = 0; s < batch; s += p->chunk) {
    const pno_fno_traffic t = pno_fno_traffic_of(plan, batch - s < p->chunk ? batch - s : p->chunk);
    p->activations += t.activations;
    p->spectra += t.spectra;
    p->fields += t.fields;
    p->weights += t.weights;
  }
}

static pno_status choose_rows(const pno_train_spec *s, const pno_sample_info *info, const pno_fno *f,
                              pno_train_plan *out) {
  int n[PNO_DIMS_MAX] = {0};
  for (int j = 0; j < info->dims; j++) n[j] = info->n[j];
  PNO_TRY(pno_row_shape_of(f, n, &out->row));
  pno_transforms_choose_alone(s->transforms, s->kernels, f, n);
  out->fft = pno_transforms_find(s->transforms, f, n, &out->times) != NULL;
  return PNO_OK;
}

/* The plan of the model, and of one sample a validation set; test files are taken to have the grid of the training. */
static pno_status measure_model(const pno_train_spec *s, const pno_sample_info *info, const pno_fno *f,
                                pno_train_plan *out) {
  pno_fno_plan *train = NULL, *valid = NULL;
  pno_fno_use use;
  PNO_TRY(trainer_use(s, info, f, 1, &use));
  out->chunk = use.samples;
  pno_fno_use one = use;
  one.samples = one.micro = 1;
  one.train = false;
  pno_status st = pno_fno_plan_measure(f, &use, &train);
  if (st == PNO_OK) st = pno_fno_plan_measure(f, &one, &valid);
  if (st == PNO_OK) {
    add_model(out, f, train, s->batch);
    const size_t sets = (s->valid_samples > 0) + (size_t)s->n_tests;
    add_line(out, "validation", sets * pno_fno_plan_bytes(valid));
  }
  pno_fno_plan_destroy(&train);
  pno_fno_plan_destroy(&valid);
  return st;
}

static pno_status measure(const pno_train_spec *s, const pno_sample_info *info, pno_trainer *t, pno_train_plan *out) {
  pno_fno_spec model;
  PNO_TRY(pno_operator_spec(&s->model, info, &model));
  PNO_TRY(pno_fno_create(&model, &t->op.fno));
  pno_optim_tensors_of_registry(pno_fno_registry(t->op.fno), t->tensors);
  pno_fno_use use;
  PNO_TRY(choose_rows(s, info, t->op.fno, out));
  PNO_TRY(trainer_use(s, info, t->op.fno, 1, &use));
  t->chunk = use.samples;
  pno_arena params = pno_arena_measure("parameters", PNO_SPACE_HOST), rest = pno_arena_measure("trainer", PNO_SPACE_HOST);
  PNO_TRY(pno_operator_push(&t->op, &params));
  PNO_TRY(trainer_push(t, info, &rest));
  add_lines(out, &params);
  add_line(out, "gradient", pno_reduce_bytes_alone(&pno_fno_registry(t->op.fno)->floats, 1));
  add_lines(out, &rest);
  out->optimizer = pno_optimizer_traffic(&t->optim);
  return measure_model(s, info, t->op.fno, out);
}

pno_status pno_train_plan_make(const pno_train_spec *s, const pno_sample_info *info, pno_train_plan *out) {
  pno_train_plan plan = {.lines = 0};
  pno_trainer *t = calloc(1, sizeof *t);
  if (!t) return pno_fail(PNO_E_NOMEM, "no memory to plan");
  t->spec = *s;
  const pno_status st = measure(s, info, t, &plan);
  pno_fno_destroy(&t->op.fno);
  free(t);
  if (st == PNO_OK) *out = plan;
  return st;
}
