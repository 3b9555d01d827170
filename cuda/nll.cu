// Negative log-likelihood: the loss takes one element of every row, its gradient has one element in every row.
#include "operations.cuh"
#include "targets.cuh"

namespace smx {

namespace row_pick {

template <class T> struct job {
    using real = real_of<T>;
    row_operands rows;
    target_indices targets;
    class_weights<real> weights;
    row_yield<real> yield;
    smx_bad_targets *bad_targets;
};

// Of rows of any layout.
template <class T> __device__ const T *element(const row_operands &rows, int64_t row, int64_t column) {
    const operand &o = rows.in;
    return rows.inner == 1 ? o.row<const T>(row) + column * o.col_stride : o.element<const T>(row / rows.inner, column, row % rows.inner);
}

constexpr int per_block = 256;

template <class T> __global__ void __launch_bounds__(per_block) kernel(const job<T> j) {
    using R = real_of<T>;
    for (int64_t row = static_cast<int64_t>(blockIdx.x) * per_block + threadIdx.x; row < j.rows.rows;
         row += static_cast<int64_t>(gridDim.x) * per_block) {
        const target_line t = line_of_target(j.targets, j.targets.ask(row), row, j.rows.cols_of(row), j.bad_targets, true);
        if (t.skip) {
            j.yield.write_skipped(row, t.bad);
            continue;
        }
        const R weight = j.weights.of(t.target), x = to_real(*element<T>(j.rows, row, t.target));
        j.yield.write(row, weight == R(0) ? R(0) : -weight * x, R(0));
    }
}

} // namespace row_pick

// Reads nothing of the row; T is the type of what is written.
template <class T> struct nll_gradient_program {
    using element = T;
    using real = real_of<T>;
    static constexpr bool two_numbers = false, reduces = false, writes = true, few_shapes = false;
    row_operands rows;
    target_indices targets;
    class_weights<real> weights;
    upstream_gradient<real> upstream;
    smx_bad_targets *bad_targets;

    struct line {
        bool skip;
        int64_t target;
        real weight, upstream;
    };
    struct result {
        bool zero;
        real gradient;
    };

    __device__ asked_target key(int64_t row) const { return targets.ask(row); }
    __device__ line begin(asked_target target, int64_t row, bool leader) const {
        const target_line t = line_of_target(targets, target, row, rows.cols_of(row), bad_targets, leader);
        return {t.skip, t.target, real(0), real(0)};
    }
    template <class At> __device__ void own(line &l, int64_t row, bool, At) const {
        if (!l.skip) l.weight = weights.of(l.target);
        l.upstream = upstream.ask(row);
    }
    template <class Part, class X, class W> __device__ __forceinline__ void ask(const Part &, int64_t, bool, X &, W &) const {}
    template <class Part, class X, class W> __device__ __forceinline__ void arrive(const Part &, int64_t, X &, W &) const {}
    __device__ result finish(const line &l, int64_t) const {
        const real divisor = upstream.divisor.value();
        return {l.skip || divisor == real(0), -l.weight * (l.upstream / divisor)};
    }
    __device__ real value_of_element(const result &, real) const { return real(0); }
    __device__ real output(const result &r, real, real, bool is_target) const { return is_target ? r.gradient : real(0); }
};

} // namespace smx

smxStatus_t smx_cuda_nll_losses(const smx_call &call) {
    using namespace smx;
    return with_type(call.in.layout.type, [&](auto tag) {
        using T = typename decltype(tag)::type;
        using R = real_of<T>;
        const row_pick::job<T> job = {
            operands_of(call), targets_of(call), {static_cast<const R *>(call.class_weights)}, yield_of<R>(call), call.handle->bad_targets};
        const int64_t blocks = (call.rows + row_pick::per_block - 1) / row_pick::per_block;
        return launch(call, row_pick::kernel<T>, {blocks, row_pick::per_block}, job);
    });
}

smxStatus_t smx_cuda_nll_gradients(const smx_call &call) {
    using namespace smx;
    return with_type(call.out.layout.type, [&](auto tag) {
        using T = typename decltype(tag)::type;
        using R = real_of<T>;
        nll_gradient_program<T> program;
        program.rows = operands_of(call);
        program.rows.in = program.rows.out; // a row is cut where what is written becomes aligned
        program.targets = targets_of(call);
        program.weights = {static_cast<const R *>(call.class_weights)};
        program.upstream = upstream_of<R>(call);
        program.bad_targets = call.handle->bad_targets;
        return map_in_family(call, program);
    });
}
