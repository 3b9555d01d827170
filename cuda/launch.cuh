// The one way a kernel is launched, and how the CUDA runtime's refusals become statuses.
#pragma once
#include "device.cuh"
#include "internal.h"

namespace smx {

inline smxStatus_t check(const char *call, const char *what, cudaError_t error) {
    if (error == cudaSuccess) return SMX_STATUS_SUCCESS;
    cudaGetLastError(); // reported here, so it must not be found again by the caller's next check
    const smxStatus_t status = error == cudaErrorMemoryAllocation ? SMX_STATUS_ALLOC_FAILED : SMX_STATUS_EXECUTION_FAILED;
    return smx_fail(status, "%s: %s: CUDA error %d, %s", call, what, static_cast<int>(error), cudaGetErrorString(error));
}

// Without being asked, a block gets 48 KiB of shared memory at most. What a kernel may have is set to the most there is, whatever this
// launch needs: other threads may be about to launch it, too.
template <class Kernel> smxStatus_t allow_shared_memory(const smx_call &call, Kernel kernel, size_t shared_bytes) {
    if (shared_bytes + SMX_SHARED_TABLES_BYTES <= 48 << 10) return SMX_STATUS_SUCCESS;
    const int most = static_cast<int>(call.handle->shared_bytes - SMX_SHARED_TABLES_BYTES);
    return check(call.name, "size of shared memory", cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, most));
}

struct launch_size {
    int64_t blocks; // as many as there is work for; most kernels make further turns where the grid has to be smaller
    int threads;
    size_t shared_bytes = 0;         // dynamic ones
    int cluster = 1;                 // blocks that share their shared memory
    bool may_overlap_before = false; // may start before the kernel in front of it has ended, for which it waits itself (ptx.cuh)
    bool one_turn = false;           // they make none
};

inline int64_t most_blocks(const launch_size &size) { return INT32_MAX / size.cluster * size.cluster; }

// attributes: room for two
inline cudaLaunchConfig_t configuration(const launch_size &size, smxHandle_t handle, cudaLaunchAttribute *attributes) {
    cudaLaunchConfig_t config = {};
    const int64_t most = most_blocks(size);
    config.dynamicSmemBytes = size.shared_bytes;
    config.gridDim = dim3(static_cast<unsigned>(size.blocks < most ? size.blocks : most));
    config.blockDim = dim3(static_cast<unsigned>(size.threads));
    config.stream = handle->stream;
    config.attrs = attributes;
    if (size.cluster > 1) {
        cudaLaunchAttribute &cluster = attributes[config.numAttrs++];
        cluster.id = cudaLaunchAttributeClusterDimension;
        cluster.val.clusterDim.x = static_cast<unsigned>(size.cluster);
        cluster.val.clusterDim.y = cluster.val.clusterDim.z = 1;
    }
    if (size.may_overlap_before && handle->compute_capability >= 90) {
        cudaLaunchAttribute &overlap = attributes[config.numAttrs++];
        overlap.id = cudaLaunchAttributeProgrammaticStreamSerialization;
        overlap.val.programmaticStreamSerializationAllowed = 1;
    }
    return config;
}

template <class... Parameters, class... Arguments>
smxStatus_t launch(const smx_call &call, void (*kernel)(Parameters...), const launch_size &size, const Arguments &...arguments) {
    if (size.one_turn && size.blocks > most_blocks(size))
        return smx_fail(SMX_STATUS_NOT_SUPPORTED, "%s: %lld rows need %lld blocks of threads, a launch has %lld at most", call.name,
                        static_cast<long long>(call.rows), static_cast<long long>(size.blocks), static_cast<long long>(most_blocks(size)));
    SMX_TRY(allow_shared_memory(call, kernel, size.shared_bytes));
    cudaLaunchAttribute attributes[2] = {};
    const cudaLaunchConfig_t config = configuration(size, call.handle, attributes);
    return check(call.name, "kernel launch", cudaLaunchKernelEx(&config, kernel, arguments...));
}

inline smxStatus_t no_such_kernel(const smx_call &call) {
    const smx_plan_row &p = *call.plan.row;
    return smx_fail(SMX_STATUS_INTERNAL_ERROR,
                    "%s: plan row %d asks for %d threads per row, %d per block, %d elements per thread, which is not compiled", call.name,
                    call.plan.index, p.threads_per_row, p.threads_per_block, p.elements_per_thread);
}

} // namespace smx
