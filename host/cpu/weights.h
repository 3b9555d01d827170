/* The weights by which tokens are drawn, as the public header specifies them, and the choice of a token by its place in their sum. A row is
 * cut in segments whose weights are summed up once; a draw looks for its segment, and computes the weights of that one again.
 * Included once per REAL. */
#include "../draw.h"

#ifndef SMX_CPU_SEGMENTS
#define SMX_CPU_SEGMENTS 256

/* a * b + c, rounded once. Without the instruction the product and the sum are exact as doubles: f is a multiple of 2^-24, and the
 * coefficients have few bits below 2^-33. */
static inline float fused(float a, float b, float c) {
#if defined(__FMA__) || defined(__ARM_FEATURE_FMA)
    return __builtin_fmaf(a, b, c);
#else
    return (float)((double)a * (double)b + (double)c);
#endif
}

static inline uint32_t bits_of_power(int32_t exponent) {
    const float f = (float)(exponent & ((1 << SMX_EXPONENT_BITS) - 1)) * (1.0f / (1 << SMX_EXPONENT_BITS));
    float p = SMX_EXP2_C5;
    p = fused(p, f, SMX_EXP2_C4);
    p = fused(p, f, SMX_EXP2_C3);
    p = fused(p, f, SMX_EXP2_C2);
    p = fused(p, f, SMX_EXP2_C1);
    return float_to_bits(fused(p, f, 1.0f));
}
#endif

/* What is drawn from. */
typedef struct R(urn) {
    const smx_call *call;
    int64_t row;
    int missing_bits;
    REAL max, factor;      /* of logits: the exponents follow from them */
    double scale[2];       /* of probabilities: their product is the weight of 1 */
    bool filtered;         /* are only these kept: */
    REAL cut;              /*   larger elements, */
    int64_t last_tie;      /*   equal ones up to this column, */
    uint64_t least_weight; /*   and of them only such weights */
    const uint64_t *drawn; /* a bit for each column that is no more there, or NULL */
    int64_t columns;       /* of a segment */
    uint64_t segment[SMX_CPU_SEGMENTS], total;
} R(urn);

static inline void R(start_urn)(R(urn) * u, const smx_call *call, int64_t row) {
    u->call = call;
    u->row = row;
    u->missing_bits = smx_missing_weight_bits(call->cols);
    u->filtered = false;
    u->cut = (REAL)-INFINITY;
    u->last_tie = call->cols;
    u->least_weight = 0;
    u->drawn = NULL;
}

static inline int32_t R(exponent_of)(REAL x, REAL max, REAL factor) {
    const REAL exponent = (x - max) * factor;
    return (int32_t)(exponent > SMX_LEAST_EXPONENT ? exponent : SMX_LEAST_EXPONENT);
}

static inline bool R(is_kept)(const R(urn) * u, REAL x, int64_t column, uint64_t weight) {
    return (x > u->cut || (x == u->cut && column <= u->last_tie)) && weight >= u->least_weight;
}

/* Of one logit; 0 if it is not kept. */
static inline uint64_t R(weight)(const R(urn) * u, REAL x, int64_t column) {
    const int32_t exponent = R(exponent_of)(x, u->max, u->factor);
    const uint64_t weight = smx_weight_of(exponent, bits_of_power(exponent), u->missing_bits);
    return R(is_kept)(u, x, column, weight) ? weight : 0;
}

static inline void R(weights_of_logits)(const R(urn) * u, const REAL *x, int n, uint64_t *w) {
    const REAL max = u->max, factor = u->factor;
    const int missing_bits = u->missing_bits;
#pragma omp simd
    for (int j = 0; j < n; j++) {
        const int32_t exponent = R(exponent_of)(x[j], max, factor);
        w[j] = smx_weight_of(exponent, bits_of_power(exponent), missing_bits);
    }
}

static inline void R(weights_of_probabilities)(const R(urn) * u, const REAL *x, int n, uint64_t *w) {
    for (int j = 0; j < n; j++) w[j] = (uint64_t)((double)x[j] * u->scale[0] * u->scale[1]);
}

/* Of n elements from column `first` on, SMX_CPU_PIECE at most; 0 for those that cannot be drawn. */
static inline void R(weights)(const R(urn) * u, int64_t first, int n, uint64_t *w) {
    REAL room[SMX_CPU_PIECE];
    const REAL *const x = R(view)(R(TYPE), &u->call->in, u->row, first, n, room);
    if (u->filtered && !R(any_reaches)(x, n, u->cut)) {
        memset(w, 0, (size_t)n * sizeof *w);
        return;
    }
    (u->call->choice.from_probabilities ? R(weights_of_probabilities) : R(weights_of_logits))(u, x, n, w);
    if (u->filtered)
        for (int j = 0; j < n; j++) w[j] = R(is_kept)(u, x[j], first + j, w[j]) ? w[j] : 0;
    if (u->drawn != NULL)
        for (int j = 0; j < n; j++)
            if (u->drawn[(first + j) / 64] >> (first + j) % 64 & 1) w[j] = 0;
}

static inline uint64_t R(sum_of_weights)(const R(urn) * u, int64_t begin, int64_t end) {
    uint64_t w[SMX_CPU_PIECE], sum = 0;
    FOR_EACH_PIECE(begin, end) {
        R(weights)(u, first, PIECE_SIZE, w);
        for (int j = 0; j < PIECE_SIZE; j++) sum += w[j];
    }
    return sum;
}

static inline int64_t R(end_of_segment)(const R(urn) * u, int64_t begin) {
    return u->call->cols - begin < u->columns ? u->call->cols : begin + u->columns;
}

static inline void R(fill_urn)(R(urn) * u) {
    const int64_t pieces = (u->call->cols + SMX_CPU_PIECE - 1) / SMX_CPU_PIECE;
    u->columns = (pieces + SMX_CPU_SEGMENTS - 1) / SMX_CPU_SEGMENTS * SMX_CPU_PIECE;
    u->total = 0;
    for (int64_t begin = 0; begin < u->call->cols; begin += u->columns)
        u->total += u->segment[begin / u->columns] = R(sum_of_weights)(u, begin, R(end_of_segment)(u, begin));
}

/* The column where the sum of weights first exceeds `passed`, which is below the total; and its weight. */
static inline int64_t R(draw)(const R(urn) * u, uint64_t passed, uint64_t *weight) {
    int64_t s = 0;
    for (; passed >= u->segment[s]; s++) passed -= u->segment[s];
    uint64_t w[SMX_CPU_PIECE];
    FOR_EACH_PIECE(s * u->columns, R(end_of_segment)(u, s * u->columns)) {
        R(weights)(u, first, PIECE_SIZE, w);
        for (int j = 0; j < PIECE_SIZE; j++) {
            if (passed < w[j]) {
                *weight = w[j];
                return first + j;
            }
            passed -= w[j];
        }
    }
    *weight = 0; /* not reached */
    return -1;
}
