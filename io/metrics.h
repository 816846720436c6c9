/* What a run measured: metrics.jsonl is the record (one JSON object a line, one write a line), metrics.h5 the view.
 *
 * {"t":"train","step":1,"loss":0.93,...}: t is the kind of line. A double always shows a point or an exponent (1.0), so
 * that a column has one type; numbers that are not finite are written as null. Used by rank 0 only; all functions are
 * Local. */
#ifndef PNO_IO_METRICS_H
#define PNO_IO_METRICS_H

#include <stddef.h>
#include <stdint.h>

#include "engine/base/digest.h"
#include "engine/base/status.h"

#define PNO_METRICS_NAME "metrics.jsonl"
#define PNO_METRICS_VIEW_NAME "metrics.h5"

typedef struct pno_metrics pno_metrics;

/* Where the journal of a new run starts, and "keep every whole line" for one without a checkpoint. */
enum { PNO_METRICS_NEW = -1, PNO_METRICS_ALL = -2 };

/* Opens dir/metrics.jsonl for appending.
 *
 * bytes: PNO_METRICS_NEW creates it and refuses an existing one; PNO_METRICS_ALL drops a torn last line; >= 0: the
 * first bytes must have digest, the rest is cut off. Errors: PNO_E_IO; PNO_E_INPUT when shorter or of another digest, file
 * untouched; PNO_E_NOMEM. */
pno_status pno_metrics_open(const char *dir, int64_t bytes, pno_digest digest, pno_metrics **out);
void pno_metrics_close(pno_metrics **m); /* takes NULL and closed ones */

typedef enum { PNO_METRIC_I64, PNO_METRIC_F64, PNO_METRIC_TEXT } pno_metric_kind;
typedef struct {
  const char *key; /* letters, digits, _ and . */
  pno_metric_kind kind;
  int64_t i64;
  double f64;
  const char *text;
} pno_metric;

static inline pno_metric pno_metric_i64(const char *key, int64_t value) {
  return (pno_metric){.key = key, .kind = PNO_METRIC_I64, .i64 = value};
}
static inline pno_metric pno_metric_f64(const char *key, double value) {
  return (pno_metric){.key = key, .kind = PNO_METRIC_F64, .f64 = value};
}
static inline pno_metric pno_metric_text(const char *key, const char *value) {
  return (pno_metric){.key = key, .kind = PNO_METRIC_TEXT, .text = value};
}

/* Appends {"t":kind, ...}. kind: "train", "valid", "perf", "event" or another word. Allocates nothing.
 * Errors: PNO_E_IO, the file then ends behind the last whole line; PNO_E_INTERNAL a line above 4 KiB or a bad key. */
pno_status pno_metrics_write(pno_metrics *m, const char *kind, const pno_metric *fields, int n);

/* Length and digest of all that was written, synced to the disk first: what a checkpoint records. Errors: PNO_E_IO. */
pno_status pno_metrics_place(pno_metrics *m, int64_t *bytes, pno_digest *digest);

/* Rebuilds dir/metrics.h5 from dir/metrics.jsonl, old or new whole: /train/<column>, /valid/<column>, /perf/{section,
 * seconds,calls}, each with its dimension scale (step, section). run_id, config: root attributes.
 * Errors: PNO_E_IO, PNO_E_NOMEM, PNO_E_INPUT. */
pno_status pno_metrics_view(const char *dir, const char *run_id, pno_digest config);

#endif
