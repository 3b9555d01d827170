/* The largest element of a row, the first column that has it, and whether there is a NaN. Included once per REAL. */

typedef struct R(largest) {
    REAL max;
    int64_t column; /* -1: nothing is larger than -inf */
    bool nan;
} R(largest);

#ifndef FOR_EACH_PIECE
/* Pieces of a row that are small enough for arrays of any numbers of their elements. */
#define FOR_EACH_PIECE(begin, end) \
    for (int64_t first = (begin), n_ = 0; n_ = (end)-first < SMX_CPU_PIECE ? (end)-first : SMX_CPU_PIECE, first < (end); first += n_)
#define PIECE_SIZE ((int)n_)
#endif

static inline bool R(has_nan)(const REAL *x, int n) {
    int found = 0;
#pragma omp simd reduction(| : found)
    for (int j = 0; j < n; j++) found |= x[j] != x[j];
    return found != 0;
}

static inline bool R(any_reaches)(const REAL *x, int n, REAL least) {
    int found = 0;
    for (int j = 0; j < n; j++) found |= x[j] >= least;
    return found != 0;
}

static inline int R(first_equal)(const REAL *x, REAL value) {
    int j = 0;
    while (x[j] != value) j++;
    return j;
}

static inline R(largest) R(largest_of_row)(const smx_call *call, int64_t row) {
    REAL room[SMX_CPU_BLOCK];
    R(largest) found = {(REAL)-INFINITY, -1, false};
    FOR_EACH_BLOCK(call->cols) {
        const REAL *const x = R(view)(R(TYPE), &call->in, row, first, BLOCK_SIZE, room);
        const REAL max = R(max_of)(R(TYPE), x, BLOCK_SIZE);
        found.nan |= R(has_nan)(x, BLOCK_SIZE);
        if (max > found.max) {
            found.max = max;
            found.column = first + R(first_equal)(x, max);
        }
    }
    return found;
}
