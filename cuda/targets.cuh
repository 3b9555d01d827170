// What a loss row knows of its target and of its upstream gradient.
#pragma once
#include "row_state.cuh"
#include "internal.h"

namespace smx {

struct target_indices {
    const void *data;
    smxDataType_t type;
    int64_t ignore_index;

    __device__ int64_t of_row(int64_t row) const {
        if (type == SMX_R_64I) return static_cast<const int64_t *>(data)[row];
        if (type == SMX_R_32I) return static_cast<const int32_t *>(data)[row];
        return static_cast<const uint8_t *>(data)[row];
    }
};

inline target_indices targets_of(const smx_call &call) { return {call.targets.data, call.targets.type, call.ignore_index}; }

// A row whose target is ignored, or outside [0, cols): its logits are not read, its loss is 0 or NaN, its gradient 0.
struct target_line {
    int64_t target;
    bool skip, bad;
};

__device__ __forceinline__ target_line line_of_target(const target_indices &targets, int64_t row, int64_t cols, smx_bad_targets *seen,
                                                      bool leader) {
    const int64_t target = targets.of_row(row);
    const bool ignored = target == targets.ignore_index, bad = !ignored && (target < 0 || target >= cols);
    if (bad && leader) {
        atomicAdd(&seen->count, 1ull);
        atomicMin(&seen->first_row, static_cast<long long>(row));
    }
    return {target, ignored || bad, bad};
}

// The factor of a row's gradient: upstream gradient * logit scale / divisor of the mean.
template <class R> struct upstream_gradient {
    const R *given; // NULL: 1
    bool per_row;
    R scale;
    const double *divisor; // NULL: 1

    __device__ R of_row(int64_t row) const {
        const R g = (given == nullptr ? R(1) : given[per_row ? row : 0]) * scale;
        return divisor == nullptr ? g : g / static_cast<R>(*divisor);
    }
};

template <class R> upstream_gradient<R> upstream_of(const smx_call &call) {
    const char *workspace = static_cast<const char *>(call.workspace);
    const size_t at = smx_loss_workspace_of(call.in.layout.type, call.rows).divisor;
    const double *divisor = call.reduction == SMX_REDUCTION_MEAN ? reinterpret_cast<const double *>(workspace + at) : nullptr;
    return {static_cast<const R *>(call.grad_loss), call.reduction == SMX_REDUCTION_NONE, static_cast<R>(call.scale), divisor};
}

// Where row losses go: to the caller with REDUCTION_NONE, else to the workspace, to be summed there.
template <class R> R *row_losses_of(const smx_call &call) {
    if (call.loss == nullptr) return nullptr;
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
};

} // namespace smx
