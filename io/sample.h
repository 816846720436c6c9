/* What one sample of a data set is: a view of its fields and times, and the shape that the view gives. */
#ifndef PNO_IO_SAMPLE_H
#define PNO_IO_SAMPLE_H

#include <stdbool.h>

enum { PNO_FIELDS_MAX = 16, PNO_FIELD_NAME = 64 };

/* The words of the configuration and of @sample_mode in files: "", "steady", "space_time", "autoregressive". */
typedef enum {
  PNO_MODE_FILE = 0,       /* as the file says; steady where it says nothing */
  PNO_MODE_STEADY,         /* one sample a trajectory: first frame of the inputs -> last frame of the targets */
  /* Time is grid axis 0. One frame in: one sample a trajectory, from the first frame, repeated over the target times, to
   * the frames from the first on. More: windows; the frames in to the frames out that follow; as many in as out lie along
   * the time axis, else those in are channels, repeated over the target times. */
  PNO_MODE_SPACE_TIME,
  PNO_MODE_AUTOREGRESSIVE, /* one sample a window: frames_in consecutive frames -> the next frames_out, as channels */
} pno_sample_mode;

const char *pno_sample_mode_name(pno_sample_mode mode);
bool pno_sample_mode_parse(const char *name, pno_sample_mode *out); /* out untouched on false */

/* Where files without names for their axes keep the channels. */
typedef enum {
  PNO_CHANNELS_AUTO = 0, /* decided by comparing the ranks and extents of the inputs and targets */
  PNO_CHANNELS_FIRST,    /* an axis before the grid: [N][C][grid], of series [N][T][C][grid] */
  PNO_CHANNELS_NONE      /* no such axis: the data set gets one of 1 */
} pno_channels;

/* A zeroed view means "as the file says": every 0 or empty entry is filled from the file, then from the default. */
typedef struct {
  pno_sample_mode mode;
  int n_input, n_target;
  char input[PNO_FIELDS_MAX][PNO_FIELD_NAME]; /* names of fields, or of scalars, in channel order */
  char target[PNO_FIELDS_MAX][PNO_FIELD_NAME];
  int frames_in;  /* default 1 */
  int frames_out; /* default 1; in space_time 0 means all frames of the file */
  int stride;     /* default 1; autoregressive: distance of window starts; space_time: distance of frames */
  pno_channels channels; /* only for files that do not say */
} pno_sample_view;

/* The shape of a sample: x is [n[0]]..[n[dims-1]][in_channels], y the same with out_channels, both float32.
 * Channels are ordered by frame, within a frame by field, within a field by component; a field without times gives
 * its channels once, in the first frame. A scalar is a field without components that has its value at every point; in
 * space_time one with times has the value of each target's time. */
struct pno_sample_info {
  int dims; /* 1..3, the time axis of space_time included */
  int n[3];
  int in_channels, out_channels;
  double lo[3], hi[3]; /* coordinates of the first and the last point; 0 and 1 where the file does not say */
};
typedef struct pno_sample_info pno_sample_info;

#endif
