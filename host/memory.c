/* Memory of the backend and copies in stream order. */
#include "internal.h"

/* Memory that a graph allocated would be the graph's. */
static smxStatus_t enter(const char *call, smxHandle_t handle) {
    SMX_TRY(smx_enter(call, handle));
    return smx_refuse_capture(call, handle, "allocates or frees memory");
}

static smxStatus_t check_pointer(const char *call, smxHandle_t handle, void **pointer) {
    SMX_TRY(smx_enter(call, handle));
    if (pointer == NULL) return smx_fail(SMX_STATUS_INVALID_VALUE, "%s: pointer is NULL", call);
    *pointer = NULL;
    return enter(call, handle);
}

smxStatus_t smxMalloc(smxHandle_t handle, void **pointer, size_t bytes) {
    SMX_TRY(check_pointer("smxMalloc", handle, pointer));
    if (bytes == 0) return SMX_STATUS_SUCCESS;
    handle->used = true;
    return handle->backend->allocate_in_order("smxMalloc", handle, pointer, bytes);
}

smxStatus_t smxFree(smxHandle_t handle, void *pointer) {
    SMX_TRY(enter("smxFree", handle));
    if (pointer == NULL) return SMX_STATUS_SUCCESS;
    handle->used = true;
    return handle->backend->release_in_order("smxFree", handle, pointer);
}

smxStatus_t smxMallocHost(smxHandle_t handle, void **pointer, size_t bytes) {
    SMX_TRY(check_pointer("smxMallocHost", handle, pointer));
    return bytes == 0 ? SMX_STATUS_SUCCESS : handle->backend->allocate_host("smxMallocHost", handle, pointer, bytes);
}

smxStatus_t smxFreeHost(smxHandle_t handle, void *pointer) {
    SMX_TRY(enter("smxFreeHost", handle));
    return pointer == NULL ? SMX_STATUS_SUCCESS : handle->backend->release_host("smxFreeHost", handle, pointer);
}

smxStatus_t smxMemcpyAsync(smxHandle_t handle, void *destination, const void *source, size_t bytes) {
    const char *call = "smxMemcpyAsync";
    SMX_TRY(smx_enter(call, handle));
    if (bytes == 0) return SMX_STATUS_SUCCESS;
    if (destination == NULL) return smx_fail(SMX_STATUS_INVALID_VALUE, "%s: destination is NULL for %zu bytes", call, bytes);
    if (source == NULL) return smx_fail(SMX_STATUS_INVALID_VALUE, "%s: source is NULL for %zu bytes", call, bytes);
    handle->used = true;
    return handle->backend->copy(call, handle, destination, source, bytes);
}
