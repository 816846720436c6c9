/* One table of operations per way of computing. Arithmetic on raw arrays: no ranks, files, options, clocks or memory.
 *
 * Every operation covers a range of blocks (at most some 200 us of work), keeps no state and may be called from any
 * thread; the caller threads, polls and cancels between calls. `scalar` is the meaning of each operation; a faster
 * table must agree with it (conformance and adjoint tests in tests/kernels).
 *
 * Conventions. s: sample of the chunk; cp = pno_padded(channels), padding lanes hold zeros and stay zero.
 *   activation  [s][row][point][cp]                          row spectrum  [row of the slab][k][re|im][cp]
 *   spectrum    [k0]..[k_last][re|im][cp] a sample           field (outside) [s][data point][channels]
 *   dense map   [in][out padded], bias [out padded]          spectral weight [k0]..[k_last][in][re|im][out padded]
 * Blocks of one call that reads or writes row spectra lie in one slab (grid.h), whose first row the pointer names.
 * The Fourier part is a truncated transform: rows first, then the leading axes from last to first.
 * Gradients of a complex number a + ib are (dL/da, dL/db). Partial gradients of a block lie compact, in the order of
 * the parameter struct, and are added in block order by `accumulate`. Gradients run backwards without the factor that
 * the loss has for each sample; `accumulate` and `mix_backward` apply it.
 * All operations are Local and cannot fail. */
#ifndef PNO_KERNELS_KERNELS_H
#define PNO_KERNELS_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/grid.h"

/* The kept modes of a leading axis: out[k] = sum_x in[x] exp(-2 pi i f_k x / n), f_k = first + k, first <= 0 < first + k. */
typedef struct {
  int n, k, first;
  const float *cosine; /* [k][n] */
  const float *sine;   /* [k][n] */
  const float *packed; /* what pack_axis of the table made of them */
} pno_axis;

/* FFTW's plans for two channels of a row as one of n complex numbers: not in place, the input may be destroyed, arrays
 * aligned to 64 bytes. Made and owned by engine/model/row_fft.h; executing them is thread-safe. */
typedef struct {
  int n;
  struct fftwf_plan_s *forward, *backward;
} pno_row_fft;

/* The kept modes of the last axis as real maps between a row and [k][re|im].
 * analysis: row to spectrum; synthesis: spectrum to row, where modes 0 and n/2 count once and the others twice, so that
 * the Hermitian rule holds by construction. Each serves its own adjoint transposed. Norms are folded in. With an FFT the
 * weights say all that the tables do, which may be absent then: weights[k] = table[k][re][0]. */
typedef struct {
  int n, k;
  ptrdiff_t stride;       /* floats between the spectra of two rows; 0: they follow each other */
  const float *analysis;  /* [k][re|im][n] */
  const float *synthesis; /* [k][re|im][n] */
  const float *packed;    /* what pack_row of the table made of them */
  const pno_row_fft *fft; /* borrowed; NULL: the tables serve. Only for tables of operations whose fft_floats is not 0 */
  const float *weights;   /* with an FFT: [analysis|synthesis][k] */
} pno_row_modes;

/* w2 gelu(w1 x + b1) + b2 on every point; hidden = 0: w1 x + b1 alone, with out columns. */
typedef struct {
  int in, hidden, out;
  const float *w1; /* [in][hidden or out, padded] */
  const float *b1;
  const float *w2; /* [hidden][out padded] */
  const float *b2;
} pno_mlp;

/* value = (field - shift) / scale on the way in, field = value * scale + shift on the way out. */
typedef struct {
  bool per_point;     /* [data point][channels] instead of [channels] */
  const float *scale; /* > 0 */
  const float *shift;
} pno_affine;

/* Dropout (Srivastava et al., 2014) with masks by place: the 16-bit lane of an element in the sequence of PNO_STREAM_DROPOUT
 * (engine/base/rng.h) keeps it, times `factor`, if it is at least `threshold`. Eight lanes a block; a point (or mode) takes
 * ceil(channels / 8) blocks from its place in the unpadded grid (or its stored mode) on. So all tables and ranks see the
 * same mask. Backward draws it again, or reads the bits that forward has left. */
typedef struct {
  uint32_t threshold; /* round(65536 p); 0: everything is kept */
  float factor;       /* of what is kept: 65536 / (65536 - threshold) */
  uint64_t seed;
  uint32_t epoch;
  uint16_t site;          /* which layer */
  int draws;              /* consecutive samples of the chunk that are draws of one input, >= 1 */
  int first_draw;         /* number of the first of them */
  const uint32_t *sample; /* [samples / draws]: number of each input in its data set */
  uint8_t *bits;          /* hidden layers: [sample][place][ceil(channels / 8)], bit i: element i is kept; NULL: not left */
  ptrdiff_t places;       /* of a sample, with bits */
} pno_dropout;

typedef struct {
  const pno_grid *grid;
  int in, channels, embed; /* data channels, width, 1 if the coordinates follow the data channels */
  int draws;               /* consecutive samples that share one input; 0: each has its own */
  pno_mlp mlp;             /* in + embed * dims channels to width */
  const pno_dropout *dropout; /* on the hidden layer before GELU; NULL: none */
  pno_affine norm;
  const float *coordinate[PNO_DIMS_MAX]; /* [inner[j]] */
  pno_row_modes modes;
  const float *input; /* field */
  float *x;           /* activation out, zero on the padding; NULL if the layer makes it again from the lift */
  float *rows;        /* row spectrum of x out */
  /* backward only */
  const float *d; /* activation gradient */
  float *partial; /* [block][pno_mlp_floats] out */
} pno_lift;

/* One leading axis of one sample or slab. */
typedef struct {
  pno_axis axis;
  int inner;       /* columns: vectors [re|im][cp] between two points of the axis */
  int channels;    /* padded */
  const float *in; /* forward [n][inner][re|im][cp], inverse [k][inner][re|im][cp] */
  float *out;
  ptrdiff_t point_step, mode_step; /* floats between two points of the axis, and two modes; 0: 2 cp inner */
} pno_axis_call;

typedef struct {
  int samples, micro;  /* samples of the chunk; samples a micro-batch */
  int modes;           /* kept modes on this grid */
  int channels;        /* logical, in = out */
  ptrdiff_t stride;    /* floats between the spectra of two samples */
  const int *stored;   /* [modes]: which mode of the weight */
  const float *weight; /* spectral weight */
  const pno_dropout *dropout; /* on y, one lane a complex number; NULL: none */
  const float *x;      /* spectra in */
  float *y;            /* spectra out; backward: gradient in, overwritten by the gradient of x */
  const float *scale;  /* [s]; backward: factor of the weight's gradient */
  float *grad;         /* backward: gradient of weight, each micro-batch's sum added in order */
  bool fresh;          /* backward: grad is overwritten, not added to */
} pno_mix;

/* A layer: z = synthesis of the spectrum + x skip + bias, then its stage:
 *   plain          result = gelu(z), or z where not activated
 *   mix_channels   m = mlp(gelu(z) or z) + gate x, result = gelu(m), or m where not activated   (neuraloperator 2.x) */
typedef struct {
  const pno_grid *grid;
  int channels;
  bool activate;     /* all layers but the last */
  bool mix_channels; /* gated channel MLP */
  pno_row_modes modes;
  const float *skip; /* [channels][cp] */
  const float *bias; /* [cp] */
  const float *gate; /* [cp] */
  pno_mlp mlp;
  const float *spectrum; /* row spectrum in */
  const float *x;        /* activation in; NULL: made by the lift, which is one linear map then */
  const pno_lift *lift;
  float *z;      /* pre-activation of the Fourier part; NULL: not kept */
  float *m;      /* pre-activation of the channel MLP; NULL: not kept */
  bool stream;   /* z will not be read before it has left the caches: a hint */
  float *result; /* activation out, may be x */
  float *rows;   /* row spectrum of the result out, may be spectrum; NULL if no layer follows */
} pno_layer;

/* Backward from the gradient dz of a layer's z (linear) through that layer's linear part to its input, and through the
 * stage of the layer below that made this input (stage) to that layer's dz. At the top there is no linear part and d is
 * the gradient of the last result; at the bottom there is no stage and d becomes the gradient of the lift's output. */
typedef struct {
  const pno_grid *grid;
  int channels;
  pno_row_modes modes;
  float *d;       /* activation gradient in and out */
  float *partial; /* [block][pno_back_floats] out: skip, bias, gate if linear; mlp if stage */
  /* the linear part */
  bool linear;
  bool gated;            /* the layer has a gate, and dm is there */
  const float *skip;     /* [channels][cp] */
  const float *gate;     /* [cp] */
  const float *dm;       /* gradient of the layer's m */
  const float *spectrum; /* gradient of the row spectrum of the input, in */
  /* the stage below */
  bool stage;
  bool activate, mix_channels;
  pno_mlp mlp;
  const float *z;
  float *m;    /* overwritten by its gradient */
  float *rows; /* gradient of the row spectrum that made z, out; may be spectrum */
  /* the input where there is no stage below */
  const float *x; /* NULL: made by the lift */
  const pno_lift *lift;
} pno_back;

/* Losses over a sample's points and channels together; e = prediction - target, h = cell volume.
 *   L2      sqrt(h sum e^2)
 *   REL_L2  sqrt(sum e^2) / (sqrt(sum y^2) + eps)                                    (neuraloperator LpLoss, eps 1e-8)
 *   H1      the same with sum e^2 + sum_j |d_j e|^2, central periodic differences     (neuraloperator H1Loss, relative)
 * Those of several draws are made of the sums of pno_draws and pno_normal (engine/model/fno_loss.c):
 *   ENERGY, REL_ENERGY, KERNEL of distances; CRPS and NLL by themselves. */
typedef enum {
  PNO_LOSS_L2 = 0, PNO_LOSS_REL_L2 = 1, PNO_LOSS_H1 = 2,
  PNO_LOSS_ENERGY, PNO_LOSS_REL_ENERGY, PNO_LOSS_CRPS, PNO_LOSS_KERNEL, PNO_LOSS_NLL
} pno_loss_kind;

typedef struct {
  const pno_grid *grid;
  int channels, out; /* width, channels out of each map */
  pno_mlp mlp;
  const pno_mlp *second;         /* a second map of the same shape, whose channels follow in the fields; NULL: none */
  const pno_dropout *dropout[2]; /* of each map, on the hidden layer before GELU; NULL: none */
  pno_affine norm;               /* of all channels of the field */
  const float *x; /* activation; may be d */
  float *output;  /* field: norm applied on the way out */
  /* backward */
  const float *dy; /* field: gradient of output */
  float *d;        /* activation gradient out, zero on the padding */
  float *partial;  /* [block][pno_head_floats] out */
  /* fused forward + loss + backward with dy = e, to be scaled by one factor a sample afterwards; one map only */
  const float *target;
  double *sums; /* [block][2]: sum e^2, sum y^2 */
} pno_head;

typedef struct {
  const pno_grid *grid;
  int channels;
  pno_loss_kind kind;
  const float *output; /* field */
  const float *target; /* field */
  float *error;        /* field: output - target */
  double *sums;        /* [block][2]: of e and of y; H1 includes the differences */
  const float *scale;  /* [s]: factor of the gradient */
  float *dy;           /* field out */
} pno_loss;

/* Draws of one field against its target; in steps of PNO_STEP values, sums a step.
 *   DISTANCES  terms: sum u^2; sum (y_m - u)^2 of each draw m; sum (y_m - y_k)^2 of each pair, (0,1), (0,2), .., (1,2), ..
 *              gradient of half the sum of factor[term] term: for scores that are functions of distances
 *   CRPS       one term: sum of mean_m |y_m - u| - spread sum_{m<k} |y_m - y_k|       (Gneiting & Raftery 2007, eq. 21)
 *   NLL        one term: sum of log(2 pi v) / 2 + (u - mean)^2 / (2 v) with mean and variance v of the draws (draws - 1
 *              below the line), the deviation at least 1e-6 as in the PNO code
 * The gradient of the last two is times factor[0]. */
typedef enum { PNO_DRAWS_DISTANCES, PNO_DRAWS_CRPS, PNO_DRAWS_NLL } pno_draws_kind;
enum { PNO_STEP = 1024 };

typedef struct {
  pno_draws_kind kind;
  int draws;
  ptrdiff_t values;     /* of a field */
  float spread;         /* CRPS: 1 / (draws (draws - 1)) is the fair form */
  const float *output;  /* [draws][values] */
  const float *target;  /* [values] */
  double *sums;         /* [step][pno_draws_terms] out */
  const double *factor; /* [terms] */
  float *dy;            /* [draws][values] out */
} pno_draws;

/* Fields of a mean and a scale head as draws: y_m = mean + norm_scale (softplus(s) + 1e-6) z_m, z_m standard normal by place
 * (PNO_STREAM_DRAW, element = point * out + channel), kept in z for the way back. Over points.    (PNO paper, reparametrised operator)
 * nll: of the target under the normal distribution itself. */
typedef struct {
  ptrdiff_t points;
  int out, draws;     /* channels of each head; 0 draws: none */
  pno_affine norm;    /* of 2 out channels: the scale of a mean's channel is that of its deviation too */
  uint64_t seed;
  uint32_t epoch, sample;
  int first_draw;
  float *z;           /* [draws][point][out], NULL: not kept */
  const float *heads; /* [point][mean of each channel | s of each channel] */
  float *output;      /* [draws][point][out] out */
  const float *target; /* [point][out] */
  double *sums;        /* [step of PNO_STEP points] out: sum of -log density */
  /* backward */
  const float *dy; /* [draws][point][out] */
  double factor;   /* of the sum of -log density */
  float *dheads;   /* [point][2 out] out */
} pno_normal;

/* For each micro-batch of `micro` blocks in order (the last may be shorter):
 * grad[i] += sum over its blocks, in order, of scale[block / blocks a sample] * partial[block * stride + i] */
typedef struct {
  int blocks, micro, blocks_a_sample;
  ptrdiff_t stride;
  const float *partial; /* at the tensor's place in block 0 */
  const float *scale;   /* [s] */
  float *grad;
} pno_accumulate;

/* What a step of the optimiser needs, in the table's memory space; written by the host once a step. */
typedef struct {
  float lr, beta1, beta2, eps, weight_decay;
  float rest1, rest2;       /* 1 - beta, rounded once: 1.0f - 0.999f is off by 5e-5 */
  float correct1, correct2; /* 1 - beta^t */
  float grad_scale;         /* 1 / samples of the global batch, times the clip factor */
  float decoupled;          /* 1: AdamW, 0: Adam with L2 */
  float skip;               /* 1: leave everything as it is */
} pno_step_args;

/* One tensor of the optimiser. complex: pairs lie `half` floats apart, [..][re|im][half]; v holds one value a pair. */
typedef struct {
  bool is_complex;
  int half;
  const pno_step_args *step;
  const float *grad;
  float *param, *m, *v;
} pno_adam;

typedef struct {
  const char *name; /* as --device names it */
  /* Tables of a transform in the form that the operations read: floats they take, and the packing. */
  ptrdiff_t (*pack_row_floats)(int n, int k);
  void (*pack_row)(const pno_row_modes *m, float *packed);
  ptrdiff_t (*pack_axis_floats)(int n, int k, int first);
  void (*pack_axis)(const pno_axis *a, float *packed);
  /* Scratch that any operation on this grid needs, for one thread; widest: the largest number of channels of any map
   * (width, hidden, in + coordinates, out). */
  ptrdiff_t (*scratch_floats)(const pno_grid *grid, int widest);
  /* Scratch in front of that where rows go by an FFT; 0: this table of operations has none. */
  ptrdiff_t (*fft_floats)(const pno_grid *grid, int channels);

  void (*lift_forward)(const pno_lift *a, int block, int count, float *scratch);
  void (*lift_backward)(const pno_lift *a, int block, int count, float *scratch);
  void (*axis_forward)(const pno_axis_call *a, int column, int count, float *scratch);
  void (*axis_inverse)(const pno_axis_call *a, int column, int count, float *scratch);
  void (*mix_forward)(const pno_mix *a, int mode, int count);
  void (*mix_backward)(const pno_mix *a, int mode, int count, float *scratch);
  void (*layer_forward)(const pno_layer *a, int block, int count, float *scratch);
  void (*layer_backward)(const pno_back *a, int block, int count, float *scratch);
  void (*head_forward)(const pno_head *a, int block, int count, float *scratch);
  void (*head_backward)(const pno_head *a, int block, int count, float *scratch);
  void (*head_loss)(const pno_head *a, int block, int count, float *scratch); /* L2 and REL_L2 only */
  void (*loss_error)(const pno_loss *a, int block, int count);
  void (*loss_sums)(const pno_loss *a, int block, int count);
  void (*loss_gradient)(const pno_loss *a, int block, int count);
  void (*draws_sums)(const pno_draws *a, ptrdiff_t step, ptrdiff_t count);
  void (*draws_gradient)(const pno_draws *a, ptrdiff_t step, ptrdiff_t count);
  void (*normal_draw)(const pno_normal *a, ptrdiff_t step, ptrdiff_t count);
  void (*normal_gradient)(const pno_normal *a, ptrdiff_t step, ptrdiff_t count); /* of dy */
  void (*normal_nll)(const pno_normal *a, ptrdiff_t step, ptrdiff_t count);
  void (*normal_nll_gradient)(const pno_normal *a, ptrdiff_t step, ptrdiff_t count);
  void (*encode)(const pno_affine *norm, ptrdiff_t points, int channels, float *field); /* in place, one sample */
  /* value[i] = gelu(x[i]); slope[i] = gelu'(x[i]), NULL: not wanted. value may be x. The measure of what GELU costs. */
  void (*gelu)(ptrdiff_t n, const float *x, float *value, float *slope);
  void (*accumulate)(const pno_accumulate *a, ptrdiff_t first, ptrdiff_t count);
  /* squares[b] = sum of g^2 in double over block b of PNO_BLOCK floats; not finite if an element is not */
  void (*squares)(const float *g, ptrdiff_t block, ptrdiff_t count, double *squares);
  void (*adam)(const pno_adam *a, ptrdiff_t first, ptrdiff_t count); /* elements, or pairs if complex */
} pno_kernels;

/* Elements of the flat parameter buffer are handled in blocks; each tensor starts on one. */
enum { PNO_BLOCK = 1024 };

const pno_kernels *pno_kernels_scalar(void);
const pno_kernels *pno_kernels_avx512(void); /* only for processors that kernels/dispatch.h names */
const pno_kernels *pno_kernels_avx2(void);

/* Floats of a partial gradient. */
ptrdiff_t pno_mlp_floats(const pno_mlp *m);
ptrdiff_t pno_back_floats(const pno_back *a);
ptrdiff_t pno_head_floats(const pno_head *a);

/* Terms a step of pno_draws. */
static inline int pno_draws_terms(pno_draws_kind kind, int draws) {
  return kind == PNO_DRAWS_DISTANCES ? 1 + draws + draws * (draws - 1) / 2 : 1;
}

#endif
