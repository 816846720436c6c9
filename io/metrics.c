#include "io/metrics.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/fsutil.h"

enum { LINE_MAX_BYTES = 4096 };

struct pno_metrics {
  int fd;
  int64_t bytes;         /* of whole lines in the file */
  pno_digester *digester; /* of those bytes; owned */
  char path[PNO_PATH_MAX];
};

/* Longest prefix that ends with a line's end. */
static size_t whole_lines(const char *text, size_t n) {
  while (n > 0 && text[n - 1] != '\n') n--;
  return n;
}

/* How much of the present file stays. Nothing is changed here. */
static pno_status plan(const char *dir, int64_t bytes, pno_digest digest, int dirfd, pno_digester *d, int64_t *keep) {
  void *text = NULL;
  size_t n = 0;
  if (bytes == PNO_METRICS_NEW) {
    *keep = 0;
    return PNO_OK;
  }
  PNO_TRY(pno_file_read(dirfd, dir, PNO_METRICS_NAME, (size_t)PTRDIFF_MAX - 1, &text, &n));
  const size_t stays = bytes == PNO_METRICS_ALL ? whole_lines(text, n) : (size_t)bytes;
  pno_status st = PNO_OK;
  if (stays > n)
    st = pno_fail(PNO_E_INPUT, "%s/%s has %zu bytes, the checkpoint recorded %zu", dir, PNO_METRICS_NAME, n, stays);
  else if (bytes >= 0 && !pno_digest_equal(pno_digest_of(text, stays), digest))
    st = pno_fail(PNO_E_INPUT, "%s/%s: its first %zu bytes are not those that the checkpoint recorded", dir,
                  PNO_METRICS_NAME, stays);
  if (st == PNO_OK) {
    pno_digester_add(d, text, stays);
    *keep = (int64_t)stays;
  }
  pno_hint(st, "it was edited or belongs to another run; resume into a new run directory instead");
  free(text);
  return st;
}

static pno_status open_at(pno_metrics *m, int dirfd, bool new) {
  const int create = new ? O_CREAT | O_EXCL : 0;
  m->fd = openat(dirfd, PNO_METRICS_NAME, O_WRONLY | O_APPEND | O_NOFOLLOW | O_CLOEXEC | create, pno_fs_file_mode());
  if (m->fd < 0) return pno_fail(PNO_E_IO, "%s cannot be opened: %s", m->path, strerror(errno));
  if (ftruncate(m->fd, (off_t)m->bytes) == 0) return PNO_OK;
  return pno_fail(PNO_E_IO, "%s cannot be cut to %" PRId64 " bytes: %s", m->path, m->bytes, strerror(errno));
}

pno_status pno_metrics_open(const char *dir, int64_t bytes, pno_digest digest, pno_metrics **out) {
  pno_metrics *m = calloc(1, sizeof *m);
  if (!m) return pno_fail(PNO_E_NOMEM, "no memory for the metrics of %s", dir);
  m->fd = -1;
  int dirfd = -1;
  pno_status st = PNO_OK;
  PNO_TRY_GOTO(st, pno_path_join(dir, PNO_METRICS_NAME, m->path), done);
  PNO_TRY_GOTO(st, pno_digester_create(&m->digester), done);
  PNO_TRY_GOTO(st, pno_dir_open(dir, &dirfd), done);
  PNO_TRY_GOTO(st, plan(dir, bytes, digest, dirfd, m->digester, &m->bytes), done);
  PNO_TRY_GOTO(st, open_at(m, dirfd, bytes == PNO_METRICS_NEW), done);
  *out = m;
  m = NULL;
done:
  if (dirfd >= 0) close(dirfd);
  pno_metrics_close(&m);
  return st;
}

void pno_metrics_close(pno_metrics **m) {
  if (!m || !*m) return;
  if ((*m)->fd >= 0) close((*m)->fd);
  pno_digester_destroy(&(*m)->digester);
  free(*m);
  *m = NULL;
}

/* A line under construction; full is remembered instead of reported at every piece. */
typedef struct {
  char text[LINE_MAX_BYTES];
  size_t n;
  bool full;
} line;

static void add(line *l, const char *text) {
  const size_t n = strlen(text);
  if (n > sizeof l->text - l->n) {
    l->full = true;
    return;
  }
  memcpy(l->text + l->n, text, n);
  l->n += n;
}

static void add_string(line *l, const char *text) {
  add(l, "\"");
  for (const char *p = text; *p; p++) {
    char piece[8] = {*p, '\0'};
    if (*p == '"' || *p == '\\') snprintf(piece, sizeof piece, "\\%c", *p);
    if ((unsigned char)*p < 0x20) snprintf(piece, sizeof piece, "\\u%04x", (unsigned)*p);
    add(l, piece);
  }
  add(l, "\"");
}

static void add_number(line *l, double v) {
  char text[40];
  if (!isfinite(v)) {
    add(l, "null"); /* JSON has no word for it */
    return;
  }
  for (int digits = 6; digits <= 17; digits++) { /* shortest that reads back as the same double */
    snprintf(text, sizeof text, "%.*g", digits, v);
    if (strtod(text, NULL) == v) break;
  }
  for (char *p = text; *p; p++)
    if (*p == ',') *p = '.'; /* whatever the locale says */
  add(l, text);
  if (!strpbrk(text, ".e")) add(l, ".0"); /* else a reader takes it for an integer, and -0 for 0 */
}

static bool key_is_good(const char *key) {
  const size_t n = strlen(key);
  return n > 0 && n < 64 && strspn(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.") == n;
}

static pno_status compose(line *l, const char *kind, const pno_metric *fields, int n) {
  add(l, "{\"t\":");
  add_string(l, kind);
  for (int i = 0; i < n; i++) {
    const pno_metric *f = &fields[i];
    char number[32];
    if (!key_is_good(f->key)) return pno_fail(PNO_E_INTERNAL, "metric %.64s: not a key", f->key);
    add(l, ",\"");
    add(l, f->key);
    add(l, "\":");
    snprintf(number, sizeof number, "%" PRId64, f->i64);
    if (f->kind == PNO_METRIC_I64) add(l, number);
    if (f->kind == PNO_METRIC_F64) add_number(l, f->f64);
    if (f->kind == PNO_METRIC_TEXT) add_string(l, f->text);
  }
  add(l, "}\n");
  return l->full ? pno_fail(PNO_E_INTERNAL, "a %s line of more than %d bytes", kind, LINE_MAX_BYTES) : PNO_OK;
}

pno_status pno_metrics_write(pno_metrics *m, const char *kind, const pno_metric *fields, int n) {
  line l;
  l.n = 0;
  l.full = false;
  PNO_TRY(compose(&l, kind, fields, n));
  ssize_t k;
  do {
    k = write(m->fd, l.text, l.n);
  } while (k < 0 && errno == EINTR);
  if (k == (ssize_t)l.n) {
    pno_digester_add(m->digester, l.text, l.n);
    m->bytes += (int64_t)l.n;
    return PNO_OK;
  }
  const char *words = k < 0 ? strerror(errno) : "no room for the whole line";
  pno_fail(PNO_E_IO, "%s: %s (%zu bytes needed)", m->path, words, l.n);
  if (k > 0 && ftruncate(m->fd, (off_t)m->bytes) != 0) pno_fail_in(PNO_E_IO, "a torn line stays");
  return PNO_E_IO;
}

pno_status pno_metrics_place(pno_metrics *m, int64_t *bytes, pno_digest *digest) {
  if (fsync(m->fd) != 0) return pno_fail(PNO_E_IO, "%s cannot be synced: %s", m->path, strerror(errno));
  *bytes = m->bytes;
  *digest = pno_digester_value(m->digester);
  return PNO_OK;
}
