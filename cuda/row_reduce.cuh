// Reductions over the threads that share a row: a group of lanes of one warp, or all warps of a block. Every thread gets the
// result, and every thread the same bits: the order of the sums is fixed by the shape of the group.
#pragma once
#include "row_state.cuh"

namespace smx {

// A sum over a row, for operations whose reduction is not the row state.
template <class R> struct row_sum {
    R sum;
    __device__ static row_sum empty() { return {R(0)}; }
};

// The `width` lanes (a power of two up to 32) that share a row. All 32 lanes of the warp take part in every call.
template <int width> struct lanes {
    static_assert(width >= 1 && width <= 32 && (width & (width - 1)) == 0, "a group of lanes is a power of two of them");

    template <class R> __device__ static R max(R x) {
#pragma unroll
        for (int step = width / 2; step > 0; step /= 2) x = larger(x, __shfl_xor_sync(0xffffffffu, x, step));
        return x;
    }
    template <class R> __device__ static R sum(R x) {
#pragma unroll
        for (int step = width / 2; step > 0; step /= 2) x += __shfl_xor_sync(0xffffffffu, x, step);
        return x;
    }

    // The max by a butterfly, one rescale of each lane's sum, the sum by a second butterfly.
    template <class R> __device__ static row_state<R> merge(row_state<R> s, R factor) {
        const R all = max(s.max);
        return {all, sum(s.sum_relative_to(reference_of(all), factor))};
    }
    template <class R> __device__ static row_sum<R> merge(row_sum<R> s, R) { return {sum(s.sum)}; }
};

// One slot per warp, twice: consecutive rows of a block alternate, so that one barrier per row is enough. (A warp that writes for
// row n + 2 has passed the barrier of row n + 1, and with it every reader of row n.)
template <class Reduction, int warps> struct row_slots { Reduction slot[2][warps]; };

// Merges what the warps of a block hold of row number `turn`; within each warp all lanes hold the same.
template <class Reduction, int warps, class R>
__device__ __forceinline__ Reduction merge_warps(Reduction mine, row_slots<Reduction, warps> &shared, unsigned turn, R factor) {
    static_assert(warps >= 2 && warps <= 32, "one lane per warp");
    Reduction *slot = shared.slot[turn % 2];
    const unsigned lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    if (lane == 0) slot[warp] = mine;
    __syncthreads();
    return lanes<32>::merge(lane < warps ? slot[lane] : Reduction::empty(), factor);
}

} // namespace smx
