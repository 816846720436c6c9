/* Counts every malloc, calloc and realloc of the process, those of shared libraries included: this object defines the
 * three symbols on top of glibc's own. Not under a sanitizer, which brings its allocator: then the count stays 0. */
#ifndef PNO_TESTS_ENGINE_TRAIN_LIBRARY_CALLS_H
#define PNO_TESTS_ENGINE_TRAIN_LIBRARY_CALLS_H

long library_calls(void); /* since the start of the process, all threads */

#endif
