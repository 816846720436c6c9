#include "engine/train/transform.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/log.h"
#include "io/cache.h"
#include "io/fsutil.h"

enum { CHOICES = 64, NAME = 32, PROCESSOR = 128, FILE_NAME = 256 };
static const double measuring_s = 120.0; /* that rank 0 may take longer than the others wait for each other */

/* What rank 0 tells the others, and what a line of the file says. */
typedef struct {
  char kernels[NAME];
  pno_row_shape row;
  bool fft;
  pno_row_times times;
} choice;

struct pno_transforms {
  pno_transform_mode mode;
  char folder[PNO_PATH_MAX], processor[PROCESSOR], file[FILE_NAME];
  bool loaded;
  int known, taken; /* choices in the file; made in this process */
  choice file_choice[CHOICES], made[CHOICES];
  pno_row_fft *fft[CHOICES]; /* owned; of made, NULL: tables */
};

static bool same_row(const pno_row_shape *a, const pno_row_shape *b) {
  return a->n == b->n && a->k == b->k && a->channels == b->channels;
}

/* Letters and digits of a text, - for the rest, one after the other. */
static void put_slug(const char *text, char *out, size_t cap) {
  size_t used = 0;
  for (; *text && used + 1 < cap; text++) {
    if (isalnum((unsigned char)*text))
      out[used++] = *text;
    else if (used > 0 && out[used - 1] != '-')
      out[used++] = '-';
  }
  out[used] = '\0';
}

pno_status pno_transforms_create(pno_transform_mode mode, const char *folder, const char *processor,
                                 pno_transforms **out) {
  char model[96], library[96];
  if (folder && strlen(folder) >= PNO_PATH_MAX) return pno_fail(PNO_E_USAGE, "a folder of %zu bytes", strlen(folder));
  pno_transforms *t = calloc(1, sizeof *t);
  if (!t) return pno_fail(PNO_E_NOMEM, "no memory for choices of transforms");
  t->mode = mode;
  snprintf(t->folder, sizeof t->folder, "%s", folder ? folder : "");
  snprintf(t->processor, sizeof t->processor, "%s", processor);
  put_slug(processor, model, sizeof model);
  put_slug(pno_row_fft_library(), library, sizeof library);
  snprintf(t->file, sizeof t->file, "transforms-%s-%s.txt", model, library);
  *out = t;
  return PNO_OK;
}

void pno_transforms_destroy(pno_transforms **t) {
  if (!t || !*t) return;
  for (int i = 0; i < (*t)->taken; i++) pno_row_fft_destroy(&(*t)->fft[i]);
  free(*t);
  *t = NULL;
}

/* ---- the file: what it is for, a line a choice, FFTW's wisdom ---- */

static const char wisdom_line[] = "wisdom\n";

static void put_head(const pno_transforms *t, char *out, size_t cap) {
  snprintf(out, cap, "%s\n%s\n", t->processor, pno_row_fft_library());
}

static bool read_choice(const char *line, choice *out) {
  int fft = 0;
  choice c = {.kernels = ""};
  if (sscanf(line, "%31s %d %d %d %d %lg %lg", c.kernels, &c.row.n, &c.row.k, &c.row.channels, &fft, &c.times.tables,
             &c.times.fft) != 7)
    return false;
  c.fft = fft == 1;
  *out = c;
  return true;
}

static bool parse(pno_transforms *t, const char *text) {
  char head[PROCESSOR + FILE_NAME];
  choice all[CHOICES];
  int n = 0;
  put_head(t, head, sizeof head);
  if (strncmp(text, head, strlen(head)) != 0) return false;
  text += strlen(head);
  while (strncmp(text, wisdom_line, sizeof wisdom_line - 1) != 0) {
    const char *end = strchr(text, '\n');
    if (!end || n == CHOICES || !read_choice(text, &all[n++])) return false;
    text = end + 1;
  }
  if (!pno_row_wisdom_import(text + sizeof wisdom_line - 1)) return false;
  memcpy(t->file_choice, all, sizeof all[0] * (size_t)n);
  t->known = n;
  return true;
}

/* Once a process: what the file knows. It is never a failure. */
static void load(pno_transforms *t) {
  char *text = NULL;
  if (t->loaded) return;
  t->loaded = true;
  if (!t->folder[0]) return;
  pno_status st = pno_cache_read(t->folder, t->file, &text);
  if (st == PNO_OK && text && !parse(t, text)) st = pno_fail(PNO_E_INPUT, "%s/%s: of another make", t->folder, t->file);
  if (st != PNO_OK) pno_log(PNO_LOG_WARN, "transforms", "%s; transforms are measured again", pno_fail_words());
  free(text);
}

typedef struct {
  pno_transforms *t;
  const choice *made; /* NULL: what FFTW has learned alone */
} addition;

/* What other processes have written in the meantime stays; the oldest choice goes where there is no room. */
static pno_status add(void *user, const char *old, char **text) {
  const addition *a = user;
  pno_transforms *t = a->t;
  char *wisdom = NULL, head[PROCESSOR + FILE_NAME];
  size_t bytes = 0;
  if (old) (void)parse(t, old);
  if (a->made) {
    if (t->known == CHOICES) memmove(t->file_choice, t->file_choice + 1, sizeof t->file_choice[0] * (size_t)--t->known);
    t->file_choice[t->known++] = *a->made;
  }
  PNO_TRY(pno_row_wisdom(&wisdom));
  put_head(t, head, sizeof head);
  FILE *f = open_memstream(text, &bytes);
  if (f) {
    fputs(head, f);
    for (int i = 0; i < t->known; i++) {
      const choice *c = &t->file_choice[i];
      fprintf(f, "%s %d %d %d %d %.6g %.6g\n", c->kernels, c->row.n, c->row.k, c->row.channels, c->fft, c->times.tables,
              c->times.fft);
    }
    fprintf(f, "%s%s", wisdom_line, wisdom);
  }
  free(wisdom);
  return f && fclose(f) == 0 ? PNO_OK : pno_fail(PNO_E_NOMEM, "no memory to write what was measured");
}

/* ---- rank 0 ---- */

static const choice *known_choice(const pno_transforms *t, const char *kernels, const pno_row_shape *row) {
  for (int i = 0; i < t->known; i++)
    if (same_row(&t->file_choice[i].row, row) && strcmp(t->file_choice[i].kernels, kernels) == 0)
      return &t->file_choice[i];
  return NULL;
}

static pno_status measure(const pno_kernels *kernels, const pno_row_fft *fft, choice *c) {
  PNO_TRY(pno_row_fft_measure(kernels, &c->row, fft, &c->times));
  c->fft = c->times.fft < c->times.tables;
  pno_log(PNO_LOG_INFO, "transforms", "rows of %d points, %d modes, %d channels: tables %.1f us, FFTW %.1f us",
          c->row.n, c->row.k, c->row.channels, 1e6 * c->times.tables, 1e6 * c->times.fft);
  return PNO_OK;
}

/* For the next process. c NULL: the plan of FFTW alone. */
static void keep(pno_transforms *t, const choice *c) {
  addition what = {t, c};
  if (t->folder[0] && pno_cache_update(t->folder, t->file, add, &what) != PNO_OK)
    pno_log(PNO_LOG_WARN, "transforms", "%s; what was measured is not kept", pno_fail_words());
}

/* Tables that take this much are not made to be measured: with so many modes an FFT is 8 to 30 times faster. */
static bool tables_too_large(const pno_kernels *kernels, const pno_row_shape *row) {
  const double most_bytes = 256 << 20;
  return (double)sizeof(float) * (double)kernels->pack_row_floats(row->n, row->k) > most_bytes;
}

/* Fills in c->fft and *fft. What fails here means tables: a run goes on without an FFT. */
static void decide(pno_transforms *t, const pno_kernels *kernels, choice *c, pno_row_fft **fft) {
  const bool forced = t->mode == PNO_TRANSFORM_FFTW;
  if (kernels->fft_floats(&(pno_grid){.len = c->row.n}, 1) == 0) {
    if (forced) pno_log(PNO_LOG_WARN, "transforms", "%s has no FFT: tables serve", kernels->name);
    return;
  }
  load(t);
  const choice *old = known_choice(t, c->kernels, &c->row);
  const bool measures = !old && !forced && !tables_too_large(kernels, &c->row);
  if (old) *c = *old;
  c->fft = forced || (old ? old->fft : !measures);
  if (old && !c->fft) return;
  pno_status st = pno_row_fft_create(c->row.n, false, fft); /* at once, where there is wisdom */
  if (st == PNO_OK && measures) st = measure(kernels, *fft, c);
  if (st == PNO_OK && !old) keep(t, measures ? c : NULL);
  if (st != PNO_OK) pno_log(PNO_LOG_WARN, "transforms", "%s; tables serve", pno_fail_words());
  c->fft = c->fft && st == PNO_OK;
  if (!c->fft) pno_row_fft_destroy(fft);
}

/* ---- all ranks ---- */

/* The wisdom of rank 0 on every rank, in a new block. Collective. */
static pno_status share_wisdom(pno_comm *comm, char **out) {
  const bool first = pno_comm_rank(comm) == 0;
  char *text = NULL;
  unsigned long long bytes = 0;
  pno_status st = pno_agree(comm, first ? pno_row_wisdom(&text) : PNO_OK);
  if (text) bytes = strlen(text) + 1;
  if (st == PNO_OK) st = pno_bcast(comm, &bytes, sizeof bytes, 0);
  if (st == PNO_OK && !first) text = malloc((size_t)bytes);
  if (st == PNO_OK) st = pno_agree(comm, text ? PNO_OK : pno_fail(PNO_E_NOMEM, "no memory for FFTW's wisdom"));
  if (st == PNO_OK) st = pno_bcast(comm, text, (size_t)bytes, 0);
  if (st == PNO_OK)
    *out = text;
  else
    free(text);
  return st;
}

/* Other ranks make the plan of rank 0; where one cannot, all take the tables. */
static pno_status follow(pno_comm *comm, const pno_kernels *kernels, choice *c, pno_row_fft **fft) {
  char *wisdom = NULL;
  pno_status st = PNO_OK;
  PNO_TRY(share_wisdom(comm, &wisdom));
  if (pno_comm_rank(comm) > 0) {
    if (kernels->fft_floats(&(pno_grid){.len = c->row.n}, 1) == 0 || !pno_row_wisdom_import(wisdom))
      st = pno_fail(PNO_E_INPUT, "%s or the FFTW of this rank is not that of rank 0", kernels->name);
    else
      st = pno_row_fft_create(c->row.n, true, fft);
  }
  free(wisdom);
  st = pno_agree(comm, st);
  if (st == PNO_OK || st == PNO_E_COMM) return st;
  if (pno_comm_rank(comm) == 0) pno_log(PNO_LOG_WARN, "transforms", "%s; tables serve on all ranks", pno_fail_words());
  c->fft = false;
  return PNO_OK;
}

static int find(const pno_transforms *t, const pno_row_shape *row) {
  int i = 0;
  while (i < t->taken && !same_row(&t->made[i].row, row)) i++;
  return i;
}

/* Whether there is a choice to make, the same on all ranks; data that do not fit are left for the plan to refuse. */
static bool is_open(const pno_transforms *t, const pno_kernels *kernels, const pno_fno *f, const int *n, choice *c) {
  if (!t || t->mode == PNO_TRANSFORM_TABLES || t->taken == CHOICES) return false;
  if (pno_row_shape_of(f, n, &c->row) != PNO_OK || find(t, &c->row) < t->taken) return false;
  snprintf(c->kernels, sizeof c->kernels, "%s", kernels->name);
  return t->mode == PNO_TRANSFORM_FFTW || pno_row_fft_may_win(&c->row);
}

static void take(pno_transforms *t, const choice *c, pno_row_fft *fft) {
  t->made[t->taken] = *c;
  t->fft[t->taken++] = fft;
}

pno_status pno_transforms_choose(pno_transforms *t, pno_comm *comm, const pno_kernels *kernels, const pno_fno *f,
                                 const int n[PNO_DIMS_MAX]) {
  choice c = {.kernels = ""};
  pno_row_fft *fft = NULL;
  if (!is_open(t, kernels, f, n, &c)) return PNO_OK;
  const double timeout_s = pno_comm_timeout(comm);
  pno_comm_set_timeout(comm, timeout_s + measuring_s);
  if (pno_comm_rank(comm) == 0) decide(t, kernels, &c, &fft);
  pno_status st = pno_bcast(comm, &c, sizeof c, 0);
  pno_comm_set_timeout(comm, timeout_s);
  if (st == PNO_OK && c.fft && pno_comm_size(comm) > 1) st = follow(comm, kernels, &c, &fft);
  if (st != PNO_OK || !c.fft) pno_row_fft_destroy(&fft);
  if (st == PNO_OK) take(t, &c, fft);
  return st;
}

void pno_transforms_choose_alone(pno_transforms *t, const pno_kernels *kernels, const pno_fno *f,
                                 const int n[PNO_DIMS_MAX]) {
  choice c = {.kernels = ""};
  pno_row_fft *fft = NULL;
  if (!is_open(t, kernels, f, n, &c)) return;
  decide(t, kernels, &c, &fft);
  take(t, &c, fft);
}

const pno_row_fft *pno_transforms_find(const pno_transforms *t, const pno_fno *f, const int n[PNO_DIMS_MAX],
                                       pno_row_times *times) {
  pno_row_shape row;
  if (times) *times = (pno_row_times){0};
  if (!t || pno_row_shape_of(f, n, &row) != PNO_OK) return NULL; /* the plan will say what does not fit */
  const int i = find(t, &row);
  if (i == t->taken) return NULL;
  if (times) *times = t->made[i].times;
  return t->fft[i];
}
