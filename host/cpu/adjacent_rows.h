/* Short rows that lie one behind the other without a gap: their elements are dealt with sixteen at a time, as those of one row are, and
 * what differs from row to row is spread over them. Included once per REAL, after row.h. */
#ifndef SMX_CPU_ADJACENT_ROWS
#define SMX_CPU_ADJACENT_ROWS
/* Without instructions that pick by places, to transpose rows is faster; see rows_in_lanes.h. */
#if defined(__AVX2__)
#define HAS_SPREAD 1
#else
#define HAS_SPREAD 0
#endif

/* Which of the rows at hand each of their elements is of. */
typedef struct row_places {
    int of[LANES * SMX_CPU_GROUP_COLS + LANES]; /* those behind the last element: any */
} row_places;

static inline void place_rows(row_places *places, int rows, int cols) {
    int i = 0;
    for (int k = 0; k < rows; k++)
        for (int c = 0; c < cols; c++) places->of[i++] = k;
    memset(places->of + i, 0, LANES * sizeof *places->of);
}

/* Of a value of each of sixteen rows, those of the rows that the elements from the i-th on are of. */
FORCE_INLINE lanes_float spread_float(const float *of_rows, const row_places *places, int i) {
    const int *const place = places->of + i;
    lanes_float a = all_float(0);
#if defined(__AVX512F__)
    a.of[0] = (vector_float)_mm512_permutexvar_ps(_mm512_loadu_si512(place), _mm512_loadu_ps(of_rows));
#elif HAS_SPREAD
    const __m256 first = _mm256_loadu_ps(of_rows), last = _mm256_loadu_ps(of_rows + 8);
    _Pragma("GCC unroll 2") for (int v = 0; v < 2; v++) {
        const __m256i k = _mm256_loadu_si256((const __m256i *)(const void *)place + v);
        const __m256 is_last = _mm256_castsi256_ps(_mm256_slli_epi32(k, 28)); /* 8 of their bits */
        a.of[v] = (vector_float)_mm256_blendv_ps(_mm256_permutevar8x32_ps(first, k), _mm256_permutevar8x32_ps(last, k), is_last);
    }
#else
    for (int lane = 0; lane < LANES; lane++) set_lane_float(&a, lane, of_rows[place[lane]]);
#endif
    return a;
}
#else
FORCE_INLINE lanes_double spread_double(const double *of_rows, const row_places *places, int i) {
    const int *const place = places->of + i;
    lanes_double a = all_double(0);
#if defined(__AVX512F__)
    const __m512d first = _mm512_loadu_pd(of_rows), last = _mm512_loadu_pd(of_rows + 8);
    _Pragma("GCC unroll 2") for (int v = 0; v < 2; v++) {
        const __m512i k = _mm512_cvtepi32_epi64(_mm256_loadu_si256((const __m256i *)(const void *)place + v));
        a.of[v] = (vector_double)_mm512_permutex2var_pd(first, k, last);
    }
#else
    for (int lane = 0; lane < LANES; lane++) set_lane_double(&a, lane, of_rows[place[lane]]);
#endif
    return a;
}
#endif

static inline bool R(are_adjacent)(const smx_call *call, row_form form) {
    const int64_t cols = call->cols;
    if (!HAS_SPREAD || !form.lies || form.whole || cols > SMX_CPU_GROUP_COLS || call->in.offsets != NULL) return false;
    return call->in.layout.outerStride == cols && (call->second.data == NULL || call->second.layout.outerStride == cols) &&
           call->out.layout.outerStride == cols;
}
