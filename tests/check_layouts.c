#include "check_layouts.h"

#include "check_session.h"

smxLayout_t layout_along(smxDataType_t type, int ndim, const int64_t *dims, int axis) {
    smxLayout_t layout = smxRowMajor(type, 1, 1);
    require_success(smxAlongAxis(type, ndim, dims, axis, &layout), "smxAlongAxis");
    return layout;
}

smxLayout_t layout_arranged(arrangement how, smxDataType_t type, int64_t outer, int64_t cols, int64_t inner) {
    smxLayout_t l = {.type = type, .outer = outer, .cols = cols, .inner = inner, .outerStride = cols * inner, .colStride = inner};

    switch (how) {
    case ARRANGED_PADDED: l.outerStride += 5; break;
    case ARRANGED_COLUMNS_APART:
        l.colStride = inner + 3 - inner % 2; /* odd or even as inner is not */
        l.outerStride = cols * l.colStride;
        break;
    case ARRANGED_TRANSPOSED:
        l.outerStride = inner;
        l.colStride = outer * inner;
        break;
    case ARRANGED_TRANSPOSED_PADDED:
        l.outerStride = inner + 1;
        l.colStride = outer * (inner + 1) + 2;
        break;
    default: break;
    }
    return l;
}
