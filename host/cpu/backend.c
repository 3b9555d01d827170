/* The CPU backend: memory, and the choice of the instruction set. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "isa.h"
#include "threads.h"

typedef struct isa {
    const char *name;
    smxStatus_t (*softmax)(const smx_call *call);
    smxStatus_t (*cross_entropy)(const smx_call *call);
    smxStatus_t (*nll)(const smx_call *call);
    smxStatus_t (*choose)(const smx_call *call);
} isa;

#define ISA(name_)                                                                                                                      \
    {                                                                                                                                   \
        .name = #name_, .softmax = smx_cpu_softmax_##name_, .cross_entropy = smx_cpu_cross_entropy_##name_, .nll = smx_cpu_nll_##name_, \
        .choose = smx_cpu_choose_##name_                                                                                                \
    }
static const isa baseline = ISA(baseline);
#ifdef SMX_CPU_WITH_AVX2
static const isa avx2 = ISA(avx2);
#endif
#ifdef SMX_CPU_WITH_AVX512
static const isa avx512 = ISA(avx512);
#endif

/* The best the machine has; SMX_CPU_ISA in the environment asks for less. */
static const isa *choose_isa(void) {
#if defined(SMX_CPU_WITH_AVX2) || defined(SMX_CPU_WITH_AVX512)
    const char *asked = getenv("SMX_CPU_ISA");
    const int limit = asked == NULL ? 2 : strcmp(asked, "baseline") == 0 ? 0 : strcmp(asked, "avx2") == 0 ? 1 : 2;
    __builtin_cpu_init();
    const bool has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#ifdef SMX_CPU_WITH_AVX512
    const bool has_avx512 = has_avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                            __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
    if (limit >= 2 && has_avx512) return &avx512;
#endif
#ifdef SMX_CPU_WITH_AVX2
    if (limit >= 1 && has_avx2) return &avx2;
#endif
#endif
    return &baseline;
}

static smxStatus_t allocate(const char *call, smxHandle_t handle, void **pointer, size_t bytes) {
    (void)handle;
    const size_t alignment = 256;
    *pointer = bytes > SIZE_MAX - alignment ? NULL : aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
    if (*pointer == NULL) return smx_fail(SMX_STATUS_ALLOC_FAILED, "%s: no memory for %zu bytes on the CPU", call, bytes);
    return SMX_STATUS_SUCCESS;
}

static smxStatus_t release(const char *call, smxHandle_t handle, void *pointer) {
    (void)call;
    (void)handle;
    free(pointer);
    return SMX_STATUS_SUCCESS;
}

static smxStatus_t open_cpu(const char *call, smxHandle_t handle) {
    void *bad = NULL;
    const smxStatus_t status = allocate(call, handle, &bad, sizeof *handle->bad_targets);
    if (status != SMX_STATUS_SUCCESS) return status;
    handle->bad_targets = bad;
    *handle->bad_targets = (smx_bad_targets){.count = 0, .first_row = INT64_MAX};
    handle->isa = choose_isa();
    return SMX_STATUS_SUCCESS;
}

static void close_cpu(smxHandle_t handle) { free(handle->bad_targets); }

static smxStatus_t enter(const char *call, smxHandle_t handle) {
    (void)call;
    (void)handle;
    return SMX_STATUS_SUCCESS;
}

static smxStatus_t copy(const char *call, smxHandle_t handle, void *destination, const void *source, size_t bytes) {
    (void)call;
    (void)handle;
    memmove(destination, source, bytes);
    return SMX_STATUS_SUCCESS;
}

static smxStatus_t take_bad_targets(const char *call, smxHandle_t handle, smx_bad_targets *bad) {
    (void)call;
    *bad = *handle->bad_targets;
    *handle->bad_targets = (smx_bad_targets){.count = 0, .first_row = INT64_MAX};
    return SMX_STATUS_SUCCESS;
}

static bool never_capturing(smxHandle_t handle) {
    (void)handle;
    return false;
}

static smxStatus_t change_stream(const char *call, smxHandle_t handle, cudaStream_t stream) {
    (void)stream;
    return enter(call, handle);
}

/* Scales below this are the baseline's: the other instruction sets take differences of elements to where they are multiplied by it, and
 * the least that makes a difference there has to be a number. */
static const isa *isa_for(const smx_call *call) { return call->scale < 0x1p-100f ? &baseline : call->handle->isa; }

static smxStatus_t softmax(const smx_call *call) { return isa_for(call)->softmax(call); }
static smxStatus_t cross_entropy(const smx_call *call) { return isa_for(call)->cross_entropy(call); }
static smxStatus_t nll(const smx_call *call) { return isa_for(call)->nll(call); }

static smxStatus_t choose(const smx_call *call) { return isa_for(call)->choose(call); }

static smxStatus_t run(const smx_call *call) {
    if (call->op == SMX_OP_CROSS_ENTROPY_FORWARD || call->op == SMX_OP_CROSS_ENTROPY_FORWARD_BACKWARD) return cross_entropy(call);
    return call->rows == 0 ? SMX_STATUS_SUCCESS : softmax(call);
}

/* From about this many elements on a problem of a batch gets all threads; smaller ones get a thread each. They cannot fail. */
enum { ELEMENTS_FOR_ALL_THREADS = 1 << 18, ELEMENTS_FOR_THREADS = 1 << 14 };

static void run_small(const smx_call *const *calls, int64_t count, int threads) {
    (void)threads;
#ifdef _OPENMP
#pragma omp parallel for schedule(dynamic, 8) num_threads(threads) if (threads > 1)
#endif
    for (int64_t i = 0; i < count; i++) (void)run(calls[i]);
}

static smxStatus_t batch(const smx_call *calls, int64_t count, const smx_call **scratch, void *descriptions, size_t bytes) {
    (void)descriptions;
    (void)bytes;
    int64_t small = 0, elements = 0;
    for (int64_t i = 0; i < count; i++) {
        const int64_t of_problem = calls[i].rows * calls[i].cols;
        if (of_problem >= ELEMENTS_FOR_ALL_THREADS) {
            SMX_TRY(run(&calls[i]));
        } else {
            scratch[small++] = &calls[i];
            elements += of_problem;
        }
    }
    run_small(scratch, small, elements >= ELEMENTS_FOR_THREADS ? smx_cpu_most_threads(calls[0].handle) : 1);
    return SMX_STATUS_SUCCESS;
}

static void describe(const smx_call *call, char *text, size_t capacity) {
    snprintf(text, capacity, "%s, %lld x %lld %s: cpu, %s code, up to %d threads", smx_op_name(call->op), (long long)call->rows,
             (long long)call->cols, smx_type_name(call->in.layout.type), ((const isa *)call->handle->isa)->name,
             smx_cpu_most_threads(call->handle));
}

const smx_backend smx_cpu_backend = {.kind = SMX_BACKEND_CPU,
                                     .open = open_cpu,
                                     .close = close_cpu,
                                     .enter = enter,
                                     .synchronize = enter,
                                     .allocate_in_order = allocate,
                                     .release_in_order = release,
                                     .allocate = allocate,
                                     .release = release,
                                     .allocate_host = allocate,
                                     .release_host = release,
                                     .copy = copy,
                                     .take_bad_targets = take_bad_targets,
                                     .capturing = never_capturing,
                                     .change_stream = change_stream,
                                     .softmax = softmax,
                                     .cross_entropy = cross_entropy,
                                     .nll = nll,
                                     .choose = choose,
                                     .batch = batch,
                                     .describe = describe};
