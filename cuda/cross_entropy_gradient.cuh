// Row programs of the cross-entropy gradient: with the loss in one pass over the logits, or from the forward's logsumexp.
#pragma once
#include "general_loss.cuh"
#include "operations.cuh"

namespace smx {

// What the gradient of a row takes from it: dx = g * (p * share - [column = target] * a). The difference is formed before the only
// rounding to the output's type.
template <class R> struct plain_gradient {
    R g, share, a;

    __device__ R of(R probability, bool is_target) const {
        const R p = probability * share;
        return g * (is_target ? p - a : p);
    }
};

template <class T> struct loss_gradient_program : reads_logits<T, true> {
    using typename reads_logits<T, true>::real;
    static constexpr bool writes = true, two_at_once = true, also_strided = false;
    target_indices targets;
    class_weights<real> weights;
    z_loss<real> z;
    upstream_gradient<real> upstream;
    row_yield<real> yield;
    smx_bad_targets *bad_targets;

    struct line {
        bool skip;
        int64_t target;
        T x_target;
        real a, upstream;
    };
    struct result {
        bool zero;
        distribution<real> d;
        plain_gradient<real> gradient;
    };

    __device__ asked_target key(int64_t row) const { return targets.ask(row); }
    __device__ line begin(asked_target target, int64_t row, bool leader) const {
        const target_line t = line_of_target(targets, target, row, this->rows.cols_of(row), bad_targets, leader);
        if (leader && t.skip) yield.write_skipped(row, t.bad);
        return {t.skip, t.target, T(), real(0), real(0)};
    }
    template <class At> __device__ void own(line &l, int64_t row, bool leader, At at) const {
        if (leader && !l.skip) l.x_target = *at(l.target);
        if (!l.skip) l.a = weights.of(l.target);
        l.upstream = upstream.ask(row);
    }
    __device__ result finish(const line &l, row_state<real> s, int64_t row, bool leader) const {
        const auto d = distribution<real>::of(s, this->scale);
        if (leader && !l.skip) yield.write(row, weighted_loss(d, l.a, real{to_real(l.x_target)}, this->scale) + z.of(d.lse), d.lse);
        const real divisor = upstream.divisor.value();
        return {l.skip || divisor == real(0), d, {l.upstream / divisor * this->scale, l.a + z.share(d.lse), l.a}};
    }
    __device__ real output(const result &r, real probability, real, bool is_target) const { return r.gradient.of(probability, is_target); }
};

template <class T> struct gradient_from_lse_program {
    using element = T;
    using real = real_of<T>;
    static constexpr bool two_numbers = false, reduces = false, writes = true, few_shapes = false;
    row_operands rows;
    real scale;
    target_indices targets;
    class_weights<real> weights;
    z_loss<real> z;
    upstream_gradient<real> upstream;
    const real *lse;
    smx_bad_targets *bad_targets;

    struct line {
        bool skip;
        int64_t target;
        real lse, a, upstream;
    };
    struct result {
        bool zero;
        real lse;
        plain_gradient<real> gradient;
    };

    __device__ asked_target key(int64_t row) const { return targets.ask(row); }
    __device__ line begin(asked_target target, int64_t row, bool leader) const {
        const target_line t = line_of_target(targets, target, row, rows.cols_of(row), bad_targets, leader);
        return {t.skip, t.target, real(0), real(0), real(0)};
    }
    template <class At> __device__ void own(line &l, int64_t row, bool, At) const {
        if (!l.skip) l.a = weights.of(l.target);
        l.lse = lse[row];
        l.upstream = upstream.ask(row);
    }
    template <class Part, class X, class W> __device__ __forceinline__ void ask(const Part &part, int64_t, bool wanted, X &x, W &) const {
        part.ask_first(rows.in, wanted, T(), x);
    }
    template <class Part, class X, class W> __device__ __forceinline__ void arrive(const Part &part, int64_t, X &x, W &) const {
        part.template first_arrives<T>(rows.in, x);
    }
    __device__ result finish(const line &l, int64_t) const {
        const real given = fabs(l.lse) < infinity<real>() ? l.lse : not_a_number<real>(); // such a row has no distribution
        const real divisor = upstream.divisor.value();
        return {l.skip || divisor == real(0), given, {l.upstream / divisor * scale, l.a + z.share(given), l.a}};
    }
    __device__ real value_of_element(const result &r, real x) const { return exponential(scale * x, r.lse, log2_e<real>); }
    __device__ real output(const result &r, real probability, real, bool is_target) const { return r.gradient.of(probability, is_target); }
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
