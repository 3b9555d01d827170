// The CUDA backend: device, memory and stream, and which launches make up a call.
#include "memory.cuh"
#include "operations.cuh"

namespace smx {

__global__ void __launch_bounds__(512) in_clusters() {}

namespace {

// A part of a device (MIG) may have too few multiprocessors next to each other.
smxStatus_t find_largest_cluster(const char *call, smxHandle_t handle) {
    int supported = 0;
    handle->largest_cluster = 1;
    SMX_TRY(check(call, "clusters", cudaDeviceGetAttribute(&supported, cudaDevAttrClusterLaunch, handle->device)));
    if (!supported || handle->compute_capability < 90) return SMX_STATUS_SUCCESS;
    for (int size = 8; size > 1 && handle->largest_cluster == 1; size /= 2) {
        const launch_size of_one = {size, 512, 0, size};
        cudaLaunchAttribute attributes[2] = {};
        const cudaLaunchConfig_t config = configuration(of_one, handle, attributes);
        int clusters = 0;
        SMX_TRY(check(call, "clusters that can be active", cudaOccupancyMaxActiveClusters(&clusters, in_clusters, &config)));
        if (clusters > 0) handle->largest_cluster = size;
    }
    return SMX_STATUS_SUCCESS;
}

smxStatus_t find_device(const char *call, smxHandle_t handle) {
    int driver = 0, devices = 0;
    SMX_TRY(check(call, "version of the driver", cudaDriverGetVersion(&driver)));
    if (driver == 0) return smx_fail(SMX_STATUS_NOT_SUPPORTED, "%s: the CUDA backend needs an NVIDIA driver, and none is installed", call);
    const cudaError_t error = cudaGetDeviceCount(&devices);
    const bool none = error == cudaErrorNoDevice || error == cudaErrorInsufficientDriver || (error == cudaSuccess && devices == 0);
    if (none) {
        cudaGetLastError();
        return smx_fail(SMX_STATUS_NOT_SUPPORTED, "%s: no usable CUDA device: %s", call,
                        cudaGetErrorString(error == cudaSuccess ? cudaErrorNoDevice : error));
    }
    SMX_TRY(check(call, "count of devices", error));
    int major = 0, minor = 0;
    SMX_TRY(check(call, "current device", cudaGetDevice(&handle->device)));
    SMX_TRY(check(call, "compute capability", cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, handle->device)));
    SMX_TRY(check(call, "compute capability", cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, handle->device)));
    handle->compute_capability = major * 10 + minor;
    if (handle->compute_capability < 75)
        return smx_fail(SMX_STATUS_NOT_SUPPORTED, "%s: device %d has compute capability %d.%d, 7.5 is needed", call, handle->device, major,
                        minor);
    int shared_bytes = 0, l2_bytes = 0;
    SMX_TRY(check(call, "shared memory", cudaDeviceGetAttribute(&shared_bytes, cudaDevAttrMaxSharedMemoryPerBlockOptin, handle->device)));
    SMX_TRY(check(call, "second-level cache", cudaDeviceGetAttribute(&l2_bytes, cudaDevAttrL2CacheSize, handle->device)));
    SMX_TRY(
        check(call, "multiprocessors", cudaDeviceGetAttribute(&handle->multiprocessors, cudaDevAttrMultiProcessorCount, handle->device)));
    SMX_TRY(check(call, "threads of a multiprocessor",
                  cudaDeviceGetAttribute(&handle->multiprocessor_threads, cudaDevAttrMaxThreadsPerMultiProcessor, handle->device)));
    int kilohertz = 0, bits = 0;
    SMX_TRY(check(call, "clock of the memory", cudaDeviceGetAttribute(&kilohertz, cudaDevAttrMemoryClockRate, handle->device)));
    SMX_TRY(check(call, "width of the memory", cudaDeviceGetAttribute(&bits, cudaDevAttrGlobalMemoryBusWidth, handle->device)));
    handle->bytes_per_us = 2e-3 * kilohertz * bits / 8; // two transfers a clock
    handle->shared_bytes = static_cast<size_t>(shared_bytes);
    handle->l2_bytes = l2_bytes;
    return find_largest_cluster(call, handle);
}

const smx_bad_targets no_bad_targets = {0, INT64_MAX};

// Bad-target counters, the ticket of the loss sum and what split calls keep lie in one allocation.
struct device_state {
    smx_bad_targets bad_targets;
    unsigned ticket;
    alignas(16) char left_over[SMX_LEFT_OVER_BYTES];
};

smxStatus_t open_counters(const char *call, smxHandle_t handle) {
    void *state = nullptr;
    SMX_TRY(allocate(call, handle, &state, sizeof(device_state)));
    const struct {
        smx_bad_targets bad_targets;
        unsigned ticket;
    } initial = {no_bad_targets, 0};
    // A copy from pageable memory may return before it has arrived, and later streams do not wait for it.
    const cudaError_t copied = cudaMemcpy(state, &initial, sizeof initial, cudaMemcpyHostToDevice);
    const smxStatus_t status =
        check(call, "initialisation of the handle's counters", copied != cudaSuccess ? copied : cudaStreamSynchronize(nullptr));
    cudaEvent_t order = nullptr;
    const smxStatus_t ready =
        status != SMX_STATUS_SUCCESS ? status : check(call, "event", cudaEventCreateWithFlags(&order, cudaEventDisableTiming));
    if (ready != SMX_STATUS_SUCCESS) {
        cudaFree(state);
        return ready;
    }
    handle->order = order;
    handle->bad_targets = &static_cast<device_state *>(state)->bad_targets;
    handle->ticket = &static_cast<device_state *>(state)->ticket;
    handle->left_over = static_cast<device_state *>(state)->left_over;
    return SMX_STATUS_SUCCESS;
}

smxStatus_t open_cuda(const char *call, smxHandle_t handle) {
    SMX_TRY(find_device(call, handle));
    SMX_TRY(open_pool(call, handle));
    const smxStatus_t status = open_counters(call, handle);
    if (status != SMX_STATUS_SUCCESS) close_pool(handle);
    return status;
}

void close_cuda(smxHandle_t handle) {
    smx_cuda_release_staging(handle);
    release("smxDestroy", handle, handle->bad_targets);
    cudaEventDestroy(static_cast<cudaEvent_t>(handle->order));
    close_pool(handle);
}

smxStatus_t enter(const char *call, smxHandle_t handle) {
    int current = -1;
    SMX_TRY(check(call, "current device", cudaGetDevice(&current)));
    if (current != handle->device)
        return smx_fail(SMX_STATUS_INVALID_VALUE, "%s: the handle belongs to device %d, but device %d is current", call, handle->device,
                        current);
    return SMX_STATUS_SUCCESS;
}

smxStatus_t synchronize(const char *call, smxHandle_t handle) {
    return check(call, "synchronisation of the stream", cudaStreamSynchronize(handle->stream));
}

smxStatus_t take_bad_targets(const char *call, smxHandle_t handle, smx_bad_targets *bad) {
    SMX_TRY(check(call, "copy of the counters",
                  cudaMemcpyAsync(bad, handle->bad_targets, sizeof *bad, cudaMemcpyDeviceToHost, handle->stream)));
    SMX_TRY(check(call, "reset of the counters",
                  cudaMemcpyAsync(handle->bad_targets, &no_bad_targets, sizeof no_bad_targets, cudaMemcpyHostToDevice, handle->stream)));
    return synchronize(call, handle);
}

bool stream_is_capturing(cudaStream_t stream) {
    cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
    if (cudaStreamIsCapturing(stream, &status) == cudaSuccess) return status != cudaStreamCaptureStatusNone;
    cudaGetLastError(); // the default stream while another one captures: as good as capturing itself
    return true;
}

bool capturing(smxHandle_t handle) { return stream_is_capturing(handle->stream); }

smxStatus_t check_stream(const char *call, smxHandle_t handle, cudaStream_t stream) {
#if CUDART_VERSION >= 12080 // before, only a launch finds out
    if (stream == nullptr || stream == cudaStreamLegacy || stream == cudaStreamPerThread) return SMX_STATUS_SUCCESS; // of any device
    int device = -1;
    SMX_TRY(check(call, "device of the stream", cudaStreamGetDevice(stream, &device)));
    if (device != handle->device)
        return smx_fail(SMX_STATUS_INVALID_VALUE, "%s: the stream belongs to device %d, the handle to device %d", call, device,
                        handle->device);
#endif
    return SMX_STATUS_SUCCESS;
}

// Not across the border of a capture: that would draw one stream into the other's graph. There the order is the caller's.
smxStatus_t change_stream(const char *call, smxHandle_t handle, cudaStream_t stream) {
    SMX_TRY(check_stream(call, handle, stream));
    if (!handle->used || stream_is_capturing(handle->stream) || stream_is_capturing(stream)) return SMX_STATUS_SUCCESS;
    const cudaEvent_t order = static_cast<cudaEvent_t>(handle->order);
    SMX_TRY(check(call, "mark on the old stream", cudaEventRecord(order, handle->stream)));
    return check(call, "order of the new stream", cudaStreamWaitEvent(stream, order, 0));
}

smxStatus_t softmax(const smx_call *call) {
    switch (call->op) {
    case SMX_OP_SOFTMAX_FORWARD:
    case SMX_OP_LOG_SOFTMAX_FORWARD: return smx_cuda_softmax(*call);
    case SMX_OP_LOG_SUM_EXP: return smx_cuda_row_losses(*call);
    default: return smx_cuda_softmax_gradient(*call);
    }
}

// The loss of no rows: every bit pattern of ones is a NaN, of zeros a 0.
smxStatus_t loss_of_nothing(const smx_call &call) {
    if (call.loss == nullptr || call.reduction == SMX_REDUCTION_NONE) return SMX_STATUS_SUCCESS;
    if (call.device_divisor != nullptr) return smx_cuda_sum_losses(call); // only the device knows whether that is 0
    const bool nan = call.reduction == SMX_REDUCTION_MEAN && call.empty_mean == SMX_EMPTY_MEAN_NAN;
    const size_t bytes = smx_type_bytes(smx_loss_type(call.in.layout.type));
    return check(call.name, "write of the loss", cudaMemsetAsync(call.loss, nan ? 0xff : 0, bytes, call.handle->stream));
}

// A gradient needs the divisor before its rows, a loss after them.
smxStatus_t run_loss(const smx_call &call, smxStatus_t (*losses)(const smx_call &), smxStatus_t (*gradients)(const smx_call &)) {
    if (call.rows == 0) return loss_of_nothing(call);
    if (smx_needs_divisor(&call)) SMX_TRY(smx_cuda_count_divisor(call));
    SMX_TRY(call.out.data != nullptr ? gradients(call) : losses(call));
    return smx_sums_losses(&call) ? smx_cuda_sum_losses(call) : SMX_STATUS_SUCCESS;
}

smxStatus_t cross_entropy(const smx_call *call) { return run_loss(*call, smx_cuda_row_losses, smx_cuda_row_loss_gradients); }
smxStatus_t nll(const smx_call *call) { return run_loss(*call, smx_cuda_nll_losses, smx_cuda_nll_gradients); }

smxStatus_t choose(const smx_call *call) {
    switch (call->op) {
    case SMX_OP_ARGMAX: return smx_cuda_argmax(*call);
    case SMX_OP_TOP_K: return smx_cuda_top_k(*call);
    case SMX_OP_SAMPLE: return smx_cuda_sample(*call);
    default: return smx_cuda_multinomial(*call);
    }
}

// Problems without rows have at most a loss to write; the others share launches.
smxStatus_t batch(const smx_call *calls, int64_t count, const smx_call **scratch, void *descriptions, size_t bytes) {
    int with_rows = 0;
    const smx_call **list = scratch;
    for (int64_t i = 0; i < count; i++) {
        if (calls[i].rows > 0)
            list[with_rows++] = &calls[i];
        else
            SMX_TRY(loss_of_nothing(calls[i]));
    }
    return with_rows == 0 ? SMX_STATUS_SUCCESS : smx_cuda_batch(list, scratch + count, with_rows, descriptions, bytes);
}

} // namespace
} // namespace smx

// extern: a const object has internal linkage in C++
extern const smx_backend smx_cuda_backend = {
    SMX_BACKEND_CUDA,      smx::open_cuda, smx::close_cuda,    smx::enter,         smx::synchronize,   smx::allocate_in_order,
    smx::release_in_order, smx::allocate,  smx::release,       smx::allocate_host, smx::release_host,  smx::copy,
    smx::take_bad_targets, smx::capturing, smx::change_stream, smx::softmax,       smx::cross_entropy, smx::nll,
    smx::choose,           smx::batch,     smx_describe_plan,  &smx_cuda_transfer};
