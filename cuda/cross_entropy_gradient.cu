// Row programs of the cross-entropy gradient: with the loss in one pass over the logits, or from the forward's logsumexp.
#include "operations.cuh"
#include "targets.cuh"

namespace smx {

// g * (p - [column = target]); p - 1 is formed before the only rounding to the output's type
template <class R> __device__ __forceinline__ R gradient_of(R g, R probability, int64_t column, int64_t target) {
    return g * (column == target ? probability - R(1) : probability);
}

template <class T> struct loss_gradient_program : reads_logits<T, true> {
    using typename reads_logits<T, true>::real;
    static constexpr bool writes = true;
    target_indices targets;
    upstream_gradient<real> upstream;
    row_yield<real> yield;
    smx_bad_targets *bad_targets;

    struct line {
        bool skip, bad;
        int64_t target;
        real x_target;
    };
    struct result {
        distribution<real> d;
        real g;
        int64_t target;
    };

    __device__ line begin(int64_t row, bool leader) const {
        const target_line t = line_of_target(targets, row, this->rows.cols, bad_targets, leader);
        return {t.skip, t.bad, t.target, leader && !t.skip ? to_real(this->rows.in.template row<T>(row)[t.target]) : real(0)};
    }
    __device__ result finish(const line &l, row_state<real> s, int64_t row, bool leader) const {
        const auto d = distribution<real>::of(s, this->scale);
        if (leader) {
            const real skipped = l.bad ? not_a_number<real>() : real(0);
            yield.write(row, l.skip ? skipped : -d.log_probability(l.x_target, this->scale), l.skip ? skipped : d.lse);
        }
        return {d, upstream.of_row(row), l.target};
    }
    __device__ real output(const result &r, real probability, real, int64_t column) const {
        return gradient_of(r.g, probability, column, r.target);
    }
};

template <class T> struct gradient_from_lse_program {
    using element = T;
    using real = real_of<T>;
    row_operands rows;
    real scale;
    target_indices targets;
    upstream_gradient<real> upstream;
    const real *lse;
    smx_bad_targets *bad_targets;

    struct line {
        bool skip;
        int64_t target;
        real lse, g;
    };

    __device__ static constexpr real missing() { return real(0); }
    __device__ line begin(int64_t row, bool leader) const {
        const target_line t = line_of_target(targets, row, rows.cols, bad_targets, leader);
        const real given = lse[row];
        const bool has_distribution = fabs(given) < infinity<real>();
        return {t.skip, t.target, has_distribution ? given : not_a_number<real>(), upstream.of_row(row)};
    }
    __device__ real value_of_element(const line &l, real x) const { return exponential(scale * x, l.lse, log2_e<real>); }
    __device__ real output(const line &l, real probability, real, int64_t column) const {
        return gradient_of(l.g, probability, column, l.target);
    }
};

} // namespace smx

smxStatus_t smx_cuda_row_loss_gradients(const smx_call &call) {
    using namespace smx;
    return with_type(call.in.layout.type, [&](auto tag) {
        using T = typename decltype(tag)::type;
        using R = real_of<T>;
        const auto fill = [&](auto &program) {
            program.rows = operands_of(call);
            program.scale = static_cast<R>(call.scale);
            program.targets = targets_of(call);
            program.upstream = upstream_of<R>(call);
            program.bad_targets = call.handle->bad_targets;
        };
        if (call.plan.row->kernel == SMX_KERNEL_ROW_MAP) {
            gradient_from_lse_program<T> program;
            fill(program);
            program.lse = static_cast<const R *>(call.lse);
            return row_map::run(call, program);
        }
        loss_gradient_program<T> program;
        fill(program);
        program.yield = {row_losses_of<R>(call), static_cast<R *>(call.lse)};
        return run_in_family(call, program);
    });
}
