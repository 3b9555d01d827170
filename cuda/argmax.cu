// The first column of the largest element of every row, in one visit.
#include "choice.cuh"

namespace smx {

namespace argmax {

__device__ __forceinline__ void write(const chosen_indices &indices, smx_bad_targets *bad_targets, int64_t row, int64_t column) {
    if (column < 0) count_bad_row(bad_targets, row);
    indices.write(row, column < 0 ? -1 : column);
}

template <class T> __global__ void __launch_bounds__(most_threads) kernel(const rows_to_choose_from j) {
    SHARED_VAR(row_tables, tables);
    row_threads threads(tables, j.threads_per_row);
    for (int64_t r = static_cast<int64_t>(blockIdx.x) * threads.places + threads.place; r < j.rows;
         r += static_cast<int64_t>(gridDim.x) * threads.places) {
        row_elements<T> row = j.row<T>(threads, r);
        const auto found = threads.merged(largest_of_share(threads, row, false), largest_element<real_of<T>>::merged);
        if (threads.leads()) write(j.indices, j.bad_targets, r, found.column);
    }
}

} // namespace argmax

// Rows side by side: a thread takes 16 bytes of every column, of V neighbouring rows, and shares them with those of the same lane in the
// other warps, which take the columns in turn.
namespace argmax_strided {

constexpr int threads = 256, warps = threads / 32, columns_in_flight = 4;

template <class R> struct reduction {
    largest_element<R> of_row;
    __device__ reduction merged_with(const reduction &other, R) const { return {largest_element<R>::merged(of_row, other.of_row)}; }
};

template <class T> struct job {
    row_operands rows;
    chosen_indices indices;
    smx_bad_targets *bad_targets;
};

template <class T> int64_t bundles_of(const row_operands &rows) {
    constexpr int V = vector_elements<T>;
    return rows.rows / rows.inner * ((rows.inner + V - 1) / V);
}

template <class T> __global__ void __launch_bounds__(threads) kernel(const job<T> j, int64_t bundles) {
    using R = real_of<T>;
    constexpr int V = vector_elements<T>, N = columns_in_flight;
    const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
    const int64_t per_outer = (j.rows.inner + V - 1) / V;
    for (int64_t first = static_cast<int64_t>(blockIdx.x) * 32; first < bundles; first += static_cast<int64_t>(gridDim.x) * 32) {
        const int64_t bundle = first + lane < bundles ? first + lane : bundles - 1;
        const int64_t o = bundle / per_outer, i = bundle % per_outer * V, left = j.rows.inner - i;
        const int held = first + lane >= bundles ? 0 : left < V ? static_cast<int>(left) : V;
        reduction<R> found[V];
#pragma unroll
        for (int v = 0; v < V; v++) found[v].of_row = largest_element<R>::empty();
        for (int64_t column = 0; column < j.rows.cols; column += N * warps) {
            const row_strided::part<V, N, warps> part = {o, i, column, held > 0 ? j.rows.cols : 0, warp, held};
            R x[V][N];
            part.ask_first(j.rows.in, true, minus_infinity<T>(), x);
            part.template first_arrives<T>(j.rows.in, x);
#pragma unroll
            for (int v = 0; v < V; v++) {
#pragma unroll
                for (int n = 0; n < N; n++) found[v].of_row.add(part.column(n), x[v][n], false);
            }
        }
        row_strided::merge_groups<V, 32, warps>(found, R(0));
        if (warp == 0) {
#pragma unroll
            for (int v = 0; v < V; v++)
                if (v < held) argmax::write(j.indices, j.bad_targets, o * j.rows.inner + i + v, found[v].of_row.column);
        }
    }
}

} // namespace argmax_strided

} // namespace smx

smxStatus_t smx_cuda_argmax(const smx_call &call) {
    using namespace smx;
    return with_type(call.in.layout.type, [&](auto tag) {
        using T = typename decltype(tag)::type;
        if (call.plan.row->kernel != SMX_KERNEL_ROW_STRIDED) return launch_choice<T>(call, argmax::kernel<T>, call.rows, rows_of(call));
        const argmax_strided::job<T> job = {operands_of(call), indices_of(call), call.handle->bad_targets};
        const int64_t bundles = argmax_strided::bundles_of<T>(job.rows);
        return launch(call, argmax_strided::kernel<T>, {(bundles + 31) / 32, argmax_strided::threads}, job, bundles);
    });
}
