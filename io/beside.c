#include "io/beside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/fsutil.h"

/* ---- text that becomes a file ---- */

typedef struct {
  char *bytes; /* owned, free */
  size_t n;
  FILE *out;
} text;

static pno_status text_begin(text *t, const char *path) {
  *t = (text){.bytes = NULL};
  t->out = open_memstream(&t->bytes, &t->n);
  return t->out ? PNO_OK : pno_fail(PNO_E_NOMEM, "%s: no memory", path);
}

static pno_status text_end(text *t, const char *path) {
  const bool failed = ferror(t->out) != 0;
  pno_status st = fclose(t->out) != 0 || failed ? pno_fail(PNO_E_NOMEM, "%s: no memory", path) : PNO_OK;
  if (st == PNO_OK) st = pno_file_replace_path(path, t->bytes, t->n);
  free(t->bytes);
  return st;
}

/* ---- XDMF ---- */

/* Which trajectories and frames are described. */
typedef struct {
  FILE *out;
  const pno_dataset_about *about;
  const char *data; /* name of the HDF5 file */
  ptrdiff_t trajectories;
  int step, frames;
} xdmf;

static void escaped(FILE *out, const char *words) {
  for (const char *c = words; *c; c++) {
    switch (*c) {
      case '&': fputs("&amp;", out); break;
      case '<': fputs("&lt;", out); break;
      case '>': fputs("&gt;", out); break;
      case '"': fputs("&quot;", out); break;
      default: fputc(*c, out);
    }
  }
}

static xdmf plan(FILE *out, const char *data, const pno_dataset_about *a) {
  const char *slash = strrchr(data, '/');
  const int step = (a->n_times - 1) / PNO_XDMF_FRAMES + 1, frames = (a->n_times - 1) / step + 1;
  const ptrdiff_t room = PNO_XDMF_GRIDS / frames; /* 4 or more */
  return (xdmf){.out = out, .about = a, .data = slash ? slash + 1 : data, .step = step, .frames = frames,
                .trajectories = a->trajectories < room ? a->trajectories : room};
}

/* Lines and planes become boxes of one layer of nodes, or of cells: of fewer than three dimensions readers know other
 * axes, and between one layer of nodes there are no cells for them. */
static void put_ones(const xdmf *x, const char *one) {
  for (int j = x->about->n_spatial; j < 3; j++) fprintf(x->out, "%s ", one);
}

static void put_numbers(const xdmf *x, const char *other, const double *values) {
  fputs("          <DataItem Dimensions=\"3\" NumberType=\"Float\" Precision=\"8\" Format=\"XML\">", x->out);
  put_ones(x, other);
  for (int j = 0; j < x->about->n_spatial; j++) fprintf(x->out, "%s%.17g", j ? " " : "", values[j]);
  fprintf(x->out, "</DataItem>\n");
}

static void put_grid(const xdmf *x) {
  const pno_dataset_about *a = x->about;
  double origin[3], width[3];
  fputs("        <Topology TopologyType=\"3DCoRectMesh\" Dimensions=\"", x->out);
  put_ones(x, a->centres ? "2" : "1");
  for (int j = 0; j < a->n_spatial; j++) {
    width[j] = a->n[j] > 1 ? (a->hi[j] - a->lo[j]) / (a->n[j] - 1) : 1.0;
    origin[j] = a->centres ? a->lo[j] - width[j] / 2 : a->lo[j];
    fprintf(x->out, "%s%d", j ? " " : "", a->n[j] + (a->centres ? 1 : 0));
  }
  fputs("\"/>\n        <Geometry GeometryType=\"ORIGIN_DXDYDZ\">\n", x->out);
  put_numbers(x, "0", origin);
  put_numbers(x, "1", width);
  fprintf(x->out, "        </Geometry>\n");
}

/* The axes of a field in the file, behind each other: trajectory, time, grid, component. */
static int list_axes(const pno_dataset_about *a, const pno_about_field *f, ptrdiff_t *n) {
  int rank = 0;
  n[rank++] = a->trajectories;
  if (f->timed) n[rank++] = a->n_times;
  for (int j = 0; j < a->n_spatial; j++) n[rank++] = a->n[j];
  if (f->order == 1) n[rank++] = f->components;
  return rank;
}

static void put_list(const xdmf *x, int rank, const ptrdiff_t *n) {
  for (int i = 0; i < rank; i++) fprintf(x->out, "%s%td", i ? " " : "", n[i]);
}

static void put_slab(const xdmf *x, const pno_about_field *f, ptrdiff_t trajectory, int frame, int component) {
  enum { AXES = 6 };
  const pno_dataset_about *a = x->about;
  ptrdiff_t all[AXES], start[AXES] = {trajectory}, ones[AXES], count[AXES];
  const int rank = list_axes(a, f, all);
  for (int i = 0; i < rank; i++) {
    const bool one = i == 0 || (i == 1 && f->timed) || (i == rank - 1 && f->order == 1);
    ones[i] = 1;
    count[i] = one ? 1 : all[i];
  }
  if (f->timed) start[1] = frame;
  if (f->order == 1) start[rank - 1] = component;
  fputs("          <DataItem ItemType=\"HyperSlab\" Dimensions=\"", x->out);
  put_ones(x, "1");
  put_list(x, a->n_spatial, all + (f->timed ? 2 : 1));
  fprintf(x->out, "\">\n            <DataItem Dimensions=\"3 %d\" NumberType=\"Int\" Format=\"XML\">", rank);
  const ptrdiff_t *const rows[] = {start, ones, count};
  for (int r = 0; r < 3; r++) {
    if (r) fputs("  ", x->out);
    put_list(x, rank, rows[r]);
  }
  fprintf(x->out,
          "</DataItem>\n            <DataItem NumberType=\"Float\" Precision=\"4\" Format=\"HDF\" Dimensions=\"");
  put_list(x, rank, all);
  fputs("\">", x->out);
  escaped(x->out, x->data);
  fprintf(x->out, ":/t%d_fields/%s</DataItem>\n          </DataItem>\n", f->order, f->name);
}

static void put_field(const xdmf *x, const pno_about_field *f, ptrdiff_t trajectory, int frame) {
  static const char *const axes[] = {"_x", "_y", "_z"};
  for (int k = 0; k < f->components; k++) {
    fprintf(x->out, "        <Attribute Name=\"%s%s\" AttributeType=\"Scalar\" Center=\"%s\">\n", f->name,
            f->order == 1 ? axes[k] : "", x->about->centres ? "Cell" : "Node");
    put_slab(x, f, trajectory, frame, k);
    fprintf(x->out, "        </Attribute>\n");
  }
}

static void put_trajectory(const xdmf *x, ptrdiff_t trajectory) {
  const pno_dataset_about *a = x->about;
  fprintf(x->out, "    <Grid Name=\"trajectory %td\" GridType=\"Collection\" CollectionType=\"Temporal\">\n",
          trajectory);
  for (int t = 0; t < a->n_times; t += x->step) {
    fprintf(x->out,
            "      <Grid Name=\"trajectory %td frame %d\" GridType=\"Uniform\">\n        <Time Value=\"%.17g\"/>\n",
            trajectory, t, a->time[t]);
    put_grid(x);
    for (int i = 0; i < a->n_fields; i++)
      if (pno_name_is_safe(a->fields[i].name)) put_field(x, &a->fields[i], trajectory, t);
    fprintf(x->out, "      </Grid>\n");
  }
  fprintf(x->out, "    </Grid>\n");
}

pno_status pno_xdmf_write(const char *path, const char *data, const pno_dataset_about *about) {
  text t;
  PNO_TRY(text_begin(&t, path));
  const xdmf x = plan(t.out, data, about);
  fprintf(t.out, "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<Xdmf Version=\"3.0\">\n  <Domain>\n"
                 "    <Information Name=\"content\" Value=\"%td of %td trajectories, every %d. of %d times\"/>\n",
          x.trajectories, about->trajectories, x.step, about->n_times);
  for (ptrdiff_t s = 0; s < x.trajectories; s++) put_trajectory(&x, s);
  fputs("  </Domain>\n</Xdmf>\n", t.out);
  return text_end(&t, path);
}

/* ---- The Well's stats.yaml ---- */

/* Keys and names are sorted, as The Well's own files are. */
static const struct {
  const char *name;
  size_t offset;
  bool delta;
} rows[] = {{"mean", offsetof(pno_field_statistics, mean), false},
            {"mean_delta", offsetof(pno_field_statistics, mean_delta), true},
            {"rms", offsetof(pno_field_statistics, rms), false},
            {"rms_delta", offsetof(pno_field_statistics, rms_delta), true},
            {"std", offsetof(pno_field_statistics, std), false},
            {"std_delta", offsetof(pno_field_statistics, std_delta), true}};

static double statistic(const pno_about_field *f, int component, size_t offset) {
  double value;
  memcpy(&value, (const char *)&f->statistics[component] + offset, sizeof value);
  return value;
}

/* YAML 1.1 takes a number for one only if it has a point and a signed exponent. */
static void put_statistic(FILE *out, const pno_about_field *f, size_t offset) {
  if (f->order == 0) {
    fprintf(out, "  %s: %.16e\n", f->name, statistic(f, 0, offset));
    return;
  }
  fprintf(out, "  %s:\n", f->name);
  for (int k = 0; k < f->components; k++) fprintf(out, "  - %.16e\n", statistic(f, k, offset));
}

static bool has(const pno_about_field *f, size_t row) { return rows[row].delta ? f->delta : f->known; }

static int by_name(const void *a, const void *b) {
  const pno_about_field *const *p = a, *const *q = b;
  return strcmp((*p)->name, (*q)->name);
}

pno_status pno_well_stats_write(const char *path, const pno_dataset_about *about) {
  const pno_about_field *fields[PNO_FIELDS_MAX];
  text t;
  PNO_TRY(text_begin(&t, path));
  int n = 0;
  for (int i = 0; i < about->n_fields; i++)
    if (pno_name_is_safe(about->fields[i].name)) fields[n++] = &about->fields[i];
  qsort(fields, (size_t)n, sizeof *fields, by_name);
  for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
    bool any = false;
    for (int i = 0; i < n; i++) any |= has(fields[i], r);
    fprintf(t.out, "%s:%s\n", rows[r].name, any ? "" : " {}");
    for (int i = 0; i < n; i++)
      if (has(fields[i], r)) put_statistic(t.out, fields[i], rows[r].offset);
  }
  return text_end(&t, path);
}
