/* What eval says of one data set, in a table, as JSON, as HDF5 and as a picture. Rank 0; all functions are Local. */
#ifndef PNO_LAUNCH_CLI_SCORES_H
#define PNO_LAUNCH_CLI_SCORES_H

#include <jansson.h>

#include "engine/score/scores.h"
#include "launch/cli/model.h"

typedef struct {
  const char *path; /* of the data */
  char grid[64];
  pno_scores_all scores;
  double seconds; /* that the evaluation took */
  bool fitted_to; /* the bands were fitted to these samples: their coverage is no test */
  bool other_grid; /* than that of the samples that the bands were fitted to */
} pno_set_scores;

/* The table of all sets: scores, then intervals and bands by level. */
void pno_scores_say(const pno_cli *cli, const pno_run_model *m, const pno_set_scores *sets, int n);

/* {"data":..,"samples":..,"draws":..,"rel_l2":..,..,"coverage":{"0.95":..},..}; what is not a number is null. NULL: no memory. */
json_t *pno_scores_json(const pno_set_scores *s);

/* Every score of every set over the axes set, level, bin, quantile and shell. Errors: those of io/scores_file.h. */
pno_status pno_scores_hdf5(const char *path, const pno_run_model *m, const pno_set_scores *sets, int n);

/* Reliability and PIT of one set; nothing for one draw. Errors: those of io/plot_reliability.h. */
pno_status pno_scores_picture(const char *path, const pno_set_scores *s);

#endif
