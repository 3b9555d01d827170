/* The handle: backend, stream and workspace. */
#include <pthread.h>
#include <stdlib.h>

#include "internal.h"

static const smx_backend *find_backend(smxBackend_t kind) {
    switch (kind) {
    case SMX_BACKEND_CPU: return &smx_cpu_backend;
    case SMX_BACKEND_CUDA:
#ifdef SMX_WITH_CUDA
        return &smx_cuda_backend;
#else
        return NULL;
#endif
    case SMX_BACKEND_AUTO: break;
    }
    return NULL;
}

/* ---- destroyed handles keep their memory for a while, without a backend: whoever still uses one is told so ---- */

enum { REMEMBERED = 64 };

static pthread_mutex_t destroyed_lock = PTHREAD_MUTEX_INITIALIZER;
static smxHandle_t destroyed[REMEMBERED]; /* a ring */
static unsigned destroyed_count;

static void remember_destroyed(smxHandle_t handle) {
    *handle = (struct smxContext){.backend = NULL};
    pthread_mutex_lock(&destroyed_lock);
    smxHandle_t *place = &destroyed[destroyed_count++ % REMEMBERED], oldest = *place;
    *place = handle;
    pthread_mutex_unlock(&destroyed_lock);
    free(oldest);
}

smxStatus_t smx_check_handle(const char *call, smxHandle_t handle) {
    if (handle == NULL) return smx_fail(SMX_STATUS_NOT_INITIALIZED, "%s: the handle is NULL", call);
    if (handle->backend == NULL) return smx_fail(SMX_STATUS_NOT_INITIALIZED, "%s: the handle %p was destroyed", call, (const void *)handle);
    return SMX_STATUS_SUCCESS;
}

/* ---- creation and destruction ---- */

static smxStatus_t create(const char *call, smxHandle_t *handle, const smx_backend *backend) {
    smxHandle_t h = calloc(1, sizeof *h);
    if (h == NULL) return smx_fail(SMX_STATUS_ALLOC_FAILED, "%s: no memory for the handle, %zu bytes", call, sizeof *h);
    h->backend = backend;
    h->pinned_plan = -1;
    const smxStatus_t status = backend->open(call, h);
    if (status != SMX_STATUS_SUCCESS) {
        free(h);
        return status;
    }
    *handle = h;
    return SMX_STATUS_SUCCESS;
}

smxStatus_t smxCreateWithBackend(smxHandle_t *handle, smxBackend_t kind) {
    const char *call = "smxCreateWithBackend";
    if (handle == NULL) return smx_fail(SMX_STATUS_INVALID_VALUE, "%s: handle is NULL", call);
    *handle = NULL;
    if (kind == SMX_BACKEND_AUTO) return smxCreate(handle);
    if (kind != SMX_BACKEND_CPU && kind != SMX_BACKEND_CUDA)
        return smx_fail(SMX_STATUS_INVALID_VALUE, "%s: backend %d is unknown", call, (int)kind);
    const smx_backend *backend = find_backend(kind);
    if (backend == NULL) return smx_fail(SMX_STATUS_NOT_SUPPORTED, "%s: this build of smx has no CUDA backend", call);
    return create(call, handle, backend);
}

smxStatus_t smxCreate(smxHandle_t *handle) {
    if (handle == NULL) return smx_fail(SMX_STATUS_INVALID_VALUE, "smxCreate: handle is NULL");
    *handle = NULL;
    const smx_backend *cuda = find_backend(SMX_BACKEND_CUDA);
    if (cuda != NULL) {
        smx_attempt attempt; /* no device is no failure here */
        smx_begin_attempt(&attempt);
        const smxStatus_t status = create("smxCreate", handle, cuda);
        const bool failed = status != SMX_STATUS_SUCCESS && status != SMX_STATUS_NOT_SUPPORTED;
        smx_end_attempt(&attempt, failed);
        if (status != SMX_STATUS_NOT_SUPPORTED) return status; /* a device that fails is not hidden by a slow CPU run */
    }
    return create("smxCreate", handle, &smx_cpu_backend);
}

smxStatus_t smxDestroy(smxHandle_t handle) {
    if (handle == NULL) return SMX_STATUS_SUCCESS;
    const char *call = "smxDestroy";
    SMX_TRY(smx_enter(call, handle));
    SMX_TRY(smx_refuse_capture(call, handle, "synchronises"));
    const smxStatus_t status = handle->backend->synchronize(call, handle);
    if (handle->own_workspace != NULL) handle->backend->release(call, handle, handle->own_workspace);
    for (int i = 0; i < handle->retired_count; i++) handle->backend->release(call, handle, handle->retired[i]);
    handle->backend->close(handle);
    free(handle->batch_memory);
    remember_destroyed(handle);
    return status;
}

smxStatus_t smxGetBackend(smxHandle_t handle, smxBackend_t *backend) {
    SMX_TRY(smx_check_handle("smxGetBackend", handle));
    if (backend == NULL) return smx_fail(SMX_STATUS_INVALID_VALUE, "smxGetBackend: backend is NULL");
    *backend = handle->backend->kind;
    return SMX_STATUS_SUCCESS;
}

smxStatus_t smxSetStream(smxHandle_t handle, cudaStream_t stream) {
    const char *call = "smxSetStream";
    SMX_TRY(smx_enter(call, handle));
    if (stream != handle->stream) SMX_TRY(handle->backend->change_stream(call, handle, stream));
    handle->stream = stream;
    handle->used = false;
    return SMX_STATUS_SUCCESS;
}

smxStatus_t smxGetStream(smxHandle_t handle, cudaStream_t *stream) {
    SMX_TRY(smx_check_handle("smxGetStream", handle));
    if (stream == NULL) return smx_fail(SMX_STATUS_INVALID_VALUE, "smxGetStream: stream is NULL");
    *stream = handle->stream;
    return SMX_STATUS_SUCCESS;
}

smxStatus_t smxSetThreads(smxHandle_t handle, int threads) {
    SMX_TRY(smx_check_handle("smxSetThreads", handle));
    if (threads < 0) return smx_fail(SMX_STATUS_INVALID_VALUE, "smxSetThreads: threads is %d, it has to be at least 0", threads);
    handle->threads = threads;
    return SMX_STATUS_SUCCESS;
}

smxStatus_t smxGetThreads(smxHandle_t handle, int *threads) {
    SMX_TRY(smx_check_handle("smxGetThreads", handle));
    if (threads == NULL) return smx_fail(SMX_STATUS_INVALID_VALUE, "smxGetThreads: threads is NULL");
    *threads = handle->threads;
    return SMX_STATUS_SUCCESS;
}

smxStatus_t smxSynchronize(smxHandle_t handle) {
    const char *call = "smxSynchronize";
    SMX_TRY(smx_enter(call, handle));
    SMX_TRY(smx_refuse_capture(call, handle, "synchronises"));
    return handle->backend->synchronize(call, handle);
}

/* A workspace that is outgrown is kept until the handle goes: work on the stream, or a captured graph, may still use it. */
static smxStatus_t grow_workspace(const char *call, smxHandle_t handle, size_t bytes) {
    if (handle->backend->capturing(handle))
        return smx_fail(SMX_STATUS_WORKSPACE_TOO_SMALL,
                        "%s: needs %zu bytes of workspace, the handle has %zu, and it cannot grow while the stream is being captured: "
                        "call smxReserveWorkspace first",
                        call, bytes, handle->own_workspace_bytes);
    const size_t doubled = 2 * handle->own_workspace_bytes, grown_bytes = bytes > doubled ? bytes : doubled;
    void *grown = NULL;
    SMX_TRY(handle->backend->allocate(call, handle, &grown, grown_bytes));
    if (handle->own_workspace != NULL) handle->retired[handle->retired_count++] = handle->own_workspace;
    handle->own_workspace = grown;
    handle->own_workspace_bytes = grown_bytes;
    return SMX_STATUS_SUCCESS;
}

smxStatus_t smx_take_workspace(const char *call, smxHandle_t handle, size_t bytes, void **workspace) {
    if (handle->callers_workspace != NULL) {
        if (bytes > handle->callers_workspace_bytes)
            return smx_fail(SMX_STATUS_WORKSPACE_TOO_SMALL, "%s: needs %zu bytes of workspace, the caller's has %zu", call, bytes,
                            handle->callers_workspace_bytes);
        *workspace = handle->callers_workspace;
        return SMX_STATUS_SUCCESS;
    }
    if (bytes > handle->own_workspace_bytes) SMX_TRY(grow_workspace(call, handle, bytes));
    *workspace = handle->own_workspace;
    return SMX_STATUS_SUCCESS;
}

smxStatus_t smxReserveWorkspace(smxHandle_t handle, size_t bytes) {
    const char *call = "smxReserveWorkspace";
    SMX_TRY(smx_enter(call, handle));
    void *workspace;
    return smx_take_workspace(call, handle, bytes, &workspace);
}

smxStatus_t smxSetWorkspace(smxHandle_t handle, void *workspace, size_t bytes) {
    const char *call = "smxSetWorkspace";
    SMX_TRY(smx_enter(call, handle));
    if (workspace == NULL && bytes != 0) return smx_fail(SMX_STATUS_INVALID_VALUE, "%s: workspace is NULL but bytes is %zu", call, bytes);
    if ((uintptr_t)workspace % 256 != 0)
        return smx_fail(SMX_STATUS_INVALID_VALUE, "%s: workspace = %p is not aligned to 256 bytes", call, workspace);
    handle->callers_workspace = workspace;
    handle->callers_workspace_bytes = bytes;
    return SMX_STATUS_SUCCESS;
}

smxStatus_t smxGetBadTargets(smxHandle_t handle, int64_t *count, int64_t *firstRow) {
    const char *call = "smxGetBadTargets";
    SMX_TRY(smx_enter(call, handle));
    SMX_TRY(smx_refuse_capture(call, handle, "synchronises"));
    smx_bad_targets bad;
    SMX_TRY(handle->backend->take_bad_targets(call, handle, &bad));
    if (count != NULL) *count = (int64_t)bad.count;
    if (firstRow != NULL) *firstRow = bad.count == 0 ? -1 : (int64_t)bad.first_row;
    return SMX_STATUS_SUCCESS;
}

void smx_pin_plan(smxHandle_t handle, int index) { handle->pinned_plan = index; }
