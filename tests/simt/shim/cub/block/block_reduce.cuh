// cub::BlockReduce with CUB's contract: the result is in thread 0, TempStorage must not be used again before a barrier.
#pragma once
#include "../../../emulator/simt.hpp"

namespace cub {

template <class T, int ThreadsX, int /* algorithm */ = 0, int ThreadsY = 1, int ThreadsZ = 1> class BlockReduce {
    static constexpr int threads = ThreadsX * ThreadsY * ThreadsZ, warps = (threads + 31) / 32;

  public:
    struct TempStorage {
        T of_warp[warps];
    };
    explicit BlockReduce(TempStorage &storage) : storage_(storage) {}

    template <class Op> T Reduce(T value, Op op) {
        const int lane = static_cast<int>(simt::self->lane), warp = static_cast<int>(simt::self->warp);
        const int lanes = threads - warp * 32 < 32 ? threads - warp * 32 : 32; // the last warp may be short
        const unsigned mask = lanes == 32 ? 0xffffffffu : (1u << lanes) - 1;
        for (int delta = 1; delta < 32; delta *= 2) {
            const bool takes_part = lane + delta < lanes;
            const T other = __shfl_down_sync(mask, value, takes_part ? delta : 0);
            if (takes_part) value = op(value, other);
        }
        if (lane == 0) storage_.of_warp[warp] = value;
        __syncthreads();
        if (simt::self->rank() == 0)
            for (int i = 1; i < warps; i++) value = op(value, storage_.of_warp[i]);
        return value;
    }
    T Sum(T value) {
        return Reduce(value, [](T a, T b) { return a + b; });
    }

  private:
    TempStorage &storage_;
};

} // namespace cub
