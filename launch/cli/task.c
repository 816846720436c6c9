#include "launch/cli/task.h"

#include <math.h>
#include <string.h>

#include "launch/version.h"

static int key_int(const pno_config *cfg, pno_key k) { return (int)pno_config_int(cfg, k); }

/* One padding for all axes, or one an axis. */
static pno_status take_padding(const pno_config *cfg, pno_fno_spec *s) {
  const int n = pno_config_count(cfg, PNO_KEY_MODEL_PADDING);
  if (n != 0 && n != 1 && n != s->dims)
    return pno_fail(PNO_E_USAGE, "model.padding has %d values, model.modes %d: give one, or one an axis", n, s->dims);
  for (int j = 0; j < s->dims && n > 0; j++)
    s->padding[j] = pno_config_float_at(cfg, PNO_KEY_MODEL_PADDING, n == 1 ? 0 : j);
  return PNO_OK;
}

pno_status pno_task_model(const pno_config *cfg, pno_fno_spec *out) {
  enum { LI_HEAD = 128 };
  const int width = key_int(cfg, PNO_KEY_MODEL_WIDTH), dims = pno_config_count(cfg, PNO_KEY_MODEL_MODES);
  pno_fno_spec s = {.flavour = (pno_flavour)pno_config_choice(cfg, PNO_KEY_MODEL_FLAVOUR), .dims = dims,
                    .width = width, .layers = key_int(cfg, PNO_KEY_MODEL_LAYERS),
                    .embed = pno_config_choice(cfg, PNO_KEY_MODEL_EMBEDDING) == 0};
  const bool li = s.flavour == PNO_FLAVOUR_LI;
  if (dims < 1 || dims > PNO_DIMS_MAX)
    return pno_fail(PNO_E_USAGE, "model.modes has %d values: give one an axis, 1 to %d", dims, PNO_DIMS_MAX);
  for (int j = 0; j < dims; j++) s.modes[j] = (int)pno_config_float_at(cfg, PNO_KEY_MODEL_MODES, j);
  s.lift_hidden = li ? 0 : (int)lround(width * pno_config_float(cfg, PNO_KEY_MODEL_LIFT));
  s.head_hidden = li ? LI_HEAD : (int)lround(width * pno_config_float(cfg, PNO_KEY_MODEL_PROJECT));
  s.heads = pno_config_choice(cfg, PNO_KEY_UQ_METHOD) == PNO_UQ_PNO_R ? 2 : 1;
  if (s.flavour == PNO_FLAVOUR_NEURALOP && pno_config_bool(cfg, PNO_KEY_MODEL_CHANNEL_MLP))
    s.mlp_hidden = (int)lround(width * pno_config_float(cfg, PNO_KEY_MODEL_MLP_RATIO));
  PNO_TRY(take_padding(cfg, &s));
  *out = s;
  return PNO_OK;
}

static pno_status take_names(const pno_config *cfg, pno_key k, int *n, char names[][PNO_FIELD_NAME]) {
  *n = pno_config_count(cfg, k);
  for (int i = 0; i < *n; i++) {
    const char *name = pno_config_text_at(cfg, k, i);
    const size_t length = strlen(name);
    if (length >= PNO_FIELD_NAME) return pno_fail(PNO_E_USAGE, "%s: '%.60s...' is too long", pno_key_name(k), name);
    memcpy(names[i], name, length + 1);
  }
  return PNO_OK;
}

pno_dataset_limits pno_task_limits(const pno_config *cfg) {
  return (pno_dataset_limits){.max_bytes = (uint64_t)pno_config_float(cfg, PNO_KEY_SECURITY_MAX_BYTES)};
}

pno_status pno_task_view(const pno_config *cfg, pno_sample_view *out) {
  pno_sample_view v = {.mode = (pno_sample_mode)pno_config_choice(cfg, PNO_KEY_DATA_MODE),
                       .frames_in = key_int(cfg, PNO_KEY_DATA_FRAMES_IN),
                       .frames_out = key_int(cfg, PNO_KEY_DATA_FRAMES_OUT),
                       .stride = key_int(cfg, PNO_KEY_DATA_STRIDE),
                       .channels = (pno_channels)pno_config_choice(cfg, PNO_KEY_DATA_CHANNELS)};
  PNO_TRY(take_names(cfg, PNO_KEY_DATA_INPUT, &v.n_input, v.input));
  PNO_TRY(take_names(cfg, PNO_KEY_DATA_TARGET, &v.n_target, v.target));
  *out = v;
  return PNO_OK;
}

pno_status pno_task_uq(const pno_config *cfg, pno_uq_spec *out) {
  static const double usual[] = {[PNO_UQ_PNO_D] = 0.2, [PNO_UQ_MCDROPOUT] = 0.02, [PNO_UQ_ENSEMBLE] = 0};
  pno_uq_spec u = {.method = (pno_uq_method)pno_config_choice(cfg, PNO_KEY_UQ_METHOD),
                   .draws = key_int(cfg, PNO_KEY_UQ_DRAWS), .samples = key_int(cfg, PNO_KEY_UQ_SAMPLES),
                   .members = key_int(cfg, PNO_KEY_UQ_ENSEMBLE), .dropout = pno_config_float(cfg, PNO_KEY_UQ_DROPOUT),
                   .fourier_dropout = pno_config_float(cfg, PNO_KEY_UQ_FOURIER_DROPOUT),
                   .loss = {.fair = pno_config_float(cfg, PNO_KEY_UQ_FAIR), .gamma = pno_config_float(cfg, PNO_KEY_UQ_GAMMA),
                            .laplace = pno_config_choice(cfg, PNO_KEY_UQ_KERNEL) == 1},
                   .noise = pno_config_bool(cfg, PNO_KEY_UQ_NOISE), .seed = (uint64_t)pno_config_int(cfg, PNO_KEY_RUN_SEED),
                   .levels = pno_config_count(cfg, PNO_KEY_UQ_LEVELS),
                   .conformal = pno_config_choice(cfg, PNO_KEY_UQ_CALIBRATE) == 1};
  if (u.levels > PNO_LEVELS_MAX) return pno_fail(PNO_E_USAGE, "uq.levels: %d, at most %d", u.levels, PNO_LEVELS_MAX);
  for (int i = 0; i < u.levels; i++) u.level[i] = pno_config_float_at(cfg, PNO_KEY_UQ_LEVELS, i);
  for (int i = 1; i < u.levels; i++)
    if (u.level[i] < u.level[i - 1] + 0.001)
      return pno_fail(PNO_E_USAGE, "uq.levels: %g behind %g, they must rise by 0.001 at least", u.level[i], u.level[i - 1]);
  if ((u.dropout < 0 && u.dropout > -1) || (u.fourier_dropout < 0 && u.fourier_dropout > -1))
    return pno_fail(PNO_E_USAGE, "uq.dropout and uq.fourier_dropout: %g and %g, -1 or 0 to 0.99", u.dropout, u.fourier_dropout);
  if (u.dropout < 0) u.dropout = usual[u.method];
  if (u.fourier_dropout < 0) u.fourier_dropout = u.dropout;
  const bool drops = u.method == PNO_UQ_PNO_D || u.method == PNO_UQ_MCDROPOUT;
  if (drops && lrint(65536 * u.dropout) == 0 && lrint(65536 * u.fourier_dropout) == 0)
    return pno_hint(pno_fail(PNO_E_USAGE, "uq.method: without dropout all draws are one"), "give uq.dropout, as 0.2");
  *out = u;
  return PNO_OK;
}

/* The loss that was asked for, if the method can be trained on it. */
static pno_status take_loss(const pno_config *cfg, pno_train_spec *s) {
  const bool draws = s->uq.method == PNO_UQ_PNO_D || s->uq.method == PNO_UQ_PNO_R;
  const int choice = pno_config_choice(cfg, PNO_KEY_TRAIN_LOSS);
  s->loss = choice > PNO_LOSS_NLL ? (draws ? PNO_LOSS_ENERGY : PNO_LOSS_REL_L2) : (pno_loss_kind)choice;
  if (draws != (s->loss > PNO_LOSS_H1))
    return pno_hint(pno_fail(PNO_E_USAGE, draws ? "train.loss: %s is a loss of one field, uq.method trains on draws"
                                                : "train.loss: %s is a loss of draws, which uq.method does not train on",
                             pno_config_text(cfg, PNO_KEY_TRAIN_LOSS)),
                    draws ? "give energy, rel_energy, crps, kernel or nll" : "give uq.method=pno_d or pno_r");
  if (draws && s->uq.draws < 2)
    return pno_hint(pno_fail(PNO_E_USAGE, "uq.draws: a score of one draw has no spread to learn"), "give 2 or more, as 3");
  return PNO_OK;
}

static void take_optim(const pno_config *cfg, pno_train_spec *s) {
  s->optim = (pno_optim_spec){.kind = (pno_optim_kind)pno_config_choice(cfg, PNO_KEY_TRAIN_OPTIMIZER),
                              .beta1 = pno_config_float(cfg, PNO_KEY_TRAIN_BETA1),
                              .beta2 = pno_config_float(cfg, PNO_KEY_TRAIN_BETA2),
                              .eps = pno_config_float(cfg, PNO_KEY_TRAIN_EPS),
                              .weight_decay = pno_config_float(cfg, PNO_KEY_TRAIN_WEIGHT_DECAY),
                              .clip = pno_config_float(cfg, PNO_KEY_TRAIN_CLIP)};
  const int t_max = key_int(cfg, PNO_KEY_TRAIN_T_MAX);
  s->schedule = (pno_schedule){.kind = (pno_schedule_kind)pno_config_choice(cfg, PNO_KEY_TRAIN_SCHEDULE),
                               .lr = pno_config_float(cfg, PNO_KEY_TRAIN_LR),
                               .warmup = key_int(cfg, PNO_KEY_TRAIN_WARMUP),
                               .step_size = key_int(cfg, PNO_KEY_TRAIN_STEP_SIZE),
                               .gamma = pno_config_float(cfg, PNO_KEY_TRAIN_GAMMA),
                               .t_max = t_max ? t_max : s->epochs,
                               .patience = key_int(cfg, PNO_KEY_TRAIN_PATIENCE),
                               .early_stop = key_int(cfg, PNO_KEY_TRAIN_EARLY_STOP)};
}

static pno_status take_data(const pno_config *cfg, pno_train_spec *s) {
  s->data = pno_config_text(cfg, PNO_KEY_DATA_PATH);
  if (s->data[0] == '\0')
    return pno_hint(pno_fail(PNO_E_USAGE, "data.path: no training file given"), "add data.path=FILE");
  s->n_tests = pno_config_count(cfg, PNO_KEY_DATA_TEST);
  if (s->n_tests > PNO_TESTS_MAX)
    return pno_fail(PNO_E_USAGE, "data.test: %d files, at most %d", s->n_tests, PNO_TESTS_MAX);
  for (int i = 0; i < s->n_tests; i++) s->tests[i] = pno_config_text_at(cfg, PNO_KEY_DATA_TEST, i);
  s->max_bytes = pno_task_limits(cfg).max_bytes;
  s->train_samples = pno_config_int(cfg, PNO_KEY_DATA_TRAIN_SAMPLES);
  s->valid_samples = pno_config_int(cfg, PNO_KEY_DATA_VALID_SAMPLES);
  s->batch = key_int(cfg, PNO_KEY_DATA_BATCH);
  s->micro = key_int(cfg, PNO_KEY_DATA_MICRO);
  if (s->micro > s->batch)
    return pno_fail(PNO_E_USAGE, "data.micro is %d, more than data.batch of %d", s->micro, s->batch);
  s->shuffle = pno_config_bool(cfg, PNO_KEY_DATA_SHUFFLE);
  s->normalise_in = (pno_normalise)pno_config_choice(cfg, PNO_KEY_DATA_NORMALIZE_INPUT);
  s->normalise_out = (pno_normalise)pno_config_choice(cfg, PNO_KEY_DATA_NORMALIZE);
  return pno_task_view(cfg, &s->view);
}

int pno_task_scored_files(const pno_config *cfg) {
  const int n = pno_config_count(cfg, PNO_KEY_DATA_TEST);
  return n > 0 ? n : 1;
}

const char *pno_task_scored(const pno_config *cfg, int i, ptrdiff_t *held) {
  *held = 0;
  if (pno_config_count(cfg, PNO_KEY_DATA_TEST) > 0) return pno_config_text_at(cfg, PNO_KEY_DATA_TEST, i);
  *held = pno_config_int(cfg, PNO_KEY_DATA_VALID_SAMPLES);
  return pno_config_text(cfg, PNO_KEY_DATA_PATH);
}

pno_status pno_task_train(const pno_config *cfg, pno_train_spec *out) {
  pno_train_spec s = {.seed = (uint64_t)pno_config_int(cfg, PNO_KEY_RUN_SEED),
                      .physical = pno_config_choice(cfg, PNO_KEY_TRAIN_LOSS_SPACE) == 0,
                      .epochs = key_int(cfg, PNO_KEY_TRAIN_EPOCHS),
                      .steps = pno_config_int(cfg, PNO_KEY_TRAIN_STEPS),
                      .max_bad_steps = key_int(cfg, PNO_KEY_TRAIN_MAX_BAD_STEPS),
                      .balance = (pno_balance_mode)pno_config_choice(cfg, PNO_KEY_PARALLEL_BALANCE),
                      .timeout_s = pno_config_float(cfg, PNO_KEY_PARALLEL_TIMEOUT_S),
                      .eval_every = key_int(cfg, PNO_KEY_EVAL_EVERY),
                      .config_digest = pno_config_digest(cfg),
                      .checkpoint_every = pno_config_int(cfg, PNO_KEY_CHECKPOINT_EVERY),
                      .checkpoint_every_s = pno_config_float(cfg, PNO_KEY_CHECKPOINT_EVERY_S),
                      .keep = key_int(cfg, PNO_KEY_CHECKPOINT_KEEP),
                      .keep_best = pno_config_bool(cfg, PNO_KEY_CHECKPOINT_KEEP_BEST),
                      .at_start = pno_config_bool(cfg, PNO_KEY_CHECKPOINT_AT_START)};
  /* The value, not its origin: the config.yaml of a run holds every key, so that all of them are given on a resumption. */
  const bool both = s.steps > 0 && !pno_config_is_default(cfg, PNO_KEY_TRAIN_EPOCHS);
  if (both) return pno_fail(PNO_E_USAGE, "train.steps and train.epochs are both given: give one, or train.steps=0");
  PNO_TRY(take_data(cfg, &s));
  PNO_TRY(pno_task_model(cfg, &s.model));
  PNO_TRY(pno_task_uq(cfg, &s.uq));
  PNO_TRY(take_loss(cfg, &s));
  take_optim(cfg, &s);
  *out = s;
  return PNO_OK;
}

pno_status pno_task_generate(const pno_config *cfg, char *content, size_t cap, pno_generate_spec *out) {
  const int dims = pno_config_count(cfg, PNO_KEY_PDE_GRID);
  const size_t n = pno_config_content(cfg, content, cap);
  pno_generate_spec s = {.path = pno_config_text(cfg, PNO_KEY_DATA_PATH), .name = pno_config_text(cfg, PNO_KEY_RUN_NAME),
                         .generator = "pno " PNO_VERSION, .config = content,
                         .seed = (uint64_t)pno_config_int(cfg, PNO_KEY_RUN_SEED),
                         .samples = pno_config_int(cfg, PNO_KEY_PDE_SAMPLES),
                         .split = (pno_split)pno_config_choice(cfg, PNO_KEY_PDE_SPLIT),
                         .equation = pno_config_text(cfg, PNO_KEY_PDE_KIND),
                         .compress = pno_config_bool(cfg, PNO_KEY_DATA_COMPRESS),
                         .sidecars = pno_config_bool(cfg, PNO_KEY_DATA_SIDECARS),
                         .timeout_s = pno_config_float(cfg, PNO_KEY_PARALLEL_TIMEOUT_S)};
  if (n >= cap) return pno_fail(PNO_E_USAGE, "the section pde takes %zu bytes, at most %zu", n, cap);
  if (s.path[0] == '\0') return pno_hint(pno_fail(PNO_E_USAGE, "data.path: no file to write given"), "add data.path=FILE");
  if (dims > PNO_DIMS_MAX)
    return pno_fail(PNO_E_USAGE, "pde.grid has %d values: give one an axis, 1 to %d", dims, PNO_DIMS_MAX);
  s.pde = (pno_pde_request){.recipe = pno_config_text(cfg, PNO_KEY_PDE_RECIPE), .dims = dims,
                            .frames = (int)pno_config_int(cfg, PNO_KEY_PDE_FRAMES),
                            .refine = (int)pno_config_int(cfg, PNO_KEY_PDE_REFINE),
                            .time = pno_config_float(cfg, PNO_KEY_PDE_TIME),
                            .tolerance = pno_config_float(cfg, PNO_KEY_PDE_TOL),
                            .step = pno_config_float(cfg, PNO_KEY_PDE_STEP),
                            .n_parameters = pno_config_count(cfg, PNO_KEY_PDE_PARAMETERS)};
  for (int j = 0; j < dims; j++) s.pde.n[j] = (int)pno_config_float_at(cfg, PNO_KEY_PDE_GRID, j);
  if (s.pde.n_parameters > PNO_PDE_PARAMETERS_MAX)
    return pno_fail(PNO_E_USAGE, "pde.parameters has %d entries, at most %d", s.pde.n_parameters, (int)PNO_PDE_PARAMETERS_MAX);
  for (int i = 0; i < s.pde.n_parameters; i++) s.pde.parameters[i] = pno_config_text_at(cfg, PNO_KEY_PDE_PARAMETERS, i);
  *out = s;
  return PNO_OK;
}
