// Kernels with one planted bug each, and correct ones of the same kinds.
#pragma once
#include "portable.cuh"

#include <cooperative_groups.h>
#include <cub/block/block_reduce.cuh>

constexpr int threads = 256;

enum class Bug {
    None,
    // of block_sum
    NoBarrierAfterWrite,
    NoBarrierBeforeReuse,
    HalfTheLanes,
    CallerNotInMask,
    WarpDoesNotWrite,
    SharedIndexOutOfRange,
    ButterflyTooShort,
    ShuffleDownEverywhere,
    ReadsUnwrittenShared,
    // of row_sum
    ReadsOneTooMany,
    WritesOneTooMany,
    // of the others
    BarrierInBranch,
    BarrierCountDiffers,
    BarriersInBothArms,
    BlockBarrierInCluster,
    LeavesClusterEarly,
    ClusterRankOutOfRange,
    NoWarpBarrier,
    NoFence,
    NoGridDependency
};

template <Bug bug> __device__ float block_sum(float v) {
    SHARED_ARRAY(float, of_warp, 32);
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, warps = threads / 32;
    for (int o = bug == Bug::ButterflyTooShort ? 8 : 16; o; o /= 2) v += __shfl_xor_sync(0xffffffffu, v, o);
    const bool writes = lane == 0 && !(bug == Bug::WarpDoesNotWrite && warp == warps - 1);
    if (writes) of_warp[bug == Bug::SharedIndexOutOfRange ? warp * 32 / (warps - 1) : warp] = v;
    if (bug != Bug::NoBarrierAfterWrite) __syncthreads();
    if (warp == 0) {
        float t = lane < warps || bug == Bug::ReadsUnwrittenShared ? of_warp[lane] : 0.f;
        if (bug == Bug::HalfTheLanes) {
            if (lane < 16)
                for (int o = 8; o; o /= 2) t += __shfl_xor_sync(0xffffffffu, t, o);
        } else if (bug == Bug::CallerNotInMask) {
            for (int o = 16; o; o /= 2) t += __shfl_xor_sync(0x0000ffffu, t, o);
        } else if (bug == Bug::ShuffleDownEverywhere) { // only lane 0 has the sum then
            for (int o = 16; o; o /= 2) t += __shfl_down_sync(0xffffffffu, t, o);
        } else {
            for (int o = 16; o; o /= 2) t += __shfl_xor_sync(0xffffffffu, t, o);
        }
        if (lane == 0 || bug == Bug::ShuffleDownEverywhere) of_warp[lane] = t;
    }
    __syncthreads();
    v = of_warp[bug == Bug::ShuffleDownEverywhere ? 1 : 0];
    if (bug != Bug::NoBarrierBeforeReuse) __syncthreads();
    return v;
}

template <Bug bug> __global__ void row_sum(const float *x, float *out, int rows, int cols) {
    for (int r = blockIdx.x; r < rows; r += gridDim.x) {
        float v = 0.f;
        const int end = bug == Bug::ReadsOneTooMany ? cols + 1 : cols;
        for (int c = threadIdx.x; c < end; c += threads) v += x[static_cast<size_t>(r) * cols + c];
        v = block_sum<bug>(v);
        if (threadIdx.x != 0) continue;
        out[r] = v;
        if (bug == Bug::WritesOneTooMany && r == rows - 1) out[r + 1] = 0.f;
    }
}

// A full mask, but the lanes from n on have left.
static __global__ void early_exit(const float *x, float *out, int n) {
    const int i = threadIdx.x;
    if (i >= n) return;
    float v = x[i];
    for (int o = 16; o; o /= 2) v += __shfl_xor_sync(0xffffffffu, v, o);
    if (i == 0) out[0] = v;
}

// 16-byte loads: over the end if cols is no multiple of 4, misaligned if offset is none.
static __global__ void vector_sum(const float *x, float *out, int cols, int offset) {
    float v = 0;
    for (int c = threadIdx.x * 4; c < cols; c += threads * 4) {
        const float4 f = __ldg(reinterpret_cast<const float4 *>(x + offset + c));
        v += f.x + (c + 1 < cols ? f.y : 0) + (c + 2 < cols ? f.z : 0) + (c + 3 < cols ? f.w : 0);
    }
    v = block_sum<Bug::None>(v);
    if (threadIdx.x == 0) out[0] = v;
}

// Launched with too little dynamic shared memory, or with more than allowed without asking.
static __global__ void dynamic_sum(const float *x, float *out, int cols) {
    SHARED_DYNAMIC(float, row);
    for (int c = threadIdx.x; c < cols; c += threads) row[c] = x[c];
    __syncthreads();
    float v = 0;
    for (int c = threadIdx.x; c < cols; c += threads) v += row[cols - 1 - c];
    v = block_sum<Bug::None>(v);
    if (threadIdx.x == 0) out[0] = v;
}

template <Bug bug> __global__ void divergent_barriers(const float *x, float *out, int cols) {
    SHARED_ARRAY(float, part, threads);
    float v = 0;
    for (int c = threadIdx.x; c < cols; c += threads) v += x[c];
    part[threadIdx.x] = v;
    if (bug == Bug::BarrierInBranch && threadIdx.x < 100) __syncthreads();
    if (bug == Bug::BarrierCountDiffers)
        for (unsigned i = 0; i <= threadIdx.x / 128; i++) __syncthreads();
    if (bug == Bug::BarriersInBothArms) {
        if (threadIdx.x % 2)
            __syncthreads();
        else
            __syncthreads();
    }
    __syncthreads();
    if (threadIdx.x == 0) {
        float t = 0;
        for (int i = 0; i < threads; i++) t += part[i];
        out[0] = t;
    }
}

// Counts in shared memory without atomics.
static __global__ void racing_histogram(const float *x, int *out, int n) {
    SHARED_ARRAY(int, counts, 4);
    if (threadIdx.x < 4) counts[threadIdx.x] = 0;
    __syncthreads();
    for (int c = threadIdx.x; c < n; c += threads) counts[static_cast<int>(x[c]) & 3]++;
    __syncthreads();
    if (threadIdx.x < 4) out[threadIdx.x] = counts[threadIdx.x];
}

// Every block adds to one word without an atomic.
static __global__ void racing_blocks(const float *x, float *out, int cols) {
    float v = 0;
    for (int c = threadIdx.x; c < cols; c += threads) v += x[blockIdx.x * cols + c];
    v = block_sum<Bug::None>(v);
    if (threadIdx.x == 0) *out += v;
}

template <Bug bug> __global__ void cluster_sum(const float *x, float *out, int cols) {
    const auto cluster = cooperative_groups::this_cluster();
    SHARED_VAR(float, part);
    float v = 0;
    for (int c = cluster.block_rank() * threads + threadIdx.x; c < cols; c += threads * cluster.num_blocks()) v += x[c];
    v = block_sum<Bug::None>(v);
    if (threadIdx.x == 0) part = v;
    if (bug == Bug::BlockBarrierInCluster)
        __syncthreads();
    else
        cluster.sync();
    float t = 0;
    for (unsigned b = 0; b < cluster.num_blocks(); b++) t += *cluster.map_shared_rank(&part, bug == Bug::ClusterRankOutOfRange ? b + 1 : b);
    if (threadIdx.x == 0) out[cluster.block_rank()] = t;
    if (bug != Bug::LeavesClusterEarly) cluster.sync();
}

// exp(-inf - -inf) for a thread that has only seen -inf.
static __global__ void nan_prefix(const float *x, float *out, int cols) {
    float max = -INFINITY, sum = 0;
    for (int c = threadIdx.x; c < cols; c += threads) {
        const float bigger = fmaxf(max, x[c]);
        sum = sum * __expf(max - bigger) + __expf(x[c] - bigger);
        max = bigger;
    }
    sum = block_sum<Bug::None>(sum);
    if (threadIdx.x == 0) out[0] = sum;
}

// A sum of a warp through shared memory, which relies on lock-step without its barriers.
template <Bug bug> __global__ void warp_sum(const float *x, float *out) {
    SHARED_ARRAY(float, s, 32);
    const int lane = threadIdx.x;
    s[lane] = x[lane];
    if (bug != Bug::NoWarpBarrier) __syncwarp();
    for (int o = 16; o; o /= 2) {
        const float other = s[lane ^ o];
        if (bug != Bug::NoWarpBarrier) __syncwarp();
        s[lane] += other;
        if (bug != Bug::NoWarpBarrier) __syncwarp();
    }
    if (lane == 0) out[0] = s[0];
}

// An index of 32 bits that overflows.
static __global__ void short_index(const float *x, float *out, int row, int cols) {
    const int offset = static_cast<int>(static_cast<unsigned>(row) * static_cast<unsigned>(cols));
    if (threadIdx.x == 0) out[0] = x[offset];
}

// A register that only n threads set.
static __global__ void unset_register(const float *x, float *out, int n) {
    float v;
    if (static_cast<int>(threadIdx.x) < n) v = x[threadIdx.x];
    v = block_sum<Bug::None>(v);
    if (threadIdx.x == 0) out[0] = v;
}

// Adds to output that nobody has cleared.
static __global__ void accumulate(const float *x, float *out, int n) {
    for (int c = threadIdx.x; c < n; c += threads) out[c] += x[c];
}

// The block that comes last adds up what the others have left.
template <Bug bug> __global__ void last_block_sum(const float *x, float *parts, int *finished, float *out, int cols) {
    SHARED_VAR(bool, is_last);
    float v = 0;
    for (int c = threadIdx.x; c < cols; c += threads) v += x[blockIdx.x * cols + c];
    v = block_sum<Bug::None>(v);
    if (threadIdx.x == 0) {
        parts[blockIdx.x] = v;
        if (bug != Bug::NoFence) __threadfence();
        is_last = atomicAdd(finished, 1) == static_cast<int>(gridDim.x) - 1;
    }
    __syncthreads();
    if (!is_last || threadIdx.x != 0) return;
    if (bug != Bug::NoFence) __threadfence();
    float t = 0;
    for (unsigned b = 0; b < gridDim.x; b++) t += parts[b];
    out[0] = t;
}

// CUB's temporary storage used twice without a barrier in between.
static __global__ void cub_reuse(const float *x, float *out, int cols) {
    using Reduce = cub::BlockReduce<float, threads>;
    SHARED_VAR(Reduce::TempStorage, storage);
    float sum = 0, max = 0;
    for (int c = threadIdx.x; c < cols; c += threads) {
        sum += x[c];
        max = fmaxf(max, x[c]);
    }
    sum = Reduce(storage).Sum(sum);
    max = Reduce(storage).Reduce(max, [](float a, float b) { return fmaxf(a, b); });
    if (threadIdx.x != 0) return;
    out[0] = sum;
    out[1] = max;
}

// Launched so that it may begin before the kernel that wrote x has ended.
template <Bug bug> __global__ void dependent_sum(const float *x, float *out, int cols) {
    if (bug != Bug::NoGridDependency) cudaGridDependencySynchronize();
    float v = 0;
    for (int c = threadIdx.x; c < cols; c += threads) v += x[c];
    v = block_sum<Bug::None>(v);
    if (threadIdx.x == 0) out[0] = v;
}
static __global__ void double_all(const float *x, float *y, int n) {
    for (int c = threadIdx.x; c < n; c += threads) y[c] = 2 * x[c];
}

// Loads through the read-only cache what the kernel itself writes (y is x).
static __global__ void double_in_place(const float *x, float *y, int n) {
    for (int c = threadIdx.x; c < n; c += threads) y[c] = 2 * __ldg(x + c);
}
