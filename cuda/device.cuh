// What all device code includes. Compiled by nvcc, and by g++ for the emulator of tests/simt, which defines SIMT_HOST and the
// macros for shared memory itself.
#pragma once
#include <cuda_runtime.h>
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <stdint.h>

#ifndef SIMT_HOST
#define SHARED_ARRAY(T, name, ...) __shared__ T name[__VA_ARGS__]
#define SHARED_VAR(T, name) __shared__ T name
#define SHARED_DYNAMIC(T, name)                                     \
    extern __shared__ __align__(16) unsigned char dynamic_shared[]; \
    T *const name = reinterpret_cast<T *>(dynamic_shared)
#endif
