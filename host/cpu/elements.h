/* Lanes from elements that lie side by side, and back, without a stop in memory: of REAL, and if that is float, of 16-bit types. The
 * functions take the type as a constant, BY_TYPE() has one version of them for each. Included once per REAL. */
#include "cache.h"
#include "convert.h"
#include "lanes.h"

static const smxDataType_t R(TYPE) = sizeof(REAL) == sizeof(float) ? SMX_R_32F : SMX_R_64F;

#ifndef BY_TYPE
/* Without instructions for whole vectors of them, 16-bit elements are converted block by block, as those that lie apart are. */
#if defined(__AVX2__)
#define SMX_CPU_LANES_OF_WORDS 1
#else
#define SMX_CPU_LANES_OF_WORDS 0
#endif
#define HAS_WORDS (SMX_CPU_LANES_OF_WORDS && sizeof(REAL) == sizeof(float))

#define BY_TYPE(type, f, ...)                       \
    do {                                            \
        if (HAS_WORDS && (type) == SMX_R_16F)       \
            f(SMX_R_16F, __VA_ARGS__);              \
        else if (HAS_WORDS && (type) == SMX_R_16BF) \
            f(SMX_R_16BF, __VA_ARGS__);             \
        else                                        \
            f(R(TYPE), __VA_ARGS__);                \
    } while (0)

/* ---- 16-bit types ----
 *
 * rounded_to_bfloat16() leaves in the high halves the 16 bits that float_to_bfloat16() makes of each, without a look for NaNs: adding to
 * one with all its bits set would make a number of it. Those that come from 16-bit elements have none of the low bits, through whatever
 * arithmetic, and numbers of other types that results are computed with are a plain NaN if they are one. */

/* Sixteen of them. */
#if SMX_CPU_LANES_OF_WORDS
typedef __m256i words_of_lanes;
#endif

#if defined(__AVX512F__)
/* Sixteen bfloat16 are the high halves of as many floats: one permutation of words brings them there, and back. */
FORCE_INLINE __m512 bfloat16s_to_lanes(words_of_lanes w) {
    const __m512i place = _mm512_set_epi32(15 << 16, 14 << 16, 13 << 16, 12 << 16, 11 << 16, 10 << 16, 9 << 16, 8 << 16, 7 << 16, 6 << 16,
                                           5 << 16, 4 << 16, 3 << 16, 2 << 16, 1 << 16, 0);
    return _mm512_castsi512_ps(_mm512_maskz_permutexvar_epi16(0xaaaaaaaaU, place, _mm512_castsi256_si512(w)));
}

FORCE_INLINE words_of_lanes high_halves(__m512i a) {
    const __m256i low = _mm256_setr_epi16(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
    return _mm512_castsi512_si256(_mm512_permutexvar_epi16(_mm512_castsi256_si512(low), a));
}

FORCE_INLINE lanes_float lanes_of_words(smxDataType_t type, words_of_lanes w) {
    return (lanes_float){{(vector_float)(type == SMX_R_16F ? _mm512_cvtph_ps(w) : bfloat16s_to_lanes(w))}};
}

FORCE_INLINE lanes_float lanes_from_words(smxDataType_t type, const void *from) { return lanes_of_words(type, _mm256_loadu_si256(from)); }

FORCE_INLINE __m512i rounded_to_bfloat16(__m512 x) {
    const __m512i bits = _mm512_castps_si512(x), half = _mm512_add_epi32(bits, _mm512_set1_epi32(0x7fff));
    const __mmask16 odd = _mm512_test_epi32_mask(bits, _mm512_set1_epi32(0x10000));
    return _mm512_mask_add_epi32(half, odd, half, _mm512_set1_epi32(1));
}

FORCE_INLINE words_of_lanes lanes_to_words(smxDataType_t type, lanes_float a) {
    const __m512 x = (__m512)a.of[0];
    return type == SMX_R_16F ? _mm512_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT) : high_halves(rounded_to_bfloat16(x));
}
#elif defined(__AVX2__)
FORCE_INLINE lanes_float lanes_from_words(smxDataType_t type, const void *from) {
    lanes_float a;
    _Pragma("GCC unroll 2") for (int v = 0; v < 2; v++) {
        const __m128i half = _mm_loadu_si128((const __m128i *)from + v);
        const __m256i bits = _mm256_slli_epi32(_mm256_cvtepu16_epi32(half), 16);
        a.of[v] = (vector_float)(type == SMX_R_16F ? _mm256_cvtph_ps(half) : _mm256_castsi256_ps(bits));
    }
    return a;
}

FORCE_INLINE __m256i rounded_to_bfloat16(__m256 x) {
    const __m256i bits = _mm256_castps_si256(x), odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    return _mm256_add_epi32(_mm256_add_epi32(bits, _mm256_set1_epi32(0x7fff)), odd);
}

FORCE_INLINE __m256i packed_high_halves(__m256i a, __m256i b) {
    const __m256i words = _mm256_packus_epi32(_mm256_srli_epi32(a, 16), _mm256_srli_epi32(b, 16));
    return _mm256_permute4x64_epi64(words, 0xd8); /* packed 128 bits by 128 bits */
}

FORCE_INLINE words_of_lanes lanes_to_words(smxDataType_t type, lanes_float a) {
    const __m256 x = (__m256)a.of[0], y = (__m256)a.of[1];
    if (type == SMX_R_16F)
        return _mm256_set_m128i(_mm256_cvtps_ph(y, _MM_FROUND_TO_NEAREST_INT), _mm256_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT));
    return packed_high_halves(rounded_to_bfloat16(x), rounded_to_bfloat16(y));
}
#endif

/* Up to `most` bytes, 128 at most, without a call. */
FORCE_INLINE void copy_few_bytes(char *to, const char *from, size_t bytes, size_t most) {
    _Pragma("GCC unroll 8") for (size_t size = 128; size > 0; size /= 2) {
        if (size > most || (bytes & size) == 0) continue;
        memcpy(to, from, size);
        to += size;
        from += size;
    }
}

/* ---- sixteen elements, or the first m of them: no other is read, and their lanes are zeros ---- */

FORCE_INLINE lanes_float lanes_from_float(smxDataType_t type, const void *from) {
#if SMX_CPU_LANES_OF_WORDS
    if (type != SMX_R_32F) return lanes_from_words(type, from);
#endif
    (void)type;
    return get_float(from);
}

FORCE_INLINE lanes_float first_lanes_from_float(smxDataType_t type, const void *from, int m) {
#if defined(__AVX512F__)
    const __mmask16 first = (__mmask16)((1U << m) - 1);
    if (type != SMX_R_32F) return lanes_of_words(type, _mm256_maskz_loadu_epi16(first, from));
    return (lanes_float){{(vector_float)_mm512_maskz_loadu_ps(first, from)}};
#else
#if defined(__AVX2__)
    if (type == SMX_R_32F) {
        const __m256i place = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
        const __m256 low = _mm256_maskload_ps(from, _mm256_cmpgt_epi32(_mm256_set1_epi32(m), place));
        const __m256 high = _mm256_maskload_ps((const float *)from + 8, _mm256_cmpgt_epi32(_mm256_set1_epi32(m - 8), place));
        return (lanes_float){{(vector_float)low, (vector_float)high}};
    }
#endif
    const size_t each = smx_cpu_element_bytes(type);
    char all[sizeof(lanes_float)] = {0};
    copy_few_bytes(all, from, (size_t)m * each, LANES * each);
    return lanes_from_float(type, all);
#endif
}

FORCE_INLINE void lanes_to_float(smxDataType_t type, void *to, lanes_float a, bool streams) {
#if SMX_CPU_LANES_OF_WORDS
    if (type != SMX_R_32F) {
        const words_of_lanes w = lanes_to_words(type, a);
        if (streams)
            stream_words(to, &w);
        else
            memcpy(to, &w, sizeof w);
        return;
    }
#endif
    (void)type;
    set_or_stream_float(to, a, streams);
}

/* The first m, fewer than sixteen, and nothing else. */
FORCE_INLINE void first_lanes_to_float(smxDataType_t type, void *to, int m, lanes_float a) {
#if defined(__AVX512F__)
    const __mmask16 first = (__mmask16)((1U << m) - 1);
    if (type == SMX_R_32F)
        _mm512_mask_storeu_ps(to, first, (__m512)a.of[0]);
    else
        _mm256_mask_storeu_epi16(to, first, lanes_to_words(type, a));
#else
    const size_t each = smx_cpu_element_bytes(type);
    char all[sizeof a];
    lanes_to_float(type, all, a, false);
    copy_few_bytes(to, all, (size_t)m * each, LANES * each - 1);
#endif
}
#else
FORCE_INLINE lanes_double lanes_from_double(smxDataType_t type, const void *from) {
    (void)type;
    return get_double(from);
}

FORCE_INLINE lanes_double first_lanes_from_double(smxDataType_t type, const void *from, int m) {
    char all[sizeof(lanes_double)] = {0};
    copy_few_bytes(all, from, (size_t)m * sizeof(double), sizeof all);
    return lanes_from_double(type, all);
}

FORCE_INLINE void lanes_to_double(smxDataType_t type, void *to, lanes_double a, bool streams) {
    (void)type;
    set_or_stream_double(to, a, streams);
}

FORCE_INLINE void first_lanes_to_double(smxDataType_t type, void *to, int m, lanes_double a) {
    char all[sizeof a];
    lanes_to_double(type, all, a, false);
    copy_few_bytes(to, all, (size_t)m * sizeof(double), sizeof all - 1);
}
#endif

/* ---- one element, the i-th, of any floating type ---- */

static inline void R(set_element)(smxDataType_t type, void *to, int64_t i, REAL value) {
    switch (type) {
    case SMX_R_32F: ((float *)to)[i] = (float)value; break;
    case SMX_R_64F: ((double *)to)[i] = (double)value; break;
    case SMX_R_16F: ((uint16_t *)to)[i] = float_to_half((float)value); break;
    default: ((uint16_t *)to)[i] = float_to_bfloat16((float)value); break;
    }
}

/* ---- m elements, 1 to 16, from the i-th on ---- */

/* The other lanes are zeros. */
FORCE_INLINE R(lanes) R(lanes_at)(smxDataType_t type, const void *from, int i, int m) {
    const char *const at = (const char *)from + (size_t)i * smx_cpu_element_bytes(type);
    return ARE_ALL(m) ? R(lanes_from)(type, at) : R(first_lanes_from)(type, at, m);
}

/* Where results go. Those that go past the cache are written in whole lines of it. */
#ifndef SMX_CPU_DESTINATION
#define SMX_CPU_DESTINATION
typedef struct destination {
    void *at;
    open_line *line; /* of those that go past the cache, else NULL */
    bool aligned;    /* known to begin with a line */
} destination;
#endif

FORCE_INLINE void R(put_lanes)(smxDataType_t type, destination to, int i, int m, R(lanes) a) {
    const size_t each = smx_cpu_element_bytes(type);
    char *const at = (char *)to.at + (size_t)i * each;
    if (ARE_ALL(m)) {
        R(lanes_to)(type, at, a, to.line != NULL);
    } else if (to.line != NULL) {
        R(lanes_to)(type, part_of_line(to.line, at), a, false);
        add_to_line(to.line, m * (int)each);
    } else {
        R(first_lanes_to)(type, at, m, a);
    }
}

/* Do whole vectors of n elements begin with lines of the cache? See tuning.h. */
FORCE_INLINE bool R(begin_with_lines)(smxDataType_t type, destination to, int n) {
    const bool fill_lines = LANES * smx_cpu_element_bytes(type) >= CACHE_LINE;
    return !to.aligned && (to.line != NULL || (fill_lines && n >= SMX_CPU_ALIGNED_ELEMENTS));
}

/* How many of n elements lie before the first whole vectors of sixteen, and behind the last. Those of whole lines lie between. */
FORCE_INLINE int R(before_vectors)(smxDataType_t type, destination to, int n) {
    const uintptr_t each = smx_cpu_element_bytes(type);
    const int before = R(begin_with_lines)(type, to, n) ? (int)(-(uintptr_t)to.at % CACHE_LINE / each) : 0;
    return before < n ? before : n;
}

FORCE_INLINE int R(behind_vectors)(smxDataType_t type, destination to, int n, int before) {
    const int of_line = CACHE_LINE / (int)smx_cpu_element_bytes(type);
    return (n - before) % (to.line != NULL && !to.aligned && of_line > LANES ? of_line : LANES);
}

/* How many elements from the i-th on, one of those before or behind, are written at once: no more than sixteen, or than a line has. */
FORCE_INLINE int R(size_of_end)(smxDataType_t type, destination to, int i, int end) {
    const int each = (int)smx_cpu_element_bytes(type), most = end - i < LANES ? end - i : LANES;
    if (to.line == NULL || LANES * each <= CACHE_LINE) return most;
    return most < CACHE_LINE / each ? most : CACHE_LINE / each;
}

/* Writes `value`, the lanes of elements [i, i + m), for all of n: m is 16 but for the elements before and behind the whole vectors, which
 * come last. */
#ifndef PUT_EACH
#define PUT_EACH(type, to, n, value)                                                                           \
    do {                                                                                                       \
        const int before_ = R(before_vectors)(type, to, n), behind_ = R(behind_vectors)(type, to, n, before_); \
        for (int i = before_; i < (n)-behind_; i += LANES) {                                                   \
            enum { m = LANES };                                                                                \
            R(put_lanes)(type, to, i, m, value);                                                               \
        }                                                                                                      \
        PUT_ENDS(type, to, n, before_, behind_, value);                                                        \
    } while (0)

#define PUT_ENDS(type, to, n, before, behind, value)                                                                  \
    for (int i = (before) > 0 ? 0 : (n) - (behind), next_; i < (n); i = next_ == (before) ? (n) - (behind) : next_) { \
        const int m = R(size_of_end)(type, to, i, i < (before) ? (before) : (n));                                     \
        R(put_lanes)(type, to, i, m, value);                                                                          \
        next_ = i + m;                                                                                                \
    }
#endif
