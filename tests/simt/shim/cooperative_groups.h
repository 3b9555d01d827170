// The part of cooperative groups that the emulator offers: thread_block, cluster_group, tiles of at most a warp.
#pragma once
#include "../emulator/simt.hpp"

namespace cooperative_groups {

struct thread_block {
    static void sync(SIMT_AT) { __syncthreads(file_, line_); }
    static unsigned thread_rank() { return simt::self->rank(); }
    static unsigned size() { return blockDim.x * blockDim.y * blockDim.z; }
    static unsigned num_threads() { return size(); }
    static dim3 thread_index() { return threadIdx; }
    static dim3 group_index() { return blockIdx; }
};
inline thread_block this_thread_block() { return {}; }

struct cluster_group {
    static void barrier_arrive(SIMT_AT) { simt::cluster_arrive(file_, line_); }
    static void barrier_wait(SIMT_AT) { simt::cluster_wait(file_, line_); }
    static void sync(SIMT_AT) {
        simt::cluster_arrive(file_, line_);
        simt::cluster_wait(file_, line_);
    }
    static unsigned block_rank() { return simt::cluster_rank(); }
    static unsigned num_blocks() { return simt::cluster_blocks(); }
    static unsigned thread_rank() { return simt::self->cluster_rank; }
    static unsigned num_threads() { return num_blocks() * thread_block::size(); }
    template <class T> static T *map_shared_rank(T *p, unsigned rank, SIMT_AT) {
        return static_cast<T *>(simt::cluster_map(p, rank, file_, line_));
    }
};
inline cluster_group this_cluster() { return {}; }

template <unsigned Size> struct thread_block_tile {
    static constexpr unsigned size() { return Size; }
    static unsigned thread_rank() { return simt::self->rank() % Size; }
    static unsigned meta_group_rank() { return simt::self->rank() / Size; }
    static unsigned mask() { return (Size == 32 ? 0xffffffffu : (1u << Size) - 1) << (simt::self->lane & ~(Size - 1)); }
    static void sync(SIMT_AT) { __syncwarp(mask(), file_, line_); }
    template <class T> static T shfl(T value, int source, SIMT_AT) { return __shfl_sync(mask(), value, source, Size, file_, line_); }
    template <class T> static T shfl_xor(T value, int x, SIMT_AT) { return __shfl_xor_sync(mask(), value, x, Size, file_, line_); }
    template <class T> static T shfl_down(T value, unsigned delta, SIMT_AT) {
        return __shfl_down_sync(mask(), value, delta, Size, file_, line_);
    }
};
template <unsigned Size, class Group> thread_block_tile<Size> tiled_partition(const Group &) { return {}; }

template <class Group> void sync(const Group &group, SIMT_AT) { group.sync(file_, line_); }

} // namespace cooperative_groups
