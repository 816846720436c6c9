/* Numbers of an equation that may differ from sample to sample: a distribution by name, drawn from the place of the
 * sample alone. All functions are Local. */
#ifndef PNO_ENGINE_PDE_PARAMETER_H
#define PNO_ENGINE_PDE_PARAMETER_H

#include <stdint.h>

#include "engine/base/status.h"

enum { PNO_CHOICES_MAX = 8 };

typedef enum {
  PNO_DIST_CONSTANT = 0, /* "0.1" */
  PNO_DIST_UNIFORM,      /* "uniform:LO:HI" */
  PNO_DIST_LOGUNIFORM,   /* "loguniform:LO:HI", LO > 0 */
  PNO_DIST_NORMAL,       /* "normal:MEAN:SD", cut to what the parameter may be */
  PNO_DIST_CHOICE        /* "choice:A:B:..", each as likely; 2 to 8 of them */
} pno_distribution_kind;

typedef struct {
  pno_distribution_kind kind;
  int n;                     /* numbers given */
  double v[PNO_CHOICES_MAX]; /* in the order of the text */
} pno_distribution;

/* A number that an equation has. */
typedef struct {
  const char *name, *unit, *help;
  double lo, hi; /* what it may be, both included */
} pno_parameter;

/* Errors: PNO_E_USAGE a name that is no distribution, numbers it does not take, values outside [p->lo, p->hi]. */
pno_status pno_distribution_parse(const char *text, const pno_parameter *p, pno_distribution *out);

/* Value of parameter number index of (seed, sample). */
double pno_distribution_draw(const pno_distribution *d, const pno_parameter *p, uint64_t seed, uint32_t sample,
                             int index);

#endif
