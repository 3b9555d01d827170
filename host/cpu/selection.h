/* Where to cut a row, in the order of its elements: by how many are kept, or by how much they weigh. Radix selection, a byte of the
 * elements' keys at a time; no row is sorted. Included once per REAL. */

#ifndef SMX_CPU_RADIX
#define SMX_CPU_RADIX 256
#endif

/* What is known of a cut's key so far: the bits of `known`. */
typedef struct R(partial_key) {
    R(key) key, known;
    int shift; /* of the byte that is looked for next */
} R(partial_key);

static inline bool R(agrees)(REAL x, R(partial_key) at) { return ((R(key_of)(x) ^ at.key) & at.known) == 0; }

static inline bool R(any_agrees)(const REAL *x, int n, R(partial_key) at) {
    int found = 0;
    for (int j = 0; j < n; j++) found |= R(agrees)(x[j], at);
    return found != 0;
}

/* How many elements, or how much weight, each value of the next byte has among the elements that agree with what is known. */
static inline void R(histogram)(const R(urn) * u, bool by_weight, R(partial_key) at, uint64_t *bin) {
    REAL room[SMX_CPU_PIECE];
    uint64_t w[SMX_CPU_PIECE];
    memset(bin, 0, SMX_CPU_RADIX * sizeof *bin);
    FOR_EACH_PIECE((int64_t)0, u->call->cols) {
        const REAL *const x = R(view)(R(TYPE), &u->call->in, u->row, first, PIECE_SIZE, room);
        if (!R(any_agrees)(x, PIECE_SIZE, at)) continue;
        if (by_weight) R(weights)(u, first, PIECE_SIZE, w);
        for (int j = 0; j < PIECE_SIZE; j++)
            if (R(agrees)(x[j], at)) bin[R(key_of)(x[j]) >> at.shift & (SMX_CPU_RADIX - 1)] += by_weight ? w[j] : 1;
    }
}

/* The largest element such that it and all larger ones are `target` in number or weight; *before: what the larger ones have of it,
 * *equal: what those equal to it have. */
static inline REAL R(cut_at)(const R(urn) * u, bool by_weight, uint64_t target, uint64_t *before, uint64_t *equal) {
    R(partial_key) at = {0, 0, 8 * (int)sizeof(REAL) - 8};
    uint64_t bin[SMX_CPU_RADIX];
    *before = 0;
    for (;; at.shift -= 8) {
        R(histogram)(u, by_weight, at, bin);
        int byte = SMX_CPU_RADIX - 1;
        for (; *before + bin[byte] < target; byte--) *before += bin[byte];
        at.key |= (R(key))byte << at.shift;
        at.known |= (R(key))(SMX_CPU_RADIX - 1) << at.shift;
        *equal = bin[byte];
        if (at.shift == 0) return R(number_of_key)(at.key);
    }
}

/* The column of the `number`-th element that equals the value, counted from 1. */
static inline int64_t R(column_of_equal)(const smx_call *call, int64_t row, REAL value, uint64_t number) {
    REAL room[SMX_CPU_PIECE];
    FOR_EACH_PIECE((int64_t)0, call->cols) {
        const REAL *const x = R(view)(R(TYPE), &call->in, row, first, PIECE_SIZE, room);
        for (int j = 0; j < PIECE_SIZE; j++)
            if (x[j] == value && --number == 0) return first + j;
    }
    return call->cols; /* not reached */
}

/* Keeps the k largest, of equal ones the first. */
static inline void R(keep_largest)(R(urn) * u, int64_t k) {
    R(candidates) found;
    u->filtered = true;
    if (R(find_candidates)(u->call, u->row, k, &found)) {
        u->cut = R(nth_largest)(found.value, found.count, (int)k);
        int left = (int)k, at = 0;
        for (int j = 0; j < found.count; j++) left -= found.value[j] > u->cut;
        for (;; at++)
            if (found.value[at] == u->cut && --left == 0) break;
        u->last_tie = found.column[at];
        return;
    }
    uint64_t larger, equal;
    const REAL cut = R(cut_at)(u, false, (uint64_t)k, &larger, &equal);
    const uint64_t ties = (uint64_t)k - larger;
    u->last_tie = ties == equal ? u->call->cols : R(column_of_equal)(u->call, u->row, cut, ties);
    u->cut = cut;
}

/* The same for weights, if the few largest elements weigh enough: the bits of the key one after the other. */
static inline bool R(cut_among_largest)(const R(urn) * u, uint64_t target, REAL *cut) {
    R(candidates) found;
    uint64_t w[SMX_CPU_CANDIDATES], sum = 0;
    const int64_t cols = u->call->cols;
    if (!R(find_candidates)(u->call, u->row, cols < SMX_CPU_LARGEST ? cols : SMX_CPU_LARGEST, &found)) return false;
    for (int j = 0; j < found.count; j++) sum += w[j] = R(weight)(u, found.value[j], found.column[j]);
    if (sum < target) return false;
    R(key) key = 0;
    for (R(key) bit = (R(key))1 << (8 * sizeof(REAL) - 1); bit != 0; bit >>= 1) {
        uint64_t reached = 0;
        for (int j = 0; j < found.count; j++) reached += R(key_of)(found.value[j]) >= (key | bit) ? w[j] : 0;
        if (reached >= target) key |= bit;
    }
    *cut = R(number_of_key)(key);
    return true;
}

/* Keeps of what is kept the largest, until they weigh at least the share p of it, and what equals the last of them. */
static inline void R(keep_share)(R(urn) * u, float p) {
    uint64_t before, equal;
    REAL cut;
    R(fill_urn)(u);
    const uint64_t target = smx_weight_of_share(p, u->total);
    if (!R(cut_among_largest)(u, target, &cut)) cut = R(cut_at)(u, true, target, &before, &equal);
    if (cut > u->cut) u->last_tie = u->call->cols;
    u->cut = cut;
    u->filtered = true;
}
