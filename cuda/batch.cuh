// Several problems in one launch: their programs, and which blocks work for which, travel to the device in one copy that all launches
// of a batched call share. So every group of problems is visited twice, first to write what will be copied, then to launch.
#pragma once
#include "row_kernel.cuh"

namespace smx {

// Calls that differ in their data and sizes only: they take the same kernel.
struct alike {
    const smx_call *const *at;
    int count;
};

// The same bytes on both sides. Every visit takes its pieces in the same order.
struct batch_memory {
    char *host, *device;
    size_t bytes, taken;
    bool launching; // the second visit

    // false: there are not as many bytes
    template <class T> bool take(int64_t count, T **on_host, T **on_device) {
        const size_t first = (taken + 15) / 16 * 16, wanted = static_cast<size_t>(count) * sizeof(T);
        if (first + wanted > bytes) return false;
        *on_host = reinterpret_cast<T *>(host + first);
        *on_device = reinterpret_cast<T *>(device + first);
        taken = first + wanted;
        return true;
    }
};

inline smxStatus_t batch_is_too_large(const alike &calls, const batch_memory &memory) {
    return smx_fail(SMX_STATUS_INTERNAL_ERROR, "%s: %zu bytes do not hold the descriptions of the problems", calls.at[0]->name,
                    memory.bytes);
}

template <class P, class Shape, class Make> smxStatus_t launch_many(const alike &calls, batch_memory &memory, Shape, Make make) {
    static_assert(sizeof(P) + sizeof(int64_t) <= SMX_BATCH_PROBLEM_BYTES, "host/batch.c counts on it");
    P *programs, *programs_there;
    int64_t *first_blocks, *first_blocks_there;
    if (!memory.take(calls.count, &programs, &programs_there) || !memory.take(calls.count + 1, &first_blocks, &first_blocks_there))
        return batch_is_too_large(calls, memory);
    if (memory.launching)
        return launch(*calls.at[0], row_kernel_of_many<P, Shape>,
                      {first_blocks[calls.count], Shape::threads, 0, Shape::cluster, false, Shape::one_turn},
                      static_cast<const P *>(programs_there), static_cast<const int64_t *>(first_blocks_there), calls.count);
    first_blocks[0] = 0;
    for (int i = 0; i < calls.count; i++) {
        programs[i] = make(*calls.at[i], i);
        first_blocks[i + 1] = first_blocks[i] + Shape::blocks(programs[i]);
    }
    return SMX_STATUS_SUCCESS;
}

} // namespace smx
