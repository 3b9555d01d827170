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

template <int per_row, int per_block, int per_thread> struct shape {
    static constexpr int threads = per_block, cluster = 1, groups = per_block / per_row;
    static constexpr bool one_turn = false;

    // Left the choice, the compiler was seen to spill.
    template <class P> static constexpr int min_blocks = per_thread <= 16 && sizeof(typename P::real) == 4 ? 4 : 2;

    template <class P> static int64_t blocks(const P &program) {
        const int64_t items = program.rows.rows * chunks_of_row<typename P::element, per_row, per_thread>(program.rows.cols);
        return (items + groups - 1) / groups;
    }

    template <class P> __device__ static void run(const P &program, int64_t block, int64_t blocks) {
        using T = typename P::element;
        using R = typename P::real;
        constexpr int V = vector_elements<T>, N = per_thread / V;
        using part = row_part<V, int64_t, N, edges_per_thread<V, per_row>, per_row>;

        const int thread = static_cast<int>(threadIdx.x) % per_row;
        const row_operands &rows = program.rows;
        const int64_t chunks = chunks_of_row<T, per_row, per_thread>(rows.cols), items = rows.rows * chunks;
        for (int64_t item = block * groups + threadIdx.x / per_row; item < items; item += blocks * groups) {
            const int64_t row = item / chunks, first = item % chunks * chunk_vectors<T, per_row, per_thread>;
            const bool leader = thread == 0 && first == 0;
            auto line = program.begin(program.key(row), row, leader);
            part mine{{rows.in.template row<T>(row), rows.cols_of(row)}, first, thread};
            if (first != 0) mine.cut.edges = 0; // the first chunk's threads have them
            R x[part::size] = {}, none[1];
            program.ask(mine, row, !line.skip, x, none);
            program.own(line, row, leader, rows.in_row<T>(row));
            const auto result = program.finish(line, row);
            program.arrive(mine, row, x, none);
            const int target = mine.place_of(line.target);
#pragma unroll
            for (int k = 0; k < part::size; k++) x[k] = program.output(result, program.value_of_element(result, x[k]), R(0), k == target);
            if (result.zero) mine.fill(R(0), x);
            mine.store(rows.out, row, x);
        }
    }
};

template <class P, class F> smxStatus_t with_shape(const smx_call &call, F f) {
    const smx_plan_row &plan = *call.plan.row;
    const auto is = [&](int per_row, int per_block, int per_thread) {
        return plan.threads_per_row == per_row && plan.threads_per_block == per_block && plan.elements_per_thread == per_thread;
    };
    if (is(4, 256, 16)) return f(shape<4, 256, 16>{});
    if (is(32, 256, 32)) return f(shape<32, 256, 32>{});
    if (is(256, 256, 32)) return f(shape<256, 256, 32>{});
    return no_such_kernel(call);
}

} // namespace smx::row_map
