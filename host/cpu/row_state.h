/* The row state, the one idea of this library, for the CPU: of a row, or of any part of one, its largest element and the sum of
 * exponentials relative to it. Parts merge in any grouping; the empty part is (-inf, 0). cuda/row_state.cuh is its twin.
 * Included once per REAL, after elements.h.
 *
 * Element x counts 2^((x - reference) * factor), with factor = scale * log2(e) and the reference
 *   max   if that is finite. Differences are exact near the max, so elements of any magnitude are told apart as well as their
 *         type can, also in rows of nothing but the most negative float;
 *   0     if the max is -inf (every exponential and the sum are 0) or +inf (the sum is +inf, or NaN if there is a NaN). */
typedef struct R(row_state) {
    REAL max, sum;
} R(row_state);

static inline R(row_state) R(empty_row)(void) { return (R(row_state)){(REAL)-INFINITY, 0}; }

static inline REAL R(reference)(REAL max) { return isfinite(max) ? max : 0; }

static inline REAL R(factor)(REAL scale) {
    const REAL factor = scale * (REAL)1.4426950408889634074, most = sizeof(REAL) == sizeof(float) ? (REAL)FLT_MAX : (REAL)DBL_MAX;
    return factor < most ? factor : most; /* an infinite one would make 0 * inf of the max */
}

static inline REAL R(exponential)(REAL x, REAL reference, REAL factor) { return R(exp2)((x - reference) * factor); }

static inline R(row_state) R(merge)(R(row_state) a, R(row_state) b, REAL factor) {
    const REAL max = a.max > b.max ? a.max : b.max, reference = R(reference)(max);
    return (R(row_state)){max, a.sum * R(exponential)(a.max, reference, factor) + b.sum * R(exponential)(b.max, reference, factor)};
}

/* The state of a row that is read block by block. Its sum is a double: one of REAL would lose digits with every block. */
typedef struct R(growing_state) {
    REAL max;
    double sum;
} R(growing_state);

/* block: the state of elements among which the max so far was counted. */
static inline void R(grow)(R(growing_state) * s, R(row_state) block, REAL factor) {
    if (s->sum != 0 && block.max != s->max) s->sum *= (double)R(exponential)(s->max, R(reference)(block.max), factor);
    s->sum += (double)block.sum;
    s->max = block.max;
}

/* What a finished row says of its elements. A row with +inf has no distribution (inf / inf): everything but lse is NaN. */
typedef struct R(distribution) {
    REAL reference;
    REAL normalizer; /* probability = exponential * normalizer */
    REAL ln_sum;     /* log-probability = scale * (x - reference) - ln_sum */
    REAL lse;        /* log of the sum of exp(scale * x) */
} R(distribution);

FORCE_INLINE R(distribution) R(distribution_by_log)(R(row_state) s, REAL ln_sum, REAL scale) {
    const REAL reference = R(reference)(s.max), sum = isinf(s.sum) ? (REAL)NAN : s.sum;
    return (R(distribution)){reference, 1 / sum, isinf(s.sum) ? (REAL)NAN : ln_sum, scale * reference + ln_sum};
}

FORCE_INLINE R(distribution) R(distribution_of)(R(row_state) s, REAL scale) { return R(distribution_by_log)(s, R(log)(s.sum), scale); }

/* ---- of several rows, a lane each ---- */

#ifndef FOR_EACH_LANE
#define FOR_EACH_LANE for (int lane = 0; lane < LANES; lane++)
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

/* The exponentials of elements [i, i + m); 0 in the other lanes. */
FORCE_INLINE R(lanes) R(exponentials_of)(smxDataType_t type, const void *x, int i, int m, R(lanes) reference, REAL factor) {
    return R(first_lanes)(R(finished)(R(begun)(R(lanes_at)(type, x, i, m), reference, factor), factor), m, 0);
}

/* An exponential is a long chain of operations, and processors hold too few operations to work on enough chains at a time. So a loop over
 * n elements takes the first links of every chain sixteen elements ahead. */
typedef struct R(ahead) {
    R(lanes) reference, begun;
} R(ahead);

FORCE_INLINE R(ahead) R(start_ahead)(smxDataType_t type, const void *x, int n, R(lanes) reference, REAL factor) {
    return (R(ahead)){reference, n < LANES ? reference : R(begun)(R(lanes_at)(type, x, 0, LANES), reference, factor)};
}

/* R(exponentials_of), for i from 0 on in steps of sixteen */
FORCE_INLINE R(lanes) R(exponentials_ahead)(smxDataType_t type, const void *x, int i, int m, int n, REAL factor, R(ahead) * ahead) {
    if (!ARE_ALL(m)) return R(exponentials_of)(type, x, i, m, ahead->reference, factor);
    const R(lanes) powers = R(finished)(ahead->begun, factor);
    const int next = i + 2 * LANES <= n ? i + LANES : i;
    ahead->begun = R(begun)(R(lanes_at)(type, x, next, LANES), ahead->reference, factor);
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

/* Leaves the exponentials in e, which may be where x is, or NULL; next: what to fetch meanwhile, as many elements. Of elements that are no
 * more than a piece of a sum, the sums of the lanes. */
FORCE_INLINE R(lanes)
    R(lanes_of_exponentials)(smxDataType_t type, const void *x, int n, REAL reference, REAL factor, upcoming next, REAL *e) {
    R(ahead) ahead = R(start_ahead)(type, x, n, R(all)(reference), factor);
    R(lanes) piece;
    PIECE_OF(piece, 0, n, (fetch_upcoming(next, i), R(kept)(e, i, m, R(exponentials_ahead)(type, x, i, m, n, factor, &ahead))));
    return piece;
}

FORCE_INLINE double R(sum_of_exponentials_of)(smxDataType_t type, const void *x, int n, REAL reference, REAL factor, upcoming next, REAL *e,
                                              const R(meanwhile) * w) {
    R(ahead) ahead = R(start_ahead)(type, x, n, R(all)(reference), factor);
    SUM_OF(n,
           (fetch_upcoming(next, i), R(write_some)(type, w, i), R(kept)(e, i, m, R(exponentials_ahead)(type, x, i, m, n, factor, &ahead))));
}

/* Of any number of elements; w: what to write meanwhile, of REAL as the elements are, or NULL. A function of its own, for its loops need
 * every register. */
static __attribute__((noinline)) double R(sum_of_exponentials)(smxDataType_t type, const void *x, int n, REAL reference, REAL factor,
                                                               upcoming next, REAL *e, const R(meanwhile) * w) {
#define RETURN_SUM(type, e, w) return R(sum_of_exponentials_of)(type, x, n, reference, factor, next, e, w)
    if (w != NULL)
        RETURN_SUM(R(TYPE), e, w);
    else if (e != NULL)
        BY_TYPE(type, RETURN_SUM, e, NULL);
    else
        BY_TYPE(type, RETURN_SUM, NULL, NULL);
#undef RETURN_SUM
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
