// Row programs of logsumexp and of the cross-entropy loss without its gradient: a row in, numbers of the row out.
#pragma once
#include "general_loss.cuh"
#include "operations.cuh"

namespace smx {

// Index targets without smoothing and softcap: of a row, only the target's logit matters beside the row state.
template <class T> struct loss_program : reads_logits<T, false> {
    using typename reads_logits<T, false>::real;
    static constexpr bool writes = false, also_strided = false;
    target_indices targets; // none: logsumexp alone
    class_weights<real> weights;
    z_loss<real> z;
    row_yield<real> yield;
    smx_bad_targets *bad_targets;

    struct line {
        bool skip;
        int64_t target; // -1: none
        T x_target;
        real a;
    };
    struct result {};

    __device__ asked_target key(int64_t row) const { return targets.ask(row); }
    __device__ line begin(asked_target target, int64_t row, bool leader) const {
        const target_line t = line_of_target(targets, target, row, this->rows.cols_of(row), bad_targets, leader);
        if (leader && t.skip) yield.write_skipped(row, t.bad);
        return {t.skip, t.target, T(), real(0)};
    }
    template <class At> __device__ void own(line &l, int64_t, bool leader, At at) const {
        if (!leader || l.skip || l.target < 0) return;
        l.x_target = *at(l.target);
        l.a = weights.of(l.target);
    }
    __device__ result finish(const line &l, row_state<real> s, int64_t row, bool leader) const {
        if (leader && !l.skip) {
            const auto d = distribution<real>::of(s, this->scale);
            yield.write(row, weighted_loss(d, l.a, real{to_real(l.x_target)}, this->scale) + z.of(d.lse), d.lse);
        }
        return {};
    }
};

template <class T> loss_program<T> loss_of(const smx_call &call) {
    using R = real_of<T>;
    loss_program<T> program;
    program.rows = operands_of(call);
    program.scale = static_cast<R>(call.scale);
    program.targets = targets_of(call);
    program.weights = {static_cast<const R *>(call.class_weights)};
    program.z = {static_cast<R>(call.z_loss)};
    program.yield = yield_of<R>(call);
    program.bad_targets = call.handle->bad_targets;
    return program;
}

} // namespace smx
