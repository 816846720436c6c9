#include <math.h>
#include <string.h>

#include "engine/model/fno_loss.h"

static const float *value(const float *params, const pno_fno *f, int index) {
  return params + f->registry.tensor[index].at;
}

static pno_mlp map_of(const pno_fno *f, const fno_map *m, const float *params) {
  pno_mlp map = {.in = m->in, .hidden = m->hidden, .out = m->out};
  map.w1 = value(params, f, m->w1);
  map.b1 = value(params, f, m->b1);
  map.w2 = m->hidden ? value(params, f, m->w2) : map.w1;
  map.b2 = m->hidden ? value(params, f, m->b2) : map.b1;
  return map;
}

/* NULL where nothing is dropped. */
static const pno_dropout *dropout(const pno_dropout *d) { return d->threshold ? d : NULL; }

/* ---- what the phases do ---- */

static pno_lift lift_of(const fno_pass *c) {
  const pno_fno_plan *p = c->p;
  const pno_fno_spec *s = &p->fno->spec;
  pno_lift a = {.grid = &p->grid, .in = s->in, .channels = s->width, .embed = s->embed, .draws = p->draws,
                .dropout = dropout(&p->drop_lift),
                .mlp = map_of(p->fno, &p->fno->lift, c->params), .norm = p->use.norm_in, .modes = p->row,
                .input = c->input, .x = p->x0, .d = p->x, .partial = p->second};
  for (int j = 0; j < p->grid.dims; j++) a.coordinate[j] = p->coordinate[j];
  return a;
}

/* The stage of layer l is activated on all layers but the last. */
static bool is_last(const pno_fno *f, int l) { return l == f->spec.layers - 1; }

static pno_layer layer_of(const fno_pass *c, int l) {
  const pno_fno_plan *p = c->p;
  const pno_fno *f = p->fno;
  pno_layer a = {.grid = &p->grid, .channels = f->spec.width, .activate = !is_last(f, l),
                 .mix_channels = f->spec.mlp_hidden > 0, .modes = p->row, .skip = value(c->params, f, f->skip[l]),
                 .bias = value(c->params, f, f->bias[l]), .z = p->z[l], .m = p->m[l], .x = l == 0 ? p->x0 : p->x,
                 .result = p->x};
  a.stream = p->streams;
  if (!a.mix_channels) return a;
  a.gate = value(c->params, f, f->gate[l]);
  a.mlp = map_of(f, &f->mlp[l], c->params);
  return a;
}

/* Backward through the linear part of layer l and the stage of layer l - 1; l = layers: the last stage alone. */
static pno_back back_of(const fno_pass *c, int l) {
  const pno_fno_plan *p = c->p;
  const pno_fno *f = p->fno;
  const bool mix = f->spec.mlp_hidden > 0;
  pno_back a = {.grid = &p->grid, .channels = f->spec.width, .modes = p->row, .d = p->x, .partial = p->partial,
                .linear = l < f->spec.layers, .stage = l > 0};
  if (a.linear) {
    a.skip = value(c->params, f, f->skip[l]);
    a.gated = mix;
    a.gate = mix ? value(c->params, f, f->gate[l]) : NULL;
    a.dm = p->m[l];
    a.x = p->x0;
  }
  if (a.stage) {
    a.activate = !is_last(f, l - 1);
    a.mix_channels = mix;
    a.z = p->z[l - 1];
    a.m = p->m[l - 1];
    if (mix) a.mlp = map_of(f, &f->mlp[l - 1], c->params);
  }
  return a;
}

/* The head of a call; second: where to put the second of two maps. */
static pno_head head_of(const fno_pass *c, pno_mlp *second) {
  const pno_fno_plan *p = c->p;
  pno_head a = {.grid = &p->grid, .channels = p->fno->spec.width, .out = p->fno->spec.out,
                .mlp = map_of(p->fno, &p->fno->head[0], c->params), .norm = p->use.norm_out, .x = p->x,
                .dropout = {dropout(&p->drop_head[0]), dropout(&p->drop_head[1])}, .output = c->output, .dy = p->dy,
                .d = p->x, .partial = p->second, .target = c->target, .sums = p->sums};
  if (c->head) {
    a.mlp = *c->head;
    a.out = c->head->out;
    a.norm = *c->head_norm;
    a.dropout[0] = NULL;
  } else if (p->fno->spec.heads == 2) {
    *second = map_of(p->fno, &p->fno->head[1], c->params);
    a.second = second;
    a.norm.scale = p->head_scale;
    a.norm.shift = p->head_shift;
    a.output = p->heads;
    a.dy = p->dheads;
  }
  return a;
}

static void lift_blocks(const fno_pass *c, const fno_crew *w, const float *spectrum, float *rows, int block, int count) {
  (void)spectrum;
  pno_lift a = lift_of(c);
  a.rows = rows;
  c->p->use.kernels->lift_forward(&a, block, count, w->scratch);
}

static void layer_blocks(const fno_pass *c, const fno_crew *w, const float *spectrum, float *rows, int block, int count) {
  const pno_lift lift = lift_of(c);
  pno_layer a = layer_of(c, c->layer);
  a.lift = &lift;
  a.spectrum = spectrum;
  a.rows = is_last(c->p->fno, c->layer) ? NULL : rows;
  c->p->use.kernels->layer_forward(&a, block, count, w->scratch);
}

/* The last layer and the head, block by block: the activation does not leave the second-level cache in between. */
static void last_blocks(const fno_pass *c, const fno_crew *w, const float *spectrum, float *rows, int block, int count) {
  pno_mlp second;
  const pno_head head = head_of(c, &second);
  for (int b = block; b < block + count; b++) {
    layer_blocks(c, w, spectrum, rows, b, 1);
    c->p->use.kernels->head_forward(&head, b, 1, w->scratch);
  }
}

static void top_blocks(const fno_pass *c, const fno_crew *w, const float *spectrum, float *rows, int block, int count) {
  (void)spectrum;
  pno_back a = back_of(c, c->p->fno->spec.layers);
  a.rows = rows;
  c->p->use.kernels->layer_backward(&a, block, count, w->scratch);
}

/* The last layer, the head with the loss and its backward, and the last stage backwards, block by block. */
static void turn_blocks(const fno_pass *c, const fno_crew *w, const float *spectrum, float *rows, int block, int count) {
  pno_mlp second;
  const pno_head head = head_of(c, &second);
  for (int b = block; b < block + count; b++) {
    layer_blocks(c, w, spectrum, rows, b, 1);
    c->p->use.kernels->head_loss(&head, b, 1, w->scratch);
    top_blocks(c, w, spectrum, rows, b, 1);
  }
}

/* The same from a gradient of the outputs. */
static void head_blocks(const fno_pass *c, const fno_crew *w, const float *spectrum, float *rows, int block, int count) {
  pno_mlp second;
  const pno_head head = head_of(c, &second);
  for (int b = block; b < block + count; b++) {
    c->p->use.kernels->head_backward(&head, b, 1, w->scratch);
    top_blocks(c, w, spectrum, rows, b, 1);
  }
}

static void back_blocks(const fno_pass *c, const fno_crew *w, const float *spectrum, float *rows, int block, int count) {
  const pno_lift lift = lift_of(c);
  pno_back a = back_of(c, c->layer);
  a.lift = &lift;
  a.spectrum = spectrum;
  a.rows = rows;
  for (int b = block; b < block + count; b++) {
    c->p->use.kernels->layer_backward(&a, b, 1, w->scratch);
    if (c->layer == 0) c->p->use.kernels->lift_backward(&lift, b, 1, w->scratch);
  }
}

static pno_mix mix_of(const fno_pass *c) {
  const pno_fno_plan *p = c->p;
  return (pno_mix){.samples = c->samples, .micro = p->micro, .dropout = dropout(&p->drop_mix[c->layer]), .modes = p->modes,
                   .channels = p->fno->spec.width, .stride = p->stride, .stored = p->stored, .weight = value(c->params, p->fno, p->fno->spectral[c->layer]),
                   .x = p->input_modes[c->layer], .y = p->output_modes, .scale = p->scale};
}

static void mix_modes(const fno_pass *c, const fno_crew *w) {
  const pno_mix mix = mix_of(c);
  int first;
  const int count = fno_share(w, c->p->modes, &first);
  c->p->use.kernels->mix_forward(&mix, first, count);
}

/* ---- forward ---- */

/* All but the last layer's rows: leaves the spectrum that they are made of in output_modes. */
static void run_trunk(fno_pass *c) {
  pno_fno_plan *p = c->p;
  const fno_phase lift = {NULL, p->input_modes[0], lift_blocks};
  fno_run_samples(c, PNO_PHASE_LIFT, &lift);
  for (c->layer = 0;; c->layer++) {
    fno_run_modes(c, PNO_PHASE_MIX, mix_modes);
    if (is_last(p->fno, c->layer)) return;
    const fno_phase layer = {p->output_modes, p->input_modes[c->layer + 1], layer_blocks};
    fno_run_samples(c, PNO_PHASE_LAYERS, &layer);
  }
}

static void forward(fno_pass *c) {
  pno_fno_plan *p = c->p;
  const fno_phase last = {p->output_modes, NULL, last_blocks};
  run_trunk(c);
  fno_run_samples(c, PNO_PHASE_TURN, &last);
}

void pno_fno_forward(pno_fno_plan *p, const float *params, const float *input, int samples, float *output) {
  fno_pass c = {.p = p, .params = params, .input = input, .output = output, .samples = samples * p->draws};
  fno_begin(p);
  forward(&c);
  if (p->fno->spec.heads == 2) fno_draw(&c);
}

void pno_fno_forward_with(pno_fno_plan *p, const float *params, const pno_mlp *head, const pno_affine *norm,
                          const float *input, int samples, float *output) {
  fno_pass c = {.p = p, .params = params, .input = input, .output = output, .samples = samples, .head = head,
                .head_norm = norm};
  fno_begin(p);
  forward(&c);
}

pno_mlp pno_fno_head(const pno_fno *f, const float *params) { return map_of(f, &f->head[0], params); }

/* ---- backward ---- */

/* Adds partial gradients of all blocks, micro-batch by micro-batch, in the order of the tensors given (-1: none). */
static void add_partials(const fno_pass *c, const float *partial, const int *tensors, int n) {
  pno_fno_plan *p = c->p;
  const pno_tensor *all = p->fno->registry.tensor;
  const pno_phase_time start = fno_time();
  ptrdiff_t stride = 0, at = 0;
  for (int i = 0; i < n; i++) stride += tensors[i] >= 0 ? all[tensors[i]].count : 0;
  for (int i = 0; i < n; i++) {
    if (tensors[i] < 0) continue;
    const pno_tensor *t = &all[tensors[i]];
    const pno_accumulate a = {.blocks = c->samples * p->grid.blocks, .micro = p->micro * p->grid.blocks,
                              .blocks_a_sample = p->grid.blocks, .stride = stride, .partial = partial + at,
                              .scale = p->scale, .grad = c->grad + t->at};
    p->use.kernels->accumulate(&a, 0, t->count);
    at += t->count;
  }
  fno_book(p, PNO_PHASE_PARTIALS, &start);
}

static void add_maps(const fno_pass *c, const float *partial, const fno_map *m, int maps) {
  int tensors[8];
  for (int i = 0; i < maps; i++) {
    const int of[4] = {m[i].w1, m[i].b1, m[i].w2, m[i].b2};
    memcpy(tensors + 4 * i, of, sizeof of);
  }
  add_partials(c, partial, tensors, 4 * maps);
}

/* What layer_backward leaves: gradients of layer l's linear part and of the channel MLP below it. */
static void add_layer(const fno_pass *c, int l) {
  const pno_fno *f = c->p->fno;
  const bool linear = l < f->spec.layers, mix = f->spec.mlp_hidden > 0;
  const fno_map none = {.w1 = -1, .b1 = -1, .w2 = -1, .b2 = -1}, *m = mix && l > 0 ? &f->mlp[l - 1] : &none;
  const int tensors[7] = {linear ? f->skip[l] : -1, linear ? f->bias[l] : -1, linear && mix ? f->gate[l] : -1,
                          m->w1, m->b1, m->w2, m->b2};
  add_partials(c, c->p->partial, tensors, 7);
}

/* A loss that the head computes block by block, on the way. */
static bool is_fused(const pno_fno_plan *p) { return p->use.loss < PNO_LOSS_H1; }

/* Head, loss and the last stage backwards: leaves the gradient of the last layer's spectrum in output_modes. */
static void run_turn(fno_pass *c, double *loss) {
  pno_fno_plan *p = c->p;
  const pno_fno *f = p->fno;
  if (is_fused(p)) {
    const fno_phase turn = {p->output_modes, p->output_modes, turn_blocks};
    fno_run_samples(c, PNO_PHASE_TURN, &turn);
    fno_finish_losses(p, p->use.loss, c->samples, loss);
  } else {
    const fno_phase last = {p->output_modes, NULL, last_blocks}, head = {NULL, p->output_modes, head_blocks};
    fno_run_samples(c, PNO_PHASE_TURN, &last);
    if (f->spec.heads == 2) fno_draw(c);
    fno_field_loss(c, loss);
    fno_run_samples(c, PNO_PHASE_TURN, &head);
  }
  add_maps(c, p->second, f->head, f->spec.heads == 2 ? 2 : 1);
  add_layer(c, f->spec.layers);
}

static bool fresh_modes(const fno_pass *c) {
  const pno_tensor *t = &c->p->fno->registry.tensor[c->p->fno->spectral[0]];
  return 2 * (ptrdiff_t)t->in * pno_padded(t->out) * c->p->modes == t->count; /* every stored mode is kept */
}

static void mix_modes_back(const fno_pass *c, const fno_crew *w) {
  pno_mix mix = mix_of(c);
  int first;
  const int count = fno_share(w, c->p->modes, &first);
  mix.grad = c->grad + c->p->fno->registry.tensor[c->p->fno->spectral[c->layer]].at;
  mix.fresh = c->fresh;
  c->p->use.kernels->mix_backward(&mix, first, count, w->scratch);
}

/* A gradient to be written: zero, but for the spectral weights if the first mixing writes all of them. */
static void zero_gradient(fno_pass *c) {
  const pno_registry *r = &c->p->fno->registry;
  c->fresh = c->fresh && fresh_modes(c);
  for (int i = 0; i < r->n; i++)
    if (!c->fresh || r->tensor[i].kind != PNO_TENSOR_SPECTRAL)
      memset(c->grad + r->tensor[i].at, 0, sizeof *c->grad * (size_t)r->tensor[i].count);
}

void pno_fno_gradient(pno_fno_plan *p, const float *params, const float *input, const float *target, int samples,
                      bool fresh, float *output, float *grad, double *loss) {
  fno_pass c = {.p = p, .params = params, .input = input, .target = target, .output = output, .grad = grad,
                .samples = samples * p->draws, .fresh = fresh};
  fno_begin(p);
  if (fresh) zero_gradient(&c);
  run_trunk(&c);
  run_turn(&c, loss);
  for (; c.layer >= 0; c.layer--) {
    fno_run_modes(&c, PNO_PHASE_MIX_BACK, mix_modes_back);
    const fno_phase back = {p->output_modes, c.layer > 0 ? p->output_modes : NULL, back_blocks};
    fno_run_samples(&c, PNO_PHASE_LAYERS_BACK, &back);
    add_layer(&c, c.layer);
  }
  add_maps(&c, p->second, &p->fno->lift, 1);
}
