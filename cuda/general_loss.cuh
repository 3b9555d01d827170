// The cross-entropy with all options, for index and probability targets: the row program, and what it reduces beside the row state.
// smx.h has the formulas; here u are the logits but for their factor (softcap.cuh) and a the terms, what an index target has of its
// own excepted.
#pragma once
#include "operations.cuh"
#include "softcap.cuh"
#include "targets.cuh"

namespace smx {

template <class R> __device__ __forceinline__ R distance(R a, R u, R reference) { return a == R(0) ? R(0) : a * (reference - u); }

// The state of elements, sum a, and sum a * (reference - u) with the reference of the state. No term of an ordinary row is negative,
// so nothing cancels.
template <class R> struct loss_sums {
    row_state<R> state;
    R weight, distances;

    __device__ static loss_sums empty() { return {row_state<R>::empty(), R(0), R(0)}; }

    __device__ R distances_from(R reference) const {
        return weight == R(0) ? distances : distances + weight * (reference - reference_of(state.max));
    }
    template <class Group> __device__ loss_sums merged(R factor) const {
        const row_state<R> all = state.template merged<Group>(factor);
        return {all, Group::sum(weight), Group::sum(distances_from(reference_of(all.max)))};
    }
    __device__ loss_sums merged_with(const loss_sums &other, R factor) const {
        const row_state<R> all = state.merged_with(other.state, factor);
        const R reference = reference_of(all.max);
        return {all, weight + other.weight, distances_from(reference) + other.distances_from(reference)};
    }
    template <int n> __device__ static loss_sums of_parts(const loss_sums (&parts)[n], R factor) {
        row_state<R> states[n];
#pragma unroll
        for (int i = 0; i < n; i++) states[i] = parts[i].state;
        loss_sums all = {row_state<R>::of_parts(states, factor), R(0), R(0)};
#pragma unroll
        for (int i = 0; i < n; i++) {
            all.weight += parts[i].weight;
            all.distances += parts[i].distances_from(reference_of(all.state.max));
        }
        return all;
    }
    // term(j): a of element j
    template <int n, class F> __device__ __forceinline__ void add(const R (&u)[n], F term, R factor) {
        const R before = state.max;
        state.add(u, factor);
        const R reference = reference_of(state.max);
        R added_weight = R(0), added = R(0);
#pragma unroll
        for (int j = 0; j < n; j++) {
            const R a = term(j);
            added_weight += a;
            added += distance(a, u[j], reference);
        }
        distances = (weight == R(0) ? distances : distances + weight * (reference - reference_of(before))) + added;
        weight += added_weight;
    }
};

// terms_vary: every element has a term of its own, a second number. Else all of a row have the same, its share of smoothing; until
// finish(), which knows the row's columns, that of the longest row.
template <class T, bool gradient, bool terms_vary> struct general_loss_program {
    using element = T;
    using real = real_of<T>;
    using reduction = loss_sums<real>;
    static constexpr bool two_numbers = terms_vary, reduces = true, writes = gradient, two_at_once = !terms_vary, few_shapes = true,
                          also_strided = true;

    row_operands rows;
    soft_cap<real> cap;
    target_indices targets;
    class_weights<real> weights;
    real kept, smoothing; // shares of a target that go to the target itself, and to all classes together
    z_loss<real> z;
    upstream_gradient<real> upstream;
    const real *given_lse; // of a backward call, or NULL
    row_yield<real> yield;
    smx_bad_targets *bad_targets;

    struct line {
        bool skip;
        int64_t target; // -1: probabilities
        T x_target;
        real weight;
    };
    struct result {
        bool zero;
        distribution<real> d;
        real g, share, spread, a_target;
    };
    struct value {
        real p, slope;
    };

    __device__ real factor() const { return factor_of(cap.scale_of_logits()); }
    __device__ real spread_over(int64_t cols) const { return smoothing / static_cast<real>(cols); }
    // What the terms of a row are to be multiplied by.
    __device__ real excess_of(int64_t row) const {
        if (terms_vary || rows.offsets == nullptr) return real(1);
        return static_cast<real>(rows.cols) / static_cast<real>(rows.cols_of(row));
    }

    __device__ asked_target key(int64_t row) const { return targets.ask(row); }
    __device__ line begin(asked_target asked, int64_t row, bool leader) const {
        const target_line t = line_of_target(targets, asked, row, rows.cols_of(row), bad_targets, leader);
        if (leader && t.skip) yield.write_skipped(row, t.bad);
        return {t.skip, t.target, T(), real(0)};
    }
    template <class At> __device__ void own(line &l, int64_t, bool leader, At at) const {
        if (!l.skip && l.target >= 0) {
            if (leader) l.x_target = *at(l.target);
            l.weight = weights.of(l.target);
        }
    }

    template <class Part, class X, class W>
    __device__ __forceinline__ void ask(const Part &part, int64_t row, bool wanted, X &u, W &a) const {
        part.ask_first(rows.in, wanted, minus_infinity<T>(), u);
        if constexpr (terms_vary) part.ask(rows.second, row, a);
    }
    template <class Part, class X, class W> __device__ __forceinline__ void arrive(const Part &part, int64_t row, X &u, W &a) const {
        part.template first_arrives<T>(rows.in, u);
        if (cap.cap > real(0)) part.map_present(-infinity<real>(), u, [&](real x) { return cap.logit(x); });
        if constexpr (terms_vary) {
            const real spread = spread_over(rows.cols_of(row));
            if (rows.second.data != nullptr) part.arrive(rows.second, row, a);
            if (smoothing != real(0)) part.map_present(real(0), a, [&](real q) { return kept * q + spread; });
            if (weights.data != nullptr) part.multiply_by_column(weights.data, a);
        }
    }
    // Of element k of a part.
    template <class Part, int m> __device__ __forceinline__ real term(const Part &part, int k, const real (&a)[m]) const {
        if constexpr (terms_vary)
            return a[k];
        else
            return smoothing != real(0) && part.present(k) ? spread_over(rows.cols) : real(0);
    }

    template <class Part, int n, int m>
    __device__ __forceinline__ void accumulate(reduction &r, const Part &part, const real (&u)[n], const real (&a)[m]) const {
        r.add(
            u, [&](int k) { return term(part, k, a); }, factor());
    }
    // Exponentials are kept, unless the slope of the cap will need the logits.
    template <class Lanes, int n> __device__ __forceinline__ real largest(const real (&u)[n]) const { return Lanes::max(max_of(u)); }
    template <class Lanes, class Part, int n, int m>
    __device__ __forceinline__ reduction reduce(const Part &part, real max, real (&u)[n], const real (&a)[m]) const {
        const real reference = reference_of(max);
        real weight = real(0), distances = real(0);
        const real sum = sum_by_halves<n>([&](int j) {
            const real e = exponential(u[j], reference, factor()), t = term(part, j, a);
            weight += t;
            distances += distance(t, u[j], reference);
            if (gradient) u[j] = selected(cap.cap == real(0), e, u[j]);
            return e;
        });
        return {{max, Lanes::sum(sum)}, Lanes::sum(weight), Lanes::sum(distances)};
    }

    __device__ result finish(const line &l, const reduction &r, int64_t row, bool leader) const {
        const real scale = cap.scale_of_logits(), excess = excess_of(row), a_target = kept * l.weight;
        auto d = distribution<real>::of(r.state, scale);
        const real weight = r.weight * excess + a_target;
        if (leader && !l.skip) {
            const real of_target = distance(a_target, cap.logit(to_real(l.x_target)), d.reference);
            yield.write(row, weight * d.ln_sum + scale * (r.distances * excess + of_target) + z.of(d.lse), d.lse);
        }
        if constexpr (!gradient) return {};
        if (given_lse != nullptr) d.rescale_to(given_lse[row], scale);
        const real divisor = upstream.divisor.value();
        return {l.skip || divisor == real(0),    d,       upstream.ask(row) / divisor, weight + z.share(d.lse),
                excess * spread_over(rows.cols), a_target};
    }

    __device__ value value_of_element(const result &r, real u) const {
        return {exponential(u, r.d.reference, factor()) * r.d.normalizer, cap.slope(u)};
    }
    __device__ real scale_of_kept(const result &r, const reduction &of_lanes) const {
        return exponential(of_lanes.state.max, r.d.reference, factor()) * r.d.normalizer;
    }
    __device__ value value_of_kept(const result &r, real kept, real scale_of_kept) const {
        if (cap.cap > real(0)) return value_of_element(r, kept);
        return {kept * scale_of_kept, cap.scale};
    }
    __device__ real output(const result &r, const value &v, real own, bool is_target) const {
        const real a = terms_vary ? own : r.spread;
        return r.g * v.slope * (v.p * r.share - (is_target ? a + r.a_target : a));
    }
};

// Does a call that reduces its rows take this program? The others are not compiled for row_strided.
inline bool is_general(const smx_call &call) { return call.strided || smx_is_general_loss(&call); }

template <class P> P general_loss_of(const smx_call &call) {
    using R = typename P::real;
    P program;
    program.rows = operands_of(call);
    program.cap = soft_cap<R>::of(call.softcap, call.scale);
    program.targets = targets_of(call);
    program.weights = {static_cast<const R *>(call.class_weights)};
    program.kept = static_cast<R>(1.0 - static_cast<double>(call.label_smoothing));
    program.smoothing = static_cast<R>(call.label_smoothing);
    program.z = {static_cast<R>(call.z_loss)};
    program.upstream = upstream_of<R>(call);
    program.given_lse = call.op == SMX_OP_CROSS_ENTROPY_BACKWARD ? static_cast<const R *>(call.lse) : nullptr;
    program.yield = yield_of<R>(call);
    program.bad_targets = call.handle->bad_targets;
    return program;
}

// f(tag of the program)
template <class T, bool gradient, class F> smxStatus_t with_general_loss(const smx_call &call, F f) {
    if (smx_terms_vary(&call)) return f(type_tag<general_loss_program<T, gradient, true>>{});
    return f(type_tag<general_loss_program<T, gradient, false>>{});
}

template <class T, bool gradient> smxStatus_t run_general_loss(const smx_call &call) {
    return with_general_loss<T, gradient>(
        call, [&](auto tag) { return run_in_family(call, general_loss_of<typename decltype(tag)::type>(call)); });
}

template <class T, bool gradient> smxStatus_t run_general_losses(const alike &calls, batch_memory &memory) {
    return with_general_loss<T, gradient>(*calls.at[0], [&](auto tag) {
        using P = typename decltype(tag)::type;
        return run_many_in_family<P>(calls, memory, general_loss_of<P>);
    });
}

} // namespace smx
