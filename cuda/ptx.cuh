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

// A value that is made where it stands, every time: not ahead of a loop, for which it would have to be kept.
__device__ __forceinline__ int64_t here(int64_t value) {
#ifndef SIMT_HOST
    asm volatile("" : "+l"(value));
#endif
    return value;
}

// How long what is stored should stay in the second-level cache. passing: more is written than it holds, so whoever reads it will not
// find it there; then it is the first to be replaced (PTX ISA, createpolicy, from compute capability 8.0 on; before, nothing is said).
struct store_policy {
    uint64_t encoded;

    __device__ static store_policy of(bool passing) {
        store_policy policy = {passing};
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
        if (passing)
            asm("createpolicy.fractional.L2::evict_first.b64 %0, 1.0;" : "=l"(policy.encoded));
        else
            asm("createpolicy.fractional.L2::evict_normal.b64 %0, 1.0;" : "=l"(policy.encoded));
#endif
        return policy;
    }
};

__device__ __forceinline__ void store_16_bytes(void *to, uint4 v, store_policy policy) {
#ifdef SIMT_HOST
    policy.encoded ? __stcs(static_cast<uint4 *>(to), v) : __stcg(static_cast<uint4 *>(to), v);
#elif !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 800
    asm volatile("st.global.L2::cache_hint.v4.u32 [%0], {%1, %2, %3, %4}, %5;" ::"l"(to), "r"(v.x), "r"(v.y), "r"(v.z), "r"(v.w),
                 "l"(policy.encoded)
                 : "memory");
#else
    asm volatile("st.global.v4.u32 [%0], {%1, %2, %3, %4};" ::"l"(to), "r"(v.x), "r"(v.y), "r"(v.z), "r"(v.w) : "memory");
#endif
}

// The same as two numbers of 8 bytes. Made of words, ptxas was seen to move them to other registers, for which it waits.
__device__ __forceinline__ ulonglong2 load_twice_8_bytes(const void *from) {
#ifdef SIMT_HOST
    return __ldcs(static_cast<const ulonglong2 *>(from));
#else
    ulonglong2 v;
    asm volatile("ld.global.L1::no_allocate.L2::128B.v2.u64 {%0, %1}, [%2];" : "=l"(v.x), "=l"(v.y) : "l"(from));
    return v;
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

__device__ __forceinline__ void store_8_bytes(void *to, uint2 v, store_policy policy) {
#ifdef SIMT_HOST
    policy.encoded ? __stcs(static_cast<uint2 *>(to), v) : __stcg(static_cast<uint2 *>(to), v);
#elif !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 800
    asm volatile("st.global.L2::cache_hint.v2.u32 [%0], {%1, %2}, %3;" ::"l"(to), "r"(v.x), "r"(v.y), "l"(policy.encoded) : "memory");
#else
    asm volatile("st.global.v2.u32 [%0], {%1, %2};" ::"l"(to), "r"(v.x), "r"(v.y) : "memory");
#endif
}

// What a pointer leads to that comes from shared memory (row_kernel_of_many) is else taken for any kind of memory.
__device__ __forceinline__ void assume_global(const void *pointer) {
#ifdef __CUDA_ARCH__
    __builtin_assume(__isGlobal(pointer));
#else
    static_cast<void>(pointer);
#endif
}

// condition ? a : b, there and then: of many such selections the compiler was seen to make one branch behind them all, before which every
// a and every b takes a register.
template <class R> __device__ __forceinline__ R selected(bool condition, R a, R b) {
#ifdef SIMT_HOST
    return condition ? a : b;
#else
    R chosen;
    if constexpr (sizeof(R) == sizeof(float))
        asm("{.reg .pred p; setp.ne.u32 p, %3, 0; selp.f32 %0, %1, %2, p;}" : "=f"(chosen) : "f"(a), "f"(b), "r"(unsigned{condition}));
    else
        asm("{.reg .pred p; setp.ne.u32 p, %3, 0; selp.f64 %0, %1, %2, p;}" : "=d"(chosen) : "d"(a), "d"(b), "r"(unsigned{condition}));
    return chosen;
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

// ---- clusters: blocks that can read and write each other's shared memory, from compute capability 9.0 on ----
// Code for older devices is compiled, too, and never launched: a plan row says from which capability on it may be used.

#if defined(SIMT_HOST) || !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 900
#define SMX_HAS_CLUSTERS 1
#else
#define SMX_HAS_CLUSTERS 0
#endif

// This block's number in its cluster (PTX ISA, %cluster_ctarank).
__device__ __forceinline__ unsigned cluster_rank() {
#ifdef SIMT_HOST
    return simt::cluster_rank();
#elif SMX_HAS_CLUSTERS
    unsigned rank;
    asm("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
    return rank;
#else
    return 0;
#endif
}

// The barrier of all threads of a cluster, in two halves; all lanes of a warp come together (PTX ISA, barrier.cluster). What was written
// before arriving is seen by whoever has waited; who arrives only to say that it is there does not wait until its writes are.
__device__ __forceinline__ void arrive_in_cluster() {
#ifdef SIMT_HOST
    simt::cluster_arrive();
#elif SMX_HAS_CLUSTERS
    asm volatile("barrier.cluster.arrive.release.aligned;" ::: "memory");
#endif
}
__device__ __forceinline__ void be_there_in_cluster() {
#ifdef SIMT_HOST
    simt::cluster_arrive();
#elif SMX_HAS_CLUSTERS
    asm volatile("barrier.cluster.arrive.relaxed.aligned;" ::: "memory");
#endif
}

__device__ __forceinline__ void wait_for_cluster() {
#ifdef SIMT_HOST
    simt::cluster_wait();
#elif SMX_HAS_CLUSTERS
    asm volatile("barrier.cluster.wait.acquire.aligned;" ::: "memory");
#endif
}

// Where the shared variable of this block lies in block `rank` of the cluster, as a generic address (PTX ISA, mapa).
template <class T> __device__ __forceinline__ T *shared_of_block(T *mine, unsigned rank) {
#ifdef SIMT_HOST
    return static_cast<T *>(simt::cluster_map(mine, rank));
#elif SMX_HAS_CLUSTERS
    uint64_t there;
    asm("mapa.u64 %0, %1, %2;" : "=l"(there) : "l"(reinterpret_cast<uint64_t>(mine)), "r"(rank));
    return reinterpret_cast<T *>(there);
#else
    return mine;
#endif
}

// ---- a kernel that may start before the one in front of it has ended (programmatic dependent launch), from 9.0 on ----

// From here on the next kernel of the stream may start, once all blocks have come here (PTX ISA, griddepcontrol.launch_dependents).
__device__ __forceinline__ void let_next_kernel_start() {
#ifdef SIMT_HOST
    cudaTriggerProgrammaticLaunchCompletion();
#elif SMX_HAS_CLUSTERS
    asm volatile("griddepcontrol.launch_dependents;");
#endif
}

// Waits until the kernel in front has ended and its writes are seen (griddepcontrol.wait); at once if it was launched the ordinary way.
__device__ __forceinline__ void wait_for_kernel_before() {
#ifdef SIMT_HOST
    cudaGridDependencySynchronize();
#elif SMX_HAS_CLUSTERS
    asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}

} // namespace smx
