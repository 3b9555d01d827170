/* The row state, the one idea of this library, for the CPU: of a row, or of any part of one, its largest element and the sum of
 * exponentials relative to it. Parts merge in any grouping; the empty part is (-inf, 0). cuda/row_state.cuh is its twin.
 * Included once per REAL.
 *
 * Element x counts 2^((x - reference) * factor), with factor = scale * log2(e) and the reference
 *   max   if that is finite. Differences are exact near the max, so elements of any magnitude are told apart as well as their
 *         type can, also in rows of nothing but the most negative float;
 *   0     if the max is -inf (every exponential and the sum are 0) or +inf (the sum is +inf, or NaN if there is a NaN). */
#include "math.h"
#include "real.h"

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

/* What a finished row says of its elements. A row with +inf has no distribution (inf / inf): everything but lse is NaN. */
typedef struct R(distribution) {
    REAL reference;
    REAL normalizer; /* probability = exponential * normalizer */
    REAL ln_sum;     /* log-probability = scale * (x - reference) - ln_sum */
    REAL lse;        /* log of the sum of exp(scale * x) */
} R(distribution);

static inline R(distribution) R(distribution_of)(R(row_state) s, REAL scale) {
    const REAL reference = R(reference)(s.max), ln_sum = R(log)(s.sum), sum = isinf(s.sum) ? (REAL)NAN : s.sum;
    return (R(distribution)){reference, 1 / sum, isinf(s.sum) ? (REAL)NAN : ln_sum, scale * reference + ln_sum};
}

static inline REAL R(log_probability)(const R(distribution) * d, REAL x, REAL scale) { return scale * (x - d->reference) - d->ln_sum; }

/* ---- loops over elements that lie in memory as REAL ---- */

static inline REAL R(max_of)(const REAL *x, int n) {
    REAL max = (REAL)-INFINITY;
#pragma omp simd reduction(max : max)
    for (int j = 0; j < n; j++) max = x[j] > max ? x[j] : max; /* a NaN is passed over here and found by the sum */
    return max;
}

/* Long sums of REAL lose digits where one element dwarfs the others. So every sum here is taken over pieces of 128 terms, in an order
 * that does not depend on what the compiler makes of it, and the sums of pieces are added in double. */
#undef PIECE
#undef FOR_EACH_PIECE
#define PIECE 128
#define FOR_EACH_PIECE(n) for (int from = 0, count; count = (n)-from < PIECE ? (n)-from : PIECE, from < (n); from += PIECE)

static inline REAL R(sum_of_piece)(const REAL *term, int count) {
    REAL lane[16] = {0};
    int j = 0;
    for (; j + 16 <= count; j += 16)
        for (int k = 0; k < 16; k++) lane[k] += term[j + k];
    for (int k = 0; j + k < count; k++) lane[k] += term[j + k];
    for (int half = 8; half > 0; half /= 2)
        for (int k = 0; k < half; k++) lane[k] += lane[k + half];
    return lane[0];
}

static inline double R(sum_of_exponentials)(const REAL *x, int n, REAL reference, REAL factor) {
    double sum = 0;
    FOR_EACH_PIECE(n) {
        REAL term[PIECE];
        for (int j = 0; j < count; j++) term[j] = R(exponential)(x[from + j], reference, factor);
        sum += (double)R(sum_of_piece)(term, count);
    }
    return sum;
}

static inline double R(dot_product)(const REAL *a, const REAL *b, int n) {
    double sum = 0;
    FOR_EACH_PIECE(n) {
        REAL term[PIECE];
        for (int j = 0; j < count; j++) term[j] = a[from + j] * b[from + j];
        sum += (double)R(sum_of_piece)(term, count);
    }
    return sum;
}

static inline double R(sum_of)(const REAL *x, int n) {
    double sum = 0;
    FOR_EACH_PIECE(n) sum += (double)R(sum_of_piece)(x + from, count);
    return sum;
}

/* x_j becomes its probability. */
static inline void R(probabilities)(REAL *x, int n, const R(distribution) * d, REAL factor) {
    const REAL reference = d->reference, normalizer = d->normalizer;
    for (int j = 0; j < n; j++) x[j] = R(exponential)(x[j], reference, factor) * normalizer;
}
