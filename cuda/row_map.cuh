// Family row_map: nothing to reduce; every element is mapped with what begin() knows of its row. A row is divided into chunks, one
// for each group of threads, so few long rows fill the device as well as many short ones.
#pragma once
#include "launch.cuh"
#include "row_program.cuh"

namespace smx::row_map {

// A chunk is what one group of threads takes: V * N * per_row elements. There is one chunk at least, for the edges.
template <class T, int per_row, int per_thread> constexpr int64_t chunk_vectors = int64_t(per_thread / vector_elements<T>) * per_row;
template <class T, int per_row, int per_thread> __host__ __device__ int64_t chunks_of_row(int64_t cols) {
    constexpr int64_t chunk = chunk_vectors<T, per_row, per_thread>;
    const int64_t full = (cols / vector_elements<T> + chunk - 1) / chunk;
    return full > 0 ? full : 1;
}

// At least two blocks per multiprocessor: left the choice, the compiler was seen to spill.
template <class P, int per_row, int per_block, int per_thread> __global__ void __launch_bounds__(per_block, 2) kernel(const P program) {
    using T = typename P::element;
    using R = typename P::real;
    constexpr int V = vector_elements<T>, N = per_thread / V, groups = per_block / per_row;
    using part = row_part<V, int64_t, N, edges_per_thread<V, per_row>, per_row>;

    const int thread = static_cast<int>(threadIdx.x) % per_row;
    const row_operands &rows = program.rows;
    const int64_t chunks = chunks_of_row<T, per_row, per_thread>(rows.cols), items = rows.rows * chunks;
    for (int64_t item = static_cast<int64_t>(blockIdx.x) * groups + threadIdx.x / per_row; item < items;
         item += static_cast<int64_t>(gridDim.x) * groups) {
        const int64_t row = item / chunks, first = item % chunks * chunk_vectors<T, per_row, per_thread>;
        const auto line = program.begin(row, thread == 0 && first == 0);
        part mine{{rows.in.template row<T>(row), rows.cols}, first, thread};
        if (first != 0) mine.cut.edges = 0; // the first chunk's threads have them
        R x[part::size], none[1];
        program.load(mine, row, !line.skip, x, none);
        mine.for_each([&](int k, int64_t column) {
            x[k] = line.zero ? R(0) : program.output(line, program.value_of_element(line, x[k]), R(0), column);
        });
        mine.store(rows.out, row, x);
    }
}

template <class P, int per_row, int per_block, int per_thread> smxStatus_t launch_shape(const smx_call &call, const P &program) {
    constexpr int64_t groups = per_block / per_row;
    const int64_t items = call.rows * chunks_of_row<typename P::element, per_row, per_thread>(call.cols);
    return launch(call, kernel<P, per_row, per_block, per_thread>, (items + groups - 1) / groups, per_block, program);
}

// The shapes of the plan table that this family is compiled for.
template <class P> smxStatus_t run(const smx_call &call, const P &program) {
    const smx_plan_row &plan = *call.plan.row;
    const auto is = [&](int per_row, int per_block, int per_thread) {
        return plan.threads_per_row == per_row && plan.threads_per_block == per_block && plan.elements_per_thread == per_thread;
    };
    if (is(4, 256, 16)) return launch_shape<P, 4, 256, 16>(call, program);
    if (is(32, 256, 32)) return launch_shape<P, 32, 256, 32>(call, program);
    if (is(256, 256, 32)) return launch_shape<P, 256, 256, 32>(call, program);
    return no_such_kernel(call);
}

} // namespace smx::row_map
