/* Which transform the rows of an operator take: tables of modes, or FFTW where it was measured to be faster. All ranks
 * take the same, with the same plan of FFTW, so that a result does not depend on the rank: rank 0 chooses, the others
 * get its choice and FFTW's wisdom. Choices and wisdom are kept in a cache folder, a file for each processor model and
 * version of FFTW; a file that is lost, damaged or of another make is measured again, and says so once. */
#ifndef PNO_ENGINE_TRAIN_TRANSFORM_H
#define PNO_ENGINE_TRAIN_TRANSFORM_H

#include "engine/model/row_fft.h"
#include "engine/sync/comm.h"

typedef enum { PNO_TRANSFORM_AUTO, PNO_TRANSFORM_TABLES, PNO_TRANSFORM_FFTW } pno_transform_mode;

typedef struct pno_transforms pno_transforms;

/* folder: "" or NULL: no file is read or written. processor: its model. Both are copied. The mode must be the same on
 * all ranks. Local. Errors: PNO_E_NOMEM, PNO_E_USAGE a path that is too long. */
pno_status pno_transforms_create(pno_transform_mode mode, const char *folder, const char *processor,
                                 pno_transforms **out);
void pno_transforms_destroy(pno_transforms **t); /* Local; after all plans of models that use it */

/* Chooses for plans of f on data of n points with these kernels; once for each kind of row. t NULL: tables. Where an FFT
 * cannot win, `auto` sends and measures nothing; data that do not fit are left for the plan to refuse. Collective, with the
 * same f and n on all ranks. Errors: PNO_E_COMM, PNO_E_NOMEM. */
pno_status pno_transforms_choose(pno_transforms *t, pno_comm *comm, const pno_kernels *kernels, const pno_fno *f,
                                 const int n[PNO_DIMS_MAX]);

/* The same for a process that plans without the others. Local. */
void pno_transforms_choose_alone(pno_transforms *t, const pno_kernels *kernels, const pno_fno *f,
                                 const int n[PNO_DIMS_MAX]);

/* The FFT that was chosen, for pno_fno_use.fft; NULL: tables. times: what was measured, zeros if nothing; NULL: not
 * wanted. Local. */
const pno_row_fft *pno_transforms_find(const pno_transforms *t, const pno_fno *f, const int n[PNO_DIMS_MAX],
                                       pno_row_times *times);

#endif
