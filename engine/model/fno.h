/* The Fourier neural operator in 1, 2 or 3 dimensions, forward and backward, in three flavours:
 *   li        Li et al., ICLR 2021: linear lift, 4 x [spectral + 1x1 + GELU], head of 128; corner modes, backward norm
 *   neuralop  neuraloperator 2.x FNO: two-layer lift and head, gated channel MLP, centred modes, forward norm
 *   pno       as the PNO paper configures neuralop 0.3 (arXiv 2502.12902): neuralop without channel MLP, coordinates with
 *             the end point; with two heads the reparametrised operator PNO_R, with dropout PNO_D
 * Definitions: reference of each in README.md. All functions are Local; a plan is used by one caller at a time and
 * shares its work among its own threads. The same bits at any number of them. */
#ifndef PNO_ENGINE_MODEL_FNO_H
#define PNO_ENGINE_MODEL_FNO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/arena.h"
#include "engine/base/status.h"
#include "engine/model/params.h"
#include "kernels/kernels.h"

typedef enum { PNO_FLAVOUR_NEURALOP, PNO_FLAVOUR_LI, PNO_FLAVOUR_PNO } pno_flavour;

enum { PNO_LAYERS_MAX = 16, PNO_THREADS_MAX = 256 };

#define PNO_CALL_BYTES ((size_t)2 << 30)   /* that the plan of a call may take */
#define PNO_CACHE_BYTES ((size_t)64 << 20) /* that it should take where that costs little: a share of the last cache */

typedef struct {
  pno_flavour flavour;
  int dims;                    /* 1 to 3 */
  int in, out;                 /* data channels */
  int width;
  int modes[PNO_DIMS_MAX];     /* as the flavour's own code counts: li keeps 2 m and m, neuralop m and m/2 + 1 */
  int layers;
  int lift_hidden;             /* 0: one linear map */
  int head_hidden;
  int heads;                   /* 2: a mean and a scale head, whose fields are drawn (pno_normal); 0, 1: one head */
  int mlp_hidden;              /* of the gated channel MLP; 0: none */
  bool embed;                  /* coordinates follow the data channels */
  double padding[PNO_DIMS_MAX]; /* neuralop: fraction of n on both sides; li: points behind the data */
} pno_fno_spec;

/* Losses of several draws, with their gradients. c = 1 / sqrt(points), |.| over points and channels of a sample:
 *   ENERGY  c mean_m |y_m - u| - c spread sum_{m<k} |y_m - y_k|, spread = (M - 1 + fair) / (M^2 (M - 1)): fair = 1 has the
 *           same expectation for any M and is that of the PNO code, fair = 0 divides by M^2       (almost fair: Lang et al. 2024)
 *   REL_ENERGY  with 1 / (|u| + 1e-8) for c
 *   KERNEL  sum_{m<k} k(y_m, y_k) / (M (M - 1)) - mean_m k(y_m, u) + 1, k = exp(-(c|.| / 2 gamma)^2), or with laplace
 *           exp(-c|.| / 2 gamma^2), as in the PNO code
 *   CRPS    mean over the values of pno_draws' CRPS with the same spread. NLL: mean over the values; of two heads it is the
 *           density of their normal distribution, without draws */
typedef struct {
  double fair, gamma;
  bool laplace;
} pno_draw_loss;

typedef struct pno_fno pno_fno;

/* Errors: PNO_E_USAGE with the value that does not fit; PNO_E_NOMEM. */
pno_status pno_fno_create(const pno_fno_spec *spec, pno_fno **out);
void pno_fno_destroy(pno_fno **f);
const pno_fno_spec *pno_fno_spec_of(const pno_fno *f);
const pno_registry *pno_fno_registry(const pno_fno *f);

/* What a plan is made for. norms are borrowed until the plan is destroyed; scale and shift of identity maps may be
 * shared. n: data extents. micro: samples a micro-batch. */
typedef struct {
  const pno_kernels *kernels;
  int n[PNO_DIMS_MAX];
  int samples; /* the most samples of a call, each with all its draws */
  int micro;
  int draws;                       /* fields that are generated for each input, 0: one */
  double dropout, fourier_dropout; /* shares of what is dropped in this plan's calls, < 1 */
  int head_out;                    /* the most channels of a head that is given to pno_fno_forward_with */
  int threads; /* of this rank's calls, 0: one; the bits never depend on it */
  bool train; /* keep what backward needs */
  const pno_row_fft *fft; /* rows by FFT (row_fft.h), borrowed until the plan is destroyed; NULL: by tables */
  pno_affine norm_in, norm_out;
  pno_loss_kind loss;
  pno_draw_loss draw_loss;
} pno_fno_use;

typedef struct pno_fno_plan pno_fno_plan;

/* Sizes all buffers by a measuring pass and allocates them once.
 * Errors: PNO_E_SHAPE when the grid does not fit the modes (li: modes above n/2), PNO_E_NOMEM. */
pno_status pno_fno_plan_create(const pno_fno *f, const pno_fno_use *use, pno_fno_plan **out);
void pno_fno_plan_destroy(pno_fno_plan **p);

/* The same plan without its memory, to be asked and not to be run: the norms may be absent. */
pno_status pno_fno_plan_measure(const pno_fno *f, const pno_fno_use *use, pno_fno_plan **out);

/* How many samples a call should take of `most` that a rank has: as many as fit PNO_CACHE_BYTES, or more where the
 * weights, which every call streams four times, outweigh what leaving the cache costs; within PNO_CALL_BYTES; all calls
 * alike. Whole micro-batches, at least one. use->samples is not read. Errors: as of a plan. */
pno_status pno_fno_call_samples(const pno_fno *f, const pno_fno_use *use, int most, int *out);

size_t pno_fno_plan_bytes(const pno_fno_plan *p);
const pno_arena *pno_fno_plan_memory(const pno_fno_plan *p); /* bytes by purpose */
const pno_grid *pno_fno_plan_grid(const pno_fno_plan *p);

/* Where the random numbers of the next calls come from: dropout and draws of a normal. sample [samples of a call]: number of
 * each input in its data set, borrowed. A gradient must see what its forward pass saw. */
typedef struct {
  uint64_t seed;
  uint32_t epoch;
  const uint32_t *sample;
  int first_draw; /* number of the first of use.draws */
} pno_fno_noise;
enum { PNO_EPOCH_EVALUATION = 0xffffff }; /* an epoch that no training reaches */
void pno_fno_plan_noise(pno_fno_plan *p, const pno_fno_noise *noise);

/* output [samples][draws][n..][out] = operator(input [samples][n..][in]); samples <= use.samples. */
void pno_fno_forward(pno_fno_plan *p, const float *params, const float *input, int samples, float *output);

/* The same with another head in place of the operator's own, which maps the last activation to head->out fields that norm
 * takes out (not drawn, no dropout in it); for draws = 1. */
void pno_fno_forward_with(pno_fno_plan *p, const float *params, const pno_mlp *head, const pno_affine *norm,
                          const float *input, int samples, float *output);
pno_mlp pno_fno_head(const pno_fno *f, const float *params); /* the operator's own (first) head */

/* Mean and s of each point of the newest call of an operator of two heads, [samples][n..][2 out] (pno_normal). */
const float *pno_fno_heads(const pno_fno_plan *p);

/* Of such an operator: further draws of the newest call by the noise as it is now; and the mean of the variances over the
 * points and channels of one of its samples, in the units of the outputs. */
void pno_fno_draw_again(pno_fno_plan *p, int samples, float *output);
double pno_fno_heads_variance(const pno_fno_plan *p, int sample);

/* L2, relative L2 or H1 loss of each sample, loss [samples], for outputs already made, one draw each. */
void pno_fno_losses(pno_fno_plan *p, pno_loss_kind kind, const float *output, const float *target, int samples,
                    double *loss);

/* Forward and backward of consecutive micro-batches: adds the gradient of the sum of the samples' losses to grad
 * [registry floats], one micro-batch after the other, and writes loss [samples] and output. fresh: grad is written, not
 * added to, as if it had been zero. */
void pno_fno_gradient(pno_fno_plan *p, const float *params, const float *input, const float *target, int samples,
                      bool fresh, float *output, float *grad, double *loss);

/* Where the time of a plan's calls went, of the calling thread. */
typedef enum {
  PNO_PHASE_LIFT,       /* lift and the first analysis */
  PNO_PHASE_MIX,        /* channels of each mode */
  PNO_PHASE_LAYERS,     /* all layers but the last, with the transforms on both sides */
  PNO_PHASE_TURN,       /* last layer, head, loss and the way back through both */
  PNO_PHASE_MIX_BACK,
  PNO_PHASE_LAYERS_BACK,
  PNO_PHASE_PARTIALS,   /* adding up partial gradients */
  PNO_PHASES
} pno_phase;
extern const char *const pno_phase_names[PNO_PHASES];

typedef struct {
  double seconds, ticks; /* by pno_clock and by pno_ticks */
} pno_phase_time;
const pno_phase_time *pno_fno_phase_times(const pno_fno_plan *p); /* [PNO_PHASES]: sums since the plan was made */

/* Floating-point operations of one forward pass and of one training step of one sample (FMA = 2; element-wise work not
 * counted), for the rates that are printed; fno_cost.h says how they are counted. */
void pno_fno_flops(const pno_fno_plan *p, double *forward, double *step);

#endif
