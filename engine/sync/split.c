/* Groups of the ranks of a communicator: members of a deep ensemble train beside each other. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/sync/comm_impl.h"

typedef struct {
  int *colors; /* [size], and behind them the one that is sent */
  pno_comm *group;
} split;

/* As large as the whole communicator, so that nothing can fail once the colours are known. */
static pno_status split_begin(const pno_comm *c, int color, split *s) {
  s->colors = calloc((size_t)c->size + 1, sizeof *s->colors);
  s->group = calloc(1, sizeof *s->group);
  if (s->group) s->group->hosts = calloc((size_t)c->size, sizeof *s->group->hosts);
  if (!s->colors || !s->group || !s->group->hosts)
    return pno_fail(PNO_E_NOMEM, "no memory for a group of %d ranks", c->size);
  s->colors[c->size] = color;
  s->group->mpi = MPI_COMM_NULL;
  s->group->timeout_s = c->timeout_s;
  memcpy(s->group->host, c->host, sizeof c->host);
  return PNO_OK;
}

/* Rank and size follow from the colours alone, and the names of the hosts are known: no more messages. */
static void fill_group(const pno_comm *c, const int *colors, pno_comm *g) {
  for (int r = 0; r < c->size; r++) {
    if (colors[r] != colors[c->size]) continue;
    if (r == c->rank) g->rank = g->size;
    snprintf(g->hosts[g->size++], SYNC_HOST_TEXT, "%s", sync_host_of(c, r));
    g->host_ranks += strcmp(sync_host_of(c, r), c->host) == 0;
  }
}

/* MPI 3.1 has no MPI_Comm_split that could be polled. All ranks have just said their colours, so nobody is waited for but
 * one that dies or gives up between these two lines. */
static pno_status split_mpi(const pno_comm *c, int color, pno_comm *g) {
  if (c->mpi == MPI_COMM_NULL) return PNO_OK;
  PNO_TRY(sync_check(MPI_Comm_split(c->mpi, color < 0 ? MPI_UNDEFINED : color, c->rank, &g->mpi), "MPI_Comm_split"));
  if (color < 0) return PNO_OK;
  return sync_check(MPI_Comm_set_errhandler(g->mpi, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
}

pno_status pno_comm_split(pno_comm *c, int color, pno_comm **out) {
  split s = {0};
  pno_status st = pno_agree(c, split_begin(c, color, &s));
  if (st == PNO_OK) st = pno_allgather(c, &s.colors[c->size], sizeof color, s.colors);
  if (st == PNO_OK) st = split_mpi(c, color, s.group);
  if (st == PNO_OK && color >= 0) {
    fill_group(c, s.colors, s.group);
    *out = s.group;
    s.group = NULL;
  } else if (st == PNO_OK) {
    *out = NULL;
  }
  if (!c->late) free(s.colors); /* a late answer would still be written there */
  pno_comm_destroy(&s.group);
  return st;
}
