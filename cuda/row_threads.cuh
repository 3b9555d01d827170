// The threads that share a row where something is chosen of it: a warp, or all warps of a block. Which of the two, and how many, is known
// at run time only, so that one kernel serves every row of the plan table. And the shared memory that they have beside that of rows.
#pragma once
#include "internal.h"
#include "row_reduce.cuh"

namespace smx {

// A block's tables, which its rows share equally.
struct row_tables {
    static constexpr int entries = 256;
    uint64_t sums[entries];               // of segments; columns of a short list
    unsigned low[entries], high[entries]; // halves of sums that atomics add to
    uint64_t keys[entries];               // of a short list
    uint4 slot[2][32];                    // a warp each
    int64_t answer[entries / 32];         // a row each, as the next
    unsigned count[entries / 32];
};
static_assert(sizeof(row_tables) <= SMX_SHARED_TABLES_BYTES, "plan.c counts on it");

template <class X> __device__ __forceinline__ X of_lane_xor(const X &x, int step) {
    static_assert(sizeof(X) % sizeof(unsigned) == 0, "exchanged in words");
    constexpr int words = static_cast<int>(sizeof(X) / sizeof(unsigned));
    unsigned w[words];
    memcpy(static_cast<void *>(w), &x, sizeof x);
#pragma unroll
    for (int i = 0; i < words; i++) w[i] = __shfl_xor_sync(0xffffffffu, w[i], step);
    X other;
    memcpy(static_cast<void *>(&other), w, sizeof x);
    return other;
}

__device__ __forceinline__ uint64_t sum_of_lanes(uint64_t x) {
#pragma unroll
    for (int step = 16; step > 0; step /= 2) x += __shfl_xor_sync(0xffffffffu, x, step);
    return x;
}

// The sum over this lane and those before it.
__device__ __forceinline__ uint64_t sum_up_to_lane(uint64_t x) {
    const int lane = static_cast<int>(threadIdx.x) % 32;
#pragma unroll
    for (int step = 1; step < 32; step *= 2) {
        const uint64_t before = __shfl_up_sync(0xffffffffu, x, step);
        if (lane >= step) x += before;
    }
    return x;
}

struct row_threads {
    row_tables &tables;
    int warps, count;  // of the row
    int place, places; // of the row among those of the block
    int thread, warp, lane;
    int turn = 0;

    __device__ row_threads(row_tables &of_block, int threads_per_row)
        : tables(of_block), warps(threads_per_row / 32), count(threads_per_row), place(static_cast<int>(threadIdx.x) / threads_per_row),
          places(static_cast<int>(blockDim.x) / threads_per_row), thread(static_cast<int>(threadIdx.x) % threads_per_row),
          warp(thread / 32), lane(thread % 32) {}

    __device__ bool leads() const { return thread == 0; }
    __device__ void sync() const {
        if (warps == 1)
            __syncwarp();
        else
            __syncthreads();
    }

    // The row's part of the tables.
    __device__ int entries() const { return row_tables::entries / places; }
    __device__ uint64_t *sums() const { return tables.sums + place * entries(); }
    __device__ unsigned *low() const { return tables.low + place * entries(); }
    __device__ unsigned *high() const { return tables.high + place * entries(); }
    template <class K> __device__ K *keys() const { return reinterpret_cast<K *>(tables.keys + place * entries()); }
    __device__ unsigned &counter() const { return tables.count[place]; }
    __device__ int64_t &answer() const { return tables.answer[place]; }

    // What all threads have together, merge(a, b) == merge(b, a) being associative but for roundings; every thread gets the same bits.
    // Slots alternate, so that one barrier is enough.
    template <class X, class Merge> __device__ __forceinline__ X merged(X mine, Merge merge) {
        static_assert(sizeof(X) <= sizeof(uint4), "a slot has no more");
#pragma unroll
        for (int step = 16; step > 0; step /= 2) mine = merge(mine, of_lane_xor(mine, step));
        if (warps == 1) return mine;
        turn ^= 1;
        X *slot = reinterpret_cast<X *>(tables.slot[turn]);
        if (lane == 0) slot[warp] = mine;
        __syncthreads();
        mine = slot[lane % warps];
        for (int step = warps / 2; step > 0; step /= 2) mine = merge(mine, of_lane_xor(mine, step));
        return mine;
    }
    __device__ __forceinline__ uint64_t sum(uint64_t mine) {
        return merged(mine, [](uint64_t a, uint64_t b) { return a + b; });
    }
};

// The first i below n with get(0) + ... + get(i) > target, and the sum of those before it. All lanes of a warp ask for the same;
// all n together are more than the target. n: 1024 at most.
template <class Get> __device__ __forceinline__ int first_beyond(int n, uint64_t target, uint64_t *before, Get get) {
    const int lane = static_cast<int>(threadIdx.x) % 32, span = (n + 31) / 32;
    uint64_t mine = 0;
    for (int i = 0; i < span; i++) { // from another one on in every lane, for the sake of the banks
        const int at = lane * span + (i + lane) % span;
        if (at < n) mine += get(at);
    }
    uint64_t up_to = sum_up_to_lane(mine);
    const int in_span = __ffs(static_cast<int>(__ballot_sync(0xffffffffu, up_to > target))) - 1;
    const uint64_t before_span = __shfl_sync(0xffffffffu, up_to - mine, in_span);
    const int at = in_span * span + lane;
    mine = lane < span && at < n ? get(at) : 0;
    up_to = before_span + sum_up_to_lane(mine);
    const int found = __ffs(static_cast<int>(__ballot_sync(0xffffffffu, up_to > target))) - 1;
    *before = __shfl_sync(0xffffffffu, up_to - mine, found);
    return in_span * span + found;
}

} // namespace smx
