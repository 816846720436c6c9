/* FFTW on one plane of up to three axes, for kept modes only: rows of the last axis by r2c, then columns of the kept
 * modes alone. Spectra lie [mode][stride], mode over [k0][k1][k2] with 2m, 2m and m of them (as axes exist). */
#ifndef PNO_BENCHMARKS_PEERS_UNFUSED_FFT_H
#define PNO_BENCHMARKS_PEERS_UNFUSED_FFT_H

#include <fftw3.h>
#include <stddef.h>

#include "benchmarks/peers/steps.h"

enum { UNFUSED_THREADS_MAX = 64 };

typedef struct {
  int n[3], k[3]; /* leading axes that do not exist have 1 point and 1 mode */
  int half;       /* n[2] / 2 + 1 */
  fftwf_complex *rows[UNFUSED_THREADS_MAX], *kept[UNFUSED_THREADS_MAX]; /* [n0][n1][half], [n0][n1][k2] */
  fftwf_plan row[2], column[2], deep[2][2]; /* forward, inverse; deep: axis 0 of low and of high k1 */
} unfused_fft;

/* plane: any plane of the batch; overwritten by planning. Ends the program without memory. */
void unfused_fft_plan(unfused_fft *f, const steps_case *c, float *plane);
void unfused_fft_forward(const unfused_fft *f, int thread, const float *plane, float (*spectra)[2], ptrdiff_t stride);
/* Unscaled. */
void unfused_fft_inverse(const unfused_fft *f, int thread, float (*spectra)[2], ptrdiff_t stride, float *plane);

#endif
