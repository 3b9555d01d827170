/* The places where indices are written, int32 or int64. */
#ifndef SMX_CPU_CHOICE_H
#define SMX_CPU_CHOICE_H

#include "../internal.h"

static inline int64_t chosen(const smx_choice *c, int64_t at) {
    return c->index_type == SMX_R_32I ? ((const int32_t *)c->indices)[at] : ((const int64_t *)c->indices)[at];
}

static inline void set_chosen(const smx_choice *c, int64_t at, int64_t column) {
    if (c->index_type == SMX_R_32I)
        ((int32_t *)c->indices)[at] = (int32_t)column;
    else
        ((int64_t *)c->indices)[at] = column;
}

/* A row that nothing can be chosen of. */
static inline void choose_nothing(const smx_choice *c, int64_t row, float probability) {
    for (int64_t at = row * c->per_row; at < (row + 1) * c->per_row; at++) {
        set_chosen(c, at, -1);
        if (c->probabilities != NULL) c->probabilities[at] = probability;
        if (c->log_probabilities != NULL) c->log_probabilities[at] = NAN;
    }
}

#endif
