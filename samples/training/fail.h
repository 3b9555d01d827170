/* How a sample ends when something goes wrong: one line that says what, and exit code 1. */
#ifndef SAMPLES_FAIL_H
#define SAMPLES_FAIL_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "smx/smx.h"

extern const char program_name[]; /* every program defines it */

__attribute__((format(printf, 1, 2), noreturn)) static inline void fail(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fflush(stdout);
    fprintf(stderr, "%s: ", program_name);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(EXIT_FAILURE);
}

/* Every call of smx goes through this: the library's own message names the call, the argument and the numbers. */
static inline void check(smxStatus_t status) {
    if (status != SMX_STATUS_SUCCESS) fail("%s (%s)", smxGetLastErrorMessage(), smxGetStatusString(status));
}

static inline void *allocate_host(size_t bytes) {
    void *memory = malloc(bytes);
    if (memory == NULL) fail("no host memory for %zu bytes", bytes);
    return memory;
}

#endif
