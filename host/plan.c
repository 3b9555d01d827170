/* THE plan table: operation, columns and type in; kernel family and sizes out. The first row that accepts a call wins;
 * every row that accepts one is right, which the tests check. Nothing else in the library decides about kernels. */
#include <stdio.h>

#include "internal.h"

#define OP(name) (1u << SMX_OP_##name)

enum {
    OPS_READ = OP(LOG_SUM_EXP) | OP(CROSS_ENTROPY_FORWARD),                                         /* a row in, a number out */
    OPS_WRITE = OP(SOFTMAX_FORWARD) | OP(LOG_SOFTMAX_FORWARD) | OP(CROSS_ENTROPY_FORWARD_BACKWARD), /* a row in, a row out */
    OPS_TWO = OP(SOFTMAX_BACKWARD) | OP(LOG_SOFTMAX_BACKWARD),                                      /* two rows in, one out */
    OPS_MAP = OP(CROSS_ENTROPY_BACKWARD),                                                           /* given lse */
    OPS_REDUCE = OPS_READ | OPS_WRITE | OPS_TWO,
    ANY_COLS = -1
};

#define REGISTERS(per_row, per_block, per_thread)                                                       \
    .kernel = SMX_KERNEL_ROW_REGISTERS, .threads_per_row = (per_row), .threads_per_block = (per_block), \
    .elements_per_thread = (per_thread), .max_cols = (int64_t)(per_row) * (per_thread)
#define STREAM(per_block, per_thread)                                                                  \
    .kernel = SMX_KERNEL_ROW_STREAM, .threads_per_row = (per_block), .threads_per_block = (per_block), \
    .elements_per_thread = (per_thread), .max_cols = ANY_COLS
#define MAP(per_row, per_block, per_thread) \
    .kernel = SMX_KERNEL_ROW_MAP, .threads_per_row = (per_row), .threads_per_block = (per_block), .elements_per_thread = (per_thread)

/* None of the choices has been timed on a GPU yet. They follow from counting: enough 16-byte loads in flight per
 * multiprocessor, at most 64 registers of row per thread, no idle lanes within a factor of two of the columns. */
static const smx_plan_row table[] = {
    /* a few lanes per row */
    {.ops = OPS_REDUCE, .min_cc = 75, REGISTERS(1, 256, 8)},
    {.ops = OPS_REDUCE, .min_cc = 75, REGISTERS(2, 256, 8)},
    {.ops = OPS_REDUCE, .min_cc = 75, REGISTERS(4, 256, 8)},
    {.ops = OPS_REDUCE, .min_cc = 75, REGISTERS(8, 256, 8)},
    {.ops = OPS_REDUCE, .min_cc = 75, REGISTERS(16, 256, 8)},
    /* a warp per row */
    {.ops = OPS_REDUCE, .min_cc = 75, REGISTERS(32, 256, 8)},
    {.ops = OPS_REDUCE, .min_cc = 75, REGISTERS(32, 256, 16)},
    {.ops = OPS_REDUCE, .min_cc = 75, REGISTERS(32, 256, 32)},
    {.ops = OPS_REDUCE, .min_cc = 75, REGISTERS(32, 128, 64)},
    /* a block per row; a row that is only read gains nothing from being kept */
    {.ops = OPS_REDUCE, .min_cc = 75, REGISTERS(128, 128, 32)},
    {.ops = OPS_READ, .min_cc = 75, .min_cols = 4097, STREAM(256, 32)},
    {.ops = OPS_REDUCE, .min_cc = 75, REGISTERS(128, 128, 64)},
    {.ops = OPS_REDUCE, .min_cc = 75, REGISTERS(256, 256, 32)},
    {.ops = OPS_REDUCE, .min_cc = 75, REGISTERS(256, 256, 64)},
    {.ops = OPS_REDUCE, .min_cc = 75, REGISTERS(512, 512, 32)},
    {.ops = OPS_REDUCE, .min_cc = 75, REGISTERS(512, 512, 64)},
    /* longer rows pass through the chip */
    {.ops = OPS_REDUCE, .min_cc = 75, STREAM(256, 32)},
    /* nothing to reduce */
    {.ops = OPS_MAP, .min_cc = 75, .max_cols = 64, MAP(4, 256, 16)},
    {.ops = OPS_MAP, .min_cc = 75, .max_cols = 2048, MAP(32, 256, 32)},
    {.ops = OPS_MAP, .min_cc = 75, .max_cols = ANY_COLS, MAP(256, 256, 32)},
};

int smx_plan_table_size(void) { return (int)(sizeof table / sizeof table[0]); }
const smx_plan_row *smx_plan_table_row(int index) { return &table[index]; }

/* Backward without the forward's lse has to find it, as the fused call does. */
static smxOp_t planned_op(const smx_call *call) {
    return call->op == SMX_OP_CROSS_ENTROPY_BACKWARD && call->lse == NULL ? SMX_OP_CROSS_ENTROPY_FORWARD_BACKWARD : call->op;
}

static bool fits_registers(const smx_plan_row *row, smxOp_t op, smxDataType_t type) {
    return SMX_ROW_FITS_REGISTERS(row->elements_per_thread, type == SMX_R_64F ? 8 : 4, (OPS_TWO >> op & 1) ? 2 : 1);
}

bool smx_plan_accepts(const smx_plan_row *row, const smx_call *call, int compute_capability) {
    const smxOp_t op = planned_op(call);
    if (!(row->ops >> op & 1) || compute_capability < row->min_cc) return false;
    if (call->cols < row->min_cols || (row->max_cols != ANY_COLS && call->cols > row->max_cols)) return false;
    return row->kernel != SMX_KERNEL_ROW_REGISTERS || fits_registers(row, op, call->in.layout.type);
}

static bool algorithm_allows(smxAlgorithm_t algorithm, smx_kernel kernel) {
    switch (algorithm) {
    case SMX_ALGORITHM_RESIDENT: return kernel != SMX_KERNEL_ROW_STREAM;
    case SMX_ALGORITHM_ONLINE: return kernel != SMX_KERNEL_ROW_REGISTERS;
    case SMX_ALGORITHM_AUTO: break;
    }
    return true;
}

smxStatus_t smx_plan_call(smx_call *call) {
    const smxHandle_t handle = call->handle;
    call->plan = (smx_plan){.row = NULL, .index = -1};
    if (handle->backend->kind == SMX_BACKEND_CPU) return SMX_STATUS_SUCCESS;
    for (int i = 0; i < smx_plan_table_size(); i++) {
        if (handle->pinned_plan >= 0 && handle->pinned_plan != i) continue;
        if (!algorithm_allows(call->algorithm, table[i].kernel)) continue;
        if (!smx_plan_accepts(&table[i], call, handle->compute_capability)) continue;
        call->plan = (smx_plan){.row = &table[i], .index = i};
        return SMX_STATUS_SUCCESS;
    }
    if (handle->pinned_plan >= 0)
        return smx_fail(SMX_STATUS_NOT_SUPPORTED, "%s: row %d of the plan table does not accept %s of %lld columns of %s", call->name,
                        handle->pinned_plan, smx_op_name(call->op), (long long)call->cols, smx_type_name(call->in.layout.type));
    int64_t most = 0;
    for (int i = 0; i < smx_plan_table_size(); i++)
        if (table[i].kernel == SMX_KERNEL_ROW_REGISTERS && fits_registers(&table[i], planned_op(call), call->in.layout.type) &&
            table[i].max_cols > most)
            most = table[i].max_cols;
    return smx_fail(SMX_STATUS_NOT_SUPPORTED, "%s: a row of %lld columns of %s does not stay on the chip, at most %lld do", call->name,
                    (long long)call->cols, smx_type_name(call->in.layout.type), (long long)most);
}

void smx_describe_plan(const smx_call *call, char *text, size_t capacity) {
    static const char *const names[] = {
        [SMX_KERNEL_ROW_REGISTERS] = "row_registers", [SMX_KERNEL_ROW_STREAM] = "row_stream", [SMX_KERNEL_ROW_MAP] = "row_map"};
    const smx_plan_row *row = call->plan.row;
    snprintf(text, capacity, "%s, %lld x %lld %s: %s, %d threads per row, %d per block, %d elements per thread (plan row %d, sm_%d)",
             smx_op_name(call->op), (long long)call->rows, (long long)call->cols, smx_type_name(call->in.layout.type), names[row->kernel],
             row->threads_per_row, row->threads_per_block, row->elements_per_thread, call->plan.index, call->handle->compute_capability);
}

static size_t align_up(size_t bytes) { return (bytes + 255) / 256 * 256; }

smx_loss_workspace smx_loss_workspace_of(smxDataType_t type, int64_t rows) {
    smx_loss_workspace w = {.divisor = 0};
    w.partials = align_up(sizeof(double));
    w.row_losses = w.partials + align_up(SMX_LOSS_PARTIALS * 2 * sizeof(double));
    w.bytes = w.row_losses + align_up((size_t)rows * smx_type_bytes(smx_loss_type(type)));
    return w;
}

size_t smx_workspace_bytes(smxOp_t op, smxDataType_t type, int64_t rows) {
    switch (op) {
    case SMX_OP_CROSS_ENTROPY_FORWARD:
    case SMX_OP_CROSS_ENTROPY_FORWARD_BACKWARD: return smx_loss_workspace_of(type, rows).bytes;
    case SMX_OP_CROSS_ENTROPY_BACKWARD: return smx_loss_workspace_of(type, rows).row_losses; /* the divisor alone */
    case SMX_OP_SOFTMAX_FORWARD:
    case SMX_OP_SOFTMAX_BACKWARD:
    case SMX_OP_LOG_SOFTMAX_FORWARD:
    case SMX_OP_LOG_SOFTMAX_BACKWARD:
    case SMX_OP_LOG_SUM_EXP: break;
    }
    return 0;
}

size_t smx_workspace_of_call(const smx_call *call) {
    const bool sums_losses = call->loss != NULL && call->reduction != SMX_REDUCTION_NONE;
    const bool needs_divisor = call->out.data != NULL && call->reduction == SMX_REDUCTION_MEAN;
    if (call->rows == 0 || (!sums_losses && !needs_divisor)) return 0;
    return smx_workspace_bytes(sums_losses ? call->op : SMX_OP_CROSS_ENTROPY_BACKWARD, call->in.layout.type, call->rows);
}
