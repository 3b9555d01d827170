// The mean's divisor (the weights of the targets that are not ignored; a bad target counts 1) and the sum of row losses, on the
// device, in an order that only the number of rows decides: every block sums its rows, the last block to finish sums the blocks. One
// launch, no float atomics, no synchronisation.
#include "operations.cuh"
#include "targets.cuh"

namespace smx::loss_sum {

constexpr int threads = 256, rows_per_thread = 8;

struct total {
    double sum, count;
};

template <class R> struct job {
    const R *losses;     // NULL: divisor only
    bool counts_targets; // else the divisor is known
    target_indices targets;
    class_weights<R> weights;
    mean_divisor<R> known;
    int64_t rows, cols;
    bool empty_mean_is_zero;
    total *partials;
    unsigned *ticket;
    double *divisor; // where the divisor goes, or
    R *loss;         // where the loss goes

    __device__ double weight_of_row(int64_t row) const {
        const int64_t target = targets.of_row(row);
        if (target == targets.ignore_index) return 0.0;
        return target < 0 || target >= cols ? 1.0 : static_cast<double>(weights.of(target));
    }
};

__device__ __forceinline__ total sum_over_block(total t) {
    SHARED_ARRAY(total, of_warp, threads / 32);
    t = {lanes<32>::sum(t.sum), lanes<32>::sum(t.count)};
    if (threadIdx.x % 32 == 0) of_warp[threadIdx.x / 32] = t;
    __syncthreads();
    const unsigned lane = threadIdx.x % 32;
    t = lane < threads / 32 ? of_warp[lane] : total{0.0, 0.0};
    __syncthreads(); // the slots are used again
    return {lanes<32>::sum(t.sum), lanes<32>::sum(t.count)};
}

template <class R> __global__ void __launch_bounds__(threads) kernel(const job<R> j) {
    total mine = {0.0, 0.0};
    for (int64_t row = static_cast<int64_t>(blockIdx.x) * threads + threadIdx.x; row < j.rows;
         row += static_cast<int64_t>(gridDim.x) * threads) {
        if (j.losses != nullptr) mine.sum += static_cast<double>(j.losses[row]);
        if (j.counts_targets) mine.count += j.weight_of_row(row);
    }
    const total of_block = sum_over_block(mine);

    SHARED_VAR(bool, is_last);
    if (threadIdx.x == 0) {
        j.partials[blockIdx.x] = of_block;
        __threadfence();
        is_last = atomicInc(j.ticket, gridDim.x - 1) == gridDim.x - 1; // wraps to 0 for the next launch
    }
    __syncthreads();
    if (!is_last) return;
    __threadfence();
    static_assert(SMX_LOSS_PARTIALS <= threads, "a thread for each block");
    const total all = sum_over_block(threadIdx.x < gridDim.x ? j.partials[threadIdx.x] : total{0.0, 0.0});
    if (threadIdx.x != 0) return;
    if (j.divisor != nullptr) {
        *j.divisor = all.count;
    } else {
        const double divisor = j.counts_targets ? all.count : static_cast<double>(j.known.value());
        *j.loss = divisor != 0.0 ? static_cast<R>(all.sum / divisor) : j.empty_mean_is_zero ? R(0) : not_a_number<R>();
    }
}

template <class R> smxStatus_t run(const smx_call &call, const R *losses, bool divisor) {
    const smx_loss_workspace at = smx_loss_workspace_of(call.in.layout.type, call.rows);
    char *workspace = static_cast<char *>(call.workspace);
    job<R> j;
    j.losses = losses;
    j.counts_targets = smx_counts_divisor(&call);
    j.targets = targets_of(call);
    j.weights = {static_cast<const R *>(call.class_weights)};
    j.known = divisor_of<R>(call);
    j.known.counted = nullptr;
    j.rows = call.rows;
    j.cols = call.cols;
    j.empty_mean_is_zero = call.empty_mean == SMX_EMPTY_MEAN_ZERO;
    j.partials = reinterpret_cast<total *>(workspace + at.partials);
    j.ticket = call.handle->ticket;
    j.divisor = divisor ? reinterpret_cast<double *>(workspace + at.divisor) : nullptr;
    j.loss = static_cast<R *>(call.loss);
    const int64_t wanted = (call.rows + threads * rows_per_thread - 1) / (threads * rows_per_thread);
    const int64_t most = wanted < SMX_LOSS_PARTIALS ? wanted : SMX_LOSS_PARTIALS;
    return launch(call, kernel<R>, most > 0 ? most : 1, threads, j);
}

} // namespace smx::loss_sum

smxStatus_t smx_cuda_count_divisor(const smx_call &call) {
    if (call.in.layout.type == SMX_R_64F) return smx::loss_sum::run<double>(call, nullptr, true);
    return smx::loss_sum::run<float>(call, nullptr, true);
}

smxStatus_t smx_cuda_sum_losses(const smx_call &call) {
    if (call.in.layout.type == SMX_R_64F) return smx::loss_sum::run<double>(call, smx::row_losses_of<double>(call), false);
    return smx::loss_sum::run<float>(call, smx::row_losses_of<float>(call), false);
}
