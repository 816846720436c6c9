/* Time for measuring and for deadlines: never part of a result. All functions are Local. */
#ifndef PNO_ENGINE_BASE_CLOCK_H
#define PNO_ENGINE_BASE_CLOCK_H

/* Seconds of a clock that never jumps. */
double pno_clock(void);

/* Writes UTC as 2026-01-31T12:00:00Z. */
enum { PNO_CLOCK_TEXT = 32 };
void pno_clock_text(char out[PNO_CLOCK_TEXT]);

#endif
