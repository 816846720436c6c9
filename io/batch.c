#include "io/batch.h"

#include "io/order.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* A slot holds one sample. Where the whole data set fits, slot = sample and nothing is ever evicted; else the slots are
 * the samples wanted next, slot k = wanted[k]. */
enum { ABSENT = 0, PRESENT, BEING_READ, SKIPPED }; /* SKIPPED: the caller took it or reading failed; not tried again */

struct pno_batch {
  pno_dataset *ds; /* borrowed */
  pno_batch_plan plan;
  ptrdiff_t n, x_count, y_count;
  bool resident;
  ptrdiff_t slots;
  float *store;          /* [slots][x_count + y_count], owned */
  unsigned char *state;  /* [slots], owned */
  ptrdiff_t *wanted;     /* [batch], owned: samples to read ahead, in this order */
  int n_wanted, at;      /* at: the next one to look at */
  int64_t ready, late;
  pthread_mutex_t lock;  /* guards everything from state on */
  pthread_cond_t change;
  pthread_t thread;
  bool locking, running, stop, busy; /* busy: the thread reads into a slot, outside the lock */
};

ptrdiff_t pno_batch_steps(const pno_batch *b) { return (b->n + b->plan.batch - 1) / b->plan.batch; }

int pno_batch_samples(const pno_batch *b, ptrdiff_t step) {
  const ptrdiff_t left = b->n - step * b->plan.batch;
  return (int)(left < b->plan.batch ? left : b->plan.batch);
}

int pno_batch_micros(const pno_batch *b, ptrdiff_t step) {
  return (pno_batch_samples(b, step) + b->plan.micro - 1) / b->plan.micro;
}

int pno_batch_micro_samples(const pno_batch *b, ptrdiff_t step, int micro) {
  const int left = pno_batch_samples(b, step) - micro * b->plan.micro;
  return left < b->plan.micro ? left : b->plan.micro;
}

ptrdiff_t pno_batch_sample(const pno_batch *b, uint32_t epoch, ptrdiff_t step, int micro, int k) {
  const pno_order order = {.seed = b->plan.seed, .epoch = epoch, .n = b->n, .shuffle = b->plan.shuffle};
  return pno_order_sample(&order, step * b->plan.batch + (ptrdiff_t)micro * b->plan.micro + k);
}

static float *slot_values(const pno_batch *b, ptrdiff_t slot) { return b->store + slot * (b->x_count + b->y_count); }

/* The slot of a sample, -1 if it has none. guess: its place in wanted if the prediction was right. */
static ptrdiff_t slot_of(const pno_batch *b, ptrdiff_t sample, ptrdiff_t guess) {
  if (b->resident) return sample;
  if (guess < b->n_wanted && b->wanted[guess] == sample) return guess;
  for (int i = 0; i < b->n_wanted; i++)
    if (b->wanted[i] == sample) return i;
  return -1;
}

/* The next slot to read, -1 if there is nothing to do. Under lock. */
static ptrdiff_t next_slot(pno_batch *b) {
  for (; b->at < b->n_wanted; b->at++) {
    const ptrdiff_t slot = b->resident ? b->wanted[b->at] : b->at;
    if (b->state[slot] == ABSENT) return slot;
  }
  return -1;
}

static void *read_ahead(void *user) {
  pno_batch *b = user;
  pthread_mutex_lock(&b->lock);
  while (!b->stop) {
    const ptrdiff_t slot = next_slot(b);
    if (slot < 0) {
      pthread_cond_wait(&b->change, &b->lock);
      continue;
    }
    const ptrdiff_t sample = b->wanted[b->at];
    float *values = slot_values(b, slot);
    b->state[slot] = BEING_READ;
    b->busy = true;
    pthread_mutex_unlock(&b->lock);
    /* A failure here is not lost: the caller finds the slot empty, reads again and gets the words itself. */
    const pno_status st = pno_dataset_read(b->ds, sample, values, values + b->x_count);
    pthread_mutex_lock(&b->lock);
    b->state[slot] = st == PNO_OK ? PRESENT : SKIPPED;
    b->busy = false;
    pthread_cond_broadcast(&b->change);
  }
  pthread_mutex_unlock(&b->lock);
  return NULL;
}

/* Signals are for the main thread: it alone knows where a step ends. */
static pno_status start_thread(pno_batch *b) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  b->running = pthread_create(&b->thread, NULL, read_ahead, b) == 0;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return b->running ? PNO_OK : pno_fail(PNO_E_NOMEM, "no thread to read ahead");
}

static pno_status start_locks(pno_batch *b) {
  if (pthread_mutex_init(&b->lock, NULL) != 0) return pno_fail(PNO_E_NOMEM, "no lock to be had");
  if (pthread_cond_init(&b->change, NULL) != 0) {
    pthread_mutex_destroy(&b->lock);
    return pno_fail(PNO_E_NOMEM, "no condition to be had");
  }
  b->locking = true;
  return PNO_OK;
}

static void choose_slots(pno_batch *b) {
  const size_t sample = (size_t)(b->x_count + b->y_count) * sizeof(float);
  const size_t memory = b->plan.memory ? b->plan.memory : (size_t)1 << 30;
  const size_t ahead = b->plan.prefetch ? b->plan.prefetch : (size_t)256 << 20;
  b->resident = (size_t)b->n <= memory / sample;
  const ptrdiff_t fit = (ptrdiff_t)(ahead / sample);
  b->slots = b->resident ? b->n : fit < b->plan.batch ? fit : b->plan.batch;
}

static pno_status prepare(pno_batch *b) {
  choose_slots(b);
  const size_t slots = (size_t)(b->slots > 0 ? b->slots : 1);
  b->store = calloc(slots, (size_t)(b->x_count + b->y_count) * sizeof *b->store);
  b->state = calloc(slots, 1);
  b->wanted = calloc((size_t)b->plan.batch, sizeof *b->wanted);
  if (!b->store || !b->state || !b->wanted)
    return pno_fail(PNO_E_NOMEM, "no memory for %td samples of %td values", b->slots, b->x_count + b->y_count);
  PNO_TRY(start_locks(b));
  return b->plan.no_thread || b->slots == 0 ? PNO_OK : start_thread(b);
}

pno_status pno_batch_create(pno_dataset *ds, const pno_batch_plan *plan, pno_batch **out) {
  const ptrdiff_t count = pno_dataset_count(ds), n = plan->samples ? plan->samples : count;
  if (count < 1) return pno_fail(PNO_E_INPUT, "a data set without samples");
  if (n < 1 || n > count) return pno_fail(PNO_E_USAGE, "%td samples of a data set that holds %td", n, count);
  if (plan->batch < 1 || plan->micro < 1 || plan->micro > plan->batch)
    return pno_fail(PNO_E_USAGE, "batches of %d samples in micro-batches of %d", plan->batch, plan->micro);
  pno_batch *b = calloc(1, sizeof *b);
  if (!b) return pno_fail(PNO_E_NOMEM, "no memory for batches");
  b->ds = ds;
  b->plan = *plan;
  if (b->plan.batch > n) b->plan.batch = (int)n;
  if (b->plan.micro > b->plan.batch) b->plan.micro = b->plan.batch;
  b->n = n;
  b->x_count = pno_dataset_x_count(ds);
  b->y_count = pno_dataset_y_count(ds);
  const pno_status st = prepare(b);
  if (st == PNO_OK)
    *out = b;
  else
    pno_batch_destroy(&b);
  return st;
}

void pno_batch_destroy(pno_batch **b) {
  if (!b || !*b) return;
  if ((*b)->running) {
    pthread_mutex_lock(&(*b)->lock);
    (*b)->stop = true;
    pthread_cond_broadcast(&(*b)->change);
    pthread_mutex_unlock(&(*b)->lock);
    pthread_join((*b)->thread, NULL);
  }
  if ((*b)->locking) {
    pthread_cond_destroy(&(*b)->change);
    pthread_mutex_destroy(&(*b)->lock);
  }
  free((*b)->store);
  free((*b)->state);
  free((*b)->wanted);
  free(*b);
  *b = NULL;
}

/* Claims a sample: waits for the thread if it is reading just this one. Returns whether its slot holds the values. */
static bool claim(pno_batch *b, ptrdiff_t slot) {
  pthread_mutex_lock(&b->lock);
  while (slot >= 0 && b->state[slot] == BEING_READ) pthread_cond_wait(&b->change, &b->lock);
  const bool present = slot >= 0 && b->state[slot] == PRESENT;
  if (slot >= 0 && !present) b->state[slot] = SKIPPED;
  if (present)
    b->ready++;
  else
    b->late++;
  pthread_mutex_unlock(&b->lock);
  return present;
}

static pno_status load_sample(pno_batch *b, ptrdiff_t sample, ptrdiff_t guess, float *x, float *y) {
  const ptrdiff_t slot = slot_of(b, sample, guess);
  const size_t x_bytes = (size_t)b->x_count * sizeof *x, y_bytes = (size_t)b->y_count * sizeof *y;
  if (claim(b, slot)) {
    const float *values = slot_values(b, slot);
    memcpy(x, values, x_bytes);
    memcpy(y, values + b->x_count, y_bytes);
    return PNO_OK;
  }
  PNO_TRY(pno_dataset_read(b->ds, sample, x, y));
  if (!b->resident) return PNO_OK;
  float *values = slot_values(b, slot); /* SKIPPED: nobody else touches it */
  memcpy(values, x, x_bytes);
  memcpy(values + b->x_count, y, y_bytes);
  pthread_mutex_lock(&b->lock);
  b->state[slot] = PRESENT;
  pthread_mutex_unlock(&b->lock);
  return PNO_OK;
}

/* Hands the thread the samples of the step after this one, for the same micro-batches. */
static void predict(pno_batch *b, uint32_t epoch, ptrdiff_t step, const int *micro, int n_micro) {
  const bool wrap = step + 1 >= pno_batch_steps(b);
  const uint32_t next_epoch = wrap ? epoch + 1 : epoch;
  const ptrdiff_t next = wrap ? 0 : step + 1;
  const int cap = b->slots < b->plan.batch ? (int)b->slots : b->plan.batch;
  pthread_mutex_lock(&b->lock);
  while (b->busy) pthread_cond_wait(&b->change, &b->lock);
  b->n_wanted = b->at = 0;
  for (int i = 0; i < n_micro; i++)
    for (int k = 0; micro[i] < pno_batch_micros(b, next) && k < pno_batch_micro_samples(b, next, micro[i]); k++)
      if (b->n_wanted < cap) b->wanted[b->n_wanted++] = pno_batch_sample(b, next_epoch, next, micro[i], k);
  if (!b->resident && b->n_wanted > 0) memset(b->state, ABSENT, (size_t)b->n_wanted);
  pthread_cond_broadcast(&b->change);
  pthread_mutex_unlock(&b->lock);
}

pno_status pno_batch_load(pno_batch *b, uint32_t epoch, ptrdiff_t step, const int *micro, int n_micro, float *x,
                          float *y) {
  if (step < 0 || step >= pno_batch_steps(b))
    return pno_fail(PNO_E_USAGE, "step %td of an epoch of %td steps", step, pno_batch_steps(b));
  for (int i = 0; i < n_micro; i++)
    if (micro[i] < 0 || micro[i] >= pno_batch_micros(b, step))
      return pno_fail(PNO_E_USAGE, "micro-batch %d of %d in step %td", micro[i], pno_batch_micros(b, step), step);
  ptrdiff_t at = 0;
  for (int i = 0; i < n_micro; i++)
    for (int k = 0; k < pno_batch_micro_samples(b, step, micro[i]); k++, at++) {
      const ptrdiff_t sample = pno_batch_sample(b, epoch, step, micro[i], k);
      PNO_TRY(load_sample(b, sample, at, x + at * b->x_count, y + at * b->y_count));
    }
  if (b->running) predict(b, epoch, step, micro, n_micro);
  return PNO_OK;
}

void pno_batch_counts(const pno_batch *b, int64_t *ready, int64_t *late) {
  *ready = b->ready; /* written only by the caller's own thread */
  *late = b->late;
}
