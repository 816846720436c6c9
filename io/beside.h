/* Small files beside a data set for other programs: XDMF for ParaView and VisIt, stats.yaml for The Well's readers.
 * Both are made of what the data set says of itself. All functions are Local. Errors: PNO_E_IO, PNO_E_NOMEM. */
#ifndef PNO_IO_BESIDE_H
#define PNO_IO_BESIDE_H

#include "engine/base/status.h"
#include "io/dataset_about.h"

/* XDMF 3: one temporal collection a trajectory on a uniform grid, each frame a hyperslab of the HDF5 file data, which
 * must lie in the same folder as path. Values lie in cells where the points are centres of cells, else on nodes. Axes
 * stand as they do in the file, the last one running fastest, which ParaView calls X; components of vectors are
 * attributes of their own. Long series and many trajectories are thinned out: at most PNO_XDMF_FRAMES of each and
 * PNO_XDMF_GRIDS in all. */
enum { PNO_XDMF_FRAMES = 1024, PNO_XDMF_GRIDS = 4096 };
pno_status pno_xdmf_write(const char *path, const char *data, const pno_dataset_about *about);

/* mean, std, rms and those of the differences between frames, field by field, as The Well's stats.yaml. Fields without
 * statistics are left out. In both those whose names are no plain words (pno_name_is_safe) are. */
pno_status pno_well_stats_write(const char *path, const pno_dataset_about *about);

#endif
