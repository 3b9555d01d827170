/* Elements of any floating type to and from the REAL that is computed with, from any layout. Included once per REAL. */
#include "elements.h"
#include "rows_of_call.h"

#define SMX_CPU_BLOCK ((int)(SMX_CPU_BLOCK_BYTES / sizeof(REAL))) /* elements */

/* ---- one element, `at` elements from the first ---- */

static inline REAL R(element)(const smx_operand *o, int64_t at) {
    switch (o->layout.type) {
    case SMX_R_32F: return (REAL)((const float *)o->data)[at];
    case SMX_R_64F: return (REAL)((const double *)o->data)[at];
    case SMX_R_16F: return (REAL)half_to_float(((const uint16_t *)o->data)[at]);
    default: return (REAL)bfloat16_to_float(((const uint16_t *)o->data)[at]);
    }
}

/* ---- n elements side by side ---- */

static inline void R(read_piece)(const smx_operand *o, int64_t at, int n, REAL *to) {
    const void *data = (const char *)o->data + at * (int64_t)smx_cpu_element_bytes(o->layout.type);
    float floats[SMX_CPU_PIECE];
    float *const converted = sizeof(REAL) == sizeof(float) ? (float *)(void *)to : floats;
    switch (o->layout.type) {
    case SMX_R_32F:
        for (int j = 0; j < n; j++) to[j] = (REAL)((const float *)data)[j];
        return;
    case SMX_R_64F:
        for (int j = 0; j < n; j++) to[j] = (REAL)((const double *)data)[j];
        return;
    case SMX_R_16F: halves_to_floats(data, n, converted); break;
    default: bfloat16s_to_floats(data, n, converted); break;
    }
    if (converted == floats)
        for (int j = 0; j < n; j++) to[j] = (REAL)floats[j];
}

static inline void R(write_piece)(const smx_operand *o, int64_t at, int n, const REAL *from, bool streams) {
    const size_t bytes = (size_t)n * smx_cpu_element_bytes(o->layout.type);
    void *data = (char *)o->data + at * (int64_t)smx_cpu_element_bytes(o->layout.type);
    float floats[SMX_CPU_PIECE];
    uint16_t words[SMX_CPU_PIECE];
    const void *result = words;
    if (sizeof(REAL) != sizeof(float))
        for (int j = 0; j < n; j++) floats[j] = (float)from[j];
    const float *const rounded = sizeof(REAL) == sizeof(float) ? (const float *)(const void *)from : floats;
    switch (o->layout.type) {
    case SMX_R_32F: result = rounded; break;
    case SMX_R_64F:
        for (int j = 0; j < n; j++) ((double *)data)[j] = (double)from[j];
        return;
    case SMX_R_16F: floats_to_halves(rounded, n, words); break;
    default: floats_to_bfloat16s(rounded, n, words); break;
    }
    if (streams)
        stream_copy(data, result, bytes);
    else
        memcpy(data, result, bytes);
}

/* ---- elements [first, first + n) of a row ---- */

static __attribute__((noinline)) void R(load)(const smx_operand *o, int64_t row, int64_t first, int n, REAL *to) {
    const int64_t apart = o->layout.colStride, at = row_offset(&o->layout, row) + first * apart;
    if (apart != 1) {
        for (int j = 0; j < n; j++) to[j] = R(element)(o, at + j * apart);
        return;
    }
    for (int from = 0; from < n; from += SMX_CPU_PIECE)
        R(read_piece)(o, at + from, n - from < SMX_CPU_PIECE ? n - from : SMX_CPU_PIECE, to + from);
}

static __attribute__((noinline)) void R(store)(const smx_operand *o, int64_t row, int64_t first, int n, const REAL *from, bool streams) {
    const int64_t apart = o->layout.colStride, at = row_offset(&o->layout, row) + first * apart;
    if (apart != 1) {
        for (int j = 0; j < n; j++) R(set_element)(o->layout.type, o->data, at + j * apart, from[j]);
        return;
    }
    /* The first piece ends with a line of the cache, so that none but the last lines are written in two parts. */
    const uintptr_t bytes = smx_cpu_element_bytes(o->layout.type), begin = (uintptr_t)o->data / bytes + (uintptr_t)at;
    for (int done = 0, size = SMX_CPU_PIECE - (int)(begin % (CACHE_LINE / bytes)); done < n; done += size, size = SMX_CPU_PIECE)
        R(write_piece)(o, at + done, n - done < size ? n - done : size, from + done, streams);
}

/* ---- what will be read next: elements behind n that are computed with at once, of the row or of the next rows; see tuning.h ---- */

static inline bool R(is_far)(const smx_operand *o) {
    const smxLayout_t *l = &o->layout;
    return l->outer * l->cols * l->inner * (int64_t)smx_cpu_element_bytes(l->type) >= SMX_CPU_FAR_BYTES;
}

FORCE_INLINE upcoming R(behind)(const smx_operand *o, int64_t row, int64_t first, int64_t bytes, bool far) {
    const int64_t each = (int64_t)smx_cpu_element_bytes(o->layout.type);
    return (upcoming){(const char *)o->data + (row_offset(&o->layout, row) + first) * each + bytes, (size_t)each, far};
}

FORCE_INLINE int64_t R(near)(const smx_operand *o, int n) {
    const int64_t bytes = n * (int64_t)smx_cpu_element_bytes(o->layout.type);
    return bytes > SMX_CPU_FETCH_BYTES ? bytes : SMX_CPU_FETCH_BYTES;
}

FORCE_INLINE upcoming R(behind_short_rows)(const smx_operand *o, int64_t row, int n) {
    const bool far = R(is_far)(o);
    const int64_t bytes = R(near)(o, n);
    return R(behind)(o, row, 0, far && bytes < SMX_CPU_FETCH_BYTES_OF_SHORT_ROWS ? SMX_CPU_FETCH_BYTES_OF_SHORT_ROWS : bytes, far);
}

FORCE_INLINE upcoming R(behind_block)(const smx_operand *o, int64_t row, int64_t first, int n, bool crowded) {
    const bool far = !crowded && R(is_far)(o);
    return R(behind)(o, row, first, R(near)(o, n) + (far ? SMX_CPU_FETCH_BYTES_BEHIND_BLOCK : 0), far);
}

FORCE_INLINE upcoming R(behind_one_of_two)(const smx_operand *o, int64_t row, int64_t first, int n, bool far) {
    return R(behind)(o, row, first, R(near)(o, n), far);
}

FORCE_INLINE upcoming R(behind_short_rows_of_two)(const smx_operand *o, int64_t row, int n, bool far, bool beside_exponentials) {
    const int64_t near = R(near)(o, n), further = far && beside_exponentials && near > SMX_CPU_FETCH_BYTES;
    return R(behind)(o, row, 0, near + further * SMX_CPU_FETCH_BYTES_BESIDE_EXPONENTIALS, far);
}

FORCE_INLINE upcoming R(behind_group)(const smx_operand *o, int64_t row, int n) { return R(behind)(o, row, 0, R(near)(o, n), false); }

/* To be read only: where they lie if they lie there as that type, else as REAL in the given room. */
FORCE_INLINE const void *R(view)(smxDataType_t type, const smx_operand *o, int64_t row, int64_t first, int n, REAL *room) {
    if (lies_as(o, type)) return element_of_type(type, o, row, first);
    R(load)(o, row, first, n, room);
    return room;
}

/* Where results are put together, at their destination if they can be; store_room() brings them there if not. */
FORCE_INLINE destination R(place)(smxDataType_t type, const smx_operand *o, int64_t row, int64_t first, REAL *room, open_line *line) {
    return lies_as(o, type) ? (destination){element_of_type(type, o, row, first), line, false} : (destination){room, NULL, false};
}

FORCE_INLINE void R(store_room)(const smx_operand *o, int64_t row, int64_t first, int n, destination from, const REAL *room, bool streams) {
    if (from.at == room) R(store)(o, row, first, n, room, streams);
}
