// Family row_registers: a row stays in the registers of the threads that share it, from its one read to its one write. They are a
// few lanes of a warp, a warp, a whole block, or the blocks of a cluster.
#pragma once
#include <utility>

#include "launch.cuh"
#include "row_program.cuh"

namespace smx::row_registers {

// Programs with few_shapes have fewer rows in the plan table.
constexpr bool is_of_few(int per_row, int per_thread) {
    return ((per_row == 4 || per_row == 32) && per_thread == 8) || (per_row != 128 && per_row != 512 && per_thread == 32);
}

template <int per_row, int per_block, int per_thread> struct shape {
    static_assert(per_row <= 32 || per_row % per_block == 0, "a row has some lanes of a warp or whole blocks");
    static constexpr bool one_turn = true;
    static constexpr int threads = per_block, elements = per_thread, cluster = per_row > per_block ? per_row / per_block : 1,
                         rows_per_block = per_row > per_block ? 1 : per_block / per_row;

    __host__ __device__ static constexpr bool is(int threads_per_row, int elements_per_thread) {
        return threads_per_row == per_row && elements_per_thread == per_thread;
    }

    template <class P>
    static constexpr bool compiled = SMX_ROW_FITS_REGISTERS(per_thread, static_cast<int>(sizeof(typename P::real)), P::two_numbers ? 2 : 1,
                                                            P::few_shapes) &&
                                     (!P::few_shapes || is_of_few(per_row, per_thread)) &&
                                     (cluster == 1 || (P::writes && sizeof(typename P::real) == 4));

    template <class P>
    static constexpr int in_flight = P::two_at_once ? SMX_ROWS_IN_FLIGHT(per_row, per_thread, static_cast<int>(sizeof(typename P::element)))
                                                    : 1;

    // Blocks per multiprocessor that the compiler has to leave registers for. 0 leaves it the choice; where that was seen to spill,
    // 128 registers a thread are allowed, and all of them for long rows of fp64. Short rows of 16-bit types get 64.
    template <class P> static constexpr bool is_short = sizeof(typename P::element) == 2 && per_thread == 8;
    template <class P>
    static constexpr int min_blocks = sizeof(typename P::real) == 8                         ? (P::few_shapes || per_thread <= 16 ? 2 : 1)
                                      : is_short<P>                                         ? 4
                                      : (per_thread >= 32 || P::two_numbers || cluster > 1) ? 512 / per_block
                                                                                            : 0;

    template <class P> static int64_t blocks(const P &program) {
        constexpr int64_t rows_of_turn = rows_per_block * in_flight<P>;
        return (program.rows.rows + rows_of_turn - 1) / rows_of_turn * cluster;
    }

    template <class P> __device__ static void run(const P &program, int64_t block, int64_t) {
        if constexpr (cluster == 1 || SMX_HAS_CLUSTERS) run_rows(program, block / cluster);
    }

  private:
    // Few threads would each have about as many edges as elements of vectors.
    template <class P>
    static constexpr int edges_of = per_row <= (P::few_shapes && per_thread == 8 ? 32 : 8)
                                        ? edges_in_vectors
                                        : edges_per_thread<vector_elements<typename P::element>, per_row>;

    // What a thread has of a row.
    template <class P> struct held_row {
        using T = typename P::element;
        using R = typename P::real;
        using reduction = typename P::reduction;
        static constexpr int V = vector_elements<T>;

        int64_t row;
        bool leader;
        int target; // its place
        decltype(std::declval<P>().key(0)) key;
        decltype(std::declval<P>().begin({}, 0, false)) line;
        row_part<V, int, per_thread / V, edges_of<P>, per_row> part;
        R x[decltype(part)::size], w[P::two_numbers ? decltype(part)::size : 1];

        // own: may be beyond the last row; such a thread has no elements and writes nothing
        __device__ void take(const P &program, int64_t own, int thread) {
            const bool present = own < program.rows.rows;
            row = present ? own : program.rows.rows - 1;
            leader = present && thread == 0;
            part = {{program.rows.in.template row<T>(row), present ? program.rows.cols_of(row) : 0}, 0, thread};
            key = program.key(row);
        }
        __device__ void begin(const P &program) { line = program.begin(key, row, leader); }
        __device__ void ask(const P &program) {
            program.ask(part, row, !line.skip, x, w);
            program.own(line, row, leader, program.rows.template in_row<T>(row));
            target = part.place_of(line.target);
        }
        __device__ void arrive(const P &program) { program.arrive(part, row, x, w); }

        __device__ void finish(const P &program, const reduction &of_lanes, const reduction &of_row) {
            const auto result = program.finish(line, of_row, row, leader);
            if constexpr (P::writes) {
                const R kept = program.scale_of_kept(result, of_lanes);
#pragma unroll
                for (int k = 0; k < decltype(part)::size; k++)
                    x[k] = program.output(result, program.value_of_kept(result, x[k], kept), w[P::two_numbers ? k : 0], k == target);
                if (result.zero) part.fill(R(0), x);
                part.store(program.rows.out, row, x);
            }
        }
    };

    // A team of threads, a block or the blocks of a cluster, holds as many rows as are in flight for each group of lanes, once: a loop over
    // more of them would take registers from every kernel; calls with more rows than a grid has blocks for stream (plan.c).
    template <class P> __device__ static void run_rows(const P &program, int64_t team) {
        using reduction = typename P::reduction;
        using lanes_of_row = lanes<(per_row < 32 ? per_row : 32)>;
        constexpr int warps = per_row / 32, N = in_flight<P>;

        int thread = static_cast<int>(threadIdx.x) % per_row;
        if constexpr (cluster > 1) {
            be_there_in_cluster(); // and waits before it writes to other blocks
            thread += static_cast<int>(cluster_rank()) * per_block;
        }
        // With or without a row of their own, all threads of a block go along.
        const int64_t own = team * (N * rows_per_block) + static_cast<int>(threadIdx.x) / per_row;
        held_row<P> held[N] = {};
        typename P::real largest[N];
        reduction of_lanes[N];
#pragma unroll
        for (int n = 0; n < N; n++) held[n].take(program, own + n * rows_per_block, thread);
#pragma unroll
        for (int n = 0; n < N; n++) held[n].begin(program);
#pragma unroll
        for (int n = 0; n < N; n++) held[n].ask(program);
        all_is_asked_for<(warps > 1)>(); // also the target's logit, before another thread may overwrite it in place
#pragma unroll
        for (int n = 0; n < N; n++) held[n].arrive(program);
#pragma unroll
        for (int n = 0; n < N; n++) largest[n] = program.template largest<lanes_of_row>(held[n].x);
#pragma unroll
        for (int n = 0; n < N; n++) of_lanes[n] = program.template reduce<lanes_of_row>(held[n].part, largest[n], held[n].x, held[n].w);

        if constexpr (warps > 1) {
            static_assert(N == 1, "a slot per warp");
            using slots_type = row_slots<reduction, warps>;
            SHARED_VAR(slots_type, slots);
            if constexpr (cluster > 1) {
                wait_for_cluster();
                held[0].finish(program, of_lanes[0], merge_cluster<cluster>(of_lanes[0], slots, program.factor()));
            } else {
                held[0].finish(program, of_lanes[0], merge_warps(of_lanes[0], slots, program.factor()));
            }
        } else {
#pragma unroll
            for (int n = 0; n < N; n++) held[n].finish(program, of_lanes[n], of_lanes[n]);
        }
    }
};

template <class... S> struct shape_list {};

// Shapes that a batch can run in one launch, because their blocks are of one size and no row needs more than a warp.
using warp_shapes = shape_list<shape<1, 256, 8>, shape<2, 256, 8>, shape<4, 256, 8>, shape<8, 256, 8>, shape<16, 256, 8>, shape<32, 256, 8>,
                               shape<32, 256, 16>, shape<32, 256, 32>>;
using other_shapes =
    shape_list<shape<32, 128, 64>, shape<128, 128, 32>, shape<128, 128, 64>, shape<256, 256, 32>, shape<256, 256, 64>, shape<512, 512, 32>,
               shape<512, 512, 64>, shape<1024, 256, 32>, shape<1024, 256, 64>, shape<4096, 512, 32>, shape<4096, 512, 64>>;

template <class S> constexpr bool is_warp = false;
template <int per_row, int per_thread> constexpr bool is_warp<shape<per_row, 256, per_thread>> = per_row <= 32;

inline bool is_warp_shape(const smx_plan_row &plan) {
    return plan.kernel == SMX_KERNEL_ROW_REGISTERS && plan.threads_per_row <= 32 && plan.threads_per_block == 256;
}

template <class P, class... S, class F> bool with_one_of(shape_list<S...>, const smx_plan_row &plan, smxStatus_t *status, F f) {
    const auto found = [&](auto shape) {
        if constexpr (decltype(shape)::template compiled<P>) {
            if (!shape.is(plan.threads_per_row, plan.elements_per_thread) || plan.threads_per_block != shape.threads) return false;
            *status = f(shape);
            return true;
        } else {
            return false;
        }
    };
    return (found(S{}) || ...);
}

template <class P, class F> smxStatus_t with_shape(const smx_call &call, F f) {
    smxStatus_t status = SMX_STATUS_SUCCESS;
    const bool found =
        with_one_of<P>(warp_shapes{}, *call.plan.row, &status, f) || with_one_of<P>(other_shapes{}, *call.plan.row, &status, f);
    return found ? status : no_such_kernel(call);
}

// ---- warp shapes of a batch: every problem with the shape of its single call, because that decides its last bits ----

template <class P> struct shaped {
    using element = typename P::element;
    using real = typename P::real;
    static constexpr bool two_numbers = P::two_numbers, two_at_once = P::two_at_once, few_shapes = P::few_shapes;
    P program;
    int threads_per_row, elements_per_thread;
};

template <class P> shaped<P> shaped_of(const smx_call &call, const P &program) {
    return {program, call.plan.row->threads_per_row, call.plan.row->elements_per_thread};
}

// most: elements per thread. All blocks get the registers that the widest of these shapes needs.
template <int most> struct any_warp_shape {
    static constexpr int threads = 256, cluster = 1;
    static constexpr bool one_turn = true;
    template <class P> static constexpr int min_blocks = most == 32 ? 2 : shape<32, threads, most>::template min_blocks<P>;

    template <class P> static int64_t blocks(const shaped<P> &problem) {
        constexpr int element_bytes = static_cast<int>(sizeof(typename P::element));
        const int at_once = P::two_at_once ? SMX_ROWS_IN_FLIGHT(problem.threads_per_row, problem.elements_per_thread, element_bytes) : 1;
        const int64_t rows_of_turn = threads / problem.threads_per_row * at_once;
        return (problem.program.rows.rows + rows_of_turn - 1) / rows_of_turn;
    }

    template <class P> __device__ static void run(const shaped<P> &problem, int64_t block, int64_t blocks) {
        run_one_of(warp_shapes{}, problem, block, blocks);
    }

  private:
    template <class P, class... S>
    __device__ static void run_one_of(shape_list<S...>, const shaped<P> &problem, int64_t block, int64_t blocks) {
        (run_if<S>(problem, block, blocks), ...);
    }

    template <class S, class P> __device__ static void run_if(const shaped<P> &problem, int64_t block, int64_t blocks) {
        if constexpr (S::template compiled<P> && S::elements <= most)
            if (S::is(problem.threads_per_row, problem.elements_per_thread)) S::run(problem.program, block, blocks);
    }
};

} // namespace smx::row_registers
