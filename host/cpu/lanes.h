/* Sixteen numbers that are computed with at once, in as many vectors as the instruction set needs for them: of a row, its next elements;
 * or an element each of so many rows. What is reduced is reduced in these lanes, on every instruction set in the same order.
 * Included once per REAL. */
#include "powers.h"
#include "real.h"

#ifndef LANES
#define LANES 16
#define ARE_ALL(m) (__builtin_constant_p(m) && (m) == LANES) /* so that a loop's last elements have code for themselves alone */
#endif

enum { R(VECTORS) = LANES * sizeof(REAL) / VECTOR_BYTES };
#define FOR_EACH_VECTOR _Pragma("GCC unroll 8") for (int v = 0; v < R(VECTORS); v++)

typedef struct R(lanes) {
    R(vector) of[R(VECTORS)];
} R(lanes);

FORCE_INLINE R(lanes) R(all)(REAL value) {
    const R(vector) zero = {0};
    R(lanes) a;
    FOR_EACH_VECTOR a.of[v] = zero + value;
    return a;
}

FORCE_INLINE void R(set_lane)(R(lanes) * a, int lane, REAL value) {
    a->of[lane / (LANES / R(VECTORS))][lane % (LANES / R(VECTORS))] = value;
}

/* The same for any lane, and none where there is no such lane. */
FORCE_INLINE R(lanes) R(with_lane)(R(lanes) a, int lane, REAL value) {
    FOR_EACH_VECTOR {
        R(mask) place = {0};
        for (int k = 0; k < LANES / R(VECTORS); k++) place[k] = v * (LANES / R(VECTORS)) + k;
        const R(mask) is_it = place == (lane - (R(mask)){0});
        a.of[v] = (R(vector))((is_it & (R(mask))(value - (R(vector)){0})) | (~is_it & (R(mask))a.of[v]));
    }
    return a;
}

FORCE_INLINE R(lanes) R(get)(const REAL *from) {
    R(lanes) a;
    FOR_EACH_VECTOR memcpy(&a.of[v], from + v * (LANES / R(VECTORS)), VECTOR_BYTES);
    return a;
}

FORCE_INLINE void R(set)(REAL *to, R(lanes) a) { FOR_EACH_VECTOR memcpy(to + v * (LANES / R(VECTORS)), &a.of[v], VECTOR_BYTES); }

/* Past the cache, where whole vectors may begin at `to`. */
FORCE_INLINE void R(set_or_stream)(REAL *to, R(lanes) a, bool streams) {
    if (streams)
        FOR_EACH_VECTOR stream_vector((char *)to + v * VECTOR_BYTES, &a.of[v]);
    else
        R(set)(to, a);
}

FORCE_INLINE R(lanes) R(sum)(R(lanes) a, R(lanes) b) {
    FOR_EACH_VECTOR a.of[v] += b.of[v];
    return a;
}

FORCE_INLINE R(lanes) R(difference)(R(lanes) a, R(lanes) b) {
    FOR_EACH_VECTOR a.of[v] -= b.of[v];
    return a;
}

FORCE_INLINE R(lanes) R(product)(R(lanes) a, R(lanes) b) {
    FOR_EACH_VECTOR a.of[v] *= b.of[v];
    return a;
}

FORCE_INLINE R(lanes) R(larger)(R(lanes) a, R(lanes) b) {
    FOR_EACH_VECTOR a.of[v] = R(max)(a.of[v], b.of[v]);
    return a;
}

FORCE_INLINE R(lanes) R(smaller)(R(lanes) a, R(lanes) b) {
    FOR_EACH_VECTOR a.of[v] = R(min)(a.of[v], b.of[v]);
    return a;
}

/* The exponentials of elements that are not above the reference, in two steps; see begun_at_element_float(). */
typedef struct R(begun_lanes) {
    R(begun) of[R(VECTORS)];
} R(begun_lanes);

FORCE_INLINE R(begun_lanes) R(begun_at_elements)(R(lanes) x, const R(exponents) * e) {
    R(begun_lanes) begun;
    FOR_EACH_VECTOR begun.of[v] = R(begun_at_element)(x.of[v], e);
    return begun;
}

FORCE_INLINE R(begun_lanes) R(begun_at_distances)(R(lanes) x, R(lanes) reference, REAL factor) {
    R(begun_lanes) begun;
    FOR_EACH_VECTOR begun.of[v] = R(begun_at_distance)(reference.of[v] - x.of[v], factor);
    return begun;
}

FORCE_INLINE R(lanes) R(powers)(R(begun_lanes) begun, const R(exponents) * e) {
    R(lanes) powers;
    FOR_EACH_VECTOR powers.of[v] = R(power)(begun.of[v], e);
    return powers;
}

FORCE_INLINE R(lanes) R(add_powers)(R(lanes) sum, R(begun_lanes) begun, const R(exponents) * e) {
    FOR_EACH_VECTOR sum.of[v] = R(add_power)(sum.of[v], begun.of[v], e);
    return sum;
}

/* As R(exponential)(). */
FORCE_INLINE R(lanes) R(exponentials)(R(lanes) x, R(lanes) reference, REAL factor) {
    FOR_EACH_VECTOR x.of[v] = R(exp2_of)((x.of[v] - reference.of[v]) * factor);
    return x;
}

/* The first n lanes, and `rest` in the others. */
FORCE_INLINE R(lanes) R(first_lanes)(R(lanes) a, int n, REAL rest) {
    if (ARE_ALL(n)) return a;
    FOR_EACH_VECTOR {
        R(mask) place = {0};
        for (int k = 0; k < LANES / R(VECTORS); k++) place[k] = v * (LANES / R(VECTORS)) + k;
        const R(mask) is_first = place < (n - (R(mask)){0});
        a.of[v] = (R(vector))((is_first & (R(mask))a.of[v]) | (~is_first & (R(mask))(rest - (R(vector)){0})));
    }
    return a;
}

/* ---- across the lanes ---- */

/* The body of a function that combines the lanes of a: one half of them with the other, then the halves of that half, and so on. */
#ifndef ACROSS
#define ACROSS(a, vectors, combined, swapped)                                                                                             \
    _Pragma("GCC unroll 4") for (int half = (vectors) / 2; half > 0; half /= 2) _Pragma("GCC unroll 4") for (int v = 0; v < half; v++)(a) \
        .of[v] = combined((a).of[v], (a).of[v + half]);                                                                                   \
    _Pragma("GCC unroll 4") for (int half = LANES / (vectors) / 2; half > 0; half /= 2)(a).of[0] =                                        \
        combined((a).of[0], swapped((a).of[0], half));                                                                                    \
    return (a).of[0][0]
#define ADDED(a, b) ((a) + (b))
#endif

FORCE_INLINE REAL R(sum_across)(R(lanes) a) { ACROSS(a, R(VECTORS), ADDED, R(swapped)); }
FORCE_INLINE REAL R(max_across)(R(lanes) a) { ACROSS(a, R(VECTORS), R(max), R(swapped)); }

/* ---- across the lanes of several ---- */

/* sum_across() or max_across() of eight, or of four: a vector has the half of one and that of another beside it, then a quarter of each of
 * four, and so on, so that they take as many operations together as one of them would alone; and nothing waits for the one before. */
#if !defined(SEVERAL) && defined(HAS_SHUFFLES)
#if VECTOR_BYTES >= 32
#define SEVERAL 8
typedef float several_floats __attribute__((vector_size(32)));
#define HALVES(a, b) PAIRED(PLACES(a, b, 0, 1, 2, 3, 8, 9, 10, 11), PLACES(a, b, 4, 5, 6, 7, 12, 13, 14, 15))
#define QUARTERS(a, b) PAIRED(PLACES(a, b, 0, 1, 8, 9, 4, 5, 12, 13), PLACES(a, b, 2, 3, 10, 11, 6, 7, 14, 15))
#define EIGHTHS(a, b) PAIRED(PLACES(a, b, 0, 2, 8, 10, 4, 6, 12, 14), PLACES(a, b, 1, 3, 9, 11, 5, 7, 13, 15))
#else
#define SEVERAL 4
typedef vector_float several_floats;
#define HALVES(a, b) PAIRED(PLACES(a, b, 0, 1, 4, 5), PLACES(a, b, 2, 3, 6, 7))
#define QUARTERS(a, b) PAIRED(PLACES(a, b, 0, 2, 4, 6), PLACES(a, b, 1, 3, 5, 7))
#endif
#define PLACES __builtin_shufflevector
#define PAIRED(a, b) paired(a, b, sums)

FORCE_INLINE several_floats paired(several_floats a, several_floats b, bool sums) {
#if VECTOR_BYTES >= 32
    const several_floats largest = (several_floats)_mm256_max_ps((__m256)a, (__m256)b);
#else
    const several_floats largest = max_float(a, b);
#endif
    return sums ? a + b : largest;
}

FORCE_INLINE void several_across(const lanes_float *a, float *results, bool sums) {
    several_floats v[SEVERAL];
    _Pragma("GCC unroll 8") for (int k = 0; k < SEVERAL; k++) {
        several_floats part[LANES / SEVERAL];
        memcpy(part, &a[k], sizeof part);
        _Pragma("GCC unroll 2") for (int half = LANES / SEVERAL / 2; half > 0; half /= 2)
            _Pragma("GCC unroll 2") for (int p = 0; p < half; p++) part[p] = PAIRED(part[p], part[p + half]);
        v[k] = part[0];
    }
#if SEVERAL == 8
    const several_floats w[4] = {HALVES(v[0], v[4]), HALVES(v[1], v[5]), HALVES(v[2], v[6]), HALVES(v[3], v[7])};
    const several_floats all = EIGHTHS(QUARTERS(w[0], w[1]), QUARTERS(w[2], w[3]));
#else
    const several_floats all = QUARTERS(HALVES(v[0], v[1]), HALVES(v[2], v[3]));
#endif
    memcpy(results, &all, sizeof all);
}
#endif

/* sums: or the largest */
FORCE_INLINE void R(across_each)(const R(lanes) * a, int n, REAL *results, bool sums) {
    int k = 0;
#ifdef SEVERAL
    if (sizeof(REAL) == sizeof(float))
        for (; k + SEVERAL <= n; k += SEVERAL)
            several_across((const lanes_float *)(const void *)(a + k), (float *)(void *)(results + k), sums);
#endif
    for (; k < n; k++) results[k] = sums ? R(sum_across)(a[k]) : R(max_across)(a[k]);
}

/* ---- long sums ---- */

/* A sum of REAL loses digits where one element dwarfs the others. So it takes 8 terms per lane at most, of two elements each, a piece; of
 * several pieces the lanes are added up as double. */
#ifndef PIECE
#define PIECE (16 * LANES)

/* The body of a function that returns a sum over n elements; get_piece: sets `piece` to the lanes of that over [from, end). */
#define SUM_OF_PIECES(n, get_piece)                            \
    double_lanes total = {{{0}}};                              \
    for (int from = 0; from < (n); from += PIECE) {            \
        const int end = (n)-from < PIECE ? (n) : from + PIECE; \
        R(lanes) piece;                                        \
        get_piece;                                             \
        if ((n) <= PIECE) return (double)R(sum_across)(piece); \
        R(add_piece)(&total, piece);                           \
    }                                                          \
    return sum_across_double_lanes(&total)

/* The same of the sum of `term`, the lanes of elements [i, i + m); m is 16 but for the last. */
#define SUM_OF(n, term) SUM_OF_PIECES(n, PIECE_OF(piece, from, end, term))

/* Of no more than a piece: its lanes, which are not added up yet. */
#define PIECE_OF(piece, from, end, term)                   \
    do {                                                   \
        const int m_ = ((end) - (from)) % LANES;           \
        (piece) = R(all)(0);                               \
        int i = from;                                      \
        for (; i + LANES < (end)-m_; i += LANES) {         \
            enum { m = LANES };                            \
            const R(lanes) first_ = term;                  \
            i += LANES;                                    \
            (piece) = R(sum)(piece, R(sum)(first_, term)); \
        }                                                  \
        if (i < (end)-m_) {                                \
            enum { m = LANES };                            \
            (piece) = R(sum)(piece, term);                 \
            i += LANES;                                    \
        }                                                  \
        if (m_ > 0) {                                      \
            const int m = m_;                              \
            (piece) = R(sum)(piece, term);                 \
        }                                                  \
    } while (0)

enum { DOUBLE_VECTORS = LANES * sizeof(double) / VECTOR_BYTES };
typedef struct double_lanes {
    vector_double of[DOUBLE_VECTORS];
} double_lanes;

typedef float half_vector __attribute__((vector_size(VECTOR_BYTES / 2)));

FORCE_INLINE vector_double as_doubles(half_vector v) {
#if defined(__AVX512F__)
    return (vector_double)_mm512_cvtps_pd((__m256)v);
#elif defined(__AVX__)
    return (vector_double)_mm256_cvtps_pd((__m128)v);
#else
    return __builtin_convertvector(v, vector_double);
#endif
}

FORCE_INLINE void add_piece_float(double_lanes *total, lanes_float piece) {
    half_vector half[DOUBLE_VECTORS];
    memcpy(half, &piece, sizeof half);
    _Pragma("GCC unroll 8") for (int v = 0; v < DOUBLE_VECTORS; v++) total->of[v] += as_doubles(half[v]);
}

FORCE_INLINE double sum_across_double_lanes(const double_lanes *total) {
    double_lanes all = *total;
    ACROSS(all, DOUBLE_VECTORS, ADDED, swapped_double);
}
#else
FORCE_INLINE void add_piece_double(double_lanes *total, lanes_double piece) {
    _Pragma("GCC unroll 8") for (int v = 0; v < DOUBLE_VECTORS; v++) total->of[v] += piece.of[v];
}
#endif
