// Reductions over the threads that share a row: a group of lanes of one warp, or all warps of a block. Every thread gets the
// result, and every thread the same bits: the order of the sums is fixed by the shape of the group.
#pragma once
#include "row_state.cuh"

namespace smx {

// A sum over a row, for operations whose reduction is not the row state.
template <class R> struct row_sum {
    R sum;
    __device__ static row_sum empty() { return {R(0)}; }
    template <class Group> __device__ row_sum merged(R) const { return {Group::sum(sum)}; }
    __device__ row_sum merged_with(const row_sum &other, R) const { return {sum + other.sum}; }
    template <int n> __device__ static row_sum of_parts(const row_sum (&parts)[n], R) {
        R total = R(0);
#pragma unroll
        for (int i = 0; i < n; i++) total += parts[i].sum;
        return {total};
    }
};

// The `width` lanes (a power of two) of a warp that share a row, `apart` from one to the next. All 32 lanes take part in every call.
template <int width, int apart = 1> struct lanes {
    static_assert(width >= 1 && width * apart <= 32 && (width & (width - 1)) == 0, "a group of lanes is a power of two of them");

    template <class R> __device__ static R max(R x) {
#pragma unroll
        for (int step = width * apart / 2; step >= apart; step /= 2) x = larger(x, __shfl_xor_sync(0xffffffffu, x, step));
        return x;
    }
    template <class R> __device__ static R sum(R x) {
#pragma unroll
        for (int step = width * apart / 2; step >= apart; step /= 2) x += __shfl_xor_sync(0xffffffffu, x, step);
        return x;
    }
};

// One slot per warp. Aligned, so that a compiler may move one as a whole.
template <class Reduction, int warps> struct alignas(16) row_slots { Reduction slot[warps]; };

// Merges what the warps of a block hold of a row; within each warp all lanes hold the same.
template <class Reduction, int warps, class R>
__device__ __forceinline__ Reduction merge_warps(Reduction mine, row_slots<Reduction, warps> &shared, R factor) {
    static_assert(warps >= 2 && warps <= 32, "one lane per warp");
    Reduction *slot = shared.slot;
    const unsigned lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    if (lane == 0) slot[warp] = mine;
    __syncthreads();
    return (lane < warps ? slot[lane] : Reduction::empty()).template merged<lanes<32>>(factor);
}

// The same for the warps of all blocks of a cluster. Every warp leaves what it holds in every block, so one barrier of the cluster is
// enough; before there must have been one, since a block that has not begun has no shared memory yet.
template <int blocks, class Reduction, int all_warps, class R>
__device__ __forceinline__ Reduction merge_cluster(Reduction mine, row_slots<Reduction, all_warps> &shared, R factor) {
    static_assert(blocks <= 32 && all_warps % 32 == 0, "a lane for every block; every lane finds as many warps");
    Reduction *slot = shared.slot;
    const unsigned lane = threadIdx.x % 32, warp = cluster_rank() * (all_warps / blocks) + threadIdx.x / 32;
    if (lane < blocks) *shared_of_block(slot + warp, lane) = mine;
    arrive_in_cluster();
    wait_for_cluster();
    Reduction parts[all_warps / 32];
#pragma unroll
    for (int i = 0; i < all_warps / 32; i++) parts[i] = slot[lane + i * 32];
    return Reduction::of_parts(parts, factor).template merged<lanes<32>>(factor);
}

} // namespace smx
