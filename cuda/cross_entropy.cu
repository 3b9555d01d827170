// Row program of logsumexp and of the cross-entropy loss without its gradient: a row in, numbers of the row out.
#include "operations.cuh"
#include "targets.cuh"

namespace smx {

template <class T> struct loss_program : reads_logits<T, false> {
    using typename reads_logits<T, false>::real;
    static constexpr bool writes = false;
    target_indices targets; // data NULL: logsumexp alone
    row_yield<real> yield;
    smx_bad_targets *bad_targets;

    struct line {
        bool skip, bad;
        real x_target;
    };
    struct result {};

    __device__ line begin(int64_t row, bool leader) const {
        if (targets.data == nullptr) return {false, false, real(0)};
        const target_line t = line_of_target(targets, row, this->rows.cols, bad_targets, leader);
        return {t.skip, t.bad, leader && !t.skip ? to_real(this->rows.in.template row<T>(row)[t.target]) : real(0)};
    }
    __device__ result finish(const line &l, row_state<real> s, int64_t row, bool leader) const {
        if (leader) {
            const auto d = distribution<real>::of(s, this->scale);
            const real skipped = l.bad ? not_a_number<real>() : real(0);
            yield.write(row, l.skip ? skipped : -d.log_probability(l.x_target, this->scale), l.skip ? skipped : d.lse);
        }
        return {};
    }
};

} // namespace smx

smxStatus_t smx_cuda_row_losses(const smx_call &call) {
    using namespace smx;
    return with_type(call.in.layout.type, [&](auto tag) {
        using P = loss_program<typename decltype(tag)::type>;
        using R = typename P::real;
        P program;
        program.rows = operands_of(call);
        program.scale = static_cast<R>(call.scale);
        program.targets = targets_of(call);
        program.yield = {row_losses_of<R>(call), static_cast<R *>(call.lse)};
        program.bad_targets = call.handle->bad_targets;
        return run_in_family(call, program);
    });
}
