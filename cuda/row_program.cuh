// Row programs: what an operation reads of a row, reduces over it and writes. A family (row_registers, row_stream, row_map,
// row_strided) says how a row is held and knows nothing of operations; a program knows nothing of threads. A program is a plain
// struct that can be copied byte by byte, with
//
//   element                 type of the first operand; the types of the others are known at run time only
//   rows                    the operands
//   two_numbers             does it keep a second number for every element: a second operand, or something made from one
//   reduces, writes         is there something to reduce; is there something to write for every element
//   two_at_once             may the lanes of row_registers hold two short rows at a time: do their lines leave registers for it
//   few_shapes              is it so large that it is compiled for few of the shapes of row_registers only
//   also_strided            is it compiled for row_strided
//   key(row)                -> what tells whether the row is to be looked at: its target. Asked for, not waited for.
//   begin(key, row, leader) -> line: waits for the key. Every thread of the row calls it, one of them as leader. line.skip: the
//                           elements are not to be looked at; line.target: the one that output() treats as such, -1 if none
//   own(line, row, leader, at)        asks for what else the row has of its own (target's logit, upstream gradient), as it is in memory,
//                           and keeps it in the line; waits for nothing. at(column): where an element of the first operand is
//   ask(part, row, wanted, x, w)      asks for the elements of a part of the row, and for what else there is; waits for nothing
//   arrive(part, row, x, w)           waits: elements in x, what else there is in w; what is beyond the end of the row, or not
//                           wanted, is replaced by what changes no reduction
//   reduction, factor()     row_state, row_sum or loss_sums, and what its merge needs to know
//   accumulate(r, part, x, w)         adds elements to a reduction
//   largest<lanes>(x)       what reduce() has to know first of all that a group of lanes holds: the max, if it uses that
//   reduce<lanes>(part, largest, x, w)      the reduction of all that they hold; may leave something dear to compute in x
//   finish(line, r, row, leader) -> result: the reduction is that of the row; the leader writes what the row yields as a whole. Of
//                           programs that reduce nothing: finish(line, row). result.zero: zeros are to be written.
//   value_of_element(result, x)       what output() works on, from an element
//   scale_of_kept(result, r),         the same, from what reduce() left in x while it had found r
//   value_of_kept(result, x, scale)
//   output(result, value, w, is_target)     -> the element to write
#pragma once
#include "row_io.cuh"
#include "row_reduce.cuh"

namespace smx {

// Columns of a row: of ragged rows `cols` is the most, and a row whose offsets cannot be right has none.
__device__ __forceinline__ int64_t cols_of_row(int64_t cols, const int64_t *offsets, int64_t row) {
    if (offsets == nullptr) return cols;
    const int64_t own = offsets[row + 1] - offsets[row];
    return own >= 0 && own <= cols ? own : 0;
}

struct no_key {};

struct row_operands {
    operand in, second, out;
    int64_t rows, cols, inner;
    const int64_t *offsets; // that have the lengths of ragged rows
    int64_t slice;          // columns of each of the slices that row_stream makes of a row

    __device__ int64_t cols_of(int64_t row) const { return cols_of_row(cols, offsets, row); }
    __device__ int64_t slices_of(int64_t row) const { return cols_of(row) <= slice ? 1 : (cols_of(row) + slice - 1) / slice; }

    // at() of own() for rows whose elements are adjacent.
    template <class T> __device__ auto in_row(int64_t row) const {
        return [this, row](int64_t column) { return in.row<const T>(row) + column; };
    }
};

// Half a program: reads logits, reduces them to their row state. output() works on probabilities, then the exponentials that the
// sum needs are kept and no other is computed; or on the elements.
template <class T, bool works_on_probabilities> struct reads_logits {
    using element = T;
    using real = real_of<T>;
    using reduction = row_state<real>;
    static constexpr bool two_numbers = false, reduces = true, two_at_once = true, few_shapes = false, also_strided = true;

    row_operands rows;
    real scale;

    __device__ real factor() const { return factor_of(scale); }

    template <class Part, class X, class W> __device__ __forceinline__ void ask(const Part &part, int64_t, bool wanted, X &x, W &) const {
        part.ask_first(rows.in, wanted, minus_infinity<T>(), x);
    }
    template <class Part, class X, class W> __device__ __forceinline__ void arrive(const Part &part, int64_t, X &x, W &) const {
        part.template first_arrives<T>(rows.in, x);
    }
    template <class Part, int n, int m>
    __device__ __forceinline__ void accumulate(reduction &r, const Part &, const real (&x)[n], const real (&)[m]) const {
        r.add(x, factor());
    }

    template <class Lanes, int n> __device__ __forceinline__ real largest(const real (&x)[n]) const { return Lanes::max(max_of(x)); }
    template <class Lanes, class Part, int n, int m>
    __device__ __forceinline__ reduction reduce(const Part &, real max, real (&x)[n], const real (&)[m]) const {
        const real reference = reference_of(max);
        const real sum = sum_by_halves<n>([&](int j) {
            const real e = exponential(x[j], reference, factor());
            if constexpr (works_on_probabilities) x[j] = e;
            return e;
        });
        return {max, Lanes::sum(sum)};
    }

    template <class Result> __device__ __forceinline__ real value_of_element(const Result &result, real x) const {
        if constexpr (works_on_probabilities)
            return exponential(x, result.d.reference, factor()) * result.d.normalizer;
        else
            return x;
    }
    // The kept exponentials are relative to the max of their lanes; where that is -inf they are 0 and stay so.
    template <class Result> __device__ __forceinline__ real scale_of_kept(const Result &result, const reduction &of_lanes) const {
        return exponential(of_lanes.max, result.d.reference, factor()) * result.d.normalizer;
    }
    template <class Result> __device__ __forceinline__ real value_of_kept(const Result &, real x, real scale_of_kept) const {
        if constexpr (works_on_probabilities)
            return x * scale_of_kept;
        else
            return x;
    }
};

// Half a program: reads a result y and its gradient dy, reduces them to the sum of Program::term(y, dy).
template <class T, class Program> struct reads_gradient {
    using element = T;
    using real = real_of<T>;
    using reduction = row_sum<real>;
    static constexpr bool two_numbers = true, reduces = true, writes = true, two_at_once = false, few_shapes = false, also_strided = true;
    struct line {
        static constexpr bool skip = false;
        static constexpr int64_t target = -1;
    };
    struct result : reduction {
        static constexpr bool zero = false;
    };

    row_operands rows;
    real scale;

    __device__ real factor() const { return real(1); }
    __device__ no_key key(int64_t) const { return {}; }
    __device__ line begin(no_key, int64_t, bool) const { return {}; }
    template <class At> __device__ void own(line &, int64_t, bool, At) const {}

    template <class Part, class X> __device__ __forceinline__ void ask(const Part &part, int64_t row, bool wanted, X &y, X &dy) const {
        part.ask_first(rows.in, wanted, T(), y);
        part.ask(rows.second, row, dy);
    }
    template <class Part, class X> __device__ __forceinline__ void arrive(const Part &part, int64_t row, X &y, X &dy) const {
        part.template first_arrives<T>(rows.in, y);
        part.arrive(rows.second, row, dy);
    }
    template <class Part, int n>
    __device__ __forceinline__ void accumulate(reduction &r, const Part &, const real (&y)[n], const real (&dy)[n]) const {
        real part[2] = {real(0), real(0)};
#pragma unroll
        for (int j = 0; j < n; j++) part[j % 2] += Program::term(y[j], dy[j]);
        r.sum += part[0] + part[1];
    }
    template <class Lanes, int n> __device__ __forceinline__ real largest(const real (&)[n]) const { return real(0); }
    template <class Lanes, class Part, int n>
    __device__ __forceinline__ reduction reduce(const Part &part, real, const real (&y)[n], const real (&dy)[n]) const {
        reduction r = reduction::empty();
        accumulate(r, part, y, dy);
        return r.template merged<Lanes>(factor());
    }

    __device__ result finish(line, reduction r, int64_t, bool) const { return {r}; }
    __device__ real value_of_element(const result &, real x) const { return x; }
    __device__ real scale_of_kept(const result &, const reduction &) const { return real(1); }
    __device__ real value_of_kept(const result &, real x, real) const { return x; }
};

} // namespace smx
