#include "engine/model/fno_cost.h"

#include <math.h>
#include <string.h>

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

/* Flops and GELU values of one sample. The last layer belongs to the turn: its synthesis, its maps and, on the way back,
 * its own stage; the analysis of the first layer belongs to the lift. */
static void count_pass(const pno_fno_plan *p, bool padded, bool train, pno_fno_work w[PNO_PHASES]) {
  const pno_fno *f = p->fno;
  const pno_fno_spec *s = &f->spec;
  const double c = width(s->width, padded), points = (double)pno_grid_points(&p->grid), most = s->layers - 1;
  const double data = (double)pno_grid_data_points(&p->grid), mlp = s->mlp_hidden ? width(s->mlp_hidden, padded) : 0.0;
  const double heads = s->heads == 2 ? 2.0 : 1.0;
  double lift_back, head_back, mlp_back = 0;
  const double lift = data * map_flops(&f->lift, f->lift.in, c, padded, false, &lift_back);
  const double head = heads * data * map_flops(&f->head[0], c, s->out, padded, true, &head_back);
  const double channels = s->mlp_hidden ? points * map_flops(&f->mlp[0], c, c, padded, true, &mlp_back) : 0.0;
  const double field = transform(p) * c, mix = 8.0 * p->modes * c * c, skip = 2.0 * points * c * c;
  const double lift_gelu = s->lift_hidden ? data * width(s->lift_hidden, padded) : 0.0;
  const double head_gelu = heads * data * width(s->head_hidden, padded), mlp_gelu = points * mlp;
  /* The last layer has no activation around its Fourier part; its channel map has one inside. */
  const double around = points * (s->mlp_hidden ? 2.0 * c : c);
  w[PNO_PHASE_LIFT] = (pno_fno_work){.flops = lift + field, .gelu = lift_gelu};
  w[PNO_PHASE_MIX].flops = s->layers * mix;
  w[PNO_PHASE_LAYERS] = (pno_fno_work){.flops = most * (2.0 * field + skip + channels), .gelu = most * (around + mlp_gelu)};
  w[PNO_PHASE_TURN] = (pno_fno_work){.flops = field + skip + channels + head, .gelu = mlp_gelu};
  if (!train) {
    w[PNO_PHASE_TURN].gelu += head_gelu;
    return;
  }
  w[PNO_PHASE_TURN].flops += heads * data * head_back + points * mlp_back + field;
  w[PNO_PHASE_TURN].gelu_slope = head_gelu + mlp_gelu;
  w[PNO_PHASE_MIX_BACK].flops = s->layers * 2.0 * mix;
  w[PNO_PHASE_LAYERS_BACK] = (pno_fno_work){
      .flops = s->layers * 2.0 * skip + (most + s->layers) * field + most * points * mlp_back + data * lift_back,
      .gelu_slope = most * (around + mlp_gelu) + lift_gelu};
}

/* Of one sample: as many passes as draws go through the layers. */
static void count_work(const pno_fno_plan *p, bool padded, bool train, pno_fno_work w[PNO_PHASES]) {
  count_pass(p, padded, train, w);
  for (int i = 0; i < PNO_PHASES; i++) {
    w[i].flops *= p->draws;
    w[i].gelu *= p->draws;
    w[i].gelu_slope *= p->draws;
  }
}

pno_fno_cost pno_fno_cost_of(const pno_fno_plan *p, bool padded) {
  pno_fno_work forward[PNO_PHASES] = {0}, step[PNO_PHASES] = {0};
  pno_fno_cost cost = {0};
  count_work(p, padded, false, forward);
  count_work(p, padded, true, step);
  for (int i = 0; i < PNO_PHASES; i++) {
    cost.forward += forward[i].flops;
    cost.step += step[i].flops;
    cost.gelu_forward += forward[i].gelu;
    cost.gelu_step += step[i].gelu;
    cost.gelu_slope += step[i].gelu_slope;
  }
  return cost;
}

void pno_fno_flops(const pno_fno_plan *p, double *forward, double *step) {
  const pno_fno_cost c = pno_fno_cost_of(p, false);
  *forward = c.forward;
  *step = c.step;
}

/* Bytes of parameters, which lie in backward order: head, layers (all alike), lift. spectral: of all layers. */
typedef struct {
  double head, layer, lift, spectral;
} weights;

static weights weights_of(const pno_fno *f) {
  const pno_registry *r = &f->registry;
  const int last = f->spec.heads == 2;
  const double size = sizeof(float), all = size * (double)r->floats;
  const ptrdiff_t spectral = (r->tensor[f->spectral[0]].count + PNO_BLOCK - 1) / PNO_BLOCK * PNO_BLOCK;
  weights w = {.head = size * (double)r->tensor[(f->head[last].hidden ? f->head[last].b2 : f->head[last].b1) + 1].at,
               .lift = all - size * (double)r->tensor[f->lift.w1].at,
               .spectral = size * f->spec.layers * (double)spectral};
  w.layer = (all - w.head - w.lift - w.spectral) / f->spec.layers;
  return w;
}

static void count_bytes(const pno_fno_plan *p, int samples, pno_fno_work w[PNO_PHASES]) {
  const pno_fno_spec *s = &p->fno->spec;
  samples *= p->draws;
  const double vector = (double)sizeof(float) * pno_padded(s->width) * samples, most = s->layers - 1;
  const double activation = vector * (double)pno_grid_points(&p->grid);
  const double field = (double)sizeof(float) * samples * (double)pno_grid_data_points(&p->grid);
  const double modes = 2.0 * vector * p->modes;
  const weights own = weights_of(p->fno);
  double rows = 0; /* what lies between the rows and the modes; a row's own modes are those in one dimension */
  if (s->dims > 1) rows += 2.0 * vector * p->grid.rows * p->row.k;
  if (s->dims > 2) rows += 2.0 * vector * p->grid.n[0] * p->kept[1] * p->row.k;
  const double spectrum = 2.0 * rows + modes; /* of an analysis, which writes the modes, or a synthesis, which reads them */
  /* The lift writes; a layer reads its input and writes what it keeps (with a channel map two things). */
  const double kept = s->mlp_hidden ? 2.0 : 1.0;
  w[PNO_PHASE_LIFT].bytes = (pno_fno_traffic){activation, spectrum, field * s->in, own.lift};
  w[PNO_PHASE_MIX].bytes = (pno_fno_traffic){.spectra = s->layers * 2.0 * modes, .weights = own.spectral};
  w[PNO_PHASE_LAYERS].bytes = (pno_fno_traffic){most * activation * (1 + kept), most * 2.0 * spectrum, 0, most * own.layer};
  w[PNO_PHASE_TURN].bytes = (pno_fno_traffic){activation * (1 + kept), spectrum, field * s->out, own.layer + own.head};
  if (!p->use.train) return;
  /* The last layer and the head are one pass: it writes its gradient. The other layers read the gradient and what is
   * kept and write the gradient, but below the first layer there is only the lift, which reads its fields again. */
  pno_fno_traffic *turn = &w[PNO_PHASE_TURN].bytes, *back = &w[PNO_PHASE_LAYERS_BACK].bytes;
  turn->activations += activation;
  turn->spectra += spectrum;
  turn->fields += field * s->out;
  turn->weights += own.head;
  w[PNO_PHASE_MIX_BACK].bytes = (pno_fno_traffic){.spectra = s->layers * 3.0 * modes, .weights = 3.0 * own.spectral};
  *back = (pno_fno_traffic){.activations = activation * (s->layers * (2 + kept) - 2),
                            .spectra = (most + s->layers) * spectrum, .fields = field * s->in,
                            .weights = s->layers * own.layer + own.lift};
  w[PNO_PHASE_PARTIALS].bytes.weights = 2.0 * (own.head + own.lift + s->layers * own.layer);
}

pno_fno_traffic pno_fno_traffic_of(const pno_fno_plan *p, int samples) {
  pno_fno_work w[PNO_PHASES] = {0};
  pno_fno_traffic t = {0};
  count_bytes(p, samples, w);
  for (int i = 0; i < PNO_PHASES; i++) {
    t.activations += w[i].bytes.activations;
    t.spectra += w[i].bytes.spectra;
    t.fields += w[i].bytes.fields;
    t.weights += w[i].bytes.weights;
  }
  return t;
}

void pno_fno_work_of(const pno_fno_plan *p, int samples, bool padded, pno_fno_work out[PNO_PHASES]) {
  memset(out, 0, PNO_PHASES * sizeof *out);
  count_work(p, padded, p->use.train, out);
  count_bytes(p, samples, out);
}
