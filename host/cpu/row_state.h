/* The row state, the one idea of this library, for the CPU: of a row, or of any part of one, its largest element and the sum of
 * exponentials relative to it. Parts merge in any grouping; the empty part is (-inf, 0). cuda/row_state.cuh is its twin.
 * Included once per REAL, after lanes.h.
 *
 * Element x counts 2^((x - reference) * factor), with factor = scale * log2(e) and the reference
 *   max   if that is finite. Differences are exact near the max, so elements of any magnitude are told apart as well as their
 *         type can, also in rows of nothing but the most negative float;
 *   0     if the max is -inf (every exponential and the sum are 0) or +inf (the sum is +inf, or NaN if there is a NaN).
 * In place of the max there may be any other number near it: see row_start.h. */
#ifndef FUSES_EXPONENTS
#define FUSES_EXPONENTS (EXP2_FUSES && sizeof(REAL) == sizeof(float)) /* are they counted from starts? */
#endif

typedef struct R(row_state) {
    REAL max, sum;
} R(row_state);

static inline R(row_state) R(empty_row)(void) { return (R(row_state)){(REAL)-INFINITY, 0}; }

static inline REAL R(reference)(REAL max) { return isfinite(max) ? max : 0; }

static inline REAL R(factor)(REAL scale) {
    const REAL factor = scale * (REAL)1.4426950408889634074, most = sizeof(REAL) == sizeof(float) ? (REAL)FLT_MAX : (REAL)DBL_MAX;
    return factor < most ? factor : most; /* an infinite one would make 0 * inf of the max */
}

/* 2^((x - reference) * factor) */
static inline REAL R(exponential)(REAL x, REAL reference, REAL factor) { return R(exp2)((x - reference) * factor); }

/* By what to multiply exponentials relative to one max, for them to be relative to another one's reference. */
static inline REAL R(change_of_max)(REAL max, REAL reference, REAL factor) {
    return max == reference ? 1 : R(exponential)(max, reference, factor);
}

static inline R(row_state) R(merge)(R(row_state) a, R(row_state) b, REAL factor) {
    const REAL max = a.max > b.max ? a.max : b.max, reference = R(reference)(max);
    return (R(row_state)){max, a.sum * R(change_of_max)(a.max, reference, factor) + b.sum * R(change_of_max)(b.max, reference, factor)};
}

/* The state of a row that is read block by block. Its sum is a double: one of REAL would lose digits with every block. */
typedef struct R(growing_state) {
    REAL max;
    double sum;
} R(growing_state);

/* block: the state of elements among which the max so far was counted. change: of the sum so far, to be relative to that one's. */
static inline void R(grow_by)(R(growing_state) * s, R(row_state) block, REAL change) {
    if (s->sum != 0) s->sum *= (double)change;
    s->sum += (double)block.sum;
    s->max = block.max;
}

static inline void R(grow)(R(growing_state) * s, R(row_state) block, REAL factor) {
    R(grow_by)(s, block, s->sum != 0 ? R(change_of_max)(s->max, R(reference)(block.max), factor) : 1);
}

/* What a finished row says of its elements. A row with +inf has no distribution (inf / inf): everything but lse is NaN. */
typedef struct R(distribution) {
    REAL reference;
    REAL normalizer; /* probability = what the element counts * normalizer */
    REAL ln_sum;     /* log-probability = scale * (x - reference) - ln_sum */
    REAL lse;        /* log of the sum of exp(scale * x) */
} R(distribution);

/* 1 / sum, or the next number above that if the sum times it is less than 1: a lone probability is to be 1. More than that they
 * are made not to be; see limited(). */
static inline REAL R(normalizer_of_sum)(REAL sum) {
    if (isinf(sum)) sum = (REAL)NAN;
    const REAL rounded = 1 / sum;
    if (!FUSES_EXPONENTS) return rounded;
    const REAL above = (REAL)bits_to_float(float_to_bits((float)rounded) + 1);
    return sum * rounded < 1 ? above : rounded;
}

/* ln_sum: the logarithm of the state's sum */
FORCE_INLINE R(distribution) R(distribution_by_log)(R(row_state) s, REAL ln_sum, REAL scale) {
    const REAL reference = R(reference)(s.max);
    return (R(distribution)){reference, R(normalizer_of_sum)(s.sum), isinf(s.sum) ? (REAL)NAN : ln_sum, scale * reference + ln_sum};
}

FORCE_INLINE R(distribution) R(distribution_of)(R(row_state) s, REAL scale) { return R(distribution_by_log)(s, R(log)(s.sum), scale); }

/* ---- of several rows, a lane each ---- */

#ifndef FOR_EACH_LANE
#define FOR_EACH_LANE for (int lane = 0; lane < LANES; lane++)
typedef struct row_flags {
    bool of[LANES];
} row_flags;
#endif

/* A number for each row. */
typedef struct R(per_row) {
    REAL of[LANES];
} R(per_row);

typedef struct R(row_states) {
    R(per_row) max, sum;
} R(row_states);

typedef struct R(distributions) {
    R(per_row) reference, sum, normalizer, ln_sum, lse;
} R(distributions);

FORCE_INLINE void R(set_distribution)(R(distributions) * all, int lane, REAL sum, R(distribution) d) {
    all->reference.of[lane] = d.reference;
    all->sum.of[lane] = sum;
    all->normalizer.of[lane] = d.normalizer;
    all->ln_sum.of[lane] = d.ln_sum;
    all->lse.of[lane] = d.lse;
}

/* logs: also what takes a logarithm. The normalizers have a loop of their own: compilers make vectors of these two, not of one of both. */
FORCE_INLINE void R(find_distributions_of)(const R(row_states) * s, REAL scale, bool logs, R(distributions) * to) {
    R(per_row) ln_sum = {{0}};
    if (logs) FOR_EACH_LANE ln_sum.of[lane] = R(log)(s->sum.of[lane]);
    FOR_EACH_LANE {
        const R(distribution) d = R(distribution_by_log)((R(row_state)){s->max.of[lane], s->sum.of[lane]}, ln_sum.of[lane], scale);
        to->reference.of[lane] = d.reference;
        to->sum.of[lane] = s->sum.of[lane];
        to->ln_sum.of[lane] = d.ln_sum;
        to->lse.of[lane] = d.lse;
    }
    FOR_EACH_LANE to->normalizer.of[lane] = R(normalizer_of_sum)(s->sum.of[lane]);
}
