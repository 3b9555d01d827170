// Failures of the CUDA runtime as exceptions.
#pragma once
#include <cuda_runtime_api.h>
#include <stdexcept>
#include <string>

namespace bench {

inline void check_cuda(cudaError_t error, const char *what) {
    if (error == cudaSuccess) return;
    cudaGetLastError(); // reported here: the next check must not find it again
    throw std::runtime_error(std::string(what) + ": " + cudaGetErrorString(error));
}

} // namespace bench
