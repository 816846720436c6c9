#include "launch/cli/device.h"

#include <stdlib.h>
#include <string.h>

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
