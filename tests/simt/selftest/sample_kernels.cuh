// Row kernels of the kinds that a softmax library has, written apart from it, to test the emulator with.
#pragma once
#include "portable.cuh"

#include <cooperative_groups.h>
#include <cub/block/block_reduce.cuh>

__device__ inline float to_float(float x) { return x; }
__device__ inline float to_float(__half x) { return __half2float(x); }
__device__ inline float to_float(__nv_bfloat16 x) { return __bfloat162float(x); }
template <class T> __device__ T from_float(float x);
template <> __device__ inline float from_float<float>(float x) { return x; }
template <> __device__ inline __half from_float<__half>(float x) { return __float2half_rn(x); }
template <> __device__ inline __nv_bfloat16 from_float<__nv_bfloat16>(float x) { return __float2bfloat16_rn(x); }

template <class T> constexpr int vector_size = 16 / sizeof(T);

template <class T> __device__ void load_vector(const T *p, float *values) {
    const uint4 bits = __ldg(reinterpret_cast<const uint4 *>(p));
    T elements[vector_size<T>];
    memcpy(static_cast<void *>(elements), &bits, 16);
#pragma unroll
    for (int i = 0; i < vector_size<T>; i++) values[i] = to_float(elements[i]);
}
template <class T> __device__ void store_vector(T *p, const float *values) {
    T elements[vector_size<T>];
#pragma unroll
    for (int i = 0; i < vector_size<T>; i++) elements[i] = from_float<T>(values[i]);
    uint4 bits;
    memcpy(&bits, static_cast<const void *>(elements), 16);
    *reinterpret_cast<uint4 *>(p) = bits;
}

struct Max {
    __device__ float operator()(float a, float b) const { return fmaxf(a, b); }
};
struct Sum {
    __device__ float operator()(float a, float b) const { return a + b; }
};
template <class Op> __device__ float warp_reduce(float x, Op op) {
#pragma unroll
    for (int o = 16; o > 0; o /= 2) x = op(x, __shfl_xor_sync(0xffffffffu, x, o));
    return x;
}

// The maximum of a row and the sum of exponentials relative to it.
struct State {
    float max, sum;
};
__device__ inline State merge(State a, State b) {
    const State big = a.max > b.max ? a : b, small = a.max > b.max ? b : a;
    if (small.max == -INFINITY) return big;
    return State{big.max, big.sum + small.sum * __expf(small.max - big.max)};
}
__device__ inline State warp_merge(State state) {
#pragma unroll
    for (int o = 16; o > 0; o /= 2) {
        State other;
        other.max = __shfl_xor_sync(0xffffffffu, state.max, o);
        other.sum = __shfl_xor_sync(0xffffffffu, state.sum, o);
        state = merge(state, other);
    }
    return state;
}
template <int Threads> __device__ State block_merge(State state) {
    SHARED_ARRAY(State, of_warp, 32);
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    state = warp_merge(state);
    if (lane == 0) of_warp[warp] = state;
    __syncthreads();
    if (warp == 0) {
        state = warp_merge(lane < Threads / 32 ? of_warp[lane] : State{-INFINITY, 0.f});
        if (lane == 0) of_warp[0] = state;
    }
    __syncthreads();
    state = of_warp[0];
    __syncthreads(); // the caller's next row uses of_warp again
    return state;
}

// ---- a warp per row, the row in registers; 16-byte accesses where rows are aligned
template <class T, int Steps, int Warps>
__global__ void __launch_bounds__(Warps * 32) softmax_warp(const T *__restrict__ x, T *__restrict__ y, int rows, int cols) {
    constexpr int N = vector_size<T>;
    const int row = blockIdx.x * Warps + threadIdx.y, lane = threadIdx.x;
    if (row >= rows) return; // whole warps leave
    const T *xr = x + static_cast<size_t>(row) * cols;
    T *yr = y + static_cast<size_t>(row) * cols;
    const bool aligned = cols % N == 0; // the matrix begins at a multiple of 256 bytes
    float v[Steps * N];
    float max = -INFINITY;
#pragma unroll
    for (int step = 0; step < Steps; step++) {
        const int c = (step * 32 + lane) * N;
        if (aligned && c < cols) {
            load_vector(xr + c, v + step * N);
        } else {
#pragma unroll
            for (int i = 0; i < N; i++) v[step * N + i] = !aligned && c + i < cols ? to_float(xr[c + i]) : -INFINITY;
        }
#pragma unroll
        for (int i = 0; i < N; i++) max = fmaxf(max, v[step * N + i]);
    }
    max = warp_reduce(max, Max());
    float sum = 0.f;
#pragma unroll
    for (int i = 0; i < Steps * N; i++) sum += v[i] = __expf(v[i] - max);
    const float factor = __fdividef(1.f, warp_reduce(sum, Sum()));
#pragma unroll
    for (int i = 0; i < Steps * N; i++) v[i] *= factor;
#pragma unroll
    for (int step = 0; step < Steps; step++) {
        const int c = (step * 32 + lane) * N;
        if (aligned && c < cols) {
            store_vector(yr + c, v + step * N);
        } else if (!aligned) {
#pragma unroll
            for (int i = 0; i < N; i++)
                if (c + i < cols) yr[c + i] = from_float<T>(v[step * N + i]);
        }
    }
}

// ---- a block per row, two passes with the online update
template <class T, int Threads>
__global__ void __launch_bounds__(Threads) softmax_online(const T *__restrict__ x, T *__restrict__ y, int rows, int cols) {
    for (int row = blockIdx.x; row < rows; row += gridDim.x) {
        const T *xr = x + static_cast<size_t>(row) * cols;
        T *yr = y + static_cast<size_t>(row) * cols;
        State state{-INFINITY, 0.f};
        for (int c = threadIdx.x; c < cols; c += Threads) state = merge(state, State{to_float(xr[c]), 1.f});
        state = block_merge<Threads>(state);
        const float factor = 1.f / state.sum;
        for (int c = threadIdx.x; c < cols; c += Threads) yr[c] = from_float<T>(__expf(to_float(xr[c]) - state.max) * factor);
    }
}

// ---- a block per row, the row in dynamic shared memory
template <class T, int Threads>
__global__ void __launch_bounds__(Threads) softmax_shared(const T *__restrict__ x, T *__restrict__ y, int cols) {
    SHARED_DYNAMIC(float, row);
    const size_t first = static_cast<size_t>(blockIdx.x) * cols;
    State state{-INFINITY, 0.f};
    for (int c = threadIdx.x; c < cols; c += Threads) {
        row[c] = to_float(x[first + c]);
        state = merge(state, State{row[c], 1.f});
    }
    state = block_merge<Threads>(state);
    for (int c = threadIdx.x; c < cols; c += Threads) y[first + c] = from_float<T>(exp2f((row[c] - state.max) * 1.44269504f) / state.sum);
}

// ---- cross-entropy, forward and backward in one; counts with atomics
template <class T, int Threads>
__global__ void __launch_bounds__(Threads)
    cross_entropy(const T *__restrict__ x, const int *__restrict__ targets, float *__restrict__ loss, T *__restrict__ dx, float scale,
                  int ignore, int *valid, int *biggest, int rows, int cols) {
    for (int row = blockIdx.x; row < rows; row += gridDim.x) {
        const T *xr = x + static_cast<size_t>(row) * cols;
        T *dr = dx + static_cast<size_t>(row) * cols;
        const int target = targets[row];
        if (target == ignore) { // the same for the whole block
            for (int c = threadIdx.x; c < cols; c += Threads) dr[c] = from_float<T>(0.f);
            if (threadIdx.x == 0) loss[row] = 0.f;
            continue;
        }
        State state{-INFINITY, 0.f};
        for (int c = threadIdx.x; c < cols; c += Threads) state = merge(state, State{to_float(__ldg(xr + c)), 1.f});
        state = block_merge<Threads>(state);
        const float lse = state.max + __logf(state.sum);
        if (threadIdx.x == 0) {
            loss[row] = lse - to_float(xr[target]);
            atomicAdd(valid, 1);
            atomicMax(biggest, target);
        }
        for (int c = threadIdx.x; c < cols; c += Threads) {
            const float p = __expf(to_float(xr[c]) - lse);
            dr[c] = from_float<T>((p - (c == target ? 1.f : 0.f)) * scale);
        }
    }
}

// ---- votes, shuffles, warp reductions and atomics
static __global__ void sum_losses(const float *__restrict__ loss, float *sum, unsigned *finite, int rows) {
    const int stride = gridDim.x * blockDim.x;
    const int end = (rows + stride - 1) / stride * stride; // every lane goes round equally often
    float mine = 0.f;
    unsigned count = 0;
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < end; i += stride) {
        const float l = i < rows ? loss[i] : 0.f;
        const unsigned votes = __ballot_sync(0xffffffffu, i < rows && isfinite(l));
        if (threadIdx.x % 32 == 0) count += __popc(votes);
        mine += isfinite(l) ? l : 0.f;
    }
    for (int o = 16; o; o /= 2) mine += __shfl_down_sync(0xffffffffu, mine, o);
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 800
    count = __reduce_add_sync(0xffffffffu, count);
#else
    count = __shfl_sync(0xffffffffu, count, 0);
#endif
    if (threadIdx.x % 32 == 0) {
        atomicAdd(sum, mine);
        atomicAdd(finite, count);
    }
}

// ---- CUB
template <class T, int Threads>
__global__ void __launch_bounds__(Threads)
    row_sum_cub(const T *__restrict__ x, float *__restrict__ sums, float *__restrict__ maxima, int cols) {
    using Reduce = cub::BlockReduce<float, Threads>;
    SHARED_VAR(typename Reduce::TempStorage, storage);
    const int row = blockIdx.x;
    float sum = 0.f, max = -INFINITY;
    for (int c = threadIdx.x; c < cols; c += Threads) {
        const float v = to_float(x[static_cast<size_t>(row) * cols + c]);
        sum += v;
        max = fmaxf(max, v);
    }
    sum = Reduce(storage).Sum(sum);
    __syncthreads();
    max = Reduce(storage).Reduce(max, Max());
    if (threadIdx.x == 0) {
        sums[row] = sum;
        maxima[row] = max;
    }
}

// ---- a cluster per row, merged through distributed shared memory
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 900
template <class T, int Threads>
__global__ void __launch_bounds__(Threads) softmax_cluster(const T *__restrict__ x, T *__restrict__ y, int cols) {
    const auto cluster = cooperative_groups::this_cluster();
    const int blocks = cluster.num_blocks(), rank = cluster.block_rank();
    const size_t first = static_cast<size_t>(blockIdx.x / blocks) * cols;
    SHARED_VAR(State, part);
    State state{-INFINITY, 0.f};
    for (int c = rank * Threads + threadIdx.x; c < cols; c += Threads * blocks) state = merge(state, State{to_float(x[first + c]), 1.f});
    state = block_merge<Threads>(state);
    if (threadIdx.x == 0) part = state;
    cluster.sync(); // every block's part can be read
    state = State{-INFINITY, 0.f};
    for (int b = 0; b < blocks; b++) state = merge(state, *cluster.map_shared_rank(&part, b));
    const float factor = 1.f / state.sum;
    for (int c = rank * Threads + threadIdx.x; c < cols; c += Threads * blocks)
        y[first + c] = from_float<T>(__expf(to_float(x[first + c]) - state.max) * factor);
    cluster.sync(); // nobody leaves while its part is still read
}
#endif
