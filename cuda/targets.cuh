// What a loss row knows of its target, of its upstream gradient, and where its results go.
#pragma once
#include "internal.h"
#include "row_state.cuh"

namespace smx {

// The index of a target on its way: as it is in memory, the words behind it 0.
struct asked_target {
    unsigned low, high;
};

struct target_indices {
    const void *data; // NULL: the targets are no indices
    smxDataType_t type;
    int64_t ignore_index;

    __device__ asked_target ask(int64_t row) const {
        if (data == nullptr) return {0, 0};
        if (type == SMX_R_64I) {
            const uint64_t both = static_cast<const uint64_t *>(data)[row];
            return {static_cast<unsigned>(both), static_cast<unsigned>(both >> 32)};
        }
        if (type == SMX_R_32I) return {static_cast<const uint32_t *>(data)[row], 0};
        return {static_cast<const uint8_t *>(data)[row], 0};
    }
    __device__ int64_t of(asked_target asked) const {
        if (type == SMX_R_32I) return static_cast<int32_t>(asked.low);
        return static_cast<int64_t>(uint64_t{asked.high} << 32 | asked.low);
    }
    __device__ int64_t of_row(int64_t row) const { return of(ask(row)); }
};

inline target_indices targets_of(const smx_call &call) { return {call.indices.data, call.indices.type, call.ignore_index}; }

// A row whose target is ignored, or outside [0, cols): its logits are not read, its loss is 0 or NaN, its gradient 0.
struct target_line {
    int64_t target;
    bool skip, bad;
};

// For smxGetBadTargets; by one thread of the row.
__device__ __forceinline__ void count_bad_row(smx_bad_targets *seen, int64_t row) {
    assume_global(seen);
    atomicAdd(&seen->count, 1ull);
    atomicMin(&seen->first_row, static_cast<long long>(row));
}

__device__ __forceinline__ target_line line_of_target(const target_indices &targets, asked_target asked, int64_t row, int64_t cols,
                                                      smx_bad_targets *seen, bool leader) {
    const int64_t target = targets.of(asked);
    const bool none = targets.data == nullptr, ignored = !none && target == targets.ignore_index;
    const bool bad = !none && !ignored && (target < 0 || target >= cols);
    if (bad && leader) count_bad_row(seen, row);
    return {none || ignored || bad ? -1 : target, ignored || bad, bad};
}

// Of the classes; NULL: all 1.
template <class R> struct class_weights {
    const R *data;
    __device__ R of(int64_t target) const { return data == nullptr ? R(1) : data[target]; }
};

// The divisor of a mean: counted on the device (loss_sum.cu), the caller's, or known.
template <class R> struct mean_divisor {
    const double *counted;
    const R *given;
    R known;

    __device__ R value() const { return given != nullptr ? *given : counted != nullptr ? static_cast<R>(*counted) : known; }
};

template <class R> mean_divisor<R> divisor_of(const smx_call &call) {
    const size_t at = smx_loss_workspace_of(call.in.layout.type, call.rows).divisor;
    const double *counted = reinterpret_cast<const double *>(static_cast<const char *>(call.workspace) + at);
    return {smx_counts_divisor(&call) ? counted : nullptr, static_cast<const R *>(call.device_divisor),
            call.reduction == SMX_REDUCTION_MEAN ? static_cast<R>(call.rows) : R(1)};
}

// What the gradient of a row is multiplied by: upstream gradient / divisor of the mean. A mean of nothing has no gradient.
template <class R> struct upstream_gradient {
    const R *given; // NULL: 1
    bool per_row;
    mean_divisor<R> divisor;

    __device__ R ask(int64_t row) const { return given == nullptr ? R(1) : given[per_row ? row : 0]; }
};

template <class R> upstream_gradient<R> upstream_of(const smx_call &call) {
    return {static_cast<const R *>(call.grad_loss), call.reduction == SMX_REDUCTION_NONE, divisor_of<R>(call)};
}

// Where row losses go: to the caller with REDUCTION_NONE, else to the workspace, to be summed there; those of a part of a batch to theirs.
template <class R> R *row_losses_of(const smx_call &call) {
    if (call.loss == nullptr) return nullptr;
    if (call.row_losses != nullptr) return static_cast<R *>(call.row_losses);
    if (call.reduction == SMX_REDUCTION_NONE) return static_cast<R *>(call.loss);
    return reinterpret_cast<R *>(static_cast<char *>(call.workspace) + smx_loss_workspace_of(call.in.layout.type, call.rows).row_losses);
}

// What a row yields as a whole: its loss and its logsumexp.
template <class R> struct row_yield {
    R *losses, *lse; // NULL: not wanted

    __device__ void write(int64_t row, R loss, R log_sum_exp) const {
        if (losses != nullptr) losses[row] = loss;
        if (lse != nullptr) lse[row] = log_sum_exp;
    }
    // A row without a valid target.
    __device__ void write_skipped(int64_t row, bool bad) const {
        const R value = bad ? not_a_number<R>() : R(0);
        write(row, value, value);
    }
};

template <class R> row_yield<R> yield_of(const smx_call &call) {
    const bool writes_lse = call.op != SMX_OP_CROSS_ENTROPY_BACKWARD;
    return {row_losses_of<R>(call), writes_lse ? static_cast<R *>(call.lse) : nullptr};
}

// a * (lse - scale * x), without the cancellation. A class of weight 0 adds nothing, not even at x = -inf.
template <class R> __device__ __forceinline__ R weighted_loss(const distribution<R> &d, R a, R x, R scale) {
    return a * (d.ln_sum + (a == R(0) ? R(0) : scale * (d.reference - x)));
}

// What the logsumexp adds to a loss and to its gradient by p.
template <class R> struct z_loss {
    R z;
    __device__ R of(R lse) const { return z == R(0) ? R(0) : z * lse * lse; } // the square may be infinite
    __device__ R share(R lse) const { return R(2) * z * lse; }
};

} // namespace smx
