// How fast this memory is: kernels that only move bytes, with the mixes of reads and writes that the operations have, by the same 16-byte
// accesses as smx's own kernels, with the same hints to the caches.
#pragma once
#include <cstdint>
#include <cuda_runtime_api.h>

namespace bench {

struct probe_buffers {
    const void *in[2];
    void *out;
};

// Moves `vectors` times 16 bytes from each of `reads` buffers (1 or 2), and to the output if `writes`; reads alone are summed up. With
// `one_turn` there are as many blocks as that takes; else as many as the device holds at a time, and they make further turns.
cudaError_t launch_probe(int reads, bool writes, bool one_turn, const probe_buffers &b, int64_t vectors, cudaStream_t stream);

} // namespace bench
