// __syncthreads, __syncwarp, shuffles, votes, matches, reductions.
#pragma once
#include <type_traits>

#include "threads.hpp"

inline void __syncthreads(SIMT_AT) { simt::block_sync(simt::Op::SyncThreads, 0, SIMT_SITE); }
inline int __syncthreads_count(int p, SIMT_AT) { return simt::block_sync(simt::Op::SyncCount, p, SIMT_SITE); }
inline int __syncthreads_and(int p, SIMT_AT) { return simt::block_sync(simt::Op::SyncAnd, p, SIMT_SITE); }
inline int __syncthreads_or(int p, SIMT_AT) { return simt::block_sync(simt::Op::SyncOr, p, SIMT_SITE); }

inline void __syncwarp(unsigned mask = 0xffffffffu, SIMT_AT) { simt::warp_collective(simt::Op::SyncWarp, mask, 0, 0, SIMT_SITE); }
inline unsigned __activemask() { return simt::active_lanes(); }

namespace simt {

template <class T> T shuffle(Op op, unsigned mask, T value, int source_lane, Site site) {
    static_assert(sizeof(T) == 2 || sizeof(T) == 4 || sizeof(T) == 8, "CUDA has no such shuffle");
    uint64_t bits = 0;
    memcpy(&bits, static_cast<const void *>(&value), sizeof value);
    bits = warp_collective(op, mask, source_lane, bits, site);
    memcpy(static_cast<void *>(&value), &bits, sizeof value);
    return value;
}
inline unsigned vote(Op op, unsigned mask, uint64_t value, Site site) {
    return static_cast<unsigned>(warp_collective(op, mask, 0, value, site));
}
inline int lane() { return static_cast<int>(self->lane); }

} // namespace simt

// A lane whose source lies outside its segment of `width` lanes keeps its own value.
template <class T> T __shfl_sync(unsigned mask, T value, int source, int width = 32, SIMT_AT) {
    const int first = simt::lane() & ~(width - 1);
    return simt::shuffle(simt::Op::Shfl, mask, value, first + (source & (width - 1)), SIMT_SITE);
}
template <class T> T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32, SIMT_AT) {
    const int lane = simt::lane(), source = lane - static_cast<int>(delta);
    return simt::shuffle(simt::Op::ShflUp, mask, value, source < (lane & ~(width - 1)) ? lane : source, SIMT_SITE);
}
template <class T> T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32, SIMT_AT) {
    const int lane = simt::lane(), source = lane + static_cast<int>(delta);
    return simt::shuffle(simt::Op::ShflDown, mask, value, source > (lane | (width - 1)) ? lane : source, SIMT_SITE);
}
template <class T> T __shfl_xor_sync(unsigned mask, T value, int lane_mask, int width = 32, SIMT_AT) {
    const int lane = simt::lane(), source = lane ^ lane_mask;
    return simt::shuffle(simt::Op::ShflXor, mask, value, source > (lane | (width - 1)) ? lane : source, SIMT_SITE);
}

inline unsigned __ballot_sync(unsigned mask, int p, SIMT_AT) { return simt::vote(simt::Op::Ballot, mask, p != 0, SIMT_SITE); }
inline int __any_sync(unsigned mask, int p, SIMT_AT) { return simt::vote(simt::Op::Any, mask, p != 0, SIMT_SITE) != 0; }
inline int __all_sync(unsigned mask, int p, SIMT_AT) { return simt::vote(simt::Op::All, mask, p != 0, SIMT_SITE) != 0; }

namespace simt {

template <class T> uint64_t match_bits(T value) {
    static_assert(sizeof(T) == 4 || sizeof(T) == 8, "CUDA matches 4 and 8 bytes");
    uint64_t bits = 0;
    memcpy(&bits, &value, sizeof value);
    return bits;
}

} // namespace simt

template <class T> unsigned __match_any_sync(unsigned mask, T value, SIMT_AT) {
    return simt::vote(simt::Op::MatchAny, mask, simt::match_bits(value), SIMT_SITE);
}
template <class T> unsigned __match_all_sync(unsigned mask, T value, int *all_equal, SIMT_AT) {
    const unsigned lanes = simt::vote(simt::Op::MatchAll, mask, simt::match_bits(value), SIMT_SITE);
    *all_equal = lanes != 0;
    return lanes;
}

namespace simt {

inline unsigned reduce(Op op, unsigned mask, unsigned value, Site site) { return vote(op, mask, value, site); }
inline int reduce(Op op, unsigned mask, int value, Site site) {
    return static_cast<int>(vote(op, mask, static_cast<unsigned>(value), site));
}

} // namespace simt

inline unsigned __reduce_add_sync(unsigned mask, unsigned v, SIMT_AT) { return simt::reduce(simt::Op::ReduceAdd, mask, v, SIMT_SITE); }
inline int __reduce_add_sync(unsigned mask, int v, SIMT_AT) { return simt::reduce(simt::Op::ReduceAdd, mask, v, SIMT_SITE); }
inline unsigned __reduce_min_sync(unsigned mask, unsigned v, SIMT_AT) {
    return simt::reduce(simt::Op::ReduceMinUnsigned, mask, v, SIMT_SITE);
}
inline int __reduce_min_sync(unsigned mask, int v, SIMT_AT) { return simt::reduce(simt::Op::ReduceMinSigned, mask, v, SIMT_SITE); }
inline unsigned __reduce_max_sync(unsigned mask, unsigned v, SIMT_AT) {
    return simt::reduce(simt::Op::ReduceMaxUnsigned, mask, v, SIMT_SITE);
}
inline int __reduce_max_sync(unsigned mask, int v, SIMT_AT) { return simt::reduce(simt::Op::ReduceMaxSigned, mask, v, SIMT_SITE); }
inline unsigned __reduce_and_sync(unsigned mask, unsigned v, SIMT_AT) { return simt::reduce(simt::Op::ReduceAnd, mask, v, SIMT_SITE); }
inline unsigned __reduce_or_sync(unsigned mask, unsigned v, SIMT_AT) { return simt::reduce(simt::Op::ReduceOr, mask, v, SIMT_SITE); }
inline unsigned __reduce_xor_sync(unsigned mask, unsigned v, SIMT_AT) { return simt::reduce(simt::Op::ReduceXor, mask, v, SIMT_SITE); }

// Grids run one after the other: there is nothing to wait for, but the race checker wants to know that a thread waited.
inline void cudaGridDependencySynchronize() { simt::grid_dependency_synchronize(); }
inline void cudaTriggerProgrammaticLaunchCompletion() {}

#define __trap() ::simt::fail(::simt::Site{__FILE__, __LINE__}, "__trap()")
