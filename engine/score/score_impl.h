/* What the files of engine/score share: the scorer, and where a score stands in the row of a sample. */
#ifndef PNO_ENGINE_SCORE_SCORE_IMPL_H
#define PNO_ENGINE_SCORE_SCORE_IMPL_H

#include <fftw3.h>
#include <stdint.h>

#include "engine/base/arena.h"
#include "engine/score/scores.h"

/* Held draws lie as [block][row][SCORE_BLOCK values]: rows 0 .. M - 1 are draws, row M is the truth. All draws of a block
 * fit the second-level cache, and rows do not lie a power of two apart, as those of whole fields do: 100 rows of 64 x 64
 * values would share 12 places of the first level. Values behind the field are 0. */
enum { SCORE_BLOCK = 256, SCORE_COLUMNS = 64 /* values sorted together */ };

/* One sum a sample each, then arrays: SCORE_LEVEL_ARRAYS of [levels], pit, rank, reliability, spectra. */
enum {
  AT_L2,
  AT_REL_L2,
  AT_H1,
  AT_MSE,
  AT_VRMSE,
  AT_ENERGY,
  AT_CRPS,
  AT_NLL,
  AT_VARIANCE,
  AT_VARIOGRAM,
  AT_ALEATORIC,
  AT_EPISTEMIC,
  AT_ARRAYS
};
enum {
  IN_COVERAGE,
  IN_WIDTH,
  IN_INTERVAL_SCORE,
  IN_BAND_COVERAGE,
  IN_BAND_WIDTH,
  IN_FIELD_COVERAGE,
  IN_FIELD_WIDTH,
  SCORE_LEVEL_ARRAYS
};

static inline ptrdiff_t score_at_level(const pno_score_spec *p, int array, int level) {
  return AT_ARRAYS + (ptrdiff_t)array * p->levels + level;
}

static inline ptrdiff_t score_at_pit(const pno_score_spec *p) { return score_at_level(p, SCORE_LEVEL_ARRAYS, 0); }

static inline ptrdiff_t score_at_rank(const pno_score_spec *p) { return score_at_pit(p) + PNO_PIT_BINS; }

static inline ptrdiff_t score_at_reliability(const pno_score_spec *p) { return score_at_rank(p) + PNO_PIT_BINS; }

static inline ptrdiff_t score_at_spectra(const pno_score_spec *p) { return score_at_reliability(p) + PNO_QUANTILES; }

static inline bool score_holds(const pno_score_spec *p) { return p->needs_draws || p->draws == 1; }

/* Between order statistics lo and hi, both of [0, M). */
typedef struct {
  int lo, hi;
  double part;
} score_quantile;

struct pno_scorer {
  pno_score_spec spec;
  pno_arena arena;
  bool held;
  int given; /* draws of this sample so far */
  int rows;  /* of the held blocks */
  int shells;
  ptrdiff_t points, values; /* of the field; times channels */
  ptrdiff_t blocks;
  const float *truth; /* borrowed until end */
  double parts[2];
  double c;                 /* sqrt of the cell volume */
  double *error, *variance; /* [values] sums of the draws less the first and of its squares; after end m - u, v */
  float *mean, *sd;         /* [values] mean is the first draw until end */
  float *hold;              /* [blocks][rows][SCORE_BLOCK] */
  double *distance2;        /* [rows][rows], above the diagonal */
  float *column;            /* [draws][SCORE_COLUMNS] */
  double *untied;           /* [draws + 1] values of each rank */
  float *quantiles;         /* [levels][lo|hi][values] */
  score_quantile nominal[PNO_QUANTILES], side[PNO_LEVELS_MAX][2];
  fftw_plan plan;
  double *wave;        /* [points] */
  fftw_complex *modes; /* [modes_n] */
  ptrdiff_t modes_n;
  int *shell;           /* [modes_n], negative -1 - k where the mode stands for its mirror image too */
  double *member_power; /* [shells] */
};

static inline const float *score_row(const pno_scorer *s, ptrdiff_t block, int row) {
  return s->hold + (block * s->rows + row) * SCORE_BLOCK;
}

void score_energy(pno_scorer *s, double *values);    /* pairs.c */
void score_ranks(pno_scorer *s, double *values);     /* ranks.c */
void score_variogram(pno_scorer *s, double *values); /* variogram.c */
score_quantile score_quantile_of(double q, int draws);

int score_shells(const pno_score_spec *p); /* spectrum.c */
pno_status score_spectrum_lend(pno_scorer *s, pno_arena *a);
pno_status score_spectrum_plan(pno_scorer *s);
/* Adds the power of field + more to power [shells]; more may be NULL. */
void score_spectrum(pno_scorer *s, const float *field, const double *more, double *power);

/* rows [n][SCORE_COLUMNS]: each column ascending. A column with something that is not a number holds anything. */
void score_sort(float *rows, int n);

#endif
