/* smx: the softmax family for CUDA and the CPU, in C.
 *
 * Rows of logits in; probabilities, log-probabilities, losses, gradients or drawn tokens out. Every call exists on two backends with the
 * same meaning: NVIDIA GPUs (compute capability 7.5 and later) and the CPU. C11, and C++ through extern "C"; no CUDA header
 * is needed to include this file.
 *
 * Conventions, valid for every call unless its comment says otherwise:
 *  - Sizes, strides and row numbers count elements, never bytes, except where a parameter is called `bytes`.
 *  - All pointers to data point to memory of the handle's backend: device memory on CUDA, host memory on the CPU. Structures
 *    (layouts, options, targets) are host memory and are read before the call returns.
 *  - Compute calls only enqueue work on the handle's stream and return; on the CPU they are finished when they return.
 *  - Every call returns a status. On failure smxGetLastErrorMessage() names the call, the argument and the numbers, and nothing was
 *    enqueued and nothing written (but for EXECUTION_FAILED: of the two or three launches of a call the first may be under way).
 *  - Different handles may be used by different threads at once; one handle by one thread at a time.
 */
#ifndef SMX_SMX_H
#define SMX_SMX_H

#include <stddef.h>
#include <stdint.h>

/* The version of this header; smxGetVersion() is that of the library in use. */
#define SMX_VERSION_MAJOR 0
#define SMX_VERSION_MINOR 1 /* counts additions; changes of the API too while the major version is 0 */
#define SMX_VERSION_PATCH 0 /* counts corrections */
/* The three in one number that can be compared, as smxGetVersion() gives it. */
#define SMX_VERSION (SMX_VERSION_MAJOR * 10000 + SMX_VERSION_MINOR * 100 + SMX_VERSION_PATCH)

#ifndef SMX_API
/* Marks the functions of the API; the build of the library makes it export them. */
#define SMX_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef struct CUstream_st *cudaStream_t; /* the same declaration as CUDA's own */
typedef struct smxContext *smxHandle_t;   /* opaque: backend, device, stream, workspace */

/* What every call returns; smxGetLastErrorMessage() says more. */
typedef enum smxStatus_t {
    SMX_STATUS_SUCCESS = 0,             /* done, or enqueued */
    SMX_STATUS_NOT_INITIALIZED = 1,     /* the handle is NULL, or was destroyed */
    SMX_STATUS_INVALID_VALUE = 2,       /* the call can never be right; the message names argument and numbers */
    SMX_STATUS_NOT_SUPPORTED = 3,       /* right, but not in this build, on this device or for this type */
    SMX_STATUS_WORKSPACE_TOO_SMALL = 4, /* the message names the bytes needed */
    SMX_STATUS_ALLOC_FAILED = 5,        /* no memory; the message names the bytes */
    SMX_STATUS_EXECUTION_FAILED = 6,    /* the CUDA runtime refused; the message carries its error */
    SMX_STATUS_INTERNAL_ERROR = 7,      /* a defect of smx */
    SMX_STATUS_CANCELLED = 8            /* a progress callback asked for it; the message says how many rows are done */
} smxStatus_t;

/* Where a handle computes. */
typedef enum smxBackend_t {
    SMX_BACKEND_AUTO = 0, /* to ask for: CUDA if there is a usable device, else the CPU */
    SMX_BACKEND_CUDA = 1, /* the NVIDIA GPU that is current when the handle is created */
    SMX_BACKEND_CPU = 2   /* the calling thread and OpenMP's */
} smxBackend_t;

/* Element types. The values equal cudaDataType_t's, so either converts to the other by a cast. */
typedef enum smxDataType_t {
    SMX_R_32F = 0,   /* float */
    SMX_R_64F = 1,   /* double */
    SMX_R_16F = 2,   /* IEEE half */
    SMX_R_8U = 8,    /* uint8_t, targets only */
    SMX_R_32I = 10,  /* int32_t, targets and indices only */
    SMX_R_16BF = 14, /* bfloat16 */
    SMX_R_64I = 24   /* int64_t, targets and indices only */
} smxDataType_t;

/* What becomes of the losses of the rows. */
typedef enum smxReduction_t {
    SMX_REDUCTION_MEAN = 0, /* sum over the rows / divisor: see the loss calls */
    SMX_REDUCTION_SUM = 1,  /* sum over the rows */
    SMX_REDUCTION_NONE = 2  /* one loss per row */
} smxReduction_t;

/* How a row is held: AUTO asks the plan table; RESIDENT keeps it on the chip (read once); ONLINE streams it with the online
 * (max, sum) update. The CPU backend gives the same answer for all three. */
typedef enum smxAlgorithm_t {
    SMX_ALGORITHM_AUTO = 0,     /* the plan table decides */
    SMX_ALGORITHM_RESIDENT = 1, /* NOT_SUPPORTED where a row is too long for it */
    SMX_ALGORITHM_ONLINE = 2    /* rows of any length */
} smxAlgorithm_t;
/* The softmax of a row of only -inf: NaN as in PyTorch, or probability 0 for every entry (log-probability -inf). */
typedef enum smxEmptyRow_t {
    SMX_EMPTY_ROW_NAN = 0, /* NaN everywhere in the row */
    SMX_EMPTY_ROW_ZERO = 1 /* 0, or -inf for the log-softmax, everywhere in the row */
} smxEmptyRow_t;
/* The mean loss when its divisor is 0 (all targets ignored, or of weight 0): NaN as in PyTorch, or 0. The gradient is zero in both
 * cases. */
typedef enum smxEmptyMean_t {
    SMX_EMPTY_MEAN_NAN = 0, /* the loss is NaN */
    SMX_EMPTY_MEAN_ZERO = 1 /* the loss is 0 */
} smxEmptyMean_t;

/* Where the rows of a tensor lie. Element j (0 <= j < cols) of row (o, i), 0 <= o < outer, 0 <= i < inner, is found at
 * o * outerStride + j * colStride + i. Row number r = o * inner + i; there are outer * inner rows. A row-major matrix has
 * inner = 1 and colStride = 1; its rows may be padded (outerStride > cols), and padding is neither read nor written.
 * Pointers must be aligned to the element size, nothing more. */
typedef struct smxLayout_t {
    smxDataType_t type;  /* of the elements */
    int64_t outer;       /* how many o there are, >= 0 */
    int64_t cols;        /* elements of a row */
    int64_t inner;       /* how many i there are, >= 0 */
    int64_t outerStride; /* elements from (o, i) to (o + 1, i) */
    int64_t colStride;   /* elements from an element of a row to the next */
} smxLayout_t;

/* A dense row-major matrix of rows x cols; set outerStride afterwards for padded rows. */
SMX_API smxLayout_t smxRowMajor(smxDataType_t type, int64_t rows, int64_t cols);
/* The rows along `axis` of a dense row-major tensor of `ndim` dimensions; axis < 0 counts from the end.
 * INVALID_VALUE: ndim < 1, an axis outside [-ndim, ndim), a negative dimension, more elements than int64_t holds. */
SMX_API smxStatus_t smxAlongAxis(smxDataType_t type, int ndim, const int64_t *dims, int axis, smxLayout_t *layout);

/* Targets of a loss: one index per row (int32, int64 or uint8, dense, in row order), or one probability per logit, in the floating types
 * that may be mixed with the logits' and at the strides given here. Probabilities are taken as they are: they need not sum to 1. */
typedef struct smxTargets_t {
    smxDataType_t type;  /* integer type: indices; floating type: probabilities */
    const void *data;    /* memory of the backend */
    int64_t outerStride; /* probabilities only: as in the layout of the logits */
    int64_t colStride;   /* probabilities only: as in the layout of the logits */
} smxTargets_t;
/* One class index per row: `type` is SMX_R_32I, SMX_R_64I or SMX_R_8U, which the loss calls check. */
SMX_API smxTargets_t smxIndexTargets(smxDataType_t type, const void *data);
/* One probability per logit, of the type and at the strides of `layout`; the loss calls check them. */
SMX_API smxTargets_t smxProbabilityTargets(const smxLayout_t *layout, const void *data);

/* Options structures begin with their size and grow at the end; initialise them with their macro. */
typedef struct smxSoftmaxOptions_t {
    size_t size;              /* of this structure, bytes */
    float scale;              /* inverse temperature, finite and > 0: softmax(scale * x) */
    smxAlgorithm_t algorithm; /* how rows are held */
    smxEmptyRow_t emptyRow;   /* what rows of only -inf give */
} smxSoftmaxOptions_t;
/* The defaults, for smxSoftmaxOptions_t options = SMX_SOFTMAX_OPTIONS_INIT: scale 1, AUTO, NaN. */
#define SMX_SOFTMAX_OPTIONS_INIT \
    { sizeof(smxSoftmaxOptions_t), 1.0f, SMX_ALGORITHM_AUTO, SMX_EMPTY_ROW_NAN }

/* Every option may be combined with every other; the loss calls say what they mean together. */
typedef struct smxCrossEntropyOptions_t {
    size_t size;               /* of this structure, bytes */
    smxReduction_t reduction;  /* mean, sum, or none: one loss per row */
    int64_t ignoreIndex;       /* index targets: rows with this target have loss 0 and gradient 0, and leave the divisor of the mean */
    float labelSmoothing;      /* e in [0, 1]: the target becomes (1 - e) * target + e / cols */
    float zLoss;               /* z >= 0, finite: adds z * lse^2 to the loss of a row */
    float softcap;             /* c > 0, finite: the logits become c * tanh(logitScale * x / c); 0 = none */
    float logitScale;          /* s > 0, finite: the logits become s * x */
    const void *classWeights;  /* NULL (all 1), or cols values of the loss type, memory of the backend */
    const void *deviceDivisor; /* NULL, or one value of the loss type, memory of the backend: the divisor, of a mean; otherwise unused */
    smxEmptyMean_t emptyMean;  /* the mean loss when its divisor is 0 */
    smxAlgorithm_t algorithm;  /* how rows are held */
} smxCrossEntropyOptions_t;
/* The defaults: mean, rows with target -100 ignored, no smoothing, z-loss, softcap or weights, logit scale 1, AUTO, NaN. */
#define SMX_CROSS_ENTROPY_OPTIONS_INIT                                                                                      \
    {                                                                                                                       \
        sizeof(smxCrossEntropyOptions_t), SMX_REDUCTION_MEAN, -100, 0.0f, 0.0f, 0.0f, 1.0f, NULL, NULL, SMX_EMPTY_MEAN_NAN, \
            SMX_ALGORITHM_AUTO                                                                                              \
    }

/* ---- handle, device, stream --------------------------------------------------------------------------------------- */

/* A handle for the current CUDA device, or for the CPU when there is no usable CUDA device.
 * INVALID_VALUE: handle is NULL. ALLOC_FAILED. */
SMX_API smxStatus_t smxCreate(smxHandle_t *handle);
/* The same, insisting on a backend. NOT_SUPPORTED: CUDA is asked for and the build has none, or there is no usable device. */
SMX_API smxStatus_t smxCreateWithBackend(smxHandle_t *handle, smxBackend_t backend);
/* Waits for the handle's work and frees what it owns. NULL is fine. INVALID_VALUE: the stream is being captured; the handle stays. */
SMX_API smxStatus_t smxDestroy(smxHandle_t handle);
/* The backend that the handle has, never AUTO. */
SMX_API smxStatus_t smxGetBackend(smxHandle_t handle, smxBackend_t *backend);
/* The stream that later calls enqueue on; NULL is the default stream. It has to live until smxDestroy or the next smxSetStream. Calls of
 * one handle share its scratch memory, so later work on the new stream is made to wait for what the handle has enqueued on the old one;
 * where one of the two is being captured, and between graphs captured from one handle, keeping that order is up to the caller.
 * The CPU backend remembers the stream and does not use it. INVALID_VALUE: a stream of another device (noticed here with CUDA 12.8 and
 * later). */
SMX_API smxStatus_t smxSetStream(smxHandle_t handle, cudaStream_t stream);
/* The stream given to smxSetStream, NULL before. */
SMX_API smxStatus_t smxGetStream(smxHandle_t handle, cudaStream_t *stream);
/* The most threads that a call of a CPU handle uses; 0, the default: as many as OpenMP has (OMP_NUM_THREADS, or the processors). Never
 * more than there are processors; small calls use fewer. A handle on CUDA remembers the number and has no use for it. INVALID_VALUE:
 * threads < 0. */
SMX_API smxStatus_t smxSetThreads(smxHandle_t handle, int threads);
/* The number given to smxSetThreads, 0 before. */
SMX_API smxStatus_t smxGetThreads(smxHandle_t handle, int *threads);
/* Waits until the work enqueued on the handle's stream is done. INVALID_VALUE: the stream is being captured; the capture goes on. */
SMX_API smxStatus_t smxSynchronize(smxHandle_t handle);

/* ---- memory. Sizes in bytes --------------------------------------------------------------------------------------- */

/* Memory of the backend, aligned to at least 256 bytes. bytes = 0 gives NULL. ALLOC_FAILED names the bytes. On CUDA it comes from a pool
 * of the handle in stream order, without waiting for the device: work on other streams has to be ordered behind what the handle's stream
 * had been given. The pool keeps up to 128 MiB of what is freed for later. INVALID_VALUE while the handle's stream is being captured,
 * as of all calls here but smxMemcpyAsync. */
SMX_API smxStatus_t smxMalloc(smxHandle_t handle, void **pointer, size_t bytes);
/* Frees what smxMalloc gave, on a handle of the same backend and device, in the order of its stream: work that other streams have on it
 * has to be done, or ordered before. What is not freed when its handle is destroyed stays valid. NULL is fine. */
SMX_API smxStatus_t smxFree(smxHandle_t handle, void *pointer);
/* Host memory for fast copies: pinned on CUDA, ordinary on the CPU. bytes = 0 gives NULL. ALLOC_FAILED names the bytes. */
SMX_API smxStatus_t smxMallocHost(smxHandle_t handle, void **pointer, size_t bytes);
/* Frees what smxMallocHost gave, on a handle of the same backend. Copies of it have to be done. NULL is fine. */
SMX_API smxStatus_t smxFreeHost(smxHandle_t handle, void *pointer);
/* Copies in stream order between any two of: host memory, memory of the backend. */
SMX_API smxStatus_t smxMemcpyAsync(smxHandle_t handle, void *destination, const void *source, size_t bytes);
/* Scratch memory for calls that need it (smxGetWorkspaceSize). The handle grows its own when a call needs more, which
 * allocates; reserve it beforehand to avoid that. What it had before is kept until smxDestroy, so captured graphs stay valid. */
SMX_API smxStatus_t smxReserveWorkspace(smxHandle_t handle, size_t bytes);
/* Use the caller's memory of the backend instead; it is never grown: a call that needs more is WORKSPACE_TOO_SMALL.
 * It must stay valid, aligned to 256 bytes, until replaced. (NULL, 0) returns to the handle's own. */
SMX_API smxStatus_t smxSetWorkspace(smxHandle_t handle, void *workspace, size_t bytes);

/* ---- status ------------------------------------------------------------------------------------------------------- */

SMX_API const char *smxGetStatusString(smxStatus_t status); /* the status in words, never NULL */
/* What went wrong in this thread's last failing call, never NULL; "" before the first failure. */
SMX_API const char *smxGetLastErrorMessage(void);
SMX_API int smxGetVersion(void); /* major * 10000 + minor * 100 + patch */
/* Targets outside [0, cols) (and not ignoreIndex) seen by loss calls since the last smxGetBadTargets: how many rows, and the
 * smallest row number among them (-1 if none). Every loss call counts the rows it sees, so a forward and a backward call on
 * the same targets count them twice. Synchronises; clears. Either pointer may be NULL. */
SMX_API smxStatus_t smxGetBadTargets(smxHandle_t handle, int64_t *count, int64_t *firstRow);

/* ---- log -----------------------------------------------------------------------------------------------------------
 * Off unless asked for, by the environment or by a callback, each with a level of its own:
 *     SMX_LOG_LEVEL   off, error, plan, call, or their numbers 0 to 3; off
 *     SMX_LOG_FILE    the file to append to, %p in it is the process id; stderr
 * The environment is read once, when the first line could be due. ----------------------------------------------------- */

/* What is logged. Each level includes those before it. */
typedef enum smxLogLevel_t {
    SMX_LOG_OFF = 0,   /* nothing */
    SMX_LOG_ERROR = 1, /* the message of every failing call */
    SMX_LOG_PLAN = 2,  /* the plan of every compute call, as smxDescribePlan puts it */
    SMX_LOG_CALL = 3   /* every compute call whose structures could be read: pointers, layouts, types, options */
} smxLogLevel_t;
/* One line, without a line break, that is valid until the callback returns. It has to return, must not wait for other threads' calls, and
 * may make any call but smxSetLogCallback; what it does is not logged. */
typedef void (*smxLogCallback_t)(smxLogLevel_t level, const char *line, void *user);
/* Sends lines of all handles and threads up to `level` to the callback too, from the thread whose call it is, one line at a time. NULL
 * or LOG_OFF ends that. When this returns, the callback that was set before is not running and will not be called again.
 * INVALID_VALUE: the level is unknown, or the callback calls this. */
SMX_API smxStatus_t smxSetLogCallback(smxLogCallback_t callback, void *user, smxLogLevel_t level);

/* ---- softmax. Source of the formulas: PyTorch, aten/src/ATen/native/cuda/SoftMax.cu --------------------------------
 * Input and output layouts have the same outer, cols and inner; strides and types may differ. Types: fp32, fp16 and bf16 in
 * any mixture, or all fp64. Work in place by passing the same pointer with the same layout; any other overlap is
 * INVALID_VALUE. options may be NULL. rows = 0 is a success that does nothing; cols = 0 is INVALID_VALUE. ------------- */

/* y_j = exp(scale * x_j - m) / sum_k exp(scale * x_k - m), m = scale * max_k x_k */
SMX_API smxStatus_t smxSoftmaxForward(smxHandle_t handle, const smxSoftmaxOptions_t *options, const smxLayout_t *xLayout, const void *x,
                                      const smxLayout_t *yLayout, void *y);
/* dx_j = scale * y_j * (dy_j - sum_k y_k dy_k); dx may be y or dy */
SMX_API smxStatus_t smxSoftmaxBackward(smxHandle_t handle, const smxSoftmaxOptions_t *options, const smxLayout_t *yLayout, const void *y,
                                       const smxLayout_t *dyLayout, const void *dy, const smxLayout_t *dxLayout, void *dx);
/* y_j = scale * x_j - lse, lse = log sum_k exp(scale * x_k) */
SMX_API smxStatus_t smxLogSoftmaxForward(smxHandle_t handle, const smxSoftmaxOptions_t *options, const smxLayout_t *xLayout, const void *x,
                                         const smxLayout_t *yLayout, void *y);
/* dx_j = scale * (dy_j - exp(y_j) * sum_k dy_k); dx may be y or dy */
SMX_API smxStatus_t smxLogSoftmaxBackward(smxHandle_t handle, const smxSoftmaxOptions_t *options, const smxLayout_t *yLayout, const void *y,
                                          const smxLayout_t *dyLayout, const void *dy, const smxLayout_t *dxLayout, void *dx);
/* lse: one value per row, dense, in row order; fp32 (fp64 for fp64 input). -inf for a row of only -inf, +inf for one with +inf. */
SMX_API smxStatus_t smxLogSumExp(smxHandle_t handle, const smxSoftmaxOptions_t *options, const smxLayout_t *xLayout, const void *x,
                                 void *lse);

/* ---- cross-entropy. Source of the formulas: PyTorch, aten/src/ATen/native/LossNLL.cpp; z-loss and softcap: flash-attention and
 * Liger-Kernel. Of one row, with u_j = s * x_j or, with a softcap c, u_j = c * tanh(s * x_j / c); lse = log sum_k exp(u_k); class
 * weights w, all 1 if absent; label smoothing e; and
 *     a_j = w_j * (e / cols + (1 - e) * [j = t])      for the target index t
 *     a_j = w_j * (e / cols + (1 - e) * q_j)          for target probabilities q
 * the loss is
 *     l = sum_j a_j * (lse - u_j) + zLoss * lse^2     where a_j = 0 contributes 0 also if u_j is -inf
 * and its gradient, with p_j = exp(u_j - lse),
 *     dl/dx_j = du_j/dx_j * (p_j * (sum_k a_k + 2 * zLoss * lse) - a_j)
 *     du_j/dx_j = s, or s * (1 - (u_j / c)^2) with a softcap.
 * The divisor of the mean is the sum of w_t over the rows whose index target is not ignoreIndex (the number of those rows without
 * weights), the number of rows for target probabilities, or *deviceDivisor. It is computed on the device: no call synchronises.
 *
 * A row whose index target is ignoreIndex has loss 0, lse 0 and a zero gradient row, and its logits are not read. A row whose target
 * is otherwise outside [0, cols) has loss NaN, lse NaN and a zero gradient row, is counted (smxGetBadTargets), and counts 1 in the
 * divisor of the mean; other rows are unaffected. A row with a NaN or +inf (before a softcap), or of nothing but -inf, has loss NaN
 * whatever its target.
 *
 * loss: one value, or one per row with REDUCTION_NONE. lse: NULL, or one value per row. gradLoss: NULL (= 1), or one value of
 * the upstream gradient, or one per row with REDUCTION_NONE. All three dense, fp32 (fp64 for fp64 logits). dx may be x, or the
 * probabilities, with the same layout.
 * -------------------------------------------------------------------------------------------------------------- */

/* The loss l of every row, summed up as options->reduction says; lse for the backward call. */
SMX_API smxStatus_t smxCrossEntropyForward(smxHandle_t handle, const smxCrossEntropyOptions_t *options, const smxLayout_t *xLayout,
                                           const void *x, const smxTargets_t *targets, void *loss, void *lse);
/* dx_j = gradLoss / divisor * dl/dx_j. lse: what the forward call wrote, or NULL to have it recomputed; p is exp(u - lse), so an lse of
 * more columns than these gives the gradient of a part of a larger vocabulary. From a given lse, p has a relative error of about the
 * spacing of fp32 numbers at lse (1e-3 at |lse| = 1e4); recomputed, it is as exact as ever. */
SMX_API smxStatus_t smxCrossEntropyBackward(smxHandle_t handle, const smxCrossEntropyOptions_t *options, const smxLayout_t *xLayout,
                                            const void *x, const smxTargets_t *targets, const void *lse, const void *gradLoss,
                                            const smxLayout_t *dxLayout, void *dx);
/* Both in one pass over the logits: each is read once and its gradient written once wherever the row fits on the chip.
 * loss may be NULL. */
SMX_API smxStatus_t smxCrossEntropyForwardBackward(smxHandle_t handle, const smxCrossEntropyOptions_t *options, const smxLayout_t *xLayout,
                                                   const void *x, const smxTargets_t *targets, const void *gradLoss, void *loss, void *lse,
                                                   const smxLayout_t *dxLayout, void *dx);

/* ---- negative log-likelihood: the loss of log-probabilities x that are there already. Source: PyTorch, LossNLL.cpp. Index targets
 * only. Of the options reduction, ignoreIndex, classWeights, deviceDivisor and emptyMean count; labelSmoothing, zLoss and softcap have to
 * be 0 and logitScale 1. Ignored and bad targets, divisor, loss and gradLoss are as for the cross-entropy. ------------- */

/* l = -w_t * x_t; 0 where w_t is 0. Nothing else of x is read. */
SMX_API smxStatus_t smxNllLossForward(smxHandle_t handle, const smxCrossEntropyOptions_t *options, const smxLayout_t *xLayout,
                                      const void *x, const smxTargets_t *targets, void *loss);
/* dx_t = -gradLoss / divisor * w_t, all others 0. xLayout: the type decides that of gradLoss, classWeights and deviceDivisor. */
SMX_API smxStatus_t smxNllLossBackward(smxHandle_t handle, const smxCrossEntropyOptions_t *options, const smxLayout_t *xLayout,
                                       const smxTargets_t *targets, const void *gradLoss, const smxLayout_t *dxLayout, void *dx);

/* ---- ragged rows: of different lengths, as segments of one buffer, with the operations, options, rules and formulas of the calls above.
 * Kernels read the offsets when they run, so a captured graph may be replayed with others. The lengths are those of x (softmax backward:
 * of y); the offsets of a result only say where its rows begin, so the same array will often do for both. A row may be empty: it has
 * nothing to read and write, its logsumexp is -inf, and no index is a target of it. A row whose length is negative or above maxCols is
 * taken for an empty one. In place means the same pointer, offsets and type; other overlap is not noticed here. Class weights are one
 * for each of maxCols columns; label smoothing spreads over the row's own. ---------------------------------------------- */

/* Row r of `rows` has the elements offsets[r] <= k < offsets[r + 1] behind a pointer. */
typedef struct smxRaggedLayout_t {
    smxDataType_t type;     /* of the elements */
    int64_t rows;           /* how many there are, >= 0 */
    int64_t maxCols;        /* elements of the longest row, or a bound of them, >= 1: kernels are chosen by it */
    const int64_t *offsets; /* rows + 1 numbers, elements; memory of the backend */
} smxRaggedLayout_t;

/* smxSoftmaxForward on ragged rows. */
SMX_API smxStatus_t smxSoftmaxForwardRagged(smxHandle_t handle, const smxSoftmaxOptions_t *options, const smxRaggedLayout_t *xLayout,
                                            const void *x, const smxRaggedLayout_t *yLayout, void *y);
/* smxSoftmaxBackward on ragged rows. */
SMX_API smxStatus_t smxSoftmaxBackwardRagged(smxHandle_t handle, const smxSoftmaxOptions_t *options, const smxRaggedLayout_t *yLayout,
                                             const void *y, const smxRaggedLayout_t *dyLayout, const void *dy,
                                             const smxRaggedLayout_t *dxLayout, void *dx);
/* smxLogSoftmaxForward on ragged rows. */
SMX_API smxStatus_t smxLogSoftmaxForwardRagged(smxHandle_t handle, const smxSoftmaxOptions_t *options, const smxRaggedLayout_t *xLayout,
                                               const void *x, const smxRaggedLayout_t *yLayout, void *y);
/* smxLogSoftmaxBackward on ragged rows. */
SMX_API smxStatus_t smxLogSoftmaxBackwardRagged(smxHandle_t handle, const smxSoftmaxOptions_t *options, const smxRaggedLayout_t *yLayout,
                                                const void *y, const smxRaggedLayout_t *dyLayout, const void *dy,
                                                const smxRaggedLayout_t *dxLayout, void *dx);
/* smxLogSumExp on ragged rows. */
SMX_API smxStatus_t smxLogSumExpRagged(smxHandle_t handle, const smxSoftmaxOptions_t *options, const smxRaggedLayout_t *xLayout,
                                       const void *x, void *lse);
/* smxCrossEntropyForward on ragged rows. Probability targets have the offsets of x; their strides are not looked at. */
SMX_API smxStatus_t smxCrossEntropyForwardRagged(smxHandle_t handle, const smxCrossEntropyOptions_t *options,
                                                 const smxRaggedLayout_t *xLayout, const void *x, const smxTargets_t *targets, void *loss,
                                                 void *lse);
/* smxCrossEntropyBackward on ragged rows. */
SMX_API smxStatus_t smxCrossEntropyBackwardRagged(smxHandle_t handle, const smxCrossEntropyOptions_t *options,
                                                  const smxRaggedLayout_t *xLayout, const void *x, const smxTargets_t *targets,
                                                  const void *lse, const void *gradLoss, const smxRaggedLayout_t *dxLayout, void *dx);
/* smxCrossEntropyForwardBackward on ragged rows. */
SMX_API smxStatus_t smxCrossEntropyForwardBackwardRagged(smxHandle_t handle, const smxCrossEntropyOptions_t *options,
                                                         const smxRaggedLayout_t *xLayout, const void *x, const smxTargets_t *targets,
                                                         const void *gradLoss, void *loss, void *lse, const smxRaggedLayout_t *dxLayout,
                                                         void *dx);
/* smxNllLossForward on ragged rows. */
SMX_API smxStatus_t smxNllLossForwardRagged(smxHandle_t handle, const smxCrossEntropyOptions_t *options, const smxRaggedLayout_t *xLayout,
                                            const void *x, const smxTargets_t *targets, void *loss);
/* smxNllLossBackward on ragged rows. */
SMX_API smxStatus_t smxNllLossBackwardRagged(smxHandle_t handle, const smxCrossEntropyOptions_t *options, const smxRaggedLayout_t *xLayout,
                                             const smxTargets_t *targets, const void *gradLoss, const smxRaggedLayout_t *dxLayout,
                                             void *dx);

/* ---- batched calls: problems of different shapes in one call. The arrays are host memory with one entry per problem, count of them,
 * and are read before the call returns; what they point to is memory of the backend. Every problem has the rules, the results and, bit
 * by bit, the numbers of the single call with these options; a mean is that of its problem. Layouts, types and kinds of targets may
 * differ from problem to problem. On CUDA problems that take the same kernel share a launch. What is written of one problem must not
 * overlap anything of another. If a problem is refused nothing is enqueued for any of them, and the message has its number.
 * smxGetBadTargets counts rows by their numbers in their own problems. count = 0 is a success that does nothing. ------- */

/* As smxSoftmaxForward. INVALID_VALUE: count outside [0, 2^31), an array is NULL. */
SMX_API smxStatus_t smxSoftmaxForwardBatched(smxHandle_t handle, const smxSoftmaxOptions_t *options, int64_t count,
                                             const smxLayout_t *xLayouts, const void *const *x, const smxLayout_t *yLayouts,
                                             void *const *y);
/* As smxLogSoftmaxForward. */
SMX_API smxStatus_t smxLogSoftmaxForwardBatched(smxHandle_t handle, const smxSoftmaxOptions_t *options, int64_t count,
                                                const smxLayout_t *xLayouts, const void *const *x, const smxLayout_t *yLayouts,
                                                void *const *y);
/* As smxCrossEntropyForward. lse, or entries of it, may be NULL. */
SMX_API smxStatus_t smxCrossEntropyForwardBatched(smxHandle_t handle, const smxCrossEntropyOptions_t *options, int64_t count,
                                                  const smxLayout_t *xLayouts, const void *const *x, const smxTargets_t *targets,
                                                  void *const *loss, void *const *lse);
/* As smxCrossEntropyForwardBackward. gradLoss, loss and lse, or entries of them, may be NULL. */
SMX_API smxStatus_t smxCrossEntropyForwardBackwardBatched(smxHandle_t handle, const smxCrossEntropyOptions_t *options, int64_t count,
                                                          const smxLayout_t *xLayouts, const void *const *x, const smxTargets_t *targets,
                                                          const void *const *gradLoss, void *const *loss, void *const *lse,
                                                          const smxLayout_t *dxLayouts, void *const *dx);

/* ---- batches in host memory. The calls above on a batch of any size in ordinary or pinned host memory, also larger than the memory
 * of the device: it is cut into chunks of rows, which pass through a bounded part of device memory, copies beside computations. ALL
 * pointers are host memory here: x, y, dx, targets, loss, lse, and gradLoss, classWeights and deviceDivisor too. Layouts, options, rules
 * and formulas are those of the calls above; results have the same bits too if x is equally aligned (modulo 16 bytes). Padding is
 * neither read nor written. Pinned memory is copied to and from directly; ordinary memory, and rows of few bytes that lie apart, through
 * pinned staging memory of at most the size of the device memory in use.
 *
 * The calls are synchronous: they wait for what the handle has enqueued, and results are in host memory when they return. They have
 * streams and memory of their own, released before they return. INVALID_VALUE besides the rules above: a pointer to device memory, a
 * stream that is being captured. A call that fails has written nothing, unless with EXECUTION_FAILED or CANCELLED.
 * smxGetBadTargets knows rows by their numbers in the batch.
 *
 * The CPU backend copies nothing: the whole batch is one chunk, and deviceBytes and chunkRows have no meaning. --------- */

/* Called by the calling thread whenever the results of further rows are in host memory: those of rows [0, rowsDone) are, loss and lse
 * per row included. 0: go on. Anything else cancels the call, but for the last call, when everything is done (rowsDone = rows). The
 * handle must not be used meanwhile. */
typedef int (*smxProgress_t)(void *user, int64_t rowsDone, int64_t rows);

/* How a batch in host memory passes through the device. A call that is cancelled returns CANCELLED, and the message says how many rows
 * are done. A single loss is not written then, and of later rows those that were under way may have been. */
typedef struct smxHostOptions_t {
    size_t size;            /* of this structure, bytes */
    size_t deviceBytes;     /* the most device memory that the call may use; 0: 256 MiB for chunks (more if a row needs it), and what all
                               chunks share: class weights and, for a single loss, targets and a loss for every row.
                               WORKSPACE_TOO_SMALL names the least */
    int64_t chunkRows;      /* the most rows of a chunk; 0: chosen. Fewer where deviceBytes demands it */
    smxProgress_t progress; /* NULL, or called after every chunk */
    void *user;             /* handed to progress */
} smxHostOptions_t;
/* The defaults: sizes are chosen, nobody is told of the progress. */
#define SMX_HOST_OPTIONS_INIT \
    { sizeof(smxHostOptions_t), 0, 0, NULL, NULL }

/* smxSoftmaxForward on host memory; hostOptions may be NULL, as in all of these. */
SMX_API smxStatus_t smxSoftmaxForwardHost(smxHandle_t handle, const smxHostOptions_t *hostOptions, const smxSoftmaxOptions_t *options,
                                          const smxLayout_t *xLayout, const void *x, const smxLayout_t *yLayout, void *y);
/* smxLogSoftmaxForward on host memory. */
SMX_API smxStatus_t smxLogSoftmaxForwardHost(smxHandle_t handle, const smxHostOptions_t *hostOptions, const smxSoftmaxOptions_t *options,
                                             const smxLayout_t *xLayout, const void *x, const smxLayout_t *yLayout, void *y);
/* smxLogSumExp on host memory. */
SMX_API smxStatus_t smxLogSumExpHost(smxHandle_t handle, const smxHostOptions_t *hostOptions, const smxSoftmaxOptions_t *options,
                                     const smxLayout_t *xLayout, const void *x, void *lse);
/* smxCrossEntropyForward on host memory. */
SMX_API smxStatus_t smxCrossEntropyForwardHost(smxHandle_t handle, const smxHostOptions_t *hostOptions,
                                               const smxCrossEntropyOptions_t *options, const smxLayout_t *xLayout, const void *x,
                                               const smxTargets_t *targets, void *loss, void *lse);
/* smxCrossEntropyForwardBackward on host memory. */
SMX_API smxStatus_t smxCrossEntropyForwardBackwardHost(smxHandle_t handle, const smxHostOptions_t *hostOptions,
                                                       const smxCrossEntropyOptions_t *options, const smxLayout_t *xLayout, const void *x,
                                                       const smxTargets_t *targets, const void *gradLoss, void *loss, void *lse,
                                                       const smxLayout_t *dxLayout, void *dx);
/* smxNllLossForward on host memory. */
SMX_API smxStatus_t smxNllLossForwardHost(smxHandle_t handle, const smxHostOptions_t *hostOptions, const smxCrossEntropyOptions_t *options,
                                          const smxLayout_t *xLayout, const void *x, const smxTargets_t *targets, void *loss);

/* ---- inference: argmax, top-k, sampling and multinomial draws from rows of logits of any layout and floating type. Indices are int32 or
 * int64, dense, in row order; INVALID_VALUE where int32 cannot hold cols - 1. Nothing is written where x or another input lies.
 *
 * A row that has no distribution (a NaN in it, nothing but -inf, +inf where probabilities are needed, a temperature of the row that is
 * negative, infinite or NaN) gives index -1 and NaN for every probability and log-probability, and is counted like a bad target
 * (smxGetBadTargets). Of equal logits the one with the smaller column comes first; -0 and +0 are equal.
 *
 * How a token is drawn is specified to the bit, so that every backend, machine and version draws the same one, wherever its row lies in
 * the batch. Of a row with largest logit m at temperature T:
 *
 * Exponents: E_j = trunc((x_j - m) * f), at least -63 * 2^24, with f = log2(e) * 2^24 / T; dividend, quotient, difference and product are
 * each rounded to fp32 (fp64 for fp64 logits), f is at most the largest finite number. 2^(E_j / 2^24) is exp((x_j - m) / T).
 *
 * Weights: w_j = floor(2^40 * 2^(E_j / 2^24)), where 2^r of the fraction r in [0, 1) is
 * 1 + r * (C1 + r * (C2 + r * (C3 + r * (C4 + r * C5)))) in fp32 with fused multiply-adds, relative error 1.5e-7; C1 to C5 are
 * 0x1.62e4bap-1, 0x1.ebdb56p-3, 0x1.c91cf0p-5, 0x1.277820p-7, 0x1.e975c2p-10. Weights are integers, so their sums do not depend on any
 * order. A token less probable than 2^-40 times the most probable one has weight 0. In rows of more than 2^22 columns the largest weight
 * is 2^40 * 2^22 / cols, with cols rounded up to a power of two.
 *
 * Filters, in this order: top-k keeps the k largest logits (of equal ones the first); top-p of these the tokens j with
 * sum w_i < topP * W, the sum over all kept i with x_i > x_j, W over all kept, so that equal logits stay or go together; min-p the weights
 * of at least minP times the largest one.
 *
 * Draw: the kept token j with sum_{i < j} w_i <= floor(u * W / 2^64) < sum_{i <= j} w_i, W and the sums over kept tokens in the order of
 * their columns, u being 64 random bits. So a token of weight 0 is never drawn.
 *
 * Random bits: u is the first two 32-bit words, low word first, of Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1,
 * 2, 3", 2011) with the seed as key and (row key, offset) as counter, low words first. The row key is the row's number.
 * ----------------------------------------------------------------------------------------------------------------------------------- */

/* The first column of the largest element of every row. +inf is the largest there can be. */
SMX_API smxStatus_t smxArgmax(smxHandle_t handle, const smxLayout_t *xLayout, const void *x, smxDataType_t indexType, void *indices);
/* The k most probable entries of every row, most probable first: their softmax probabilities (fp32, dense, rows x k) and their columns
 * (rows x k). Exactly k, the smaller column first among equals. options may be NULL. With EMPTY_ROW_ZERO rows of only -inf have
 * probabilities 0; their indices are -1 all the same. INVALID_VALUE: k outside [1, cols]. */
SMX_API smxStatus_t smxTopK(smxHandle_t handle, const smxSoftmaxOptions_t *options, const smxLayout_t *xLayout, const void *x, int64_t k,
                            float *probabilities, smxDataType_t indexType, void *indices);

/* Every option may be combined with every other. */
typedef struct smxSampleOptions_t {
    size_t size;                      /* of this structure, bytes */
    float temperature;                /* >= 0, finite; 0 = argmax, whatever the filters */
    int64_t topK;                     /* how many tokens to keep; 0, or at least cols: all */
    float topP;                       /* in (0, 1]: the share of the probability to keep; 1: all */
    float minP;                       /* in [0, 1]: least probability to keep, as a share of the largest; 0: all */
    uint64_t seed;                    /* key of the random bits */
    uint64_t offset;                  /* counter of the random bits: another for every draw from the same seed */
    const uint64_t *deviceSeedOffset; /* NULL, or two values that replace seed and offset, read when the kernel runs */
    const float *deviceTemperature;   /* NULL, or one value per row that replaces temperature */
    const uint64_t *deviceRowSeeds;   /* NULL, or one value per row that replaces the seed; the row key is then 0, not the row's number */
    const uint64_t *deviceRowOffsets; /* NULL, or one value per row that is added to the offset */
    const uint64_t *deviceRowKeys;    /* NULL, or one value per row: the row key */
} smxSampleOptions_t;
/* The defaults: temperature 1, no filters, seed and offset 0. */
#define SMX_SAMPLE_OPTIONS_INIT \
    { sizeof(smxSampleOptions_t), 1.0f, 0, 1.0f, 0.0f, 0, 0, NULL, NULL, NULL, NULL, NULL }
/* One column per row, drawn from softmax(x / temperature) after top-k, top-p and min-p. logProbabilities: NULL, or one fp32 per row: the
 * logarithm of the probability with which it was drawn, filters included (0 at temperature 0). options may be NULL. */
SMX_API smxStatus_t smxSample(smxHandle_t handle, const smxSampleOptions_t *options, const smxLayout_t *xLayout, const void *x,
                              smxDataType_t indexType, void *indices, float *logProbabilities);

/* What the rows of smxMultinomial hold. */
typedef enum smxMultinomialInput_t {
    SMX_MULTINOMIAL_LOGITS = 0,       /* logits: p_j is proportional to exp(x_j / temperature) */
    SMX_MULTINOMIAL_PROBABILITIES = 1 /* p_j is proportional to x_j >= 0; rows need not sum to 1 */
} smxMultinomialInput_t;
/* Every option may be combined with every other. */
typedef struct smxMultinomialOptions_t {
    size_t size;                      /* of this structure, bytes */
    smxMultinomialInput_t input;      /* what the rows hold */
    int withReplacement;              /* not 0: draws do not know of each other; 0: a column is drawn once at most */
    float temperature;                /* > 0, finite; of logits only */
    uint64_t seed;                    /* these as for smxSample; draw number d of a row has the offset's value + d */
    uint64_t offset;                  /* of draw number 0 */
    const uint64_t *deviceSeedOffset; /* NULL, or two values that replace seed and offset, read when the kernel runs */
    const uint64_t *deviceRowSeeds;   /* NULL, or one value per row that replaces the seed; the row key is then 0, not the row's number */
    const uint64_t *deviceRowOffsets; /* NULL, or one value per row that is added to the offset */
    const uint64_t *deviceRowKeys;    /* NULL, or one value per row: the row key */
} smxMultinomialOptions_t;
/* The defaults: logits, with replacement, temperature 1, seed and offset 0. */
#define SMX_MULTINOMIAL_OPTIONS_INIT \
    { sizeof(smxMultinomialOptions_t), SMX_MULTINOMIAL_LOGITS, 1, 1.0f, 0, 0, NULL, NULL, NULL, NULL }
/* `draws` columns per row (rows x draws), in the order in which they are drawn, each as smxSample draws one. Weights of probabilities:
 * w_j = floor(2^40 * x_j / 2^e), with 2^e <= max_k x_k < 2^(e + 1). Without replacement the weight of what was drawn is 0 from then on
 * (successive sampling, the distribution of torch.multinomial); where no weight is left the indices are -1 and the row is counted as one
 * without distribution, as is one with a negative, infinite or NaN probability, or of nothing but zeros. options may be NULL.
 * INVALID_VALUE: draws < 1, or more than cols without replacement. */
SMX_API smxStatus_t smxMultinomial(smxHandle_t handle, const smxMultinomialOptions_t *options, const smxLayout_t *xLayout, const void *x,
                                   int64_t draws, smxDataType_t indexType, void *indices);

/* ---- planning ----------------------------------------------------------------------------------------------------- */

/* The operations, each with one call. */
typedef enum smxOp_t {
    SMX_OP_SOFTMAX_FORWARD,                /* smxSoftmaxForward */
    SMX_OP_SOFTMAX_BACKWARD,               /* smxSoftmaxBackward */
    SMX_OP_LOG_SOFTMAX_FORWARD,            /* smxLogSoftmaxForward */
    SMX_OP_LOG_SOFTMAX_BACKWARD,           /* smxLogSoftmaxBackward */
    SMX_OP_LOG_SUM_EXP,                    /* smxLogSumExp */
    SMX_OP_CROSS_ENTROPY_FORWARD,          /* smxCrossEntropyForward */
    SMX_OP_CROSS_ENTROPY_BACKWARD,         /* smxCrossEntropyBackward */
    SMX_OP_CROSS_ENTROPY_FORWARD_BACKWARD, /* smxCrossEntropyForwardBackward */
    SMX_OP_NLL_LOSS_FORWARD,               /* smxNllLossForward */
    SMX_OP_NLL_LOSS_BACKWARD,              /* smxNllLossBackward */
    SMX_OP_ARGMAX,                         /* smxArgmax */
    SMX_OP_TOP_K,                          /* smxTopK */
    SMX_OP_SAMPLE,                         /* smxSample */
    SMX_OP_MULTINOMIAL                     /* smxMultinomial */
} smxOp_t;
/* Bytes of workspace that a call of this operation on this layout needs at most, whatever its options. */
SMX_API smxStatus_t smxGetWorkspaceSize(smxHandle_t handle, smxOp_t op, const smxLayout_t *xLayout, size_t *bytes);
/* One line saying which kernel, with which sizes, serves the operation on this layout, on a GPU also how many bytes of memory its
 * elements move and what follows from counting: microseconds, and which share of the memory's limit they are (a prediction, not a
 * measurement). Always terminated, cut to capacity bytes (at least 1). */
SMX_API smxStatus_t smxDescribePlan(smxHandle_t handle, smxOp_t op, const smxLayout_t *xLayout, char *text, size_t capacity);

#ifdef __cplusplus
}
#endif
#endif
