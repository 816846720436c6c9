/* The last map of an operator as the Laplace approximation sees it: its features on the grid, and drawn weights as heads of
 * the operator. Targets and outputs are normalised ones. All functions are Local. */
#ifndef PNO_ENGINE_SCORE_LAPLACE_HEADS_H
#define PNO_ENGINE_SCORE_LAPLACE_HEADS_H

#include <stdbool.h>

#include "engine/score/laplace.h"
#include "kernels/kernels.h"

/* ---- what the posterior is fitted to ---- */

typedef struct pno_laplace_gram pno_laplace_gram;

/* head: the operator's own, of two layers, borrowed; points of a sample. Errors: PNO_E_USAGE one layer; PNO_E_NOMEM. */
pno_status pno_laplace_gram_create(const pno_mlp *head, ptrdiff_t points, pno_laplace_gram **out);
void pno_laplace_gram_destroy(pno_laplace_gram **g); /* takes NULL */

/* A head that gives the hidden layer itself, with its identity norm, and room for its field [points][hidden]. */
const pno_mlp *pno_laplace_gram_head(const pno_laplace_gram *g, pno_affine *norm, float **field);

/* Doubles of a sum: G [f][f] with f = hidden + 1 (the bias), and the squared residuals. */
ptrdiff_t pno_laplace_gram_doubles(const pno_laplace_gram *g);

/* Adds a sample, whose features are in the field, to sum. target: [points][out] as in the data, norm: of the targets. */
void pno_laplace_gram_add(const pno_laplace_gram *g, const float *target, const pno_affine *norm, double *sum);

/* sum += other */
void pno_laplace_gram_sum(const pno_laplace_gram *g, const double *other, double *sum);

/* The posterior from the sum over all samples; points: of all of them. Errors: those of pno_laplace_fit. */
pno_status pno_laplace_gram_fit(const pno_laplace_gram *g, const double *sum, double points, pno_laplace **out);

/* ---- drawing ---- */

typedef struct pno_laplace_heads pno_laplace_heads;

/* chunk: heads that are drawn at once. norm: of the operator's outputs. All borrowed until destroy.
 * Errors: PNO_E_SHAPE l belongs to another head; PNO_E_NOMEM. */
pno_status pno_laplace_heads_create(const pno_laplace *l, const pno_mlp *head, const pno_affine *norm, ptrdiff_t points,
                                    int chunk, pno_laplace_heads **out);
void pno_laplace_heads_destroy(pno_laplace_heads **h); /* takes NULL */

/* Draws number first .. first + chunk - 1 as one head of chunk times out channels, with its identity norm. Draws that are
 * there from the last call are not made again. */
pno_mlp pno_laplace_heads_draw(pno_laplace_heads *h, uint64_t seed, int first, pno_affine *norm);

/* The field of that head, [points][chunk][out], as fields [chunk][points][out] in the units of the data; noise: with
 * the observation noise, by the place (seed, sample, draw, step); step: of a rollout, else 0. */
void pno_laplace_heads_fields(const pno_laplace_heads *h, const float *columns, bool noise, uint32_t sample, int step,
                              float *fields);

/* Mean variance of the noise over the field, in the units of the data. */
double pno_laplace_heads_noise(const pno_laplace_heads *h);

#endif
