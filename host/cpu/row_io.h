/* Elements of any floating type to and from the REAL that is computed with, from any layout. Included once per REAL. */
#include "../internal.h"
#include "math.h"
#include "real.h"

#ifndef SMX_CPU_CONVERT
#define SMX_CPU_CONVERT
/* Rounding to nearest even; NaN stays NaN, overflow becomes infinity, denormals are kept. */
static inline float half_to_float(uint16_t h) {
    const uint32_t magnitude = (uint32_t)(h & 0x7fff) << 13, sign = (uint32_t)(h & 0x8000) << 16;
    const float scaled = bits_to_float(magnitude) * 0x1p112f; /* also lifts denormals */
    const uint32_t finite = float_to_bits(scaled), special = magnitude | 0x7f800000u;
    return bits_to_float(((h & 0x7c00) == 0x7c00 ? special : finite) | sign);
}

static inline uint16_t float_to_half(float value) {
    const uint32_t bits = float_to_bits(value), sign = bits >> 16 & 0x8000, magnitude = bits & 0x7fffffff;
    const uint32_t normal = (magnitude + 0xfff + (magnitude >> 13 & 1) - (112u << 23)) >> 13;
    const uint32_t denormal = float_to_bits(bits_to_float(magnitude) + 0.5f) - 0x3f000000u; /* the addition rounds */
    const uint32_t finite = magnitude < 0x38800000 ? denormal : normal;
    const uint32_t large = magnitude > 0x7f800000 ? 0x7e00 : 0x7c00;
    return (uint16_t)((magnitude >= 0x47800000 ? large : finite) | sign);
}

static inline float bfloat16_to_float(uint16_t b) { return bits_to_float((uint32_t)b << 16); }

static inline uint16_t float_to_bfloat16(float value) {
    const uint32_t bits = float_to_bits(value);
    const uint32_t rounded = (bits + 0x7fff + (bits >> 16 & 1)) >> 16, quiet = bits >> 16 | 0x40;
    return (uint16_t)((bits & 0x7fffffff) > 0x7f800000 ? quiet : rounded);
}

static inline int64_t row_offset(const smxLayout_t *l, int64_t row) { return row / l->inner * l->outerStride + row % l->inner; }

/* A ragged row is the only row of a call of its own. One whose offsets cannot be right has no elements. */
static inline void move_to_row(smx_operand *o, int64_t row) {
    if (o->data == NULL) return;
    o->data = (char *)o->data + o->offsets[row] * (int64_t)smx_type_bytes(o->layout.type);
    o->layout.outerStride = 0; /* whatever its number */
}
static inline int64_t cols_of_row(const smx_call *call, int64_t row) {
    const int64_t *offsets = call->in.offsets;
    if (offsets == NULL) return call->cols;
    const int64_t own = offsets[row + 1] - offsets[row];
    return own >= 0 && own <= call->cols ? own : 0;
}
static inline const smx_call *call_of_row(const smx_call *call, int64_t row, smx_call *own) {
    if (call->in.offsets == NULL) return call;
    *own = *call;
    own->cols = cols_of_row(call, row);
    if (own->cols == 0) return own;
    move_to_row(&own->in, row);
    move_to_row(&own->second, row);
    move_to_row(&own->out, row);
    return own;
}

#endif

/* ---- one element, `at` elements from the first ---- */

static inline REAL R(element)(const smx_operand *o, int64_t at) {
    switch (o->layout.type) {
    case SMX_R_32F: return (REAL)((const float *)o->data)[at];
    case SMX_R_64F: return (REAL)((const double *)o->data)[at];
    case SMX_R_16F: return (REAL)half_to_float(((const uint16_t *)o->data)[at]);
    default: return (REAL)bfloat16_to_float(((const uint16_t *)o->data)[at]);
    }
}

static inline void R(set_element)(const smx_operand *o, int64_t at, REAL value) {
    switch (o->layout.type) {
    case SMX_R_32F: ((float *)o->data)[at] = (float)value; break;
    case SMX_R_64F: ((double *)o->data)[at] = (double)value; break;
    case SMX_R_16F: ((uint16_t *)o->data)[at] = float_to_half((float)value); break;
    default: ((uint16_t *)o->data)[at] = float_to_bfloat16((float)value); break;
    }
}

/* ---- elements [first, first + n) of a row ---- */

static inline void R(load)(const smx_operand *o, int64_t row, int64_t first, int n, REAL *restrict to) {
    const int64_t apart = o->layout.colStride, at = row_offset(&o->layout, row) + first * apart;
    if (apart != 1) {
        for (int j = 0; j < n; j++) to[j] = R(element)(o, at + j * apart);
        return;
    }
    switch (o->layout.type) {
    case SMX_R_32F: {
        const float *from = (const float *)o->data + at;
        for (int j = 0; j < n; j++) to[j] = (REAL)from[j];
        break;
    }
    case SMX_R_64F: {
        const double *from = (const double *)o->data + at;
        for (int j = 0; j < n; j++) to[j] = (REAL)from[j];
        break;
    }
    case SMX_R_16F: {
        const uint16_t *from = (const uint16_t *)o->data + at;
        for (int j = 0; j < n; j++) to[j] = (REAL)half_to_float(from[j]);
        break;
    }
    default: {
        const uint16_t *from = (const uint16_t *)o->data + at;
        for (int j = 0; j < n; j++) to[j] = (REAL)bfloat16_to_float(from[j]);
        break;
    }
    }
}

static inline void R(store)(const smx_operand *o, int64_t row, int64_t first, int n, const REAL *restrict from) {
    const int64_t apart = o->layout.colStride, at = row_offset(&o->layout, row) + first * apart;
    if (apart != 1) {
        for (int j = 0; j < n; j++) R(set_element)(o, at + j * apart, from[j]);
        return;
    }
    switch (o->layout.type) {
    case SMX_R_32F: {
        float *to = (float *)o->data + at;
        for (int j = 0; j < n; j++) to[j] = (float)from[j];
        break;
    }
    case SMX_R_64F: {
        double *to = (double *)o->data + at;
        for (int j = 0; j < n; j++) to[j] = (double)from[j];
        break;
    }
    case SMX_R_16F: {
        uint16_t *to = (uint16_t *)o->data + at;
        for (int j = 0; j < n; j++) to[j] = float_to_half((float)from[j]);
        break;
    }
    default: {
        uint16_t *to = (uint16_t *)o->data + at;
        for (int j = 0; j < n; j++) to[j] = float_to_bfloat16((float)from[j]);
        break;
    }
    }
}
