/* THE plan table: operation, columns and type in; kernel family and sizes out. The first row that accepts a call wins;
 * every row that accepts one is right, which the tests check. Nothing else in the library decides about kernels. */
#include <stdio.h>

#include "internal.h"

/* What rows of the table serve: operations, and losses in their general form (smx_is_general_loss), which need more of a row. */
#define WORK(name) (1u << SMX_OP_##name)
enum {
    GENERAL_LOSS = 1u << 30,
    GENERAL_GRADIENT = 1u << 29,
    WEIGHTED_LOSS = 1u << 28, /* general ones whose elements have terms of their own (smx_terms_vary) */
    WEIGHTED_GRADIENT = 1u << 27,

    READING = WORK(LOG_SUM_EXP) | WORK(CROSS_ENTROPY_FORWARD),                                          /* a row in, a number out */
    WRITING = WORK(SOFTMAX_FORWARD) | WORK(LOG_SOFTMAX_FORWARD) | WORK(CROSS_ENTROPY_FORWARD_BACKWARD), /* a row in, a row out */
    TWO_ROWS = WORK(SOFTMAX_BACKWARD) | WORK(LOG_SOFTMAX_BACKWARD) | WEIGHTED_LOSS | WEIGHTED_GRADIENT, /* two rows in */
    MAPPING = WORK(CROSS_ENTROPY_BACKWARD) | WORK(NLL_LOSS_BACKWARD),                                   /* nothing to reduce */
    GENERAL_READING = GENERAL_LOSS | WEIGHTED_LOSS,
    GENERAL = GENERAL_READING | GENERAL_GRADIENT | WEIGHTED_GRADIENT,
    REDUCING = READING | WRITING | TWO_ROWS | GENERAL,
    CHOOSING = WORK(TOP_K) | WORK(SAMPLE) | WORK(MULTINOMIAL), /* several passes over a row, a few numbers out */
    CLUSTERED = REDUCING & ~(READING | GENERAL_READING),
    ONE_FORM = REDUCING & ~GENERAL,
    TWO_AT_ONCE = READING | WRITING | GENERAL_LOSS | GENERAL_GRADIENT, /* short rows in flight (two_at_once of row_program.cuh) */
    APART = (REDUCING | MAPPING) & ~(WORK(CROSS_ENTROPY_FORWARD) | WORK(CROSS_ENTROPY_FORWARD_BACKWARD)), /* these: GENERAL */
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

#define STRIDED(per_row, most_cols)                                                                                      \
    .kernel = SMX_KERNEL_ROW_STRIDED, .threads_per_row = (per_row), .threads_per_block = 256, .elements_per_thread = 32, \
    .max_cols = (most_cols)

#define SEVERAL_PASSES(kind, per_row, per_block, most_cols)                                                                     \
    .kernel = SMX_KERNEL_ROW_##kind, .threads_per_row = (per_row), .threads_per_block = (per_block), .elements_per_thread = 16, \
    .max_cols = (most_cols)

/* None of the choices has been timed on a GPU yet. They follow from counting: enough 16-byte loads in flight per
 * multiprocessor, at most 64 registers of row per thread, no idle lanes within a factor of two of the columns. The general
 * losses have fewer shapes: they do more per element, and their kernels are the longest to compile. */
static const smx_plan_row table[] = {
    /* a few lanes per row */
    {.work = ONE_FORM, .min_cc = 75, REGISTERS(1, 256, 8)},
    {.work = ONE_FORM, .min_cc = 75, REGISTERS(2, 256, 8)},
    {.work = REDUCING, .min_cc = 75, REGISTERS(4, 256, 8)},
    {.work = ONE_FORM, .min_cc = 75, REGISTERS(8, 256, 8)},
    {.work = ONE_FORM, .min_cc = 75, REGISTERS(16, 256, 8)},
    /* a warp per row */
    {.work = REDUCING, .min_cc = 75, REGISTERS(32, 256, 8)},
    {.work = ONE_FORM, .min_cc = 75, REGISTERS(32, 256, 16)},
    {.work = REDUCING, .min_cc = 75, REGISTERS(32, 256, 32)},
    {.work = ONE_FORM, .min_cc = 75, REGISTERS(32, 128, 64)},
    /* a block per row; a row that is only read gains nothing from being kept */
    {.work = ONE_FORM, .min_cc = 75, REGISTERS(128, 128, 32)},
    {.work = READING | GENERAL_READING, .min_cc = 75, .min_cols = 4097, STREAM(256, 32)},
    {.work = ONE_FORM, .min_cc = 75, REGISTERS(128, 128, 64)},
    {.work = REDUCING, .min_cc = 75, REGISTERS(256, 256, 32)},
    {.work = ONE_FORM, .min_cc = 75, REGISTERS(256, 256, 64)},
    {.work = ONE_FORM, .min_cc = 75, REGISTERS(512, 512, 32)},
    /* a cluster of blocks per row, two of them at least on every multiprocessor but for the longest rows; before, one block */
    {.work = CLUSTERED, .min_cc = 90, REGISTERS(1024, 256, 32)},
    {.work = ONE_FORM, .min_cc = 75, REGISTERS(512, 512, 64)},
    {.work = WRITING, .min_cc = 90, REGISTERS(1024, 256, 64)},
    {.work = CLUSTERED, .min_cc = 90, REGISTERS(4096, 512, 32)},
    {.work = WRITING, .min_cc = 90, REGISTERS(4096, 512, 64)},
    /* longer rows pass through the chip */
    {.work = REDUCING, .min_cc = 75, STREAM(256, 32)},
    /* nothing to reduce */
    {.work = MAPPING, .min_cc = 75, .max_cols = 64, MAP(4, 256, 16)},
    {.work = MAPPING, .min_cc = 75, .max_cols = 2048, MAP(32, 256, 32)},
    {.work = MAPPING, .min_cc = 75, .max_cols = ANY_COLS, MAP(256, 256, 32)},
    {.work = WORK(NLL_LOSS_FORWARD),
     .min_cc = 75,
     .kernel = SMX_KERNEL_ROW_PICK,
     .threads_per_row = 1,
     .threads_per_block = 256,
     .elements_per_thread = 1,
     .max_cols = ANY_COLS},
    /* elements that lie apart: short rows stay in the registers of the threads that share them (of 16-bit types, 4 each) */
    {.work = APART, .min_cc = 75, STRIDED(8, 32)},
    {.work = APART, .min_cc = 75, STRIDED(64, 256)},
    {.work = APART, .min_cc = 75, STRIDED(64, ANY_COLS)},
    /* one pass over rows side by side; longer ones need more threads than that */
    {.work = WORK(ARGMAX), .min_cc = 75, STRIDED(8, 4096)},
    /* several passes: in shared memory where the row fits, which depends on the device */
    {.work = CHOOSING, .min_cc = 75, SEVERAL_PASSES(SHARED, 32, 256, 1024)},
    {.work = CHOOSING, .min_cc = 75, SEVERAL_PASSES(SHARED, 256, 256, 16384)},
    {.work = CHOOSING, .min_cc = 75, SEVERAL_PASSES(SHARED, 512, 512, ANY_COLS)},
    {.work = CHOOSING | WORK(ARGMAX), .min_cc = 75, SEVERAL_PASSES(PASSES, 32, 256, 1024)},
    {.work = CHOOSING | WORK(ARGMAX), .min_cc = 75, SEVERAL_PASSES(PASSES, 256, 256, 16384)},
    {.work = CHOOSING | WORK(ARGMAX), .min_cc = 75, SEVERAL_PASSES(PASSES, 512, 512, ANY_COLS)},
};

int smx_plan_table_size(void) { return (int)(sizeof table / sizeof table[0]); }
const smx_plan_row *smx_plan_table_row(int index) { return &table[index]; }

/* Backward without the forward's lse has to find it, as the fused call does. A general gradient is not a map even with it. The strided
 * family has losses in their general form alone. */
static unsigned work_of(const smx_call *call) {
    const unsigned loss = smx_terms_vary(call) ? WEIGHTED_LOSS : GENERAL_LOSS;
    const unsigned gradient = smx_terms_vary(call) ? WEIGHTED_GRADIENT : GENERAL_GRADIENT;
    switch (call->op) {
    case SMX_OP_CROSS_ENTROPY_FORWARD:
        if (call->strided || smx_is_general_loss(call)) return loss;
        break;
    case SMX_OP_CROSS_ENTROPY_FORWARD_BACKWARD:
        if (call->strided || smx_is_general_loss(call)) return gradient;
        break;
    case SMX_OP_CROSS_ENTROPY_BACKWARD:
        if (smx_is_general_loss(call) || (call->strided && call->lse == NULL)) return gradient;
        if (call->lse == NULL) return WORK(CROSS_ENTROPY_FORWARD_BACKWARD);
        break;
    default: break;
    }
    return 1u << call->op;
}

/* Of what a thread computes with; and how many such numbers it has for an element. */
static int real_bytes_of(smxDataType_t type) { return type == SMX_R_64F ? 8 : 4; }
static int numbers_of(unsigned work) { return (TWO_ROWS & work) ? 2 : 1; }

static bool fits_registers(const smx_plan_row *row, unsigned work, smxDataType_t type) {
    if (row->threads_per_row > row->threads_per_block && type == SMX_R_64F) return false; /* clusters were seen to spill */
    return SMX_ROW_FITS_REGISTERS(row->elements_per_thread, real_bytes_of(type), numbers_of(work), (GENERAL & work) != 0);
}

/* Both kinds of rows, those whose elements lie apart and those whose do not. */
static bool takes_any_layout(const smx_plan_row *row) {
    return row->kernel == SMX_KERNEL_ROW_PICK || row->kernel == SMX_KERNEL_ROW_SHARED || row->kernel == SMX_KERNEL_ROW_PASSES;
}

/* The longest row of which as many as a block takes fit in its shared memory, beside tables, each beginning at its own alignment. */
static int64_t longest_shared_row(const smx_plan_row *row, const smx_call *call) {
    const int64_t rows = row->threads_per_block / row->threads_per_row;
    const int64_t room = ((int64_t)call->handle->shared_bytes - SMX_SHARED_TABLES_BYTES) / rows - 16;
    const int64_t most = room / (int64_t)smx_type_bytes(call->in.layout.type);
    return row->max_cols == ANY_COLS || most < row->max_cols ? most : row->max_cols;
}

/* Can the device run it at all? */
static bool is_runnable(const smx_plan_row *row, const smx_call *call) {
    const struct smxContext *handle = call->handle;
    return handle->compute_capability >= row->min_cc && row->threads_per_row <= row->threads_per_block * handle->largest_cluster;
}

static int rows_in_flight(const smx_plan_row *row, const smx_call *call) {
    if (row->kernel != SMX_KERNEL_ROW_REGISTERS || (TWO_AT_ONCE & work_of(call)) == 0) return 1;
    return SMX_ROWS_IN_FLIGHT(row->threads_per_row, row->elements_per_thread, (int)smx_type_bytes(call->in.layout.type));
}

/* Blocks of row_registers work once. A grid has less than 2^31 of them; ragged rows may be many in little memory. */
static bool fits_grid(const smx_plan_row *row, const smx_call *call) {
    const int64_t at_once = rows_in_flight(row, call);
    if (row->threads_per_row > row->threads_per_block) return call->rows <= INT32_MAX / (row->threads_per_row / row->threads_per_block);
    return call->rows / (row->threads_per_block / row->threads_per_row * at_once) < INT32_MAX;
}

bool smx_plan_accepts(const smx_plan_row *row, const smx_call *call) {
    const unsigned work = work_of(call);
    if (!(row->work & work) || !is_runnable(row, call)) return false;
    if ((row->kernel == SMX_KERNEL_ROW_STRIDED) != call->strided && !takes_any_layout(row)) return false;
    if (call->cols < row->min_cols || (row->max_cols != ANY_COLS && call->cols > row->max_cols)) return false;
    if (row->kernel == SMX_KERNEL_ROW_SHARED) return call->cols <= longest_shared_row(row, call);
    return row->kernel != SMX_KERNEL_ROW_REGISTERS || (fits_registers(row, work, call->in.layout.type) && fits_grid(row, call));
}

/* RESIDENT rules out rows that are read twice, ONLINE rows that are held until their max is known. */
static bool algorithm_allows(smxAlgorithm_t algorithm, const smx_plan_row *row, unsigned work) {
    const bool read_twice = row->kernel == SMX_KERNEL_ROW_STREAM || row->kernel == SMX_KERNEL_ROW_PASSES ||
                            (row->kernel == SMX_KERNEL_ROW_STRIDED && row->max_cols == ANY_COLS);
    switch (algorithm) {
    case SMX_ALGORITHM_RESIDENT: return !read_twice || (MAPPING & work);
    case SMX_ALGORITHM_ONLINE: return row->kernel != SMX_KERNEL_ROW_REGISTERS && row->kernel != SMX_KERNEL_ROW_SHARED;
    case SMX_ALGORITHM_AUTO: break;
    }
    return true;
}

static smxStatus_t does_not_stay(const smx_call *call, unsigned work) {
    int64_t most = 0;
    for (int i = 0; i < smx_plan_table_size(); i++) {
        const smx_plan_row *row = &table[i];
        const bool serves = (row->work & work) && is_runnable(row, call) && algorithm_allows(SMX_ALGORITHM_RESIDENT, row, work) &&
                            ((row->kernel == SMX_KERNEL_ROW_STRIDED) == call->strided || takes_any_layout(row)) &&
                            (row->kernel != SMX_KERNEL_ROW_REGISTERS || fits_registers(row, work, call->in.layout.type));
        const int64_t longest = row->kernel == SMX_KERNEL_ROW_SHARED ? longest_shared_row(row, call) : row->max_cols;
        if (serves && longest > most) most = longest;
    }
    return smx_fail(SMX_STATUS_NOT_SUPPORTED, "%s: a row of %lld columns of %s%s does not stay on the chip, at most %lld do", call->name,
                    (long long)call->cols, smx_type_name(call->in.layout.type), call->strided ? " that lie apart" : "", (long long)most);
}

/* Slices of the rows of a streamed call: two turns of a block each, longer ones where there would be too many. They depend on the
 * columns alone, because they decide the last bits of a row; whether every slice has a block of its own does not. */
enum { TURNS_OF_A_SLICE = 2, MOST_SLICES = 256 };

static void cut_into_slices(const smx_call *call, smx_plan *plan) {
    const smx_plan_row *row = plan->row;
    const int per_thread = row->elements_per_thread * 4 / real_bytes_of(call->in.layout.type) / numbers_of(work_of(call));
    plan->slice = (int64_t)TURNS_OF_A_SLICE * row->threads_per_block * per_thread;
    while ((call->cols - 1) / plan->slice >= MOST_SLICES) plan->slice *= 2;
    plan->slices = call->cols <= plan->slice ? 1 : (call->cols - 1) / plan->slice + 1;

    /* Two blocks on each multiprocessor keep the memory busy; with fewer rows than that the slices spread over the device. */
    const bool few = call->rows < 2 * (int64_t)call->handle->multiprocessors && call->rows <= SMX_MOST_SPLIT_ROWS;
    plan->split = few && plan->slices > 1 && call->rows * plan->slices <= SMX_MOST_SPLIT_SLICES;
}

int64_t smx_bytes_written(const smx_call *call) {
    return call->out.data == NULL ? 0 : call->rows * call->cols * (int64_t)smx_type_bytes(call->out.layout.type);
}

smxStatus_t smx_plan_call(smx_call *call) {
    const smxHandle_t handle = call->handle;
    call->plan = (smx_plan){.row = NULL, .index = -1};
    if (handle->backend->kind == SMX_BACKEND_CPU) return SMX_STATUS_SUCCESS;
    for (int i = 0; i < smx_plan_table_size(); i++) {
        if (handle->pinned_plan >= 0 && handle->pinned_plan != i) continue;
        if (!algorithm_allows(call->algorithm, &table[i], work_of(call))) continue;
        if (!smx_plan_accepts(&table[i], call)) continue;
        call->plan = (smx_plan){.row = &table[i], .index = i, .rows_in_flight = rows_in_flight(&table[i], call)};
        if (table[i].kernel == SMX_KERNEL_ROW_STREAM) cut_into_slices(call, &call->plan);
        return SMX_STATUS_SUCCESS;
    }
    if (handle->pinned_plan >= 0)
        return smx_fail(SMX_STATUS_NOT_SUPPORTED, "%s: row %d of the plan table does not accept %s of %lld columns of %s", call->name,
                        handle->pinned_plan, smx_op_name(call->op), (long long)call->cols, smx_type_name(call->in.layout.type));
    return does_not_stay(call, work_of(call));
}

void smx_describe_plan(const smx_call *call, char *text, size_t capacity) {
    static const char *const names[] = {
        [SMX_KERNEL_ROW_REGISTERS] = "row_registers", [SMX_KERNEL_ROW_STREAM] = "row_stream", [SMX_KERNEL_ROW_MAP] = "row_map",
        [SMX_KERNEL_ROW_STRIDED] = "row_strided",     [SMX_KERNEL_ROW_PICK] = "row_pick",     [SMX_KERNEL_ROW_SHARED] = "row_shared",
        [SMX_KERNEL_ROW_PASSES] = "row_passes"};
    const smx_plan_row *row = call->plan.row;
    const smx_prediction p = smx_predict(call);
    char rows[64] = "", share[64] = "";
    if (call->plan.rows_in_flight > 1) snprintf(rows, sizeof rows, ", %d rows at once", call->plan.rows_in_flight);
    if (call->plan.split) snprintf(rows, sizeof rows, ", %lld blocks per row", (long long)call->plan.slices);
    if (p.share > 0) snprintf(share, sizeof share, ", predicted %.1f us, %.0f %% of the memory's limit", p.time_us, 100 * p.share);
    snprintf(text, capacity,
             "%s, %lld x %lld %s: %s, %d threads per row, %d per block, %d elements per thread%s (plan row %d, sm_%d); moves %.3f MB%s",
             smx_op_name(call->op), (long long)call->rows, (long long)call->cols, smx_type_name(call->in.layout.type), names[row->kernel],
             row->threads_per_row, row->threads_per_block, row->elements_per_thread, rows, call->plan.index,
             call->handle->compute_capability, (double)p.moved_bytes * 1e-6, share);
}

smx_loss_workspace smx_loss_workspace_of(smxDataType_t type, int64_t rows) {
    smx_loss_workspace w = {.divisor = 0};
    w.partials = smx_align_up(sizeof(double));
    w.row_losses = w.partials + smx_align_up(SMX_LOSS_PARTIALS * 2 * sizeof(double));
    w.bytes = w.row_losses + smx_align_up((size_t)rows * smx_type_bytes(smx_loss_type(type)));
    return w;
}

size_t smx_drawn_bytes(int64_t cols) { return (size_t)((cols + 63) / 64) * sizeof(uint64_t); }

size_t smx_workspace_bytes(smxOp_t op, smxDataType_t type, int64_t rows, int64_t cols) {
    switch (op) {
    case SMX_OP_MULTINOMIAL: return (size_t)rows * smx_drawn_bytes(cols); /* without replacement */
    case SMX_OP_CROSS_ENTROPY_FORWARD:
    case SMX_OP_CROSS_ENTROPY_FORWARD_BACKWARD:
    case SMX_OP_NLL_LOSS_FORWARD: return smx_loss_workspace_of(type, rows).bytes;
    case SMX_OP_CROSS_ENTROPY_BACKWARD:
    case SMX_OP_NLL_LOSS_BACKWARD: return smx_loss_workspace_of(type, rows).row_losses; /* the divisor alone */
    case SMX_OP_SOFTMAX_FORWARD:
    case SMX_OP_SOFTMAX_BACKWARD:
    case SMX_OP_LOG_SOFTMAX_FORWARD:
    case SMX_OP_LOG_SOFTMAX_BACKWARD:
    case SMX_OP_LOG_SUM_EXP:
    case SMX_OP_ARGMAX:
    case SMX_OP_TOP_K:
    case SMX_OP_SAMPLE: break;
    }
    return 0;
}

size_t smx_workspace_of_call(const smx_call *call) {
    const bool sums_losses = smx_sums_losses(call);
    if (call->op == SMX_OP_MULTINOMIAL)
        return call->choice.with_replacement ? 0 : smx_workspace_bytes(call->op, call->in.layout.type, call->rows, call->cols);
    if (call->rows == 0 && call->device_divisor == NULL) return 0;
    if (!sums_losses && !smx_needs_divisor(call)) return 0;
    return smx_workspace_bytes(sums_losses ? call->op : SMX_OP_CROSS_ENTROPY_BACKWARD, call->in.layout.type, call->rows, call->cols);
}
