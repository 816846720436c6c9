/* Time for measuring and for deadlines: never part of a result. All functions are Local. */
#ifndef PNO_ENGINE_BASE_CLOCK_H
#define PNO_ENGINE_BASE_CLOCK_H

#include <stdint.h>

/* Seconds of a clock that never jumps. */
double pno_clock(void);

/* Ticks of the processor's own counter, to be subtracted from each other: on x86-64 rdtsc, a counter of constant rate
 * that is not the clock of the core (which may be faster or slower, and how much changes); elsewhere nanoseconds of
 * pno_clock. Not ordered against the instructions around it: for spans of a microsecond and more. */
uint64_t pno_ticks(void);

/* Writes UTC as 2026-01-31T12:00:00Z. */
enum { PNO_CLOCK_TEXT = 32 };
void pno_clock_text(char out[PNO_CLOCK_TEXT]);

#endif
