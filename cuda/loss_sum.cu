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
    const int64_t *offsets; // of ragged rows
    bool empty_mean_is_zero;
    total *partials;
    unsigned *ticket;
    double *divisor; // where the divisor goes, or
    R *loss;         // where the loss goes

    __device__ double weight_of_row(int64_t row) const {
        const int64_t target = targets.of_row(row);
        if (target == targets.ignore_index) return 0.0;
        return target < 0 || target >= cols_of_row(cols, offsets, row) ? 1.0 : static_cast<double>(weights.of(target));
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

struct shape {
    static constexpr int threads = loss_sum::threads, cluster = 1;
    static constexpr bool one_turn = false;
    template <class P> static constexpr int min_blocks = 0;

    template <class R> static int64_t blocks(const job<R> &j) {
        const int64_t wanted = (j.rows + threads * rows_per_thread - 1) / (threads * rows_per_thread);
        return wanted < 1 ? 1 : wanted < SMX_LOSS_PARTIALS ? wanted : SMX_LOSS_PARTIALS;
    }

    template <class R> __device__ static void run(const job<R> &j, int64_t block, int64_t blocks) {
        const unsigned last = static_cast<unsigned>(blocks) - 1;
        total mine = {0.0, 0.0};
        for (int64_t row = block * threads + threadIdx.x; row < j.rows; row += blocks * threads) {
            if (j.losses != nullptr) mine.sum += static_cast<double>(j.losses[row]);
            if (j.counts_targets) mine.count += j.weight_of_row(row);
        }
        const total of_block = sum_over_block(mine);

        SHARED_VAR(bool, is_last);
        if (threadIdx.x == 0) {
            j.partials[block] = of_block;
            __threadfence();
            is_last = atomicInc(j.ticket, last) == last; // wraps to 0 for the next launch
        }
        __syncthreads();
        if (!is_last) return;
        __threadfence();
        static_assert(SMX_LOSS_PARTIALS <= threads, "a thread for each block");
        const total all = sum_over_block(threadIdx.x <= last ? j.partials[threadIdx.x] : total{0.0, 0.0});
        if (threadIdx.x != 0) return;
        if (j.divisor != nullptr) {
            *j.divisor = all.count;
        } else {
            const double divisor = j.counts_targets ? all.count : static_cast<double>(j.known.value());
            *j.loss = divisor != 0.0 ? static_cast<R>(all.sum / divisor) : j.empty_mean_is_zero ? R(0) : not_a_number<R>();
        }
    }
};

template <class R> job<R> job_of(const smx_call &call, bool divisor, unsigned *ticket) {
    const smx_loss_workspace at = smx_loss_workspace_of(call.in.layout.type, call.rows);
    char *workspace = static_cast<char *>(call.workspace);
    job<R> j;
    j.losses = divisor ? nullptr : row_losses_of<R>(call);
    j.counts_targets = smx_counts_divisor(&call);
    j.targets = targets_of(call);
    j.weights = {static_cast<const R *>(call.class_weights)};
    j.known = divisor_of<R>(call);
    j.known.counted = nullptr;
    j.rows = call.rows;
    j.cols = call.cols;
    j.offsets = call.in.offsets;
    j.empty_mean_is_zero = call.empty_mean == SMX_EMPTY_MEAN_ZERO;
    j.partials = reinterpret_cast<total *>(workspace + at.partials);
    j.ticket = ticket;
    j.divisor = divisor ? reinterpret_cast<double *>(workspace + at.divisor) : nullptr;
    j.loss = static_cast<R *>(call.loss);
    return j;
}

smxStatus_t run(const smx_call &call, bool divisor) {
    if (call.in.layout.type == SMX_R_64F) return launch_one(call, shape{}, job_of<double>(call, divisor, call.handle->ticket));
    return launch_one(call, shape{}, job_of<float>(call, divisor, call.handle->ticket));
}

// Problems of one launch must not share a ticket.
template <class R> smxStatus_t run_many(const alike &calls, batch_memory &memory, bool divisor) {
    unsigned *tickets, *tickets_there;
    if (!memory.take(calls.count, &tickets, &tickets_there)) return batch_is_too_large(calls, memory);
    if (!memory.launching) memset(tickets, 0, static_cast<size_t>(calls.count) * sizeof *tickets);
    return launch_many<job<R>>(calls, memory, shape{},
                               [&](const smx_call &call, int i) { return job_of<R>(call, divisor, tickets_there + i); });
}

smxStatus_t run_many(const alike &calls, batch_memory &memory, bool divisor) {
    return calls.at[0]->in.layout.type == SMX_R_64F ? run_many<double>(calls, memory, divisor) : run_many<float>(calls, memory, divisor);
}

} // namespace smx::loss_sum

smxStatus_t smx_cuda_count_divisor(const smx_call &call) { return smx::loss_sum::run(call, true); }
smxStatus_t smx_cuda_sum_losses(const smx_call &call) { return smx::loss_sum::run(call, false); }

smxStatus_t smx_cuda_count_divisors_of_many(const smx::alike &calls, smx::batch_memory &memory) {
    return smx::loss_sum::run_many(calls, memory, true);
}
smxStatus_t smx_cuda_sum_losses_of_many(const smx::alike &calls, smx::batch_memory &memory) {
    return smx::loss_sum::run_many(calls, memory, false);
}
