/* Matrices turned over: between rows one behind the other and lanes, an element of every row side by side. Needs lanes.h. */
#ifndef SMX_CPU_TRANSPOSE
#define SMX_CPU_TRANSPOSE
/* Of vectors of 32 bytes at most: rows that are turned over are short. */
enum { TILE_BYTES = VECTOR_BYTES < 32 ? VECTOR_BYTES : 32, TILE = TILE_BYTES / sizeof(float) };
typedef float tile_vector __attribute__((vector_size(TILE_BYTES)));

/* The first, and the second, halves of two vectors, an element from each in turn. */
#ifdef HAS_SHUFFLES
#if VECTOR_BYTES >= 32
#define ZIP_FIRST(a, b) __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11)
#define ZIP_SECOND(a, b) __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15)
#else
#define ZIP_FIRST(a, b) __builtin_shufflevector(a, b, 0, 4, 1, 5)
#define ZIP_SECOND(a, b) __builtin_shufflevector(a, b, 2, 6, 3, 7)
#endif

/* TILE rows of TILE elements, `from_apart` elements from row to row, become columns. Zipping the first half of the rows with the second,
 * once for each power of two in TILE, does that. */
static inline void transpose_tile(const float *from, int from_apart, float *to, int to_apart) {
    tile_vector v[TILE], w[TILE];
    _Pragma("GCC unroll 16") for (int i = 0; i < TILE; i++) memcpy(&v[i], from + i * from_apart, sizeof v[i]);
    _Pragma("GCC unroll 4") for (int zipped = 1; zipped < TILE; zipped *= 2) {
        _Pragma("GCC unroll 8") for (int i = 0; i < TILE / 2; i++) {
            w[2 * i] = ZIP_FIRST(v[i], v[i + TILE / 2]);
            w[2 * i + 1] = ZIP_SECOND(v[i], v[i + TILE / 2]);
        }
        _Pragma("GCC unroll 16") for (int i = 0; i < TILE; i++) v[i] = w[i];
    }
    _Pragma("GCC unroll 16") for (int i = 0; i < TILE; i++) memcpy(to + i * to_apart, &v[i], sizeof v[i]);
}
#endif

/* Where the tile after one at i begins: the last one ends with the matrix, and does some elements again. */
static inline int next_tile(int i, int n) { return i + TILE < n && i + 2 * TILE > n ? n - TILE : i + TILE; }

/* `apart`: elements from a row to the next. */
static inline void transpose_float(const float *from, int rows, int cols, int from_apart, float *to, int to_apart) {
#ifdef HAS_SHUFFLES
    if (rows >= TILE && cols >= TILE) {
        for (int k = 0; k < rows; k = next_tile(k, rows))
            for (int c = 0; c < cols; c = next_tile(c, cols))
                transpose_tile(from + k * from_apart + c, from_apart, to + c * to_apart + k, to_apart);
        return;
    }
#endif
    for (int k = 0; k < rows; k++)
        for (int c = 0; c < cols; c++) to[c * to_apart + k] = from[k * from_apart + c];
}

static inline void transpose_double(const double *from, int rows, int cols, int from_apart, double *to, int to_apart) {
    for (int k = 0; k < rows; k++)
        for (int c = 0; c < cols; c++) to[c * to_apart + k] = from[k * from_apart + c];
}
#endif
