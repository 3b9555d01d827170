/* The elements of a row that may be among its k largest, found without looking at most of them twice: a row is dealt out to groups, of each
 * of which the largest is found; k of those are not below the k-th largest of them, so neither are the k largest elements of the row, and
 * few others. Included once per REAL. */

#ifndef SMX_CPU_CANDIDATES
#define SMX_CPU_CANDIDATES 1024  /* where there are more, by many equal ones, the row is searched in another way */
#define SMX_CPU_MOST_GROUPS 2048 /* of which a power of two per element looked for is wanted: */
#define SMX_CPU_GROUPS_PER_ELEMENT 8
#define SMX_CPU_LARGEST 256 /* whose weight is looked at before that of a whole row is taken apart */
#endif

typedef struct R(candidates) {
    int count; /* in the order of their columns */
    REAL value[SMX_CPU_CANDIDATES];
    int64_t column[SMX_CPU_CANDIDATES];
} R(candidates);

/* The k-th largest of n elements, 1 <= k <= n: the bits of its key one after the other. */
static inline REAL R(nth_largest)(const REAL *x, int n, int k) {
    R(key) found = 0;
    for (R(key) bit = (R(key))1 << (8 * sizeof(REAL) - 1); bit != 0; bit >>= 1) {
        int reached = 0;
        for (int j = 0; j < n; j++) reached += R(key_of)(x[j]) >= (found | bit);
        if (reached >= k) found |= bit;
    }
    return R(number_of_key)(found);
}

/* Sixteen elements, or n if that is less and -inf in the other lanes. */
FORCE_INLINE R(lanes) R(at_most_lanes)(const REAL *x, int n) {
    REAL all[LANES];
    if (n >= LANES) return R(get)(x);
    for (int k = 0; k < LANES; k++) all[k] = k < n ? x[k] : (REAL)-INFINITY;
    return R(get)(all);
}

/* A group: the elements of one lane in so many consecutive vectors. Returns how many groups there are. */
static inline int R(largest_of_groups)(const smx_call *call, int64_t row, int vectors, REAL *max) {
    REAL room[SMX_CPU_PIECE];
    R(lanes) group = R(all)((REAL)-INFINITY);
    int groups = 0, taken = 0;
    FOR_EACH_PIECE((int64_t)0, call->cols) {
        const REAL *const x = R(view)(R(TYPE), &call->in, row, first, PIECE_SIZE, room);
        for (int i = 0; i < PIECE_SIZE; i += LANES) {
            group = R(larger)(R(at_most_lanes)(x + i, PIECE_SIZE - i), group);
            if (++taken < vectors) continue;
            R(set)(max + groups, group);
            groups += LANES;
            group = R(all)((REAL)-INFINITY);
            taken = 0;
        }
    }
    if (taken > 0) R(set)(max + groups, group);
    return taken > 0 ? groups + LANES : groups;
}

/* Is there room for all elements that are not below the least? */
static inline bool R(collect)(const smx_call *call, int64_t row, REAL least, R(candidates) * c) {
    REAL room[SMX_CPU_PIECE];
    c->count = 0;
    FOR_EACH_PIECE((int64_t)0, call->cols) {
        const REAL *const x = R(view)(R(TYPE), &call->in, row, first, PIECE_SIZE, room);
        for (int i = 0; i < PIECE_SIZE; i += 2 * LANES) {
            const int end = PIECE_SIZE - i < 2 * LANES ? PIECE_SIZE : i + 2 * LANES;
            if (!R(any_reaches)(x + i, end - i, least)) continue;
            for (int j = i; j < end; j++) {
                if (!(x[j] >= least)) continue;
                if (c->count == SMX_CPU_CANDIDATES) return false;
                c->value[c->count] = x[j];
                c->column[c->count++] = first + j;
            }
        }
    }
    return true;
}

static inline bool R(find_candidates)(const smx_call *call, int64_t row, int64_t k, R(candidates) * c) {
    REAL max[SMX_CPU_MOST_GROUPS + LANES];
    if (k > SMX_CPU_CANDIDATES / 2) return false;
    const int64_t wanted = k * SMX_CPU_GROUPS_PER_ELEMENT, most = wanted < SMX_CPU_MOST_GROUPS ? wanted : SMX_CPU_MOST_GROUPS;
    const int64_t vectors = (call->cols + most - 1) / most;
    if (vectors > INT32_MAX) return false;
    const int groups = R(largest_of_groups)(call, row, (int)vectors, max);
    return groups >= k && R(collect)(call, row, R(nth_largest)(max, groups, (int)k), c);
}
