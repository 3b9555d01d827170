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
    template <int n> __device__ void add(const R (&u)[n], const R (&a)[n], R factor) {
        const R before = state.max;
        state.add(u, factor);
        const R reference = reference_of(state.max);
        R added_weight = R(0), added = R(0);
#pragma unroll
        for (int j = 0; j < n; j++) {
            added_weight += a[j];
            added += distance(a[j], u[j], reference);
        }
        distances = (weight == R(0) ? distances : distances + weight * (reference - reference_of(before))) + added;
        weight += added_weight;
    }
};

template <class T, bool gradient> struct general_loss_program {
    using element = T;
    using real = real_of<T>;
    using reduction = loss_sums<real>;
    static constexpr bool two_numbers = true, reduces = true, writes = gradient, two_at_once = false, few_shapes = true,
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
        bool skip, zero, bad;
        int64_t target; // -1: probabilities
        real u_target, a_target;
    };
    struct result {
        distribution<real> d;
        real g, share;
        int64_t target;
        real a_target;
    };
    struct value {
        real p, slope;
    };

    __device__ real factor() const { return factor_of(cap.scale_of_logits()); }

    __device__ line begin(int64_t row, bool leader) const {
        const target_line t = line_of_target(targets, row, rows.cols_of(row), bad_targets, leader);
        const bool indexed = !t.skip && t.target >= 0;
        const bool zero = t.skip || (gradient && upstream.none());
        return {t.skip,
                zero,
                t.bad,
                t.target,
                indexed && leader ? cap.logit(to_real(*rows.element<T>(rows.in, row, t.target))) : real(0),
                indexed ? kept * weights.of(t.target) : real(0)};
    }

    template <class Part, class X> __device__ __forceinline__ void load(const Part &part, int64_t row, bool wanted, X &u, X &a) const {
        const real spread = smoothing / static_cast<real>(rows.cols_of(row));
        part.template load_first<T>(rows.in, row, wanted, -infinity<real>(), u, [&](real x) { return cap.logit(x); });
        if (rows.second.data != nullptr) {
            part.fill(real(0), a);
            part.update(rows.second, row, a, [&](real, real q) { return kept * q + spread; });
        } else {
            part.fill_present(spread, a);
        }
        if (weights.data != nullptr) part.update(weights_operand(), row, a, [](real t, real w) { return t * w; });
    }
    // The same values for every row.
    __device__ operand weights_operand() const {
        constexpr smxDataType_t type = sizeof(real) == sizeof(double) ? SMX_R_64F : SMX_R_32F;
        return {const_cast<real *>(weights.data), 0, 1, 0, type, false, nullptr};
    }

    template <int n> __device__ __forceinline__ void accumulate(reduction &r, const real (&u)[n], const real (&a)[n]) const {
        r.add(u, a, factor());
    }
    // Exponentials are kept, unless the slope of the cap will need the logits.
    template <class Lanes, int n> __device__ __forceinline__ reduction reduce(real (&u)[n], const real (&a)[n]) const {
        const real max = Lanes::max(max_of(u)), reference = reference_of(max);
        real sum = real(0), weight = real(0), distances = real(0);
#pragma unroll
        for (int j = 0; j < n; j++) {
            const real e = exponential(u[j], reference, factor());
            sum += e;
            weight += a[j];
            distances += distance(a[j], u[j], reference);
            if (gradient && cap.cap == real(0)) u[j] = e;
        }
        return {{max, Lanes::sum(sum)}, Lanes::sum(weight), Lanes::sum(distances)};
    }

    __device__ result finish(const line &l, const reduction &r, int64_t row, bool leader) const {
        const real scale = cap.scale_of_logits();
        auto d = distribution<real>::of(r.state, scale);
        const real weight = r.weight + l.a_target;
        if (leader && l.skip) yield.write_skipped(row, l.bad);
        if (leader && !l.skip)
            yield.write(row, weight * d.ln_sum + scale * (r.distances + distance(l.a_target, l.u_target, d.reference)) + z.of(d.lse),
                        d.lse);
        if constexpr (!gradient) return {};
        if (given_lse != nullptr) d.rescale_to(given_lse[row], scale);
        return {d, upstream.of_row(row), weight + z.share(d.lse), l.target, l.a_target};
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
    __device__ real output(const result &r, const value &v, real a, int64_t column) const {
        return r.g * v.slope * (v.p * r.share - (column == r.target ? a + r.a_target : a));
    }
};

// Does a call that reduces its rows take this program? The others are not compiled for row_strided.
inline bool is_general(const smx_call &call) { return call.strided || smx_is_general_loss(&call); }

template <class T, bool gradient> general_loss_program<T, gradient> general_loss_of(const smx_call &call) {
    using R = real_of<T>;
    general_loss_program<T, gradient> program;
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

} // namespace smx
