/* eval --require: scores that a pipeline insists on, as cov90=0.88..0.92,ssr=0.9..1.1,energy=..0.05. Local. */
#ifndef PNO_LAUNCH_CLI_REQUIRE_H
#define PNO_LAUNCH_CLI_REQUIRE_H

#include "engine/score/scores.h"

/* Names: a score of one number as eval.h5 has it, or cov, band, field (coverage of intervals, pointwise and whole-field
 * bands) with the level in per cent behind it. text NULL: nothing is required.
 * Errors: PNO_E_USAGE what cannot be read, or is not scored; PNO_E_THRESHOLD the first that is missed or is not there. */
pno_status pno_require(const char *text, const pno_scores_all *scores);

/* Whether it can be read and names scores, before there are any. level: [levels]. Errors: PNO_E_USAGE. */
pno_status pno_require_names(const char *text, int levels, const double *level);

#endif
