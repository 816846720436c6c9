#include "io/strip.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/dataset_write.h"
#include "io_files.h"
#include "native_spec.h"

static pno_dataset_about must_read(const char *path, const pno_dataset_spec *spec) {
  pno_dataset_about a;
  cr_assert(pno_dataset_write(path, spec, native_source, NULL, NULL) == PNO_OK, "%s", pno_fail_words());
  cr_assert(pno_dataset_about_read(path, NULL, &a) == PNO_OK, "%s", pno_fail_words());
  return a;
}

static bool is_png(const char *path) {
  size_t n = 0;
  unsigned char *bytes = io_slurp(path, &n);
  const bool png = n > 8 && memcmp(bytes, "\211PNG\r\n\032\n", 8) == 0;
  free(bytes);
  return png;
}

Test(strip, every_kind_of_data_has_a_picture) {
  pno_dataset_spec (*const kinds[])(void) = {native_steady, native_series, native_line, native_box};
  static const char *const fields[] = {"a", "v", "u", "nu"};
  char path[512], png[512];
  for (int i = 0; i < 4; i++) {
    const pno_dataset_spec spec = kinds[i]();
    snprintf(path, sizeof path, "%s", io_temp("a.h5"));
    snprintf(png, sizeof png, "%s", io_temp("a.png"));
    pno_dataset_about a = must_read(path, &spec);
    for (int k = 0; k < 2; k++) {
      const pno_strip_spec strip = {
          .data = path, .about = &a, .trajectory = a.trajectories - 1, .field = k ? fields[i] : NULL};
      remove(png);
      cr_assert(pno_strip_draw(png, &strip) == PNO_OK, "kind %d: %s", i, pno_fail_words());
      cr_assert(is_png(png));
    }
    pno_strip_spec none = {.data = path, .about = &a, .trajectory = a.trajectories};
    cr_assert(pno_strip_draw(png, &none) == PNO_E_USAGE);
    none = (pno_strip_spec){.data = path, .about = &a, .field = "w"};
    cr_assert(pno_strip_draw(png, &none) == PNO_E_USAGE);
    cr_assert(strstr(pno_fail_words(), "no field w; there are: "), "%s", pno_fail_words());
    pno_dataset_about_free(&a);
  }
}
