#include <math.h>
#include <string.h>

#include "engine/model/fno_impl.h"

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

/* The row spectra of one-dimensional data are the spectra themselves. */
static float *rows_or(const pno_fno_plan *p, float *modes) { return p->fno->spec.dims == 1 ? modes : p->rows; }

/* One leading axis of all samples: outer points before it, inner vectors behind it. */
static pno_axis_call axis_call(const pno_fno_plan *p, int j, int samples, const float *in, float *out,
                               ptrdiff_t *columns) {
  pno_axis_call a = {.axis = p->axis[j], .inner = 1, .channels = pno_padded(p->fno->spec.width), .in = in, .out = out};
  ptrdiff_t outer = samples;
  for (int i = 0; i < j; i++) outer *= p->grid.n[i];
  for (int i = j + 1; i < p->grid.dims; i++) a.inner *= p->kept[i];
  *columns = outer * a.inner;
  return a;
}

static void rows_to_modes(const pno_fno_plan *p, int samples, float *modes) {
  const float *in = p->rows;
  for (int j = p->grid.dims - 2; j >= 0; j--) {
    ptrdiff_t columns;
    float *out = j == 0 ? modes : p->between;
    const pno_axis_call a = axis_call(p, j, samples, in, out, &columns);
    p->use.kernels->axis_forward(&a, 0, columns);
    in = out;
  }
}

static void modes_to_rows(const pno_fno_plan *p, int samples, const float *modes) {
  const float *in = modes;
  for (int j = 0; j < p->grid.dims - 1; j++) {
    ptrdiff_t columns;
    float *out = j == p->grid.dims - 2 ? p->rows : p->between;
    const pno_axis_call a = axis_call(p, j, samples, in, out, &columns);
    p->use.kernels->axis_inverse(&a, 0, columns);
    in = out;
  }
}

static pno_lift lift_of(const pno_fno_plan *p, const float *params, const float *input) {
  pno_lift a = {.grid = &p->grid, .in = p->fno->spec.in, .channels = p->fno->spec.width,
                .embed = p->fno->spec.embed, .mlp = map_of(p->fno, &p->fno->lift, params), .norm = p->use.norm_in,
                .modes = p->row, .input = input, .x = p->x0, .rows = rows_or(p, p->input_modes[0])};
  for (int j = 0; j < p->grid.dims; j++) a.coordinate[j] = p->coordinate[j];
  return a;
}

static pno_layer layer_of(const pno_fno_plan *p, const float *params, int l) {
  const pno_fno *f = p->fno;
  const bool last = l == f->spec.layers - 1;
  pno_layer a = {.grid = &p->grid, .channels = f->spec.width, .activate = !last,
                 .mix_channels = f->spec.mlp_hidden > 0, .modes = p->row, .above = p->row,
                 .skip = value(params, f, f->skip[l]), .bias = value(params, f, f->bias[l]), .z = p->z[l],
                 .m = p->m[l], .want_rows = !last, .x = l == 0 ? p->x0 : p->x, .result = p->x};
  if (a.mix_channels) {
    a.gate = value(params, f, f->gate[l]);
    a.mlp = map_of(f, &f->mlp[l], params);
  }
  return a;
}

static pno_head head_of(const pno_fno_plan *p, const float *params, float *output) {
  return (pno_head){.grid = &p->grid, .channels = p->fno->spec.width, .out = p->fno->spec.out,
                    .mlp = map_of(p->fno, &p->fno->head, params), .norm = p->use.norm_out, .x = p->x,
                    .output = output, .d = p->d, .dy = p->dy, .partial = p->partial, .sums = p->sums};
}

static pno_mix mix_of(const pno_fno_plan *p, const float *params, int l, int samples) {
  return (pno_mix){.samples = samples, .micro = p->use.micro, .modes = p->modes, .channels = p->fno->spec.width,
                   .stored = p->stored, .weight = value(params, p->fno, p->fno->spectral[l]),
                   .x = p->input_modes[l], .y = p->output_modes};
}

/* All but the head: leaves the last activation in p->x. */
static void run_trunk(pno_fno_plan *p, const float *params, const float *input, int samples) {
  const pno_kernels *k = p->use.kernels;
  const int blocks = samples * p->grid.blocks, layers = p->fno->spec.layers;
  const pno_lift lift = lift_of(p, params, input);
  k->lift_forward(&lift, 0, blocks, p->scratch);
  for (int l = 0; l < layers; l++) {
    if (p->grid.dims > 1) rows_to_modes(p, samples, p->input_modes[l]);
    const pno_mix mix = mix_of(p, params, l, samples);
    k->mix_forward(&mix, 0, p->modes);
    if (p->grid.dims > 1) modes_to_rows(p, samples, p->output_modes);
    pno_layer layer = layer_of(p, params, l);
    layer.spectrum = rows_or(p, p->output_modes);
    layer.rows = l + 1 < layers ? rows_or(p, p->input_modes[l + 1]) : NULL;
    k->layer_forward(&layer, 0, blocks, p->scratch);
  }
}

void pno_fno_forward(pno_fno_plan *p, const float *params, const float *input, int samples, float *output) {
  run_trunk(p, params, input, samples);
  const pno_head head = head_of(p, params, output);
  p->use.kernels->head_forward(&head, 0, samples * p->grid.blocks, p->scratch);
}

/* From the sums of the blocks, in block order: loss of each sample and the factor of its gradient (of e, or of e plus
 * its slope terms). A zero error has a zero gradient. */
static void finish_losses(pno_fno_plan *p, pno_loss_kind kind, int samples, double *loss) {
  const double eps = 1e-8;
  for (int s = 0; s < samples; s++) {
    double error = 0, target = 0;
    for (int b = s * p->grid.blocks; b < (s + 1) * p->grid.blocks; b++) {
      error += p->sums[2 * (ptrdiff_t)b];
      target += p->sums[2 * (ptrdiff_t)b + 1];
    }
    const double norm = sqrt(error);
    const double factor = kind == PNO_LOSS_L2 ? 1.0 / sqrt((double)pno_grid_data_points(&p->grid))
                                              : 1.0 / (sqrt(target) + eps);
    loss[s] = norm * factor;
    p->scale[s] = norm > 0 ? (float)(factor / norm) : 0.0f;
    if (!isfinite(loss[s])) p->scale[s] = NAN; /* must not look like a sample without error */
  }
}

static pno_loss loss_of(const pno_fno_plan *p, pno_loss_kind kind, const float *output, const float *target) {
  return (pno_loss){.grid = &p->grid, .channels = p->fno->spec.out, .kind = kind, .output = output,
                    .target = target, .error = p->error, .sums = p->sums, .scale = p->scale, .dy = p->dy};
}

void pno_fno_losses(pno_fno_plan *p, pno_loss_kind kind, const float *output, const float *target, int samples,
                    double *loss) {
  const pno_loss a = loss_of(p, kind, output, target);
  const int blocks = samples * p->grid.blocks;
  p->use.kernels->loss_error(&a, 0, blocks);
  p->use.kernels->loss_sums(&a, 0, blocks);
  finish_losses(p, kind, samples, loss);
}

/* Adds the partials of one tensor, micro-batch by micro-batch; at: its place in a block's partial gradient. */
static void add_partials(pno_fno_plan *p, int tensor, ptrdiff_t at, ptrdiff_t stride, int samples, float *grad) {
  const pno_tensor *t = &p->fno->registry.tensor[tensor];
  for (int s = 0; s < samples; s += p->use.micro) {
    const int count = samples - s < p->use.micro ? samples - s : p->use.micro;
    const pno_accumulate a = {.first_block = s * p->grid.blocks, .blocks = count * p->grid.blocks,
                              .blocks_a_sample = p->grid.blocks, .stride = stride, .partial = p->partial + at,
                              .scale = p->scale, .grad = grad + t->at};
    p->use.kernels->accumulate(&a, 0, t->count);
  }
}

/* The tensors of a partial gradient in their order. */
static void add_all_partials(pno_fno_plan *p, const int *tensors, int n, int samples, float *grad) {
  ptrdiff_t stride = 0, at = 0;
  for (int i = 0; i < n; i++)
    if (tensors[i] >= 0) stride += p->fno->registry.tensor[tensors[i]].count;
  for (int i = 0; i < n; i++) {
    if (tensors[i] < 0) continue;
    add_partials(p, tensors[i], at, stride, samples, grad);
    at += p->fno->registry.tensor[tensors[i]].count;
  }
}

static void add_map_partials(pno_fno_plan *p, const fno_map *m, int samples, float *grad) {
  const int tensors[4] = {m->w1, m->b1, m->w2, m->b2};
  add_all_partials(p, tensors, 4, samples, grad);
}

/* The scale of each sample is applied either to the head's partials and the gradient that leaves it (fused loss), or
 * is already in dy; after the head it must be one everywhere. */
static void unit_scale(pno_fno_plan *p, int samples) {
  for (int s = 0; s < samples; s++) p->scale[s] = 1.0f;
}

/* Head, loss and the head's backward: leaves the gradient of the last activation, to be multiplied by p->scale, in d. */
static void run_head(pno_fno_plan *p, const float *params, const float *target, int samples, float *output,
                     float *grad, double *loss) {
  const pno_kernels *k = p->use.kernels;
  const int blocks = samples * p->grid.blocks;
  pno_head head = head_of(p, params, output);
  if (p->use.loss == PNO_LOSS_H1) {
    k->head_forward(&head, 0, blocks, p->scratch);
    pno_fno_losses(p, PNO_LOSS_H1, output, target, samples, loss);
    const pno_loss a = loss_of(p, PNO_LOSS_H1, output, target);
    k->loss_gradient(&a, 0, blocks);
    unit_scale(p, samples);
    k->head_backward(&head, 0, blocks, p->scratch);
  } else {
    head.target = target;
    k->head_loss(&head, 0, blocks, p->scratch);
    finish_losses(p, p->use.loss, samples, loss);
  }
  add_map_partials(p, &p->fno->head, samples, grad);
}

static void run_layer_backward(pno_fno_plan *p, const float *params, int l, int samples, float *grad) {
  const pno_kernels *k = p->use.kernels;
  const pno_fno *f = p->fno;
  pno_layer a = layer_of(p, params, l);
  a.first_gradient = l == f->spec.layers - 1;
  a.d_scale = p->scale;
  a.spectrum = a.rows = rows_or(p, p->output_modes); /* a row is read before it is written */
  a.input = l == 0 ? p->x0 : (a.mix_channels ? p->m[l - 1] : p->z[l - 1]);
  a.input_activated = l > 0;
  a.d = p->d;
  a.partial = p->partial;
  k->layer_backward(&a, 0, samples * p->grid.blocks, p->scratch);
  if (a.first_gradient) unit_scale(p, samples);
  const int tensors[7] = {f->skip[l], f->bias[l],
                          a.mix_channels ? f->gate[l] : -1, a.mix_channels ? f->mlp[l].w1 : -1,
                          a.mix_channels ? f->mlp[l].b1 : -1, a.mix_channels ? f->mlp[l].w2 : -1,
                          a.mix_channels ? f->mlp[l].b2 : -1};
  add_all_partials(p, tensors, 7, samples, grad);
  if (p->grid.dims > 1) rows_to_modes(p, samples, p->output_modes);
  pno_mix mix = mix_of(p, params, l, samples);
  mix.grad = grad + f->registry.tensor[f->spectral[l]].at;
  k->mix_backward(&mix, 0, p->modes, p->scratch);
  if (p->grid.dims > 1) modes_to_rows(p, samples, p->output_modes);
}

void pno_fno_gradient(pno_fno_plan *p, const float *params, const float *input, const float *target, int samples,
                      float *output, float *grad, double *loss) {
  run_trunk(p, params, input, samples);
  run_head(p, params, target, samples, output, grad, loss);
  for (int l = p->fno->spec.layers - 1; l >= 0; l--) run_layer_backward(p, params, l, samples, grad);
  pno_lift lift = lift_of(p, params, input);
  lift.spectrum = rows_or(p, p->output_modes);
  lift.d = p->d;
  lift.partial = p->partial;
  p->use.kernels->lift_backward(&lift, 0, samples * p->grid.blocks, p->scratch);
  add_map_partials(p, &p->fno->lift, samples, grad);
}
