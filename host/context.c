/* The handle: backend, stream and workspace. */
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
        const smxStatus_t status = create("smxCreate", handle, cuda);
        if (status != SMX_STATUS_NOT_SUPPORTED) return status; /* a device that fails is not hidden by a slow CPU run */
    }
    return create("smxCreate", handle, &smx_cpu_backend);
}

static void release_workspace(const char *call, smxHandle_t handle) {
    if (!handle->workspace_is_callers && handle->workspace != NULL) handle->backend->release(call, handle, handle->workspace);
    handle->workspace = NULL;
    handle->workspace_bytes = 0;
    handle->workspace_is_callers = false;
}

smxStatus_t smxDestroy(smxHandle_t handle) {
    if (handle == NULL) return SMX_STATUS_SUCCESS;
    const char *call = "smxDestroy";
    smxStatus_t status = smx_enter(call, handle);
    if (status != SMX_STATUS_SUCCESS) return status;
    status = handle->backend->synchronize(call, handle);
    release_workspace(call, handle);
    handle->backend->close(handle);
    free(handle);
    return status;
}

smxStatus_t smxGetBackend(smxHandle_t handle, smxBackend_t *backend) {
    if (handle == NULL) return smx_fail(SMX_STATUS_NOT_INITIALIZED, "smxGetBackend: the handle is NULL");
    if (backend == NULL) return smx_fail(SMX_STATUS_INVALID_VALUE, "smxGetBackend: backend is NULL");
    *backend = handle->backend->kind;
    return SMX_STATUS_SUCCESS;
}

smxStatus_t smxSetStream(smxHandle_t handle, cudaStream_t stream) {
    if (handle == NULL) return smx_fail(SMX_STATUS_NOT_INITIALIZED, "smxSetStream: the handle is NULL");
    handle->stream = stream;
    return SMX_STATUS_SUCCESS;
}

smxStatus_t smxGetStream(smxHandle_t handle, cudaStream_t *stream) {
    if (handle == NULL) return smx_fail(SMX_STATUS_NOT_INITIALIZED, "smxGetStream: the handle is NULL");
    if (stream == NULL) return smx_fail(SMX_STATUS_INVALID_VALUE, "smxGetStream: stream is NULL");
    *stream = handle->stream;
    return SMX_STATUS_SUCCESS;
}

smxStatus_t smxSynchronize(smxHandle_t handle) {
    const char *call = "smxSynchronize";
    const smxStatus_t status = smx_enter(call, handle);
    return status != SMX_STATUS_SUCCESS ? status : handle->backend->synchronize(call, handle);
}

smxStatus_t smx_require_workspace(const char *call, smxHandle_t handle, size_t bytes) {
    if (bytes <= handle->workspace_bytes) return SMX_STATUS_SUCCESS;
    if (handle->workspace_is_callers)
        return smx_fail(SMX_STATUS_WORKSPACE_TOO_SMALL, "%s: needs %zu bytes of workspace, the caller's has %zu", call, bytes,
                        handle->workspace_bytes);
    if (handle->backend->capturing(handle))
        return smx_fail(SMX_STATUS_WORKSPACE_TOO_SMALL,
                        "%s: needs %zu bytes of workspace, the handle has %zu, and it cannot grow while the stream is being captured: "
                        "call smxReserveWorkspace first",
                        call, bytes, handle->workspace_bytes);
    /* Work that still uses the old workspace is on this stream or was there before smxSetStream: wait for it. */
    if (handle->workspace != NULL) {
        const smxStatus_t status = handle->backend->synchronize(call, handle);
        if (status != SMX_STATUS_SUCCESS) return status;
    }
    void *grown = NULL;
    const smxStatus_t status = handle->backend->allocate(call, handle, &grown, bytes);
    if (status != SMX_STATUS_SUCCESS) return status;
    release_workspace(call, handle);
    handle->workspace = grown;
    handle->workspace_bytes = bytes;
    return SMX_STATUS_SUCCESS;
}

smxStatus_t smxReserveWorkspace(smxHandle_t handle, size_t bytes) {
    const char *call = "smxReserveWorkspace";
    const smxStatus_t status = smx_enter(call, handle);
    return status != SMX_STATUS_SUCCESS ? status : smx_require_workspace(call, handle, bytes);
}

smxStatus_t smxSetWorkspace(smxHandle_t handle, void *workspace, size_t bytes) {
    const char *call = "smxSetWorkspace";
    smxStatus_t status = smx_enter(call, handle);
    if (status != SMX_STATUS_SUCCESS) return status;
    if (workspace == NULL && bytes != 0) return smx_fail(SMX_STATUS_INVALID_VALUE, "%s: workspace is NULL but bytes is %zu", call, bytes);
    if ((uintptr_t)workspace % 256 != 0)
        return smx_fail(SMX_STATUS_INVALID_VALUE, "%s: workspace = %p is not aligned to 256 bytes", call, workspace);
    if (handle->workspace != NULL && !handle->workspace_is_callers) {
        status = handle->backend->synchronize(call, handle);
        if (status != SMX_STATUS_SUCCESS) return status;
    }
    release_workspace(call, handle);
    handle->workspace = workspace;
    handle->workspace_bytes = bytes;
    handle->workspace_is_callers = workspace != NULL;
    return SMX_STATUS_SUCCESS;
}

smxStatus_t smxGetBadTargets(smxHandle_t handle, int64_t *count, int64_t *firstRow) {
    const char *call = "smxGetBadTargets";
    smxStatus_t status = smx_enter(call, handle);
    if (status != SMX_STATUS_SUCCESS) return status;
    smx_bad_targets bad;
    status = handle->backend->take_bad_targets(call, handle, &bad);
    if (status != SMX_STATUS_SUCCESS) return status;
    if (count != NULL) *count = (int64_t)bad.count;
    if (firstRow != NULL) *firstRow = bad.count == 0 ? -1 : (int64_t)bad.first_row;
    return SMX_STATUS_SUCCESS;
}

void smx_pin_plan(smxHandle_t handle, int index) { handle->pinned_plan = index; }
