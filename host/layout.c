/* Where rows lie: making layouts, and the rules a layout has to keep. */
#include "internal.h"

size_t smx_type_bytes(smxDataType_t type) {
    switch (type) {
    case SMX_R_32F: return 4;
    case SMX_R_64F: return 8;
    case SMX_R_16F: return 2;
    case SMX_R_16BF: return 2;
    case SMX_R_8U: return 1;
    case SMX_R_32I: return 4;
    case SMX_R_64I: return 8;
    }
    return 0;
}

bool smx_type_is_floating(smxDataType_t type) { return type == SMX_R_32F || type == SMX_R_64F || type == SMX_R_16F || type == SMX_R_16BF; }

bool smx_type_is_index(smxDataType_t type) { return type == SMX_R_8U || type == SMX_R_32I || type == SMX_R_64I; }

smxDataType_t smx_loss_type(smxDataType_t type) { return type == SMX_R_64F ? SMX_R_64F : SMX_R_32F; }

smxLayout_t smxRowMajor(smxDataType_t type, int64_t rows, int64_t cols) {
    return (smxLayout_t){.type = type, .outer = rows, .cols = cols, .inner = 1, .outerStride = cols, .colStride = 1};
}

smxStatus_t smxAlongAxis(smxDataType_t type, int ndim, const int64_t *dims, int axis, smxLayout_t *layout) {
    const char *call = "smxAlongAxis";
    if (layout == NULL) return smx_fail(SMX_STATUS_INVALID_VALUE, "%s: layout is NULL", call);
    if (dims == NULL) return smx_fail(SMX_STATUS_INVALID_VALUE, "%s: dims is NULL", call);
    if (ndim < 1) return smx_fail(SMX_STATUS_INVALID_VALUE, "%s: ndim is %d, at least 1 is needed", call, ndim);
    if (axis < -ndim || axis >= ndim) return smx_fail(SMX_STATUS_INVALID_VALUE, "%s: axis %d is outside [%d, %d)", call, axis, -ndim, ndim);
    if (smx_type_bytes(type) == 0) return smx_fail(SMX_STATUS_INVALID_VALUE, "%s: type %d is unknown", call, (int)type);
    const int along = axis < 0 ? axis + ndim : axis;
    int64_t before = 1, after = 1, nonzero = 1;
    for (int d = 0; d < ndim; d++) {
        if (dims[d] < 0) return smx_fail(SMX_STATUS_INVALID_VALUE, "%s: dims[%d] is %lld", call, d, (long long)dims[d]);
        if (__builtin_mul_overflow(nonzero, dims[d] ? dims[d] : 1, &nonzero))
            return smx_fail(SMX_STATUS_INVALID_VALUE, "%s: the product of the dimensions up to dims[%d] = %lld is over 2^63", call, d,
                            (long long)dims[d]);
        if (d < along) before *= dims[d];
        if (d > along) after *= dims[d];
    }
    *layout = (smxLayout_t){.type = type,
                            .outer = before,
                            .cols = dims[along],
                            .inner = after,
                            .outerStride = dims[along] * after,
                            .colStride = after > 0 ? after : 1};
    return SMX_STATUS_SUCCESS;
}

smxTargets_t smxIndexTargets(smxDataType_t type, const void *data) {
    return (smxTargets_t){.type = type, .data = data, .outerStride = 0, .colStride = 0};
}

smxTargets_t smxProbabilityTargets(const smxLayout_t *layout, const void *data) {
    if (layout == NULL) return (smxTargets_t){.type = SMX_R_32F, .data = NULL, .outerStride = 0, .colStride = 0};
    return (smxTargets_t){.type = layout->type, .data = data, .outerStride = layout->outerStride, .colStride = layout->colStride};
}

bool smx_layout_equal(const smxLayout_t *a, const smxLayout_t *b) {
    return a->type == b->type && a->outer == b->outer && a->cols == b->cols && a->inner == b->inner && a->outerStride == b->outerStride &&
           a->colStride == b->colStride;
}

int64_t smx_layout_rows(const smxLayout_t *layout) { return layout->outer * layout->inner; }

int64_t smx_layout_span(const smxLayout_t *layout) {
    if (smx_layout_rows(layout) == 0) return 0;
    return (layout->outer - 1) * layout->outerStride + (layout->cols - 1) * layout->colStride + layout->inner;
}

/* The span in bytes, and 16 bytes for each row, have to fit in 63 bits, or later products would be wrong. */
static bool too_large(const smxLayout_t *l) {
    const int64_t outer_steps = l->outer > 1 ? l->outer - 1 : 0;
    int64_t rows, a, b, span;
    return __builtin_mul_overflow(l->outer, l->inner, &rows) || __builtin_mul_overflow(rows, (int64_t)16, &rows) ||
           __builtin_mul_overflow(outer_steps, l->outerStride, &a) || __builtin_mul_overflow(l->cols, l->colStride, &b) ||
           __builtin_add_overflow(a, b, &span) || __builtin_add_overflow(span, l->inner, &span) ||
           __builtin_mul_overflow(span, (int64_t)smx_type_bytes(l->type), &span);
}

/* Two elements must not share a place. The three dimensions (inner with stride 1, cols, outer) nest if, ordered by stride,
 * each stride covers what lies inside it. */
static bool strides_overlap(const smxLayout_t *l) {
    if (smx_layout_rows(l) == 0) return false;
    const int64_t last_col = (l->cols - 1) * l->colStride, last_outer = l->outer > 1 ? (l->outer - 1) * l->outerStride : 0;
    const bool one_col = l->cols == 1, one_outer = l->outer <= 1;
    const bool rows_outside = (one_col || l->colStride >= l->inner) && (one_outer || l->outerStride >= last_col + l->inner);
    const bool rows_inside = (one_outer || l->outerStride >= l->inner) && (one_col || l->colStride >= last_outer + l->inner);
    return !rows_outside && !rows_inside;
}

smxStatus_t smx_check_layout(const char *call, const char *name, const smxLayout_t *l) {
    if (l == NULL) return smx_fail(SMX_STATUS_INVALID_VALUE, "%s: %sLayout is NULL", call, name);
    if (!smx_type_is_floating(l->type))
        return smx_fail(SMX_STATUS_INVALID_VALUE, "%s: %s type %d (%s) is not a floating type", call, name, (int)l->type,
                        smx_type_name(l->type));
    if (l->outer < 0) return smx_fail(SMX_STATUS_INVALID_VALUE, "%s: %s outer is %lld", call, name, (long long)l->outer);
    if (l->inner < 0) return smx_fail(SMX_STATUS_INVALID_VALUE, "%s: %s inner is %lld", call, name, (long long)l->inner);
    if (l->cols < 1) return smx_fail(SMX_STATUS_INVALID_VALUE, "%s: %s cols is %lld, at least 1 is needed", call, name, (long long)l->cols);
    if (l->colStride < 1)
        return smx_fail(SMX_STATUS_INVALID_VALUE, "%s: %s colStride is %lld, at least 1 is needed", call, name, (long long)l->colStride);
    if (l->outerStride < 0) return smx_fail(SMX_STATUS_INVALID_VALUE, "%s: %s outerStride is %lld", call, name, (long long)l->outerStride);
    if (l->outer > 1 && l->colStride == 1 && l->inner == 1 && l->outerStride < l->cols)
        return smx_fail(SMX_STATUS_INVALID_VALUE, "%s: %s outerStride %lld is less than cols %lld", call, name, (long long)l->outerStride,
                        (long long)l->cols);
    if (too_large(l))
        return smx_fail(SMX_STATUS_INVALID_VALUE,
                        "%s: %s with outer %lld (stride %lld), cols %lld (stride %lld), inner %lld spans more than 2^63 bytes", call, name,
                        (long long)l->outer, (long long)l->outerStride, (long long)l->cols, (long long)l->colStride, (long long)l->inner);
    if (strides_overlap(l))
        return smx_fail(SMX_STATUS_INVALID_VALUE,
                        "%s: %s with outer %lld (stride %lld), cols %lld (stride %lld), inner %lld puts two elements in one place", call,
                        name, (long long)l->outer, (long long)l->outerStride, (long long)l->cols, (long long)l->colStride,
                        (long long)l->inner);
    return SMX_STATUS_SUCCESS;
}
