// Row programs of the cross-entropy gradient: with the loss in one pass over the logits, or from the forward's logsumexp.
#pragma once
#include "general_loss.cuh"
#include "operations.cuh"

namespace smx {

// What the gradient of a row takes from it: dx = g * (p * share - [column = target] * a). The difference is formed before the only
// rounding to the output's type.
template <class R> struct plain_gradient {
    R g, share, a;
    int64_t target;

    __device__ R of(R probability, int64_t column) const {
        const R p = probability * share;
        return g * (column == target ? p - a : p);
    }
};

template <class T> struct loss_gradient_program : reads_logits<T, true> {
    using typename reads_logits<T, true>::real;
    static constexpr bool writes = true, two_at_once = false, also_strided = false;
    target_indices targets;
    class_weights<real> weights;
    z_loss<real> z;
    upstream_gradient<real> upstream;
    row_yield<real> yield;
    smx_bad_targets *bad_targets;

    struct line {
        bool skip, zero, bad;
        int64_t target;
        real x_target, a;
    };
    struct result {
        distribution<real> d;
        plain_gradient<real> gradient;
    };

    __device__ line begin(int64_t row, bool leader) const {
        const target_line t = line_of_target(targets, row, this->rows.cols_of(row), bad_targets, leader);
        return {t.skip,
                t.skip || upstream.none(),
                t.bad,
                t.target,
                leader && !t.skip ? to_real(*this->rows.template element<T>(this->rows.in, row, t.target)) : real(0),
                t.skip ? real(0) : weights.of(t.target)};
    }
    __device__ result finish(const line &l, row_state<real> s, int64_t row, bool leader) const {
        const auto d = distribution<real>::of(s, this->scale);
        if (leader && l.skip) yield.write_skipped(row, l.bad);
        if (leader && !l.skip) yield.write(row, weighted_loss(d, l.a, l.x_target, this->scale) + z.of(d.lse), d.lse);
        return {d, {upstream.of_row(row) * this->scale, l.a + z.share(d.lse), l.a, l.target}};
    }
    __device__ real output(const result &r, real probability, real, int64_t column) const { return r.gradient.of(probability, column); }
};

template <class T> struct gradient_from_lse_program {
    using element = T;
    using real = real_of<T>;
    static constexpr bool two_numbers = false, reduces = false, writes = true;
    row_operands rows;
    real scale;
    target_indices targets;
    class_weights<real> weights;
    z_loss<real> z;
    upstream_gradient<real> upstream;
    const real *lse;
    smx_bad_targets *bad_targets;

    struct line {
        bool skip, zero;
        real lse;
        plain_gradient<real> gradient;
    };

    __device__ line begin(int64_t row, bool leader) const {
        const target_line t = line_of_target(targets, row, rows.cols_of(row), bad_targets, leader);
        const real read = lse[row], a = t.skip ? real(0) : weights.of(t.target);
        const real given = fabs(read) < infinity<real>() ? read : not_a_number<real>(); // such a row has no distribution
        return {t.skip, t.skip || upstream.none(), given, {upstream.of_row(row) * scale, a + z.share(given), a, t.target}};
    }
    template <class Part, class X, class W>
    __device__ __forceinline__ void load(const Part &part, int64_t row, bool wanted, X &x, W &) const {
        part.template load_first<T>(rows.in, row, wanted, real(0), x, [](real element) { return element; });
    }
    __device__ real value_of_element(const line &l, real x) const { return exponential(scale * x, l.lse, log2_e<real>); }
    __device__ real output(const line &l, real probability, real, int64_t column) const { return l.gradient.of(probability, column); }
};

// What the two programs for index targets have in common.
template <class P> P indexed_program_of(const smx_call &call) {
    using R = typename P::real;
    P program;
    program.rows = operands_of(call);
    program.scale = static_cast<R>(call.scale);
    program.targets = targets_of(call);
    program.weights = {static_cast<const R *>(call.class_weights)};
    program.z = {static_cast<R>(call.z_loss)};
    program.upstream = upstream_of<R>(call);
    program.bad_targets = call.handle->bad_targets;
    return program;
}

template <class T> loss_gradient_program<T> loss_gradient_of(const smx_call &call) {
    auto program = indexed_program_of<loss_gradient_program<T>>(call);
    program.yield = yield_of<real_of<T>>(call);
    return program;
}

template <class T> gradient_from_lse_program<T> gradient_from_lse_of(const smx_call &call) {
    auto program = indexed_program_of<gradient_from_lse_program<T>>(call);
    program.lse = static_cast<const real_of<T> *>(call.lse);
    return program;
}

} // namespace smx
