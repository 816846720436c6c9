/* A case of the oracle: one operator, one grid, one loss, from the words of one line of oracle_cases.txt. */
#ifndef PNO_TESTS_ENGINE_MODEL_ORACLE_CASE_H
#define PNO_TESTS_ENGINE_MODEL_ORACLE_CASE_H

#include "engine/model/fno.h"

typedef enum { CASE_NORM_NONE, CASE_NORM_CHANNEL, CASE_NORM_POINT } case_norm;

typedef struct {
  pno_fno_spec spec;
  int n[PNO_DIMS_MAX];
  int samples, micro;
  pno_loss_kind loss;
  case_norm norm;
  int draws;
  double drop, fdrop;
  pno_draw_loss draw_loss;
} oracle_case;

/* words: key=value. Errors: PNO_E_USAGE on a word that is not understood. */
pno_status oracle_case_parse(int words, char *const *word, oracle_case *out);

#endif
