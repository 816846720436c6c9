/* How much of the time is inside FFTW: the linker leads the calls of our objects through here (-Wl,--wrap=..), so that it
 * is measured in the solver itself. Local, one thread. */
#ifndef PNO_BENCHMARKS_GEN_INSIDE_H
#define PNO_BENCHMARKS_GEN_INSIDE_H

void gen_inside_begin(void);

/* Of the time since begin, the part spent in transforms; what measuring it took is taken off both. */
double gen_inside_end(void);

#endif
