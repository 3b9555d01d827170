// All inline PTX of the library, each with a host path that does the same thing for the emulator.
#pragma once
#include "device.cuh"

namespace smx {

// 16 bytes of global memory, aligned to 16, that will not be read again soon. Not the non-coherent path: the row may be
// overwritten in place.
__device__ __forceinline__ uint4 load_16_bytes(const void *from) {
#ifdef SIMT_HOST
    return __ldcs(static_cast<const uint4 *>(from));
#else
    uint4 v;
    asm volatile("ld.global.L1::no_allocate.L2::128B.v4.u32 {%0, %1, %2, %3}, [%4];"
                 : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w)
                 : "l"(from));
    return v;
#endif
}

__device__ __forceinline__ void store_16_bytes(void *to, uint4 v) {
#ifdef SIMT_HOST
    __stcs(static_cast<uint4 *>(to), v);
#else
    asm volatile("st.global.v4.u32 [%0], {%1, %2, %3, %4};" ::"l"(to), "r"(v.x), "r"(v.y), "r"(v.z), "r"(v.w) : "memory");
#endif
}

__device__ __forceinline__ uint2 load_8_bytes(const void *from) {
#ifdef SIMT_HOST
    return __ldcs(static_cast<const uint2 *>(from));
#else
    uint2 v;
    asm volatile("ld.global.L1::no_allocate.v2.u32 {%0, %1}, [%2];" : "=r"(v.x), "=r"(v.y) : "l"(from));
    return v;
#endif
}

__device__ __forceinline__ void store_8_bytes(void *to, uint2 v) {
#ifdef SIMT_HOST
    __stcs(static_cast<uint2 *>(to), v);
#else
    asm volatile("st.global.v2.u32 [%0], {%1, %2};" ::"l"(to), "r"(v.x), "r"(v.y) : "memory");
#endif
}

// 16 bytes of shared memory, aligned to 16.
__device__ __forceinline__ uint4 load_16_shared_bytes(const void *from) {
#ifdef SIMT_HOST
    return simt::load(static_cast<const uint4 *>(from));
#else
    return *static_cast<const uint4 *>(from);
#endif
}

__device__ __forceinline__ void store_16_shared_bytes(void *to, uint4 v) {
#ifdef SIMT_HOST
    simt::store(static_cast<uint4 *>(to), v);
#else
    *static_cast<uint4 *>(to) = v;
#endif
}

// 2^z; maximum relative error 2^-22, results below 2^-126 are 0 (PTX ISA, ex2.approx.ftz.f32)
__device__ __forceinline__ float exp2_fast(float z) {
#ifdef SIMT_HOST
    return exp2f(z);
#else
    float y;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(z));
    return y;
#endif
}
__device__ __forceinline__ double exp2_fast(double z) { return exp2(z); }

// a / b for b in [2^-126, 2^126], relative error at most 2^-22; 0 for larger b (PTX ISA, div.approx.f32)
__device__ __forceinline__ float divide_fast(float a, float b) {
#ifdef SIMT_HOST
    return a / b;
#else
    float y;
    asm("div.approx.f32 %0, %1, %2;" : "=f"(y) : "f"(a), "f"(b));
    return y;
#endif
}

} // namespace smx
