/* The row state, the one idea of this library, for the CPU: of a row, or of any part of one, its largest element and the sum of
 * exponentials relative to it. Parts merge in any grouping; the empty part is (-inf, 0). cuda/row_state.cuh is its twin.
 * Included once per REAL, after elements.h.
 *
 * Element x counts 2^((x - reference) * factor + rest), with factor = scale * log2(e) and the reference
 *   max   if that is finite. Differences are exact near the max, so elements of any magnitude are told apart as well as their
 *         type can, also in rows of nothing but the most negative float;
 *   0     if the max is -inf (every exponential and the sum are 0) or +inf (the sum is +inf, or NaN if there is a NaN).
 * The rest is 0, or what makes up for reference * factor rounded where one operation computes x * factor - start instead, with that as
 * the start: it is below 2^-8, for that is done only where the product is small enough. */
typedef struct R(row_state) {
    REAL max, sum;
} R(row_state);

static inline R(row_state) R(empty_row)(void) { return (R(row_state)){(REAL)-INFINITY, 0}; }

static inline REAL R(reference)(REAL max) { return isfinite(max) ? max : 0; }

static inline REAL R(factor)(REAL scale) {
    const REAL factor = scale * (REAL)1.4426950408889634074, most = sizeof(REAL) == sizeof(float) ? (REAL)FLT_MAX : (REAL)DBL_MAX;
    return factor < most ? factor : most; /* an infinite one would make 0 * inf of the max */
}

/* Are exponents counted from a rounded product? */
#ifndef FUSES_EXPONENTS
#define FUSES_EXPONENTS (EXP2_FUSES && sizeof(REAL) == sizeof(float))
#define MOST_TO_FUSE 0x1p16
#endif
static inline bool R(fuses)(REAL reference, REAL factor) {
    return FUSES_EXPONENTS && (REAL)fabsf((float)(reference * factor)) <= (REAL)MOST_TO_FUSE;
}

static inline REAL R(rest)(REAL reference, REAL factor) {
    const REAL rest = (REAL)multiply_add((float)reference, (float)factor, -(float)(reference * factor));
    return R(fuses)(reference, factor) ? rest : 0;
}

/* 2^((x - reference) * factor) */
static inline REAL R(exponential)(REAL x, REAL reference, REAL factor) { return R(exp2)((x - reference) * factor); }

/* What an element counts. */
static inline REAL R(exponential_of)(REAL x, REAL reference, REAL factor) {
    if (!FUSES_EXPONENTS) return R(exponential)(x, reference, factor);
    return R(exp2)((REAL)multiply_add((float)(x - reference), (float)factor, (float)R(rest)(reference, factor)));
}

/* By what to multiply exponentials relative to one max, for them to be relative to another one's reference. */
static inline REAL R(change_of_max)(REAL max, REAL reference, REAL factor) {
    if (max == reference) return 1;
    return R(exponential)(max, reference, factor) *
           (FUSES_EXPONENTS ? R(exp2)(R(rest)(reference, factor) - R(rest)(R(reference)(max), factor)) : 1);
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

/* block: the state of elements among which the max so far was counted. */
static inline void R(grow)(R(growing_state) * s, R(row_state) block, REAL factor) {
    if (s->sum != 0 && block.max != s->max) s->sum *= (double)R(change_of_max)(s->max, R(reference)(block.max), factor);
    s->sum += (double)block.sum;
    s->max = block.max;
}

/* What a finished row says of its elements. A row with +inf has no distribution (inf / inf): everything but lse is NaN. */
typedef struct R(distribution) {
    REAL reference;
    REAL normalizer; /* probability = what the element counts * normalizer */
    REAL ln_sum;     /* log-probability = scale * (x - reference) - ln_sum */
    REAL lse;        /* log of the sum of exp(scale * x) */
} R(distribution);

/* ln_sum: the logarithm of the state's sum */
FORCE_INLINE R(distribution) R(distribution_by_log)(R(row_state) s, REAL ln_sum, REAL scale) {
    const REAL reference = R(reference)(s.max), sum = isinf(s.sum) ? (REAL)NAN : s.sum;
    if (FUSES_EXPONENTS) ln_sum -= R(rest)(reference, R(factor)(scale)) * (REAL)0.69314718055994530942;
    return (R(distribution)){reference, 1 / sum, isinf(s.sum) ? (REAL)NAN : ln_sum, scale * reference + ln_sum};
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

/* logs: also what takes a logarithm */
FORCE_INLINE void R(find_distributions_of)(const R(row_states) * s, REAL scale, bool logs, R(distributions) * to) {
    R(per_row) ln_sum = {{0}};
    if (logs) FOR_EACH_LANE ln_sum.of[lane] = R(log)(s->sum.of[lane]);
    FOR_EACH_LANE {
        const REAL sum = s->sum.of[lane];
        R(set_distribution)(to, lane, sum, R(distribution_by_log)((R(row_state)){s->max.of[lane], sum}, ln_sum.of[lane], scale));
    }
}

/* ---- n elements of a type, side by side; see elements.h ---- */

/* A NaN is passed over here and found by the sum. */
FORCE_INLINE R(lanes) R(lanes_of_max)(smxDataType_t type, const void *x, int n) {
    R(lanes) max = R(all)((REAL)-INFINITY), other = max;
    const int rest = n % LANES;
    int i = 0;
    for (; i + LANES < n - rest; i += 2 * LANES) {
        max = R(larger)(R(lanes_at)(type, x, i, LANES), max);
        other = R(larger)(R(lanes_at)(type, x, i + LANES, LANES), other);
    }
    max = R(larger)(max, other);
    if (i < n - rest) max = R(larger)(R(lanes_at)(type, x, i, LANES), max);
    if (rest > 0 && n >= LANES)
        max = R(larger)(R(lanes_at)(type, x, n - LANES, LANES), max); /* some of them again */
    else if (rest > 0)
        max = R(larger)(R(first_lanes)(R(lanes_at)(type, x, 0, n), n, (REAL)-INFINITY), max);
    return max;
}

FORCE_INLINE REAL R(max_of)(smxDataType_t type, const void *x, int n) { return R(max_across)(R(lanes_of_max)(type, x, n)); }

/* What elements [i, i + m) count; 0 in the other lanes. */
FORCE_INLINE R(lanes) R(exponentials_of)(smxDataType_t type, const void *x, int i, int m, R(lanes) reference, REAL factor, R(lanes) rest) {
    const R(begun_lanes) begun = R(begun_at_distances)(R(lanes_at)(type, x, i, m), reference, factor, rest);
    return R(first_lanes)(R(powers)(begun, factor), m, 0);
}

FORCE_INLINE R(lanes) R(rests)(const R(per_row) * reference, REAL factor) {
    R(per_row) rest;
    FOR_EACH_LANE rest.of[lane] = R(rest)(reference->of[lane], factor);
    return R(get)(rest.of);
}

/* What an element of each row counts. */
FORCE_INLINE R(lanes) R(exponentials_of_rows)(const R(per_row) * x, const R(per_row) * reference, REAL factor) {
    return R(exponentials_of)(R(TYPE), x->of, 0, LANES, R(get)(reference->of), factor, R(rests)(reference, factor));
}

/* Where loops over a row's elements count exponents from; see begun_at_element_float(). */
static inline REAL R(start)(REAL reference, REAL factor) { return FUSES_EXPONENTS ? reference * factor : reference; }

/* An exponential is a long chain of operations, and processors hold too few operations to work on enough chains at a time. So a loop over
 * n elements takes the first links of every chain sixteen elements ahead. */
typedef struct R(ahead) {
    R(lanes) start;
    R(begun_lanes) begun;
} R(ahead);

FORCE_INLINE R(begun_lanes) R(begun_at)(smxDataType_t type, const void *x, int i, int m, R(lanes) start, REAL factor) {
    return R(begun_at_elements)(R(lanes_at)(type, x, i, m), start, factor);
}

FORCE_INLINE R(ahead) R(start_ahead)(smxDataType_t type, const void *x, int n, R(lanes) start, REAL factor) {
    if (n < LANES) return (R(ahead)){start, R(begun_at_elements)(start, start, factor)};
    return (R(ahead)){start, R(begun_at)(type, x, 0, LANES, start, factor)};
}

/* After elements [i, i + 16). */
FORCE_INLINE void R(go_ahead)(smxDataType_t type, const void *x, int i, int n, REAL factor, R(ahead) * ahead) {
    ahead->begun = R(begun_at)(type, x, i + 2 * LANES <= n ? i + LANES : i, LANES, ahead->start, factor);
}

FORCE_INLINE R(lanes) R(last_exponentials)(smxDataType_t type, const void *x, int i, int m, R(lanes) start, REAL factor) {
    return R(first_lanes)(R(powers)(R(begun_at)(type, x, i, m, start, factor), factor), m, 0);
}

FORCE_INLINE R(lanes) R(exponentials_ahead)(smxDataType_t type, const void *x, int i, int m, int n, REAL factor, R(ahead) * ahead) {
    if (!ARE_ALL(m)) return R(last_exponentials)(type, x, i, m, ahead->start, factor);
    const R(lanes) powers = R(powers)(ahead->begun, factor);
    R(go_ahead)(type, x, i, n, factor, ahead);
    return powers;
}

FORCE_INLINE R(lanes) R(kept)(REAL *e, int i, int m, R(lanes) value) {
    if (e != NULL) R(put_lanes)(R(TYPE), (destination){e, NULL, false}, i, m, value);
    return value;
}

/* Results that are written while other exponentials are computed, so that neither processor nor memory waits for the other: n of them,
 * exponentials e * a. */
typedef struct R(meanwhile) {
    const REAL *e;
    REAL a;
    destination to;
    int n, before, whole; /* elements: all, and those before and in the whole vectors of sixteen */
} R(meanwhile);

FORCE_INLINE R(meanwhile) R(write_meanwhile)(smxDataType_t type, const REAL *e, REAL a, destination to, int n) {
    const int before = R(before_vectors)(type, to, n);
    return (R(meanwhile)){e, a, to, n, before, (n - before) / LANES * LANES};
}

/* At step i of a loop over n elements in steps of sixteen. */
FORCE_INLINE void R(write_some)(smxDataType_t type, const R(meanwhile) * w, int i) {
    if (w == NULL || i >= w->whole) return;
    R(put_lanes)(type, w->to, w->before + i, LANES, R(product)(R(get)(w->e + w->before + i), R(all)(w->a)));
}

FORCE_INLINE void R(write_ends)(smxDataType_t type, const R(meanwhile) * w) {
    if (w == NULL || w->whole == w->n) return;
    const int behind = w->n - w->before - w->whole;
    PUT_ENDS(type, w->to, w->n, w->before, behind, R(product)(R(lanes_at)(R(TYPE), w->e, i, m), R(all)(w->a)));
}

static inline void R(write_all)(smxDataType_t type, const R(meanwhile) * w) {
    if (w == NULL) return;
    for (int i = 0; i < w->whole; i += LANES) R(write_some)(type, w, i);
    R(write_ends)(type, w);
}

/* Sixteen exponentials more, added to a sum by what computes them. */
FORCE_INLINE R(lanes)
    R(add_exponentials_ahead)(R(lanes) sum, smxDataType_t type, const void *x, int i, int n, REAL factor, upcoming next, R(ahead) * ahead) {
    fetch_upcoming(next, i);
    sum = R(add_powers)(sum, ahead->begun, factor);
    R(go_ahead)(type, x, i, n, factor, ahead);
    return sum;
}

/* The sums of the lanes of elements [from, end), no more than a piece of a sum; next: what to fetch meanwhile. */
FORCE_INLINE R(lanes)
    R(piece_of_exponentials)(smxDataType_t type, const void *x, int from, int end, int n, REAL factor, upcoming next, R(ahead) * ahead) {
    const int rest = (end - from) % LANES;
    R(lanes) piece, other = R(all)(0);
    if (!FUSES_EXPONENTS) {
        PIECE_OF(piece, from, end, (fetch_upcoming(next, i), R(exponentials_ahead)(type, x, i, m, n, factor, ahead)));
        return piece;
    }
    int i = from;
    piece = other;
    for (; i + LANES < end - rest; i += 2 * LANES) {
        piece = R(add_exponentials_ahead)(piece, type, x, i, n, factor, next, ahead);
        other = R(add_exponentials_ahead)(other, type, x, i + LANES, n, factor, next, ahead);
    }
    if (i < end - rest) {
        piece = R(add_exponentials_ahead)(piece, type, x, i, n, factor, next, ahead);
        i += LANES;
    }
    piece = R(sum)(piece, other);
    return rest > 0 ? R(sum)(piece, R(last_exponentials)(type, x, i, rest, ahead->start, factor)) : piece;
}

/* Leaves the exponentials in e, which may be where x is, or NULL; next: what to fetch meanwhile, as many elements. Of elements that are no
 * more than a piece of a sum, the sums of the lanes. */
FORCE_INLINE R(lanes) R(lanes_of_exponentials)(smxDataType_t type, const void *x, int n, REAL start, REAL factor, upcoming next, REAL *e) {
    R(ahead) ahead = R(start_ahead)(type, x, n, R(all)(start), factor);
    R(lanes) piece;
    if (e == NULL) return R(piece_of_exponentials)(type, x, 0, n, n, factor, next, &ahead);
    PIECE_OF(piece, 0, n, (fetch_upcoming(next, i), R(kept)(e, i, m, R(exponentials_ahead)(type, x, i, m, n, factor, &ahead))));
    return piece;
}

/* The same of any number of elements, added up; w: what to write meanwhile, or NULL. */
FORCE_INLINE double R(sum_of_kept_exponentials)(smxDataType_t type, const void *x, int n, REAL start, REAL factor, upcoming next, REAL *e,
                                                const R(meanwhile) * w) {
    R(ahead) ahead = R(start_ahead)(type, x, n, R(all)(start), factor);
    SUM_OF(n,
           (fetch_upcoming(next, i), R(write_some)(type, w, i), R(kept)(e, i, m, R(exponentials_ahead)(type, x, i, m, n, factor, &ahead))));
}

FORCE_INLINE double R(sum_of_exponentials_from)(smxDataType_t type, const void *x, int n, REAL start, REAL factor, upcoming next) {
    R(ahead) ahead = R(start_ahead)(type, x, n, R(all)(start), factor);
    SUM_OF_PIECES(n, piece = R(piece_of_exponentials)(type, x, from, end, n, factor, next, &ahead));
}

/* w: of REAL as the elements are. A function of its own, for its loops need every register. */
static __attribute__((noinline)) double R(sum_from_start)(smxDataType_t type, const void *x, int n, REAL start, REAL factor, upcoming next,
                                                          REAL *e, const R(meanwhile) * w) {
#define RETURN_KEPT(type, w) return R(sum_of_kept_exponentials)(type, x, n, start, factor, next, e, w)
#define RETURN_SUM(type, next) return R(sum_of_exponentials_from)(type, x, n, start, factor, next)
    if (w != NULL)
        RETURN_KEPT(R(TYPE), w);
    else if (e != NULL)
        BY_TYPE(type, RETURN_KEPT, NULL);
    else
        BY_TYPE(type, RETURN_SUM, next);
#undef RETURN_SUM
#undef RETURN_KEPT
}

/* Of elements, no more than a block of them, whose exponents cannot be counted from a rounded product. */
static __attribute__((noinline, cold)) double R(sum_of_distant)(smxDataType_t type, const void *x, int n, REAL reference, REAL factor,
                                                                upcoming next, REAL *e, const R(meanwhile) * w) {
    REAL difference[SMX_CPU_BLOCK];
#define SUBTRACT(type, reference) \
    for (int i = 0; i < n; i++) difference[i] = R(lanes_at)(type, x, i, 1).of[0][0] - (reference)
    BY_TYPE(type, SUBTRACT, reference);
#undef SUBTRACT
    return R(sum_from_start)(R(TYPE), difference, n, 0, factor, next, e, w);
}

static inline double R(sum_of_exponentials)(smxDataType_t type, const void *x, int n, REAL reference, REAL factor, upcoming next, REAL *e,
                                            const R(meanwhile) * w) {
    if (FUSES_EXPONENTS && !R(fuses)(reference, factor)) return R(sum_of_distant)(type, x, n, reference, factor, next, e, w);
    return R(sum_from_start)(type, x, n, R(start)(reference, factor), factor, next, e, w);
}

/* The sum of a row whose max is +inf: that, unless there is a NaN. */
static inline REAL R(infinite_sum)(smxDataType_t type, const void *x, int n) {
    bool found = false;
    for (int i = 0; i < n; i++) found |= isnan(R(lanes_at)(type, x, i, 1).of[0][0]);
    return found ? (REAL)NAN : (REAL)INFINITY;
}

FORCE_INLINE double R(dot_product)(smxDataType_t type, const void *a, const void *b, int n) {
    SUM_OF(n, R(product)(R(lanes_at)(type, a, i, m), R(lanes_at)(type, b, i, m)));
}

FORCE_INLINE double R(sum_of)(smxDataType_t type, const void *x, int n) { SUM_OF(n, R(lanes_at)(type, x, i, m)); }
