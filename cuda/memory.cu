// Memory of the device, pinned memory of the host, and copies. What callers ask for comes from a pool of the handle, in stream order;
// what the library itself keeps (workspaces, counters, chunks) is allocated once and belongs to no stream.
#include "launch.cuh"
#include "memory.cuh"

namespace smx {
namespace {

// What a pool keeps of freed memory for the next allocation; the rest returns to the device at a synchronisation.
constexpr unsigned long long kept_by_pool = 128ull << 20;

// Allocations that would wait for the device spoil captures of other streams, unless the thread says that it knows.
class beside_captures {
    cudaStreamCaptureMode mode = cudaStreamCaptureModeRelaxed;

  public:
    beside_captures() { cudaThreadExchangeStreamCaptureMode(&mode); }
    ~beside_captures() { cudaThreadExchangeStreamCaptureMode(&mode); }
    beside_captures(const beside_captures &) = delete;
    beside_captures &operator=(const beside_captures &) = delete;
};

smxStatus_t allocation_result(const char *call, const char *what, size_t bytes, cudaError_t error) {
    if (error == cudaSuccess) return SMX_STATUS_SUCCESS;
    cudaGetLastError();
    const bool too_large = error == cudaErrorMemoryAllocation || error == cudaErrorInvalidValue; // also sizes that no device has
    return smx_fail(too_large ? SMX_STATUS_ALLOC_FAILED : SMX_STATUS_EXECUTION_FAILED, "%s: no %zu bytes of %s: %s", call, bytes, what,
                    cudaGetErrorString(error));
}

cudaMemPool_t pool_of(smxHandle_t handle) { return static_cast<cudaMemPool_t>(handle->pool); }

} // namespace

smxStatus_t open_pool(const char *call, smxHandle_t handle) {
    int supported = 0;
    SMX_TRY(check(call, "support of memory pools", cudaDeviceGetAttribute(&supported, cudaDevAttrMemoryPoolsSupported, handle->device)));
    if (!supported) return SMX_STATUS_SUCCESS; // some virtual machines: memory is allocated directly
    cudaMemPoolProps properties = {};
    properties.allocType = cudaMemAllocationTypePinned;
    properties.location.type = cudaMemLocationTypeDevice;
    properties.location.id = handle->device;
    cudaMemPool_t pool = nullptr;
    SMX_TRY(check(call, "memory pool", cudaMemPoolCreate(&pool, &properties)));
    unsigned long long keep = kept_by_pool;
    const smxStatus_t status =
        check(call, "threshold of the memory pool", cudaMemPoolSetAttribute(pool, cudaMemPoolAttrReleaseThreshold, &keep));
    if (status != SMX_STATUS_SUCCESS) {
        cudaMemPoolDestroy(pool);
        return status;
    }
    handle->pool = pool;
    return SMX_STATUS_SUCCESS;
}

// What callers still hold of it stays valid until they free it.
void close_pool(smxHandle_t handle) {
    if (handle->pool != nullptr) cudaMemPoolDestroy(pool_of(handle));
}

smxStatus_t allocate_in_order(const char *call, smxHandle_t handle, void **pointer, size_t bytes) {
    if (handle->pool == nullptr) return allocate(call, handle, pointer, bytes);
    return allocation_result(call, "device memory", bytes, cudaMallocFromPoolAsync(pointer, bytes, pool_of(handle), handle->stream));
}

smxStatus_t release_in_order(const char *call, smxHandle_t handle, void *pointer) {
    if (handle->pool == nullptr) return release(call, handle, pointer);
    return check(call, "release of device memory", cudaFreeAsync(pointer, handle->stream));
}

smxStatus_t allocate(const char *call, smxHandle_t, void **pointer, size_t bytes) {
    const beside_captures relaxed;
    return allocation_result(call, "device memory", bytes, cudaMalloc(pointer, bytes));
}

smxStatus_t release(const char *call, smxHandle_t, void *pointer) {
    const beside_captures relaxed;
    return check(call, "release of device memory", cudaFree(pointer));
}

smxStatus_t allocate_host(const char *call, smxHandle_t, void **pointer, size_t bytes) {
    const beside_captures relaxed;
    return allocation_result(call, "pinned host memory", bytes, cudaMallocHost(pointer, bytes));
}

smxStatus_t release_host(const char *call, smxHandle_t, void *pointer) {
    const beside_captures relaxed;
    return check(call, "release of host memory", cudaFreeHost(pointer));
}

smxStatus_t copy(const char *call, smxHandle_t handle, void *destination, const void *source, size_t bytes) {
    return check(call, "copy", cudaMemcpyAsync(destination, source, bytes, cudaMemcpyDefault, handle->stream));
}

} // namespace smx
