// Element types: what is computed with, how 16-bit types convert, and the one switch from a run-time type to a C++ type.
#pragma once
#include "device.cuh"
#include "smx/smx.h"

namespace smx {

template <class T> struct real_of_type { using type = float; };
template <> struct real_of_type<double> { using type = double; };
template <class T> using real_of = typename real_of_type<T>::type;

__device__ __forceinline__ float to_real(float x) { return x; }
__device__ __forceinline__ double to_real(double x) { return x; }
__device__ __forceinline__ float to_real(__half x) { return __half2float(x); }
__device__ __forceinline__ float to_real(__nv_bfloat16 x) { return __bfloat162float(x); }

// An element of a 16-bit type, whichever: stores tell types apart by their width, because they are most of a kernel's code. Loads do not:
// choosing between two ways to decode would make each wait for the one before.
struct half_or_bfloat16 {
    uint16_t bits;
};

template <class T> __device__ __forceinline__ half_or_bfloat16 bits_of(T x) {
    half_or_bfloat16 e;
    memcpy(&e, &x, sizeof e);
    return e;
}

template <class T> __device__ __forceinline__ T element_of_bits(half_or_bfloat16 e) {
    T x;
    memcpy(static_cast<void *>(&x), &e, sizeof x);
    return x;
}

template <class T> __device__ __forceinline__ T minus_infinity() { return static_cast<T>(-INFINITY); }
template <> __device__ __forceinline__ __half minus_infinity() { return element_of_bits<__half>({0xfc00}); }
template <> __device__ __forceinline__ __nv_bfloat16 minus_infinity() { return element_of_bits<__nv_bfloat16>({0xff80}); }

// to = from, as elements in memory
template <int n, class R> __device__ __forceinline__ void encode(smxDataType_t, const R *from, R *to) {
#pragma unroll
    for (int j = 0; j < n; j++) to[j] = from[j];
}
template <int n> __device__ __forceinline__ void encode(smxDataType_t type, const float *from, half_or_bfloat16 *to) {
    if (type == SMX_R_16F) {
#pragma unroll
        for (int j = 0; j < n; j++) to[j] = bits_of(__float2half_rn(from[j]));
    } else {
#pragma unroll
        for (int j = 0; j < n; j++) to[j] = bits_of(__float2bfloat16_rn(from[j]));
    }
}

template <class T> struct type_tag { using type = T; };

// Calls f with the type_tag of a floating type. The rules of host/ have let no other type through.
template <class F> auto with_type(smxDataType_t type, F f) {
    switch (type) {
    case SMX_R_64F: return f(type_tag<double>{});
    case SMX_R_16F: return f(type_tag<__half>{});
    case SMX_R_16BF: return f(type_tag<__nv_bfloat16>{});
    default: return f(type_tag<float>{});
    }
}

// The same inside a kernel, for operands other than the first: only types computed with as R.
template <class R, class F> __device__ __forceinline__ void with_type_of(smxDataType_t type, F f) {
    if constexpr (sizeof(R) == sizeof(double)) {
        f(type_tag<double>{});
    } else {
        if (type == SMX_R_32F)
            f(type_tag<float>{});
        else if (type == SMX_R_16F)
            f(type_tag<__half>{});
        else
            f(type_tag<__nv_bfloat16>{});
    }
}

// The same for what is written: f gets the type_tag of what elements of the type are stored as.
template <class R, class F> __device__ __forceinline__ void with_width_of(smxDataType_t type, F f) {
    if constexpr (sizeof(R) == sizeof(double)) {
        f(type_tag<double>{});
    } else {
        if (type == SMX_R_32F)
            f(type_tag<float>{});
        else
            f(type_tag<half_or_bfloat16>{});
    }
}

} // namespace smx
