// CUDA's keywords for a C++ compiler, and the types of CUDA's own headers, which compile on the host: dim3, float4,
// cudaLaunchConfig_t, cudaError_t ...
#pragma once
#define SIMT_HOST 1
#include <math.h> // the global names too: device code calls expf and isnan without std::
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>

#define __device__
#define __host__
#define __global__
#define __constant__
#define __managed__
#define __grid_constant__
#define __launch_bounds__(...)
#define __shared__ static_assert(false, "use SHARED_ARRAY, SHARED_VAR or SHARED_DYNAMIC");
#include <cuda_runtime_api.h>
#include <vector_functions.h>

extern uint3 threadIdx, blockIdx; // set whenever another thread gets the processor
extern dim3 blockDim, gridDim;
constexpr int warpSize = 32;

namespace simt {

struct Site { // a line of device code, for messages
    const char *file;
    int line;
};

template <class T> struct Identity { using type = T; };
template <class T> using Same = typename Identity<T>::type; // a parameter that T is not deduced from

} // namespace simt

// Default arguments that name the caller's line, and the Site made of them.
#define SIMT_AT const char *file_ = __builtin_FILE(), int line_ = __builtin_LINE()
#define SIMT_SITE \
    ::simt::Site { file_, line_ }
