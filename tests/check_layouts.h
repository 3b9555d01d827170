/* Layouts other than a dense row-major matrix. */
#ifndef CHECK_LAYOUTS_H
#define CHECK_LAYOUTS_H

#include "smx/smx.h"

/* The rows along one axis of a dense tensor. */
smxLayout_t layout_along(smxDataType_t type, int ndim, const int64_t *dims, int axis);

/* Ways of laying out outer x cols x inner elements, whatever these are. */
typedef enum arrangement {
    ARRANGED_DENSE,             /* as the tensor outer x cols x inner */
    ARRANGED_PADDED,            /* outer further apart than they need to be */
    ARRANGED_COLUMNS_APART,     /* colStride larger than inner, and odd */
    ARRANGED_TRANSPOSED,        /* as the tensor cols x outer x inner: rows lie inside of columns */
    ARRANGED_TRANSPOSED_PADDED, /* the same with gaps inside and outside */
    ARRANGEMENTS
} arrangement;

smxLayout_t layout_arranged(arrangement how, smxDataType_t type, int64_t outer, int64_t cols, int64_t inner);

#endif
