// Row programs: what an operation reads of a row, reduces over it and writes. A family (row_registers, row_stream, row_map,
// row_strided) says how a row is held and knows nothing of operations; a program knows nothing of threads. A program is a plain
// struct that can be copied byte by byte, with
//
//   element                 type of the first operand; the types of the others are known at run time only
//   rows                    the operands
//   two_numbers             does it keep a second number for every element: a second operand, or something made from one
//   reduces, writes         is there something to reduce; is there something to write for every element
//   two_at_once             may the lanes of row_registers hold two short rows at a time: do their lines leave registers for it
//   few_shapes              is it compiled for few of the shapes of row_registers only
//   also_strided            is it compiled for row_strided
//   begin(row, leader)      -> line: what the row has of its own (target, upstream gradient). Every thread of the row calls it, one
//                           of them as leader. line.skip: the elements are not to be looked at; line.zero: zeros are to be written.
//   load(part, row, wanted, x, w)     reads the elements of a part of the row to x, and to w what else there is; what is beyond the
//                           end of the row, or not wanted, is replaced by what changes no reduction
//   reduction, factor()     row_state, row_sum or loss_sums, and what its merge needs to know
//   accumulate(r, x, w)     adds elements to a reduction
//   reduce<lanes>(x, w)     the reduction of all that a group of lanes holds; may leave something dear to compute in x
//   finish(line, r, row, leader) -> result: the reduction is that of the row; the leader writes what the row yields as a whole
//   value_of_element(result, x)       what output() works on, from an element
//   scale_of_kept(result, r),         the same, from what reduce() left in x while it had found r
//   value_of_kept(result, x, scale)
//   output(result, value, w, column)  -> the element to write
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

struct row_operands {
    operand in, second, out;
    int64_t rows, cols, inner;
    const int64_t *offsets; // that have the lengths of ragged rows
    int64_t slice;          // columns of each of the slices that row_stream makes of a row

    __device__ int64_t cols_of(int64_t row) const { return cols_of_row(cols, offsets, row); }
    __device__ int64_t slices_of(int64_t row) const { return cols_of(row) <= slice ? 1 : (cols_of(row) + slice - 1) / slice; }

    // Any element of any row, for single reads.
    template <class S> __device__ S *element(const operand &o, int64_t row, int64_t column) const {
        return inner == 1 ? o.row<S>(row) + column * o.col_stride : o.element<S>(row / inner, column, row % inner);
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

    template <class Part, class X, class W>
    __device__ __forceinline__ void load(const Part &part, int64_t row, bool wanted, X &x, W &) const {
        part.template load_first<T>(rows.in, row, wanted, -infinity<real>(), x, [](real element) { return element; });
    }
    template <int n, int m> __device__ __forceinline__ void accumulate(reduction &r, const real (&x)[n], const real (&)[m]) const {
        r.add(x, factor());
    }

    template <class Lanes, int n, int m> __device__ __forceinline__ reduction reduce(real (&x)[n], const real (&)[m]) const {
        const real max = Lanes::max(max_of(x)), reference = reference_of(max);
        real part[2] = {real(0), real(0)};
#pragma unroll
        for (int j = 0; j < n; j++) {
            const real e = exponential(x[j], reference, factor());
            part[j % 2] += e;
            if constexpr (works_on_probabilities) x[j] = e;
        }
        return {max, Lanes::sum(part[0] + part[1])};
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
        static constexpr bool skip = false, zero = false;
    };

    row_operands rows;
    real scale;

    __device__ real factor() const { return real(1); }
    __device__ line begin(int64_t, bool) const { return {}; }

    template <class Part, class X> __device__ __forceinline__ void load(const Part &part, int64_t row, bool wanted, X &y, X &dy) const {
        part.template load_first<T>(rows.in, row, wanted, real(0), y, [](real element) { return element; });
        part.fill(real(0), dy);
        part.update(rows.second, row, dy, [](real, real element) { return element; });
    }
    template <int n> __device__ __forceinline__ void accumulate(reduction &r, const real (&y)[n], const real (&dy)[n]) const {
        real part[2] = {real(0), real(0)};
#pragma unroll
        for (int j = 0; j < n; j++) part[j % 2] += Program::term(y[j], dy[j]);
        r.sum += part[0] + part[1];
    }
    template <class Lanes, int n> __device__ __forceinline__ reduction reduce(const real (&y)[n], const real (&dy)[n]) const {
        reduction r = reduction::empty();
        accumulate(r, y, dy);
        return r.template merged<Lanes>(factor());
    }

    __device__ reduction finish(line, reduction r, int64_t, bool) const { return r; }
    __device__ real value_of_element(const reduction &, real x) const { return x; }
    __device__ real scale_of_kept(const reduction &, const reduction &) const { return real(1); }
    __device__ real value_of_kept(const reduction &, real x, real) const { return x; }
};

} // namespace smx
