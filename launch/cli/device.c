#include "launch/cli/device.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/fsutil.h"
#include "kernels/dispatch.h"

void pno_device_list(char out[PNO_DEVICE_TEXT]) {
  int n;
  size_t used = 0;
  const pno_kernels *const *all = pno_kernels_all(&n);
  out[0] = '\0';
  for (int i = 0; i < n; i++) {
    if (!pno_kernels_run(all[i]) || used + strlen(all[i]->name) + 3 > PNO_DEVICE_TEXT) continue;
    used += (size_t)snprintf(out + used, PNO_DEVICE_TEXT - used, "%s%s", used ? ", " : "", all[i]->name);
  }
}

pno_status pno_device_choose(const pno_config *cfg, const pno_kernels **out) {
  char there[PNO_DEVICE_TEXT];
  const char *device = pno_config_text(cfg, PNO_KEY_PARALLEL_DEVICE);
  const pno_kernels *table = pno_kernels_find(device);
  if (!table) {
    pno_device_list(there);
    return pno_hint(pno_fail(PNO_E_USAGE, "parallel.device: this processor or this build has no %s", device),
                    "there is %s; auto takes the first", there);
  }
  *out = table;
  return PNO_OK;
}

void pno_device_processor(char out[PNO_DEVICE_TEXT]) {
  char line[256];
  snprintf(out, PNO_DEVICE_TEXT, "unknown");
  FILE *f = fopen("/proc/cpuinfo", "r");
  while (f && fgets(line, sizeof line, f)) {
    if (strncmp(line, "model name", 10) != 0) continue;
    const char *colon = strchr(line, ':');
    if (colon && colon[1]) snprintf(out, PNO_DEVICE_TEXT, "%.*s", (int)strcspn(colon + 2, "\n"), colon + 2);
    break;
  }
  if (f) fclose(f);
}

/* parallel.wisdom, or the folder that the system means for caches. */
static void cache_folder(const pno_config *cfg, char out[PNO_PATH_MAX]) {
  const char *key = pno_config_text(cfg, PNO_KEY_PARALLEL_WISDOM), *base = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
  out[0] = '\0';
  if (strcmp(key, "auto") != 0)
    snprintf(out, PNO_PATH_MAX, "%s", key);
  else if (base && base[0] == '/' && strlen(base) + 5 < PNO_PATH_MAX) /* others are to be ignored, says its standard */
    snprintf(out, PNO_PATH_MAX, "%s/pno", base);
  else if (home && home[0] == '/' && strlen(home) + 12 < PNO_PATH_MAX)
    snprintf(out, PNO_PATH_MAX, "%s/.cache/pno", home);
}

pno_status pno_device_transforms(pno_cli *cli, pno_transforms **out) {
  char folder[PNO_PATH_MAX], processor[PNO_DEVICE_TEXT];
  const pno_transform_mode mode = (pno_transform_mode)pno_config_choice(cli->config, PNO_KEY_PARALLEL_TRANSFORM);
  if (!cli->transforms) {
    cache_folder(cli->config, folder);
    pno_device_processor(processor);
    PNO_TRY(pno_transforms_create(mode, folder, processor, &cli->transforms));
  }
  *out = cli->transforms;
  return PNO_OK;
}

enum { NAME = 32 };

pno_status pno_device_name(const pno_cli *cli, const pno_kernels *table, char out[PNO_DEVICE_TEXT]) {
  const int ranks = pno_comm_size(cli->comm);
  char own[NAME] = "", (*all)[NAME] = calloc((size_t)ranks, NAME);
  snprintf(own, sizeof own, "%s", table->name);
  pno_status st = pno_agree(cli->comm, all ? PNO_OK : pno_fail(PNO_E_NOMEM, "no memory for the devices of the ranks"));
  if (st == PNO_OK) st = pno_allgather(cli->comm, own, NAME, all);
  int other = 0;
  while (st == PNO_OK && other < ranks && strcmp(all[other], all[0]) == 0) other++;
  if (st == PNO_OK && other == ranks) snprintf(out, PNO_DEVICE_TEXT, "%s", all[0]);
  if (st == PNO_OK && other < ranks)
    snprintf(out, PNO_DEVICE_TEXT, "%s (rank %d: %s; they differ in rounding)", all[0], other, all[other]);
  free(all);
  return st;
}
