// What device code must write differently so that both nvcc and the emulator take it, and a launch.
#pragma once
#include <cuda_runtime.h>

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#ifndef SIMT_HOST // the emulator brings its own
#define SHARED_ARRAY(T, name, ...) __shared__ T name[__VA_ARGS__]
#define SHARED_VAR(T, name) __shared__ T name
#define SHARED_DYNAMIC(T, name)                                     \
    extern __shared__ __align__(16) unsigned char dynamic_shared[]; \
    T *const name = reinterpret_cast<T *>(dynamic_shared)
#endif

struct Shape { // of a launch
    dim3 grid, block;
    size_t dynamic_shared = 0;
    unsigned cluster = 1;
    cudaStream_t stream = nullptr;
    bool programmatic = false;
};

template <class... Parameters, class... Arguments>
cudaError_t launch(void (*kernel)(Parameters...), const Shape &shape, Arguments... arguments) {
    cudaLaunchConfig_t config{};
    config.gridDim = shape.grid;
    config.blockDim = shape.block;
    config.dynamicSmemBytes = shape.dynamic_shared;
    config.stream = shape.stream;
    cudaLaunchAttribute attributes[2]{};
    config.attrs = attributes;
    if (shape.cluster > 1) {
        cudaLaunchAttribute &a = attributes[config.numAttrs++];
        a.id = cudaLaunchAttributeClusterDimension;
        a.val.clusterDim.x = shape.cluster;
        a.val.clusterDim.y = a.val.clusterDim.z = 1;
    }
    if (shape.programmatic) {
        cudaLaunchAttribute &a = attributes[config.numAttrs++];
        a.id = cudaLaunchAttributeProgrammaticStreamSerialization;
        a.val.programmaticStreamSerializationAllowed = 1;
    }
    return cudaLaunchKernelEx(&config, kernel, Parameters(arguments)...);
}
