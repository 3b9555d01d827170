// What batches in host memory need of the device: streams beside the handle's, copies of planes, and the two steps of a mean that see
// all rows.
#include "operations.cuh"

namespace smx {
namespace {

// Non-blocking: the chunks of a batch have nothing to do with the default stream, which may be the caller's.
smxStatus_t open_stream(const char *call, smxHandle_t handle) {
    return check(call, "creation of a stream", cudaStreamCreateWithFlags(&handle->stream, cudaStreamNonBlocking));
}

smxStatus_t close_stream(const char *call, smxHandle_t handle) {
    return check(call, "release of a stream", cudaStreamDestroy(handle->stream));
}

smxStatus_t copy_plane(const char *call, smxHandle_t handle, void *destination, size_t destination_pitch, const void *source,
                       size_t source_pitch, size_t width, size_t height) {
    return check(call, "copy of rows",
                 cudaMemcpy2DAsync(destination, destination_pitch, source, source_pitch, width, height, cudaMemcpyDefault, handle->stream));
}

smxStatus_t find_memory(const char *call, const void *pointer, bool *pinned, bool *of_device) {
    cudaPointerAttributes attributes = {};
    SMX_TRY(check(call, "question about a pointer", cudaPointerGetAttributes(&attributes, pointer)));
    *pinned = attributes.type == cudaMemoryTypeHost;
    *of_device = attributes.type == cudaMemoryTypeDevice;
    return SMX_STATUS_SUCCESS;
}

smxStatus_t count_divisor(const smx_call *call) { return smx_cuda_count_divisor(*call); }
smxStatus_t sum_losses(const smx_call *call) { return smx_cuda_sum_losses(*call); }

} // namespace
} // namespace smx

extern const smx_transfer smx_cuda_transfer = {smx::open_stream, smx::close_stream,  smx::copy_plane,
                                               smx::find_memory, smx::count_divisor, smx::sum_losses};
