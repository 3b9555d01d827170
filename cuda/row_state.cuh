// The row state, the one idea of this library: of a row, or of any part of one, its largest element and the sum of exponentials
// relative to it. Parts merge in any grouping, so the same merge serves lanes, warps, blocks and pieces of a streamed row; the
// empty part is (-inf, 0). host/cpu/row_state.h is its twin.
//
// Element x counts 2^((x - reference) * factor), with factor = scale * log2(e) and the reference
//   max   if that is finite. Differences are exact near the max, so elements of any magnitude are told apart as well as their
//         type can, also in rows of nothing but the most negative float;
//   0     if the max is -inf (every exponential and the sum are 0) or +inf (the sum is +inf, or NaN if there is a NaN).
#pragma once
#include "ptx.cuh"

namespace smx {

template <class R> __device__ __forceinline__ R infinity() { return static_cast<R>(INFINITY); }
template <class R> __device__ __forceinline__ R not_a_number() { return static_cast<R>(NAN); }
template <class R> constexpr R largest = static_cast<R>(sizeof(R) == sizeof(float) ? 3.402823466e+38 : 1.7976931348623157e+308);
template <class R> constexpr R log2_e = static_cast<R>(1.4426950408889634074);

// Of a number a and a NaN b: a. (fmax() of fp64 takes three times the instructions.)
__device__ __forceinline__ float larger(float a, float b) { return fmaxf(a, b); }
__device__ __forceinline__ double larger(double a, double b) { return b > a ? b : a; }

template <class R> __device__ __forceinline__ R reference_of(R max) { return fabs(max) < infinity<R>() ? max : R(0); }

// The factor of exponentials; an infinite one would make 0 * inf of the max.
template <class R> __host__ __device__ R factor_of(R scale) { return scale < largest<R> / log2_e<R> ? scale * log2_e<R> : largest<R>; }

template <class R> __device__ __forceinline__ R exponential(R x, R reference, R factor) { return exp2_fast((x - reference) * factor); }

// -inf for nothing but NaN: a NaN is passed over here and found by the sum.
template <class R, int n> __device__ __forceinline__ R max_of(const R (&x)[n], R at_least = -infinity<R>()) {
#pragma unroll
    for (int j = 0; j < n; j++) at_least = larger(at_least, x[j]);
    return at_least;
}

// The sum of term(first), term(first + 1), ... of n terms, by halves: log2(n) roundings lie between a term and the sum, where one after
// the other there are n, which all go the same way when an element is much larger than many equal ones.
template <int n, int first = 0, class Term> __device__ __forceinline__ auto sum_by_halves(Term term) {
    if constexpr (n == 1) {
        return term(first);
    } else {
        const auto left = sum_by_halves<n / 2, first>(term);
        return left + sum_by_halves<n - n / 2, first + n / 2>(term);
    }
}

template <class R> struct row_state {
    R max, sum;

    __device__ static row_state empty() { return {-infinity<R>(), R(0)}; }

    // What the sum counts relative to another reference. The state of no elements counts 0.
    __device__ R sum_relative_to(R reference, R factor) const { return sum * exponential(max, reference, factor); }

    // The state of all threads of a group (lanes of row_reduce.cuh): their max by a butterfly, one rescale of each sum, the sum by another.
    template <class Group> __device__ row_state merged(R factor) const {
        const R all = Group::max(max);
        return {all, Group::sum(sum_relative_to(reference_of(all), factor))};
    }
    __device__ row_state merged_with(const row_state &other, R factor) const {
        const R all = larger(max, other.max), reference = reference_of(all);
        return {all, sum_relative_to(reference, factor) + other.sum_relative_to(reference, factor)};
    }
    template <int n> __device__ static row_state of_parts(const row_state (&parts)[n], R factor) {
        R all = -infinity<R>(), total = R(0);
#pragma unroll
        for (int i = 0; i < n; i++) all = larger(all, parts[i].max);
#pragma unroll
        for (int i = 0; i < n; i++) total += parts[i].sum_relative_to(reference_of(all), factor);
        return {all, total};
    }

    // Adds n elements: their max first, then one rescale of the sum for all of them (the online update).
    template <int n> __device__ void add(const R (&x)[n], R factor) {
        const R new_max = max_of(x, max), reference = reference_of(new_max);
        const R added = sum_by_halves<n>([&](int j) { return exponential(x[j], reference, factor); });
        sum = sum_relative_to(reference, factor) + added;
        max = new_max;
    }
};

// What a finished row says of its elements. A row with +inf has no distribution (inf / inf): everything but lse is NaN.
template <class R> struct distribution {
    R reference;
    R normalizer; // probability = exponential * normalizer
    R ln_sum;     // log-probability = scale * (x - reference) - ln_sum
    R lse;        // log of the sum of exp(scale * x)

    __device__ static distribution of(row_state<R> s, R scale) {
        const R reference = reference_of(s.max), ln = log(s.sum);
        const bool infinite = s.sum == infinity<R>();
        return {reference, infinite ? not_a_number<R>() : R(1) / s.sum, infinite ? not_a_number<R>() : ln, scale * reference + ln};
    }
    __device__ R log_probability(R x, R scale) const { return scale * (x - reference) - ln_sum; }

    // Relative to a given logsumexp, which may be of more columns than these.
    __device__ void rescale_to(R given, R scale) {
        normalizer = fabs(given) < infinity<R>() ? exponential(scale * reference, given, log2_e<R>) : not_a_number<R>();
        lse = given;
    }
};

} // namespace smx
