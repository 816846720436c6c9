#include "config_files.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FILES = 16, PATH = 256 };
static char folder[64], paths[FILES][PATH];
static int n_files;
static pid_t owner;

static void remove_files(void) {
  if (getpid() != owner) return;
  for (int i = 0; i < n_files; i++) unlink(paths[i]);
  rmdir(folder);
}

const char *config_file(const char *name, const void *bytes, size_t n) {
  if (!folder[0]) {
    snprintf(folder, sizeof folder, "/tmp/pno-config-XXXXXX");
    cr_assert(mkdtemp(folder));
    owner = getpid();
    atexit(remove_files);
  }
  cr_assert(n_files < FILES);
  char *path = paths[n_files++];
  snprintf(path, PATH, "%s/%s", folder, name);
  FILE *f = fopen(path, "wb");
  cr_assert(f && fwrite(bytes, 1, n, f) == n && fclose(f) == 0);
  return path;
}

pno_config *config_new(void) {
  pno_config *c = NULL;
  cr_assert(pno_config_create(&c) == PNO_OK, "%s", pno_fail_words());
  return c;
}

pno_status config_load_text(pno_config *c, const char *name, const char *text) {
  return pno_config_load(c, config_file(name, text, strlen(text)));
}

bool config_refuses(const char *text, const char *part) {
  static int number;
  char name[32];
  snprintf(name, sizeof name, "%d.yaml", number++ % 8);
  if (n_files >= FILES / 2) n_files -= 8; /* files of this test are written over */
  pno_config *c = config_new();
  const pno_status st = config_load_text(c, name, text);
  pno_config_destroy(&c);
  const bool said = strstr(pno_fail_words(), part) || strstr(pno_fail_hint(), part);
  if (st != PNO_E_USAGE || !said)
    fprintf(stderr, "%s\n-> status %d, '%s', hint '%s', expected '%s'\n", text, st, st ? pno_fail_words() : "",
            st ? pno_fail_hint() : "", part);
  return st == PNO_E_USAGE && said;
}
