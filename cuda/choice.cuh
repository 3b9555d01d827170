// What the kernels that choose from rows have in common: where rows are and how threads share them, where indices go, rows of which
// nothing can be chosen.
#pragma once
#include "operations.cuh"
#include "row_elements.cuh"
#include "targets.cuh"

namespace smx {

struct chosen_indices {
    void *data;
    bool wide; // int64, else int32

    __device__ void write(int64_t at, int64_t column) const {
        if (wide)
            static_cast<int64_t *>(data)[at] = column;
        else
            static_cast<int32_t *>(data)[at] = static_cast<int32_t>(column);
    }
    __device__ int64_t read(int64_t at) const {
        return wide ? static_cast<const int64_t *>(data)[at] : static_cast<const int32_t *>(data)[at];
    }
};

struct rows_to_choose_from {
    operand in;
    int64_t rows, cols, inner;
    int threads_per_row;
    bool copies; // to shared memory
    chosen_indices indices;
    smx_bad_targets *bad_targets;

    template <class T> __device__ row_elements<T> row(const row_threads &threads, int64_t r) const {
        return row_elements<T>(threads, in.element<T>(r / inner, 0, r % inner), cols == 1 ? 1 : in.col_stride, cols);
    }
};

inline chosen_indices indices_of(const smx_call &call) { return {call.choice.indices, call.choice.index_type == SMX_R_64I}; }

inline rows_to_choose_from rows_of(const smx_call &call) {
    const smx_plan_row &plan = *call.plan.row;
    return {operand_of(call.in),
            call.rows,
            call.cols,
            call.in.layout.inner,
            plan.threads_per_row,
            plan.kernel == SMX_KERNEL_ROW_SHARED,
            indices_of(call),
            call.handle->bad_targets};
}

// Most threads of a block. Twice as many would leave each half the registers, and these kernels need more.
constexpr int most_threads = 512;

// items: rows, or parts of their work.
template <class T, class Job> smxStatus_t launch_choice(const smx_call &call, void (*kernel)(Job), int64_t items, const Job &job) {
    const smx_plan_row &plan = *call.plan.row;
    const int64_t places = plan.threads_per_block / plan.threads_per_row;
    const int64_t bytes = plan.kernel == SMX_KERNEL_ROW_SHARED ? places * bytes_of_copy<T>(call.cols) : 0;
    return launch(call, kernel, {(items + places - 1) / places, plan.threads_per_block, static_cast<size_t>(bytes)}, job);
}

// The largest element and the first column that has it. A row with a NaN has the column -2 of infinity, one of nothing but -inf -1.
template <class R> struct largest_element {
    R max;
    int64_t column;

    __device__ static largest_element empty() { return {-infinity<R>(), -1}; }
    __device__ bool none() const { return column < 0; }

    // Elements in the order of their columns, or one of any column.
    template <int n> __device__ __forceinline__ void add(int64_t first, const R (&x)[n]) {
#pragma unroll
        for (int j = 0; j < n; j++) add(first + j, x[j], n == 1);
    }
    __device__ __forceinline__ void add(int64_t at, R x, bool any_column) {
        if (x > max || (any_column && x == max && column >= 0 && at < column)) {
            max = x;
            column = at;
        }
        if (x != x) {
            max = infinity<R>();
            column = -2;
        }
    }
    __device__ static largest_element merged(const largest_element &a, const largest_element &b) {
        return a.max > b.max || (a.max == b.max && a.column < b.column) ? a : b;
    }
};

// The thread's share of a row, which is copied to shared memory if that is wanted.
template <class T>
__device__ __forceinline__ largest_element<real_of<T>> largest_of_share(const row_threads &threads, row_elements<T> &row, bool copies) {
    auto mine = largest_element<real_of<T>>::empty();
    row.read(threads, copies, [&](int64_t column, const auto &x) { mine.add(column, x); });
    return mine;
}

} // namespace smx
