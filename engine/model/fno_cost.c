#include "engine/model/fno_cost.h"

#include <math.h>

#include "engine/model/fno_impl.h"

/* Products a real output of one frequency takes from n folded points, and additions of folding n real points. */
static double folded(int n) { return n % 2 == 0 ? n / 4.0 : n / 2.0; }
static double folding(int n) { return n % 2 == 0 ? 2.0 * n : n; }

/* Analysis of one field of one channel, or its inverse, which costs the same: a row gives two real numbers a frequency;
 * a complex column gives two, of two real columns each, for a frequency and its negative together. */
static double transform(const pno_fno_plan *p) {
  const pno_grid *g = &p->grid;
  const double row = p->row.fft ? 2.5 * g->len * log2(g->len) : 4.0 * folded(g->len) * p->row.k + folding(g->len);
  double flops = (double)g->rows * row;
  double columns = (double)g->rows * p->row.k;
  for (int j = g->dims - 2; j >= 0; j--) {
    columns /= g->n[j];
    flops += columns * (4.0 * folded(g->n[j]) * p->kept[j] + 2.0 * folding(g->n[j]));
    columns *= p->kept[j];
  }
  return flops;
}

static int width(int channels, bool padded) { return padded ? pno_padded(channels) : channels; }

/* Flops a point of a two-layer map between in and out channels as they count; *back: of its gradients. */
static double map_flops(const fno_map *m, double in, double out, bool padded, bool wants_input, double *back) {
  const double hidden = width(m->hidden, padded);
  const double first = 2.0 * in * (m->hidden ? hidden : out), second = m->hidden ? 2.0 * hidden * out : 0.0;
  *back = first * (wants_input ? 2.0 : 1.0) + 2.0 * second;
  return first + second;
}

pno_fno_cost pno_fno_cost_of(const pno_fno_plan *p, bool padded) {
  const pno_fno *f = p->fno;
  const pno_fno_spec *s = &f->spec;
  const double c = width(s->width, padded), points = (double)pno_grid_points(&p->grid);
  const double data = (double)pno_grid_data_points(&p->grid), mlp = s->mlp_hidden ? width(s->mlp_hidden, padded) : 0.0;
  double lift_back, head_back, mlp_back = 0;
  const double lift = data * map_flops(&f->lift, f->lift.in, c, padded, false, &lift_back);
  const double head = data * map_flops(&f->head, c, s->out, padded, true, &head_back);
  const double channels = s->mlp_hidden ? points * map_flops(&f->mlp[0], c, c, padded, true, &mlp_back) : 0.0;
  const double both = 2.0 * transform(p) * c, dense = 8.0 * p->modes * c * c + 2.0 * points * c * c;
  pno_fno_cost cost = {.forward = s->layers * (both + dense + channels) + lift + head};
  cost.step = cost.forward + s->layers * (both + 2.0 * dense + points * mlp_back) + data * (lift_back + head_back);
  /* The last layer has no activation around its Fourier part; its channel map has one inside. */
  const double around = s->mlp_hidden ? 2.0 * c : c;
  cost.gelu_step = points * ((s->layers - 1) * around + s->layers * mlp);
  if (s->lift_hidden) cost.gelu_step += data * width(s->lift_hidden, padded);
  cost.gelu_slope = cost.gelu_forward = cost.gelu_step + data * width(s->head_hidden, padded);
  return cost;
}

void pno_fno_flops(const pno_fno_plan *p, double *forward, double *step) {
  const pno_fno_cost c = pno_fno_cost_of(p, false);
  *forward = c.forward;
  *step = c.step;
}

pno_fno_traffic pno_fno_traffic_of(const pno_fno_plan *p, int samples) {
  const pno_fno_spec *s = &p->fno->spec;
  const double vector = (double)sizeof(float) * pno_padded(s->width) * samples;
  const double activation = vector * (double)pno_grid_points(&p->grid);
  const double field = (double)sizeof(float) * samples * (double)pno_grid_data_points(&p->grid);
  const double floats = (double)sizeof(float) * (double)p->fno->registry.floats;
  const double modes = 2.0 * vector * p->modes;
  double rows = 0; /* what lies between the rows and the modes; a row's own modes are those in one dimension */
  if (s->dims > 1) rows += 2.0 * vector * p->grid.rows * p->row.k;
  if (s->dims > 2) rows += 2.0 * vector * p->grid.n[0] * p->kept[1] * p->row.k;
  /* The lift writes; a layer reads its input and writes what it keeps (with a channel map two things). */
  const double kept = s->mlp_hidden ? 2.0 : 1.0;
  pno_fno_traffic t = {.activations = activation * (1 + s->layers * (1 + kept)),
                       .spectra = s->layers * 4.0 * (rows + modes),
                       .fields = field * (s->in + s->out), .weights = floats};
  if (!p->use.train) return t;
  /* Backward reads the gradient and what is kept, and writes the gradient; the last layer and the head are one pass. */
  t.activations += activation * (s->layers * (2 + kept) - 1);
  t.spectra *= 2.0;
  t.fields += field * (s->in + s->out);
  t.weights += 3.0 * floats; /* parameters again; the gradient is read and written */
  return t;
}
