/* Where the rows of an operand lie, and what a row of a ragged call is. */
#ifndef SMX_CPU_ROWS_OF_CALL_H
#define SMX_CPU_ROWS_OF_CALL_H

#include "tuning.h"

static inline int64_t row_offset(const smxLayout_t *l, int64_t row) {
    if (l->inner == 1) return row * l->outerStride; /* the divisions cost as much as some rows */
    return row / l->inner * l->outerStride + row % l->inner;
}

/* How far apart, in elements, `rows` rows from this one on lie; -1 if not equally far. */
static inline int64_t distance_of_rows(const smxLayout_t *l, int64_t row, int rows) {
    if (l->inner == 1) return l->outerStride;
    return row % l->inner + rows <= l->inner ? 1 : -1;
}

static inline bool lies_as(const smx_operand *o, smxDataType_t type) { return o->layout.colStride == 1 && o->layout.type == type; }

/* All operands that a call has. The rows lie equally far apart then: beside columns side by side there is no room for others. */
static inline bool all_lie_as(const smx_call *call, smxDataType_t type) {
    const smx_operand *const operands[] = {&call->in, &call->second, &call->out};
    for (int k = 0; k < 3; k++)
        if (operands[k]->data != NULL && !lies_as(operands[k], type)) return false;
    return true;
}

/* Of a row whose elements lie side by side, and are of this type. */
static inline void *element_of_type(smxDataType_t type, const smx_operand *o, int64_t row, int64_t at) {
    return (char *)o->data + (row_offset(&o->layout, row) + at) * (int64_t)smx_cpu_element_bytes(type);
}

static inline void *element_of(const smx_operand *o, int64_t row, int64_t at) { return element_of_type(o->layout.type, o, row, at); }

/* A ragged row is the only row of a call of its own. One whose offsets cannot be right has no elements. */
static inline void move_to_row(smx_operand *o, int64_t row) {
    if (o->data == NULL) return;
    o->data = (char *)o->data + o->offsets[row] * (int64_t)smx_cpu_element_bytes(o->layout.type);
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
