// Family row_stream: a block streams its row with the online update, which needs the elements only once for the reduction; if the
// program writes, a second pass reads them again. For rows of any length.
#pragma once
#include "launch.cuh"
#include "row_program.cuh"

namespace smx::row_stream {

// elements: what a thread has in flight, counted in words of 4 bytes.
template <int per_block, int elements> struct shape {
    static constexpr int threads = per_block;

    // Blocks per multiprocessor that the compiler has to leave registers for: three of 256 threads keep 48 KB of loads in flight.
    // Programs that also write have half of their traffic in stores and need more registers.
    template <class P> static constexpr int min_blocks = sizeof(typename P::real) == 8 ? 1 : P::writes ? 2 : 3;

    template <class P> static int64_t blocks(const P &program) { return program.rows.rows; }

    template <class P> __device__ static void run(const P &program, int64_t block, int64_t blocks) {
        using T = typename P::element;
        using R = typename P::real;
        using reduction = typename P::reduction;
        constexpr int per_thread = elements * 4 / static_cast<int>(sizeof(R)) / (P::two_numbers ? 2 : 1);
        constexpr int V = vector_elements<T>, N = per_thread / V, warps = per_block / 32;
        using body_part = row_part<V, int64_t, N, 0, per_block>;
        using edge_part = row_part<V, int64_t, 0, edges_per_thread<V, per_block>, per_block>;
        using slots_type = row_slots<reduction, warps>;
        SHARED_VAR(slots_type, slots);

        const int thread = static_cast<int>(threadIdx.x);
        const row_operands &rows = program.rows;
        unsigned turn = 0;
        for (int64_t row = block; row < rows.rows; row += blocks, turn++) {
            const bool leader = thread == 0;
            const auto line = program.begin(row, leader);
            const row_cut<V, int64_t> cut(rows.in.template row<T>(row), rows.cols_of(row));

            // pass(part): one visit of everything that this thread sees of the row, a piece at a time
            const auto for_each_piece = [&](auto pass) {
                for (int64_t first = 0; first < cut.body; first += N * per_block) pass(body_part{cut, first, thread});
                pass(edge_part{cut, 0, thread});
            };
            reduction mine = reduction::empty();
            if (!line.skip) {
                for_each_piece([&](const auto &part) {
                    constexpr int n = std::remove_reference_t<decltype(part)>::size;
                    R x[n], w[P::two_numbers ? n : 1] = {};
                    program.load(part, row, !line.skip, x, w);
                    program.accumulate(mine, x, w);
                });
            }
            mine = mine.template merged<lanes<32>>(program.factor());
            const reduction of_row = merge_warps(mine, slots, turn, program.factor());
            const auto result = program.finish(line, of_row, row, leader);
            if constexpr (P::writes) {
                for_each_piece([&](const auto &part) {
                    constexpr int n = std::remove_reference_t<decltype(part)>::size;
                    R x[n], w[P::two_numbers ? n : 1] = {};
                    program.load(part, row, !line.skip, x, w);
                    part.for_each([&](int k, int64_t column) {
                        const R out = program.output(result, program.value_of_element(result, x[k]), w[P::two_numbers ? k : 0], column);
                        x[k] = line.zero ? R(0) : out;
                    });
                    part.store(rows.out, row, x);
                });
            }
        }
    }
};

template <class P, class F> smxStatus_t with_shape(const smx_call &call, F f) {
    const smx_plan_row &plan = *call.plan.row;
    if (plan.threads_per_block == 256 && plan.elements_per_thread == 32) return f(shape<256, 32>{});
    return no_such_kernel(call);
}

} // namespace smx::row_stream
