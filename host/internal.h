/* What the host code and the two backends share: one call, its plan, the handle. Not installed. */
#ifndef SMX_INTERNAL_H
#define SMX_INTERNAL_H

#include <stdbool.h>

#include "smx/smx.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- plan: which kernel family holds the rows, and in which sizes (plan.c) ---- */

typedef enum smx_kernel {
    SMX_KERNEL_ROW_REGISTERS, /* the row stays in registers: a group of lanes, a warp, a block or a cluster of blocks per row */
    SMX_KERNEL_ROW_STREAM,    /* a block streams the row with the online update, twice if it writes */
    SMX_KERNEL_ROW_MAP,       /* no reduction: every element is mapped with numbers of its row */
    SMX_KERNEL_ROW_STRIDED,   /* elements of a row lie apart: a thread holds neighbouring rows side by side */
    SMX_KERNEL_ROW_PICK,      /* one element of every row: a thread per row */
    SMX_KERNEL_ROW_SHARED,    /* several passes over a row, which stays in shared memory */
    SMX_KERNEL_ROW_PASSES     /* several passes over a row, which is read again for each */
} smx_kernel;

typedef struct smx_plan_row {
    unsigned work;              /* what it serves: a set of bits of plan.c */
    int64_t min_cols, max_cols; /* columns it accepts; max_cols -1: any number */
    int min_cc;                 /* least compute capability, major * 10 + minor */
    smx_kernel kernel;
    int threads_per_row, threads_per_block, elements_per_thread;
} smx_plan_row;

/* A thread keeps at most 64 words of its row in registers: more would spill; of general losses in fp64 half as many. real_bytes: of the
 * type computed with; numbers: of those for an element. */
#define SMX_ROW_FITS_REGISTERS(elements_per_thread, real_bytes, numbers, general) \
    ((elements_per_thread) * (real_bytes) * (numbers) <= ((general) && (real_bytes) == 8 ? 128 : 256))

/* Rows that the lanes of row_registers ask for before they reduce the first of them: two where a thread would otherwise have less than 32
 * bytes on their way, if it keeps one number for each element. */
#define SMX_ROWS_IN_FLIGHT(threads_per_row, elements_per_thread, element_bytes) \
    ((threads_per_row) <= 32 && (elements_per_thread) * (element_bytes) < 32 ? 2 : 1)

/* Shared memory of a block of the kind row_shared that holds other things than rows. */
#define SMX_SHARED_TABLES_BYTES (8 << 10)

typedef struct smx_plan {
    const smx_plan_row *row; /* NULL on the CPU */
    int index;               /* of row in the table, -1 on the CPU */
    int rows_in_flight;      /* of each group of threads; 1 but in row_registers */
    int64_t slice, slices;   /* row_stream: columns of a slice of a row, and how many slices the longest row has */
    bool split;              /* row_stream: a block for every slice, because there are few rows */
} smx_plan;

/* What a split call keeps in the handle's memory between its two kernels: for every row what it has of its own, for every slice its
 * reduction, at most so many, and of so many bytes. */
#define SMX_MOST_SPLIT_ROWS 512
#define SMX_MOST_SPLIT_SLICES 8192
#define SMX_LINE_BYTES 64
#define SMX_SLICE_BYTES 32
#define SMX_LEFT_OVER_BYTES (SMX_MOST_SPLIT_ROWS * SMX_LINE_BYTES + SMX_MOST_SPLIT_SLICES * SMX_SLICE_BYTES)

int smx_plan_table_size(void);
const smx_plan_row *smx_plan_table_row(int index);

/* ---- one call ---- */

typedef struct smx_operand {
    const char *name; /* as in the public header, for messages */
    void *data;       /* inputs are never written through it */
    smxLayout_t layout;
    const int64_t *offsets; /* of ragged rows, memory of the backend; their layout is that of rows of maxCols elements. Else NULL */
} smx_operand;

/* Where the random bits of a draw come from (draw.h). */
typedef struct smx_random {
    uint64_t seed, offset;
    const uint64_t *seed_offset, *row_seeds, *row_offsets, *row_keys; /* memory of the backend, or NULL */
} smx_random;

/* What argmax, top-k, sample and multinomial choose of every row, and what they write of it. */
typedef struct smx_choice {
    smxDataType_t index_type;
    void *indices;
    int64_t per_row;          /* how many are chosen */
    float *probabilities;     /* top-k; else NULL */
    float *log_probabilities; /* sample; may be NULL */
    float temperature;
    const float *temperatures; /* one per row, or NULL */
    int64_t top_k;             /* 0: all */
    float top_p, min_p;
    bool from_probabilities, with_replacement; /* multinomial */
    smx_random random;
} smx_choice;

typedef struct smx_call {
    const char *name; /* of the public function */
    smxOp_t op;
    smxHandle_t handle;
    int64_t rows, cols;
    smxAlgorithm_t algorithm;

    smx_operand in;     /* x; y of a softmax backward call */
    smx_operand second; /* dy of a softmax backward call, target probabilities of a loss; data NULL where there is none */
    smx_operand out;    /* y or dx; data NULL where nothing is written per element */
    bool strided;       /* elements of a row lie apart in one of the operands at least */

    float scale; /* softmax: scale; losses: logitScale */
    smxEmptyRow_t empty_row;

    smxTargets_t indices; /* data NULL where the targets are probabilities, or there is no row */
    int64_t ignore_index;
    float label_smoothing, z_loss, softcap;
    const void *class_weights, *device_divisor;
    smxReduction_t reduction;
    smxEmptyMean_t empty_mean;
    const void *grad_loss;
    void *loss;
    void *lse;        /* written by forward calls, read by cross-entropy backward; may be NULL */
    void *row_losses; /* of a part of a batch: where its losses go, which are summed up later. NULL: this call sums them up */

    smx_choice choice;

    smx_plan plan;
    void *workspace; /* at least smx_workspace_of_call() */
} smx_call;

/* A loss needs the general row programs if all elements of a row enter into it beside the row state, or not as they are. */
static inline bool smx_is_general_loss(const smx_call *call) {
    return call->second.name != NULL || call->label_smoothing != 0 || call->softcap != 0;
}

/* Has every element a term of its own in such a loss? Else they all have the same, their share of smoothing. */
static inline bool smx_terms_vary(const smx_call *call) {
    return call->second.name != NULL || (call->label_smoothing != 0 && call->class_weights != NULL);
}

/* Does the divisor of the mean follow from the index targets? */
static inline bool smx_counts_divisor(const smx_call *call) {
    return call->reduction == SMX_REDUCTION_MEAN && call->device_divisor == NULL && call->second.name == NULL;
}

/* Does the gradient need that divisor before its rows; are the losses of the rows summed up by this call? */
static inline bool smx_needs_divisor(const smx_call *call) { return call->out.data != NULL && smx_counts_divisor(call); }
static inline bool smx_sums_losses(const smx_call *call) {
    return call->loss != NULL && call->reduction != SMX_REDUCTION_NONE && call->row_losses == NULL;
}

/* The index target of a row, in memory of the host. */
static inline int64_t smx_index_target(const smxTargets_t *targets, int64_t row) {
    switch (targets->type) {
    case SMX_R_8U: return ((const uint8_t *)targets->data)[row];
    case SMX_R_32I: return ((const int32_t *)targets->data)[row];
    default: return ((const int64_t *)targets->data)[row];
    }
}

/* How many of rows [first, last) have this target. */
static inline int64_t smx_count_targets(const smxTargets_t *targets, int64_t first, int64_t last, int64_t target) {
    int64_t count = 0;
    switch (targets->type) {
    case SMX_R_8U:
        for (int64_t row = first; row < last; row++) count += ((const uint8_t *)targets->data)[row] == target;
        break;
    case SMX_R_32I:
        for (int64_t row = first; row < last; row++) count += ((const int32_t *)targets->data)[row] == target;
        break;
    default:
        for (int64_t row = first; row < last; row++) count += ((const int64_t *)targets->data)[row] == target;
    }
    return count;
}

/* Pieces of memory that lie behind each other begin at multiples of 256 bytes. */
static inline size_t smx_align_up(size_t bytes) { return (bytes + 255) / 256 * 256; }

/* The pieces of a loss call's workspace, offsets in bytes (plan.c). */
typedef struct smx_loss_workspace {
    size_t divisor;    /* 1 double: the divisor of the mean */
    size_t partials;   /* SMX_LOSS_PARTIALS pairs of doubles: partial sum and count of a block */
    size_t row_losses; /* rows values of the loss type */
    size_t bytes;      /* of all together */
} smx_loss_workspace;
#define SMX_LOSS_PARTIALS 256
smx_loss_workspace smx_loss_workspace_of(smxDataType_t type, int64_t rows);
size_t smx_drawn_bytes(int64_t cols); /* of the bits that tell which columns of a row have been drawn */
size_t smx_workspace_bytes(smxOp_t op, smxDataType_t type, int64_t rows, int64_t cols); /* at most, whatever the options */
size_t smx_workspace_of_call(const smx_call *call);                                     /* what this call needs */

int64_t smx_bytes_written(const smx_call *call); /* for its elements; of strided rows without what lies between them */

/* Picks the plan of a call; the message says what does not fit. */
smxStatus_t smx_plan_call(smx_call *call);
bool smx_plan_accepts(const smx_plan_row *row, const smx_call *call); /* of a call with a handle */
void smx_describe_plan(const smx_call *call, char *text, size_t capacity);

/* What a planned call on a CUDA device should take (prediction.c). */
typedef struct smx_prediction {
    int64_t least_bytes, moved_bytes; /* of the elements: every operand once; what the plan moves */
    double time_us, share;            /* share: of the bandwidth that a copy reaches, by the least bytes; 0 where nothing is known */
} smx_prediction;
smx_prediction smx_predict(const smx_call *call);

/* What describes a problem of a batched call to one of its launches, of which there are three at most. */
#define SMX_BATCH_PROBLEM_BYTES 512
#define SMX_BATCH_BYTES(count) ((size_t)(count)*3 * (SMX_BATCH_PROBLEM_BYTES + 128))

/* ---- backends ---- */

typedef struct smx_bad_targets {
    unsigned long long count;
    long long first_row; /* INT64_MAX: none */
} smx_bad_targets;

/* What batches in host memory need beside the functions of smx_backend, whose `handle` may be a copy with a stream of its own. */
typedef struct smx_transfer {
    smxStatus_t (*open_stream)(const char *call, smxHandle_t handle); /* sets its stream */
    smxStatus_t (*close_stream)(const char *call, smxHandle_t handle);
    /* `height` runs of `width` bytes, from run to run so many bytes apart. */
    smxStatus_t (*copy_plane)(const char *call, smxHandle_t handle, void *destination, size_t destination_pitch, const void *source,
                              size_t source_pitch, size_t width, size_t height);
    smxStatus_t (*find_memory)(const char *call, const void *pointer, bool *pinned, bool *of_device);
    smxStatus_t (*count_divisor)(const smx_call *call); /* of a mean, to the workspace */
    smxStatus_t (*sum_losses)(const smx_call *call);    /* of the workspace, to the loss */
} smx_transfer;

/* Everything a backend does. Functions return a status and leave the message with smx_fail. */
typedef struct smx_backend {
    smxBackend_t kind;
    smxStatus_t (*open)(const char *call, smxHandle_t handle);
    void (*close)(smxHandle_t handle);
    smxStatus_t (*enter)(const char *call, smxHandle_t handle); /* is the handle's device the current one? */
    smxStatus_t (*synchronize)(const char *call, smxHandle_t handle);
    /* For callers, in the order of the handle's stream. */
    smxStatus_t (*allocate_in_order)(const char *call, smxHandle_t handle, void **pointer, size_t bytes);
    smxStatus_t (*release_in_order)(const char *call, smxHandle_t handle, void *pointer);
    /* For the library, of no stream's order. */
    smxStatus_t (*allocate)(const char *call, smxHandle_t handle, void **pointer, size_t bytes);
    smxStatus_t (*release)(const char *call, smxHandle_t handle, void *pointer);
    smxStatus_t (*allocate_host)(const char *call, smxHandle_t handle, void **pointer, size_t bytes);
    smxStatus_t (*release_host)(const char *call, smxHandle_t handle, void *pointer);
    smxStatus_t (*copy)(const char *call, smxHandle_t handle, void *destination, const void *source, size_t bytes);
    smxStatus_t (*take_bad_targets)(const char *call, smxHandle_t handle, smx_bad_targets *bad); /* synchronises, clears */
    bool (*capturing)(smxHandle_t handle);
    /* Is the stream one of the handle's device? Makes later work on it wait for what the handle has enqueued on its old one, if
     * anything: they share its workspace. */
    smxStatus_t (*change_stream)(const char *call, smxHandle_t handle, cudaStream_t stream);
    smxStatus_t (*softmax)(const smx_call *call);
    smxStatus_t (*cross_entropy)(const smx_call *call);
    smxStatus_t (*nll)(const smx_call *call);
    smxStatus_t (*choose)(const smx_call *call); /* argmax, top-k, sample, multinomial */
    /* Calls of one operation with the same options, planned, with their workspaces. scratch: room for three times as many pointers;
     * descriptions: memory of the backend, SMX_BATCH_BYTES(count). */
    smxStatus_t (*batch)(const smx_call *calls, int64_t count, const smx_call **scratch, void *descriptions, size_t bytes);
    void (*describe)(const smx_call *call, char *text, size_t capacity);
    const smx_transfer *transfer; /* NULL: memory of the backend is host memory */
} smx_backend;

extern const smx_backend smx_cpu_backend;
#ifdef SMX_WITH_CUDA
extern const smx_backend smx_cuda_backend;
#endif

#define SMX_MOST_RETIRED 64 /* each is at least twice as large as the one before */

struct smxContext {
    const smx_backend *backend;
    cudaStream_t stream;
    bool used;                  /* has work been enqueued on the stream? */
    int device;                 /* CUDA ordinal */
    int compute_capability;     /* major * 10 + minor; 0 on the CPU */
    size_t shared_bytes;        /* CUDA: the most shared memory of a block */
    int64_t l2_bytes;           /* CUDA: second-level cache */
    int multiprocessors;        /* CUDA */
    int multiprocessor_threads; /* CUDA: the most that one holds */
    double bytes_per_us;        /* CUDA: of the memory, by its clock and width; 0: unknown */
    int largest_cluster;        /* CUDA: blocks of 512 threads that the device can run as one cluster, 8 at most; 1: it has no clusters */
    const void *isa;            /* CPU: the instruction set in use */
    int threads;                /* CPU: the most that a call uses; 0: as many as OpenMP has */
    int pinned_plan;            /* index of the only plan row to use, or -1: for tests and measurements */

    void *own_workspace, *callers_workspace; /* the caller's is used if there is one */
    size_t own_workspace_bytes, callers_workspace_bytes;
    void *retired[SMX_MOST_RETIRED]; /* the handle's former workspaces */
    int retired_count;

    void *batch_memory; /* host memory for the calls of a batch (batch.c) */
    size_t batch_memory_bytes;
    void *staging; /* CUDA: host memory that descriptions of batches are copied from */

    smx_bad_targets *bad_targets; /* memory of the backend */
    void *order;                  /* CUDA: the event that orders a new stream behind the old one */
    void *pool;                   /* CUDA: what smxMalloc allocates from, NULL where the device has no pools */
    unsigned *ticket;             /* CUDA: counts the blocks that have finished a reduction; 0 between launches */
    void *left_over;              /* CUDA: SMX_LEFT_OVER_BYTES */
};

/* Uses only this row of the plan table (-1: all). NOT_SUPPORTED is returned by calls that it does not accept. */
void smx_pin_plan(smxHandle_t handle, int index);

/* ---- status (status.c) ---- */

#define SMX_TRY(expression)                                \
    do {                                                   \
        const smxStatus_t status_ = (expression);          \
        if (status_ != SMX_STATUS_SUCCESS) return status_; \
    } while (0)

smxStatus_t smx_fail(smxStatus_t status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* For what may fail without the call failing: meanwhile nothing is logged, and unless it counts as failed the thread's last message
 * is afterwards what it was. */
typedef struct smx_attempt {
    char earlier[1024];
} smx_attempt;
void smx_begin_attempt(smx_attempt *attempt);
void smx_end_attempt(const smx_attempt *attempt, bool failed);

const char *smx_type_name(smxDataType_t type);
const char *smx_op_name(smxOp_t op);

/* ---- layouts and their rules (layout.c) ---- */

size_t smx_type_bytes(smxDataType_t type); /* 0: unknown */
bool smx_type_is_floating(smxDataType_t type);
bool smx_type_is_index(smxDataType_t type);
smxDataType_t smx_loss_type(smxDataType_t type); /* fp64 for fp64, else fp32 */
bool smx_layout_equal(const smxLayout_t *a, const smxLayout_t *b);
int64_t smx_layout_rows(const smxLayout_t *layout);
/* Elements from the first to one past the last. */
int64_t smx_layout_span(const smxLayout_t *layout);
smxStatus_t smx_check_layout(const char *call, const char *name, const smxLayout_t *layout);

/* ---- the rules that all operations share (rules.c) ---- */

smxStatus_t smx_check_options_size(const char *call, const char *options, size_t given, size_t own, const char *macro);
smxStatus_t smx_take_operand(const char *call, smx_operand *operand, const char *name, const smxLayout_t *layout, const void *data);
bool smx_is_strided(const smxLayout_t *layout);
smxStatus_t smx_check_call(smx_call *call); /* also sets rows, cols and strided */

/* ---- options and targets of losses (loss.c) ---- */

smxStatus_t smx_take_loss_options(smx_call *call, const smxCrossEntropyOptions_t *given);
smxStatus_t smx_take_targets(smx_call *call, const smxTargets_t *targets); /* after call->in */

/* ---- the beginnings of the public calls, single, batched and on host memory: handle, options, x and targets ---- */

smxStatus_t smx_start_softmax(smx_call *call, const char *name, smxOp_t op, smxHandle_t handle, const smxSoftmaxOptions_t *given);
smxStatus_t smx_start_cross_entropy(smx_call *call, const char *name, smxOp_t op, smxHandle_t handle,
                                    const smxCrossEntropyOptions_t *options, const smxLayout_t *xLayout, const void *x,
                                    const smxTargets_t *targets);
smxStatus_t smx_start_nll(smx_call *call, const char *name, smxOp_t op, smxHandle_t handle, const smxCrossEntropyOptions_t *options,
                          const smxLayout_t *xLayout, const void *x, const smxTargets_t *targets);

/* ---- the road of every call (run.c) ---- */

smxStatus_t smx_check_handle(const char *call, smxHandle_t handle); /* is it NULL, or destroyed? (context.c) */
smxStatus_t smx_enter(const char *call, smxHandle_t handle);        /* is there a handle, and may it be used now? */
/* For calls that no graph can hold: what they do goes into the message. */
smxStatus_t smx_refuse_capture(const char *call, smxHandle_t handle, const char *what);
smxStatus_t smx_run(smx_call *call);
smxStatus_t smx_prepare_call(smx_call *call);                                                         /* its first step: rules and plan */
smxStatus_t smx_run_on_backend(const smx_call *call);                                                 /* its last step */
smxStatus_t smx_take_workspace(const char *call, smxHandle_t handle, size_t bytes, void **workspace); /* context.c */

#ifdef __cplusplus
}
#endif
#endif
