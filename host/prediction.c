/* What a call on a CUDA device should take, from counting; profiling/reporting/model.py is the same arithmetic with what has been
 * measured in the place of what is assumed here.
 *
 *     time = launches * LAUNCH_US + max(bytes moved / bandwidth, waves * turns * LATENCY_US)
 *
 * waves: how often the device is filled with blocks; turns: how often a thread waits for its loads. By Little's law a device keeps
 * bandwidth * latency bytes in flight. */
#include "internal.h"

static const double LAUNCH_US = 2.0, LATENCY_US = 0.8; /* assumed: from kernel to kernel of a stream; of a load among many */
static const double SHARE_OF_DATA_SHEET = 0.9;         /* what copies reach: 3003 of 3350 GB/s on an H100 (QuACK's measurements) */

enum { REGISTERS_BESIDE_THE_ROW = 24, REGISTERS_OF_A_MULTIPROCESSOR = 65536, TYPICAL_PASSES = 4 };

static int operands_read(smxOp_t op) {
    switch (op) {
    case SMX_OP_SOFTMAX_BACKWARD:
    case SMX_OP_LOG_SOFTMAX_BACKWARD: return 2;
    case SMX_OP_NLL_LOSS_FORWARD: /* one element of every row */
    case SMX_OP_NLL_LOSS_BACKWARD: return 0;
    default: return 1;
    }
}

static bool writes_elements(smxOp_t op) {
    switch (op) {
    case SMX_OP_SOFTMAX_FORWARD:
    case SMX_OP_LOG_SOFTMAX_FORWARD:
    case SMX_OP_SOFTMAX_BACKWARD:
    case SMX_OP_LOG_SOFTMAX_BACKWARD:
    case SMX_OP_CROSS_ENTROPY_BACKWARD:
    case SMX_OP_CROSS_ENTROPY_FORWARD_BACKWARD:
    case SMX_OP_NLL_LOSS_BACKWARD: return true;
    default: return false;
    }
}

/* A loss counts its divisor before the rows if it needs that, and sums up after them. */
static int launches_of(const smx_call *call) {
    const int of_rows = call->plan.split ? 2 : 1;
    switch (call->op) {
    case SMX_OP_CROSS_ENTROPY_FORWARD:
    case SMX_OP_NLL_LOSS_FORWARD:
    case SMX_OP_CROSS_ENTROPY_BACKWARD:
    case SMX_OP_NLL_LOSS_BACKWARD: return of_rows + 1;
    case SMX_OP_CROSS_ENTROPY_FORWARD_BACKWARD: return of_rows + 2;
    default: return of_rows;
    }
}

static int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t divided_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

/* Blocks that a multiprocessor holds at a time. Registers are given to warps in pieces of 256 (CUDA C++ programming guide). */
static int64_t resident_blocks(const smx_call *call, int reads) {
    const smx_plan_row *row = call->plan.row;
    const struct smxContext *handle = call->handle;
    const int words = call->in.layout.type == SMX_R_64F ? 2 : 1;
    const int64_t of_row = (int64_t)row->elements_per_thread * words * (reads == 2 ? 2 : 1);
    const int64_t registers = REGISTERS_BESIDE_THE_ROW + call->plan.rows_in_flight * of_row;
    const int64_t of_block = divided_up((registers < 255 ? registers : 255) * 32, 256) * 256 * divided_up(row->threads_per_block, 32);
    int64_t blocks = smaller(handle->multiprocessor_threads / row->threads_per_block, REGISTERS_OF_A_MULTIPROCESSOR / of_block);
    if (row->kernel == SMX_KERNEL_ROW_SHARED) {
        const int64_t rows = row->threads_per_block / row->threads_per_row;
        const int64_t bytes = rows * call->cols * (int64_t)smx_type_bytes(call->in.layout.type) + SMX_SHARED_TABLES_BYTES;
        blocks = smaller(blocks, (int64_t)handle->shared_bytes / bytes);
    }
    return blocks > 0 ? blocks : 1;
}

smx_prediction smx_predict(const smx_call *call) {
    const smx_plan_row *row = call->plan.row;
    const struct smxContext *handle = call->handle;
    const int reads = operands_read(call->op);
    const bool writes = writes_elements(call->op);
    const int64_t width = (int64_t)smx_type_bytes(call->in.layout.type), elements = call->rows * call->cols;
    const int64_t written =
        writes ? elements * (int64_t)smx_type_bytes(call->out.data != NULL ? call->out.layout.type : call->in.layout.type) : 0;
    smx_prediction p = {.least_bytes = reads * elements * width + written};
    p.moved_bytes = p.least_bytes;
    if (elements == 0 || handle->bytes_per_us <= 0) return p;

    const int64_t resident = handle->multiprocessors * resident_blocks(call, reads);
    /* Of rows whose elements lie apart a thread holds as many side by side as fit into 16 bytes. */
    const int64_t beside = row->kernel == SMX_KERNEL_ROW_STRIDED ? 16 / width : 1, at_once = beside * call->plan.rows_in_flight;
    const int64_t blocks = call->plan.split ? call->rows * call->plan.slices
                                            : divided_up(divided_up(call->rows, at_once) * row->threads_per_row, row->threads_per_block);
    const int passes = row->kernel == SMX_KERNEL_ROW_PASSES ? TYPICAL_PASSES : row->kernel == SMX_KERNEL_ROW_STREAM && writes ? 2 : 1;
    /* Rows in flight are read again from the second-level cache if that holds them. */
    const int64_t in_flight = call->plan.split ? call->rows : smaller(blocks, resident);
    if (in_flight * call->cols * width * reads > handle->l2_bytes) p.moved_bytes += (passes - 1) * reads * elements * width;

    const int64_t columns_of_block = call->plan.split ? call->plan.slice : call->cols;
    const int64_t turns =
        passes * divided_up(columns_of_block, divided_up((int64_t)row->threads_per_row * row->elements_per_thread, beside));
    const double waiting = (double)(divided_up(blocks, resident) * turns) * LATENCY_US;
    const double bandwidth = SHARE_OF_DATA_SHEET * handle->bytes_per_us, moving = (double)p.moved_bytes / bandwidth;
    p.time_us = launches_of(call) * LAUNCH_US + (moving > waiting ? moving : waiting);
    p.share = (double)p.least_bytes / bandwidth / p.time_us;
    return p;
}
