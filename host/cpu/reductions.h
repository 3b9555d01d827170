/* What rows are reduced by: of n elements of a type that lie side by side, the largest, the sum of what they count for the row state, the
 * sum of products. Included once per REAL, after row_state.h and elements.h. */

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

/* ---- exponentials, one sixteen ahead of the other ---- */

/* What the functions of lanes.h count exponents from. */
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

/* ---- their sum ---- */

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
#define RETURN_KEPT(type, far, w) return R(sum_of_kept_exponentials)(type, x, n, start, factor, upcoming_if(far, next), e, w)
#define RETURN_SUM(type, far) return R(sum_of_exponentials_from)(type, x, n, start, factor, upcoming_if(far, next))
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

/* Of elements, no more than a block of them, without a start. */
static __attribute__((noinline, cold)) double R(sum_without_start)(smxDataType_t type, const void *x, int n, REAL reference, REAL factor,
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
    if (!R(has_start)(reference, factor)) return R(sum_without_start)(type, x, n, reference, factor, next, e, w);
    return R(sum_from_start)(type, x, n, R(start)(reference, factor), factor, next, e, w);
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
