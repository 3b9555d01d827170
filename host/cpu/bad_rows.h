/* Rows whose data cannot be right, counted for smxGetBadTargets: by each thread for itself, then for all. */
#ifndef SMX_CPU_BAD_ROWS_H
#define SMX_CPU_BAD_ROWS_H

#include "../internal.h"

typedef struct bad_rows {
    unsigned long long count;
    long long first;
} bad_rows;

#define NO_BAD_ROWS \
    (bad_rows) { 0, INT64_MAX }

static inline void add_bad_row(bad_rows *bad, int64_t row) {
    bad->count++;
    if (row < bad->first) bad->first = row;
}

static inline void report_bad_rows(const smx_call *call, const bad_rows *found) {
    if (found->count == 0) return;
    smx_bad_targets *bad = call->handle->bad_targets;
#ifdef _OPENMP
#pragma omp critical(smx_bad_targets) /* threads, and problems of a batch that run at once */
#endif
    {
        bad->count += found->count;
        if (found->first < bad->first_row) bad->first_row = found->first;
    }
}

#endif
