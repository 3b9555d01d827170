// Family row_registers: a row stays in the registers of the threads that share it, from its one read to its one write. They are a
// few lanes of a warp, a warp, or a whole block.
#pragma once
#include "launch.cuh"
#include "row_program.cuh"

namespace smx::row_registers {

// Blocks per multiprocessor that the compiler has to leave registers for. 0 leaves it the choice; where that was seen to spill, 128
// registers a thread are allowed, and all of them for fp64.
template <class P, int per_block, int per_thread>
constexpr int min_blocks = sizeof(typename P::real) == 8 ? 1
                           : per_thread == 32            ? 512 / per_block
                                                         : 0;

template <class P, int per_row, int per_block, int per_thread>
__global__ void __launch_bounds__(per_block, min_blocks<P, per_block, per_thread>) kernel(const P program) {
    using T = typename P::element;
    using R = typename P::real;
    using reduction = typename P::reduction;
    static_assert(per_row <= 32 || per_row == per_block, "a row has some lanes of a warp or a whole block");
    constexpr int V = vector_elements<T>, warps = per_row / 32, rows_per_block = per_block / per_row;
    using lanes_of_row = lanes<(per_row < 32 ? per_row : 32)>;
    using part = row_part<V, int, per_thread / V, edges_per_thread<V, per_row>, per_row>;

    const int thread = static_cast<int>(threadIdx.x) % per_row;
    const int64_t rows = program.rows.rows, step = static_cast<int64_t>(gridDim.x) * rows_per_block;
    unsigned turn = 0;
    // All threads of a block make the same number of turns, with or without a row of their own.
    for (int64_t first = static_cast<int64_t>(blockIdx.x) * rows_per_block; first < rows; first += step, turn++) {
        const int64_t own = first + static_cast<int>(threadIdx.x) / per_row;
        const bool present = own < rows, leader = present && thread == 0;
        const int64_t row = present ? own : rows - 1;
        const auto line = program.begin(row, leader);

        const part mine{{program.rows.in.template row<T>(row), present ? program.rows.cols : 0}, 0, thread};
        R x[part::size], w[P::two_numbers ? part::size : 1] = {};
        program.load(mine, row, !line.skip, x, w);

        const reduction of_lanes = program.template reduce<lanes_of_row>(x, w);
        reduction of_row = of_lanes;
        if constexpr (warps > 1) {
            using slots_type = row_slots<reduction, warps>;
            SHARED_VAR(slots_type, slots);
            of_row = merge_warps(of_lanes, slots, turn, program.factor());
        } else {
            __syncwarp(); // the leader has read the target's logit before another lane may overwrite it in place
        }
        const auto result = program.finish(line, of_row, row, leader);
        if constexpr (P::writes) {
            const R kept = program.scale_of_kept(result, of_lanes);
            mine.for_each([&](int k, int column) {
                const R out = program.output(result, program.value_of_kept(result, x[k], kept), w[P::two_numbers ? k : 0], column);
                x[k] = line.zero ? R(0) : out;
            });
            mine.store(program.rows.out, row, x);
        }
    }
}

// Programs with few_shapes have fewer rows in the plan table.
constexpr bool is_of_few(int per_row, int per_thread) {
    return ((per_row == 4 || per_row == 32) && per_thread == 8) || ((per_row == 32 || per_row == 256) && per_thread == 32);
}

template <class P, int per_row, int per_block, int per_thread> smxStatus_t launch_shape(const smx_call &call, const P &program) {
    constexpr bool fits = SMX_ROW_FITS_REGISTERS(per_thread, static_cast<int>(sizeof(typename P::real)), P::two_numbers ? 2 : 1);
    constexpr bool compiled = fits && (!P::few_shapes || is_of_few(per_row, per_thread));
    if constexpr (compiled) {
        const int64_t rows_per_block = per_block / per_row;
        return launch(call, kernel<P, per_row, per_block, per_thread>, (call.rows + rows_per_block - 1) / rows_per_block, per_block,
                      program);
    } else {
        return no_such_kernel(call);
    }
}

// The shapes of the plan table that this family is compiled for.
template <class P> smxStatus_t run(const smx_call &call, const P &program) {
    const smx_plan_row &plan = *call.plan.row;
    const auto is = [&](int per_row, int per_block, int per_thread) {
        return plan.threads_per_row == per_row && plan.threads_per_block == per_block && plan.elements_per_thread == per_thread;
    };
    if (is(1, 256, 8)) return launch_shape<P, 1, 256, 8>(call, program);
    if (is(2, 256, 8)) return launch_shape<P, 2, 256, 8>(call, program);
    if (is(4, 256, 8)) return launch_shape<P, 4, 256, 8>(call, program);
    if (is(8, 256, 8)) return launch_shape<P, 8, 256, 8>(call, program);
    if (is(16, 256, 8)) return launch_shape<P, 16, 256, 8>(call, program);
    if (is(32, 256, 8)) return launch_shape<P, 32, 256, 8>(call, program);
    if (is(32, 256, 16)) return launch_shape<P, 32, 256, 16>(call, program);
    if (is(32, 256, 32)) return launch_shape<P, 32, 256, 32>(call, program);
    if (is(32, 128, 64)) return launch_shape<P, 32, 128, 64>(call, program);
    if (is(128, 128, 32)) return launch_shape<P, 128, 128, 32>(call, program);
    if (is(128, 128, 64)) return launch_shape<P, 128, 128, 64>(call, program);
    if (is(256, 256, 32)) return launch_shape<P, 256, 256, 32>(call, program);
    if (is(256, 256, 64)) return launch_shape<P, 256, 256, 64>(call, program);
    if (is(512, 512, 32)) return launch_shape<P, 512, 512, 32>(call, program);
    if (is(512, 512, 64)) return launch_shape<P, 512, 512, 64>(call, program);
    return no_such_kernel(call);
}

} // namespace smx::row_registers
