/* What rows are reduced by: of n elements of a type that lie side by side, the largest, the sum of what they count for the row state, the
 * sum of products. Included once per REAL, after row_state.h and elements.h. */
#include "row_start.h"

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

/* Some of the elements, to guess from what the others may be counted from. */
FORCE_INLINE R(lanes) R(lanes_of_sample)(smxDataType_t type, const void *x, int n) {
    if (n < LANES) return R(all)((REAL)-INFINITY);
    return R(larger)(R(lanes_at)(type, x, 0, LANES), R(larger)(R(lanes_at)(type, x, n - LANES, LANES), R(all)((REAL)-INFINITY)));
}

FORCE_INLINE REAL R(max_of)(smxDataType_t type, const void *x, int n) { return R(max_across)(R(lanes_of_max)(type, x, n)); }

/* What elements [i, i + m) count; 0 in the other lanes. */
FORCE_INLINE R(lanes) R(exponentials_of)(smxDataType_t type, const void *x, int i, int m, R(lanes) reference, REAL factor) {
    const R(exponents) plain = R(exponents_from)((R(origin)){0, 1, 0}, factor);
    return R(first_lanes)(R(powers)(R(begun_at_distances)(R(lanes_at)(type, x, i, m), reference, factor), &plain), m, 0);
}

/* Results that are not to be above the most: a probability might be above 1 by the last bit, with what normalizer_of_sum() says. */
FORCE_INLINE R(lanes) R(limited)(R(lanes) results, REAL most) { return FUSES_EXPONENTS ? R(smaller)(R(all)(most), results) : results; }

/* How elements of a row are counted from the start of its reference once more, bit by bit as those that were kept would be. */
typedef struct R(recount) {
    R(exponents) exponents;
    REAL shift; /* subtracted from elements first */
} R(recount);

FORCE_INLINE R(recount) R(recount_of)(REAL reference, REAL factor) {
    const bool has_unit = R(has_unit)(reference, factor);
    const R(origin) origin = has_unit ? R(origin_of)(reference, factor, 1 / factor) : R(origin_of_differences)(reference, factor);
    return (R(recount)){R(exponents_from)(origin, factor), has_unit ? 0 : reference};
}

FORCE_INLINE R(lanes) R(recounted)(R(lanes) x, const R(recount) * r) {
    return R(powers)(R(begun_at_elements)(R(difference)(x, R(all)(r->shift)), &r->exponents), &r->exponents);
}

static inline REAL R(recounted_element)(REAL x, REAL reference, REAL factor) {
    const R(recount) recount = R(recount_of)(reference, factor);
    return R(recounted)(R(all)(x), &recount).of[0][0];
}

/* ---- exponentials, one sixteen ahead of the other ---- */

/* An exponential is a long chain of operations, and processors hold too few operations to work on enough chains at a time. So a loop over
 * n elements takes the first links of every chain sixteen elements ahead. */
typedef struct R(ahead) {
    R(exponents) exponents;
    R(begun_lanes) begun;
    R(lanes) max; /* of the elements begun with */
} R(ahead);

FORCE_INLINE void R(begin_at)(smxDataType_t type, const void *x, int i, R(ahead) * ahead) {
    const R(lanes) next = R(lanes_at)(type, x, i, LANES);
    ahead->begun = R(begun_at_elements)(next, &ahead->exponents);
    ahead->max = R(larger)(next, ahead->max);
}

FORCE_INLINE R(ahead) R(start_ahead)(smxDataType_t type, const void *x, int n, R(origin) origin, REAL factor) {
    R(ahead) ahead;
    ahead.exponents = R(exponents_from)(origin, factor);
    ahead.begun = R(begun_at_elements)(R(all)(0), &ahead.exponents);
    ahead.max = R(all)((REAL)-INFINITY);
    if (n >= LANES) R(begin_at)(type, x, 0, &ahead);
    return ahead;
}

/* After elements [i, i + 16). */
FORCE_INLINE void R(go_ahead)(smxDataType_t type, const void *x, int i, int n, R(ahead) * ahead) {
    R(begin_at)(type, x, i + 2 * LANES <= n ? i + LANES : i, ahead);
}

FORCE_INLINE R(lanes) R(last_exponentials)(smxDataType_t type, const void *x, int i, int m, const R(exponents) * e) {
    return R(first_lanes)(R(powers)(R(begun_at_elements)(R(lanes_at)(type, x, i, m), e), e), m, 0);
}

FORCE_INLINE R(lanes) R(exponentials_ahead)(smxDataType_t type, const void *x, int i, int m, int n, R(ahead) * ahead) {
    if (!ARE_ALL(m)) return R(last_exponentials)(type, x, i, m, &ahead->exponents);
    const R(lanes) powers = R(powers)(ahead->begun, &ahead->exponents);
    R(go_ahead)(type, x, i, n, ahead);
    return powers;
}

FORCE_INLINE R(lanes) R(kept)(REAL *e, int i, int m, R(lanes) value) {
    if (e != NULL) R(put_lanes)(R(TYPE), (destination){e, NULL, false}, i, m, value);
    return value;
}

/* ---- results written meanwhile ---- */

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
    R(put_lanes)(type, w->to, w->before + i, LANES, R(limited)(R(product)(R(get)(w->e + w->before + i), R(all)(w->a)), 1));
}

FORCE_INLINE void R(write_ends)(smxDataType_t type, const R(meanwhile) * w) {
    if (w == NULL || w->whole == w->n) return;
    const int behind = w->n - w->before - w->whole;
    PUT_ENDS(type, w->to, w->n, w->before, behind, R(limited)(R(product)(R(lanes_at)(R(TYPE), w->e, i, m), R(all)(w->a)), 1));
}

static inline void R(write_all)(smxDataType_t type, const R(meanwhile) * w) {
    if (w == NULL) return;
    for (int i = 0; i < w->whole; i += LANES) R(write_some)(type, w, i);
    R(write_ends)(type, w);
}

/* ---- their sum ---- */

/* Sixteen exponentials more, added to a sum by what computes them. */
FORCE_INLINE R(lanes)
    R(add_exponentials_ahead)(R(lanes) sum, smxDataType_t type, const void *x, int i, int n, upcoming next, R(ahead) * ahead) {
    fetch_upcoming(next, i);
    sum = R(add_powers)(sum, ahead->begun, &ahead->exponents);
    R(go_ahead)(type, x, i, n, ahead);
    return sum;
}

/* The sums of the lanes of elements [from, end), no more than a piece of a sum; next: what to fetch meanwhile. */
FORCE_INLINE R(lanes)
    R(piece_of_exponentials)(smxDataType_t type, const void *x, int from, int end, int n, upcoming next, R(ahead) * ahead) {
    const int rest = (end - from) % LANES;
    R(lanes) piece, other = R(all)(0);
    if (!FUSES_EXPONENTS) {
        PIECE_OF(piece, from, end, (fetch_upcoming(next, i), R(exponentials_ahead)(type, x, i, m, n, ahead)));
        return piece;
    }
    int i = from;
    piece = other;
    for (; i + LANES < end - rest; i += 2 * LANES) {
        piece = R(add_exponentials_ahead)(piece, type, x, i, n, next, ahead);
        other = R(add_exponentials_ahead)(other, type, x, i + LANES, n, next, ahead);
    }
    if (i < end - rest) {
        piece = R(add_exponentials_ahead)(piece, type, x, i, n, next, ahead);
        i += LANES;
    }
    piece = R(sum)(piece, other);
    if (rest == 0) return piece;
    const R(lanes) last = R(lanes_at)(type, x, i, rest);
    const R(lanes) powers = R(add_powers)(R(all)(0), R(begun_at_elements)(last, &ahead->exponents), &ahead->exponents);
    ahead->max = R(larger)(R(first_lanes)(last, rest, (REAL)-INFINITY), ahead->max);
    return R(sum)(piece, R(first_lanes)(powers, rest, 0));
}

/* Leaves the exponentials in e, which may be where x is, or, if that is NULL, of elements counted from a start their largest in max; next:
 * what to fetch meanwhile, as many elements. Of elements that are no more than a piece of a sum, the sums of the lanes. */
FORCE_INLINE R(lanes) R(lanes_of_exponentials)(smxDataType_t type, const void *x, int n, R(origin) origin, REAL factor, upcoming next,
                                               REAL *e, R(lanes) * max) {
    R(ahead) ahead = R(start_ahead)(type, x, n, origin, factor);
    R(lanes) piece;
    if (e == NULL) {
        piece = R(piece_of_exponentials)(type, x, 0, n, n, next, &ahead);
        *max = ahead.max;
        return piece;
    }
    PIECE_OF(piece, 0, n, (fetch_upcoming(next, i), R(kept)(e, i, m, R(exponentials_ahead)(type, x, i, m, n, &ahead))));
    return piece;
}

/* The same of any number of elements, added up; w: what to write meanwhile, or NULL. */
FORCE_INLINE double R(sum_of_kept_exponentials)(smxDataType_t type, const void *x, int n, R(origin) origin, REAL factor, upcoming next,
                                                REAL *e, const R(meanwhile) * w) {
    R(ahead) ahead = R(start_ahead)(type, x, n, origin, factor);
    SUM_OF(n, (fetch_upcoming(next, i), R(write_some)(type, w, i), R(kept)(e, i, m, R(exponentials_ahead)(type, x, i, m, n, &ahead))));
}

FORCE_INLINE double R(sum_of_pieces_ahead)(smxDataType_t type, const void *x, int n, upcoming next, R(ahead) * ahead) {
    SUM_OF_PIECES(n, piece = R(piece_of_exponentials)(type, x, from, end, n, next, ahead));
}

FORCE_INLINE double R(sum_of_exponentials_from)(smxDataType_t type, const void *x, int n, R(origin) origin, REAL factor, upcoming next,
                                                REAL *max) {
    R(ahead) ahead = R(start_ahead)(type, x, n, origin, factor);
    const double sum = R(sum_of_pieces_ahead)(type, x, n, next, &ahead);
    if (FUSES_EXPONENTS) *max = R(max_across)(ahead.max);
    return sum;
}

/* w: of REAL as the elements are. A function of its own, for its loops need every register. */
static __attribute__((noinline)) double R(sum_from_start)(smxDataType_t type, const void *x, int n, R(origin) origin, REAL factor,
                                                          upcoming next, REAL *e, const R(meanwhile) * w, REAL *max) {
#define RETURN_KEPT(type, far, w) return R(sum_of_kept_exponentials)(type, x, n, origin, factor, upcoming_if(far, next), e, w)
#define RETURN_SUM(type, far) return R(sum_of_exponentials_from)(type, x, n, origin, factor, upcoming_if(far, next), max)
    if (w != NULL && next.far)
        RETURN_KEPT(R(TYPE), true, w);
    else if (w != NULL)
        RETURN_KEPT(R(TYPE), false, w);
    else if (e != NULL && next.far)
        BY_TYPE(type, RETURN_KEPT, true, NULL);
    else if (e != NULL)
        BY_TYPE(type, RETURN_KEPT, false, NULL);
    else if (next.far)
        BY_TYPE(type, RETURN_SUM, true);
    else
        BY_TYPE(type, RETURN_SUM, false);
#undef RETURN_SUM
#undef RETURN_KEPT
}

/* What the max of a row counts, from any origin, in a sum of which no exponentials are kept. */
FORCE_INLINE R(lanes) R(counts_of)(R(lanes) max, R(origin) origin, REAL factor) {
    const R(exponents) e = R(exponents_from)(origin, factor);
    return R(add_powers)(R(all)(0), R(begun_at_elements)(max, &e), &e);
}

/* Of elements, no more than a block of them, from a reference without a unit. If the exponentials are not kept, they are relative to the
 * reference itself. */
static __attribute__((noinline, cold)) double R(sum_without_unit)(smxDataType_t type, const void *x, int n, REAL reference, REAL factor,
                                                                  upcoming next, REAL *e, const R(meanwhile) * w) {
    const R(origin) origin = R(origin_of_differences)(e == NULL ? 0 : reference, factor);
    REAL difference[SMX_CPU_BLOCK], max;
#define SUBTRACT(type, reference) \
    for (int i = 0; i < n; i++) difference[i] = R(lanes_at)(type, x, i, 1).of[0][0] - (reference)
    BY_TYPE(type, SUBTRACT, reference);
#undef SUBTRACT
    return R(sum_from_start)(R(TYPE), difference, n, origin, factor, next, e, w, &max);
}

static inline double R(sum_of_exponentials)(smxDataType_t type, const void *x, int n, REAL reference, REAL factor, upcoming next, REAL *e,
                                            const R(meanwhile) * w) {
    const R(origin) origin = R(origin_of)(reference, factor, 1 / factor);
    REAL max;
    if (!R(has_unit)(reference, factor)) return R(sum_without_unit)(type, x, n, reference, factor, next, e, w);
    const double sum = R(sum_from_start)(type, x, n, origin, factor, next, e, w, &max);
    return FUSES_EXPONENTS && e == NULL ? (double)((REAL)sum / R(counts_of)(R(all)(reference), origin, factor).of[0][0]) : sum;
}

/* ---- other sums ---- */

/* The sum of a row whose max is +inf: that, unless there is a NaN. */
static inline REAL R(infinite_sum)(smxDataType_t type, const void *x, int n) {
    bool found = false;
    for (int i = 0; i < n; i++) found |= isnan(R(lanes_at)(type, x, i, 1).of[0][0]);
    return found ? (REAL)NAN : (REAL)INFINITY;
}

/* The sums of the lanes of elements [from, end), no more than a piece. */
FORCE_INLINE R(lanes) R(piece_of_products)(smxDataType_t type, const void *a, const void *b, int from, int end) {
    R(lanes) piece;
    PIECE_OF(piece, from, end, R(product)(R(lanes_at)(type, a, i, m), R(lanes_at)(type, b, i, m)));
    return piece;
}

FORCE_INLINE R(lanes) R(piece_of_elements)(smxDataType_t type, const void *x, int from, int end) {
    R(lanes) piece;
    PIECE_OF(piece, from, end, R(lanes_at)(type, x, i, m));
    return piece;
}

FORCE_INLINE double R(dot_product)(smxDataType_t type, const void *a, const void *b, int n) {
    SUM_OF_PIECES(n, piece = R(piece_of_products)(type, a, b, from, end));
}

FORCE_INLINE double R(sum_of)(smxDataType_t type, const void *x, int n) {
    SUM_OF_PIECES(n, piece = R(piece_of_elements)(type, x, from, end));
}
