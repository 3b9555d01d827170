// Family row_stream: a row passes through a block with the online update, which needs its elements only once for the reduction; if the
// program writes, a second pass reads them again. For rows of any length.
//
// A long row has slices. Each has a reduction of its own, and those merge in an order that the row's length alone decides; so a row has
// the same bits whether one block takes its slices in turn, or, of few rows, every slice has a block (smx_plan.split). Then a second
// kernel merges what the first has found, and it may start while the first still runs.
#pragma once
#include "row_kernel.cuh"
#include "row_program.cuh"

namespace smx::row_stream {

// What the first kernel of a split call leaves for the second: the reduction of every slice, and what a row has of its own as its leader
// has read it, because the second kernel may overwrite the row.
template <class P> struct left_over {
    using reduction = typename P::reduction;
    using line = decltype(std::declval<P>().begin({}, 0, false));
    static_assert(sizeof(reduction) <= SMX_SLICE_BYTES && sizeof(line) <= SMX_LINE_BYTES, "plan.c counts on it");

    char *memory; // of the handle
    int64_t slices;

    __device__ reduction &of_slice(int64_t row, int64_t slice) const {
        return reinterpret_cast<reduction *>(memory + SMX_MOST_SPLIT_ROWS * SMX_LINE_BYTES)[row * slices + slice];
    }
    __device__ line &of_row(int64_t row) const { return *reinterpret_cast<line *>(memory + row * SMX_LINE_BYTES); }
};

template <class P> __device__ __forceinline__ auto line_of(const P &program, int64_t row, bool leader) {
    auto line = program.begin(program.key(row), row, leader);
    program.own(line, row, leader, program.rows.template in_row<typename P::element>(row));
    return line;
}

constexpr int slices_at_once = 32; // a lane merges what the warps have of one

// The reduction of a row from those of its slices: state(slice) for every lane's own.
template <class Reduction, class R, class F> __device__ __forceinline__ Reduction merge_slices(int64_t slices, R factor, F state) {
    const int64_t lane = threadIdx.x % 32;
    Reduction total = Reduction::empty();
    for (int64_t first = 0; first < slices; first += slices_at_once) {
        const Reduction mine = first + lane < slices ? state(first + lane) : Reduction::empty();
        const Reduction merged = mine.template merged<lanes<32>>(factor);
        total = first == 0 ? merged : total.merged_with(merged, factor);
    }
    return total;
}

// elements: what a thread has in flight, counted in words of 4 bytes.
template <int per_block, int elements> struct shape {
    static constexpr int threads = per_block, cluster = 1, warps = per_block / 32;
    static constexpr bool one_turn = false;

    // Blocks per multiprocessor that the compiler has to leave registers for: three of 256 threads keep 48 KB of loads in flight.
    // Programs that also write have half of their traffic in stores and need more registers, as do those of two numbers per element.
    template <class P> static constexpr int min_blocks = sizeof(typename P::real) == 8 ? 1 : P::writes || P::few_shapes ? 2 : 3;

    template <class P> static int64_t blocks(const P &program) { return program.rows.rows; }

    // ---- a block per row ----

    template <class P> __device__ static void run(const P &program, int64_t block, int64_t blocks) {
        using reduction = typename P::reduction;
        using slots_type = slots<reduction>;
        SHARED_VAR(slots_type, shared);

        const int thread = static_cast<int>(threadIdx.x);
        const bool leader = thread == 0;
        unsigned turn = 0;
        for (int64_t row = block; row < program.rows.rows; row += blocks) {
            const auto line = line_of(program, row, leader);
            const auto cut = cut_of(program, row);
            const int64_t slices = program.rows.slices_of(row);
            reduction total = reduction::empty();
            for (int64_t first = 0; first < slices; first += slices_at_once, turn++) {
                const int64_t here = slices - first < slices_at_once ? slices - first : slices_at_once;
                for (int64_t s = 0; s < here; s++) {
                    const reduction mine = reduce_slice(program, line, cut, row, first + s);
                    if (thread % 32 == 0) shared.of_warp[turn % 2][s][thread / 32] = mine;
                }
                __syncthreads();
                const reduction merged = merge_slices<reduction>(
                    here, program.factor(), [&](int64_t s) { return reduction::of_parts(shared.of_warp[turn % 2][s], program.factor()); });
                total = first == 0 ? merged : total.merged_with(merged, program.factor());
            }
            const auto result = program.finish(line, total, row, leader);
            if constexpr (P::writes)
                for (int64_t slice = 0; slice < slices; slice++) write_slice(program, line, result, cut, row, slice);
        }
    }

    // ---- a block per slice ----

    template <class P> __device__ static void reduce_one_slice(const P &program, const left_over<P> &left) {
        using reduction = typename P::reduction;
        using slots_type = slots_of_one<reduction>;
        SHARED_VAR(slots_type, shared);
        let_next_kernel_start();
        const int thread = static_cast<int>(threadIdx.x);
        const int64_t row = blockIdx.x / left.slices, slice = blockIdx.x % left.slices;
        const bool leader = thread == 0 && slice == 0;
        const auto line = line_of(program, row, leader);
        const reduction mine = reduce_slice(program, line, cut_of(program, row), row, slice);
        if (thread % 32 == 0) shared.of_warp[thread / 32] = mine;
        __syncthreads();
        if (thread == 0) left.of_slice(row, slice) = reduction::of_parts(shared.of_warp, program.factor());
        if (leader) left.of_row(row) = line;
    }

    // line: as begin() gives it to all but the leader, who gets what it has read in the first kernel
    template <class P>
    __device__ static auto finish_row(const P &program, const left_over<P> &left, int64_t row, bool leader,
                                      typename left_over<P>::line &line) {
        wait_for_kernel_before();
        if (leader) line = left.of_row(row);
        const auto total = merge_slices<typename P::reduction>(program.rows.slices_of(row), program.factor(),
                                                               [&](int64_t slice) { return left.of_slice(row, slice); });
        return program.finish(line, total, row, leader);
    }

    template <class P> __device__ static void write_one_slice(const P &program, const left_over<P> &left) {
        const int64_t row = blockIdx.x / left.slices, slice = blockIdx.x % left.slices;
        auto line = line_of(program, row, false);
        const auto result = finish_row(program, left, row, threadIdx.x == 0 && slice == 0, line);
        write_slice(program, line, result, cut_of(program, row), row, slice);
    }

  private:
    // What the warps have found of each of the slices that are merged at once, twice: groups of slices alternate, so that one barrier
    // for each is enough.
    template <class Reduction> struct alignas(16) slots { Reduction of_warp[2][slices_at_once][warps]; };
    template <class Reduction> struct alignas(16) slots_of_one { Reduction of_warp[warps]; };

    template <class P> static constexpr int V = vector_elements<typename P::element>;
    template <class P>
    static constexpr int per_thread = elements * 4 / static_cast<int>(sizeof(typename P::real)) / (P::two_numbers ? 2 : 1);

    template <class P> __device__ static row_cut<V<P>, int64_t> cut_of(const P &program, int64_t row) {
        return {program.rows.in.template row<typename P::element>(row), program.rows.cols_of(row)};
    }

    // pass(part): one visit of everything that this thread sees of a slice, a piece at a time. The first slice has the edges.
    template <class P, class F>
    __device__ static void for_each_piece(const P &program, const row_cut<V<P>, int64_t> &cut, int64_t slice, F pass) {
        constexpr int vectors = V<P>, N = per_thread<P> / vectors;
        using body_part = row_part<vectors, int64_t, N, 0, per_block>;
        using edge_part = row_part<vectors, int64_t, 0, edges_per_thread<vectors, per_block>, per_block>;
        const int thread = static_cast<int>(threadIdx.x);
        const int64_t length = program.rows.slice / vectors, begin = slice * length;
        const int64_t end = begin + length < cut.body ? begin + length : cut.body;
        for (int64_t first = begin; first < end; first += N * per_block) pass(body_part{cut, first, thread});
        if (slice == 0) pass(edge_part{cut, 0, thread});
    }

    // The same in all lanes of a warp.
    template <class P, class Line>
    __device__ static typename P::reduction reduce_slice(const P &program, const Line &line, const row_cut<V<P>, int64_t> &cut, int64_t row,
                                                         int64_t slice) {
        using R = typename P::real;
        typename P::reduction mine = P::reduction::empty();
        if (!line.skip) {
            for_each_piece(program, cut, slice, [&](const auto &part) {
                constexpr int n = std::remove_reference_t<decltype(part)>::size;
                R x[n], w[P::two_numbers ? n : 1] = {};
                program.ask(part, row, true, x, w);
                all_is_asked_for();
                program.arrive(part, row, x, w);
                program.accumulate(mine, part, x, w);
            });
        }
        return mine.template merged<lanes<32>>(program.factor());
    }

    template <class P, class Line, class Result>
    __device__ static void write_slice(const P &program, const Line &line, const Result &result, const row_cut<V<P>, int64_t> &cut,
                                       int64_t row, int64_t slice) {
        using R = typename P::real;
        for_each_piece(program, cut, slice, [&](const auto &part) {
            constexpr int n = std::remove_reference_t<decltype(part)>::size;
            R x[n], w[P::two_numbers ? n : 1] = {};
            program.ask(part, row, !line.skip, x, w);
            all_is_asked_for();
            program.arrive(part, row, x, w);
            const int target = part.place_of(line.target);
#pragma unroll
            for (int k = 0; k < n; k++)
                x[k] = program.output(result, program.value_of_element(result, x[k]), w[P::two_numbers ? k : 0], k == target);
            if (result.zero) part.fill(R(0), x);
            part.store(program.rows.out, row, x);
        });
    }
};

template <class S> constexpr bool is_shape = false;
template <int per_block, int elements> constexpr bool is_shape<shape<per_block, elements>> = true;

template <class P, class Shape>
__global__ void __launch_bounds__(Shape::threads, min_blocks_of<P, Shape>) reduce_slices(const P program, const left_over<P> left) {
    Shape::reduce_one_slice(program, left);
}

// Writing alone leaves registers for two blocks also of fp64.
template <class P, class Shape> constexpr int min_writing_blocks = sizeof(typename P::real) == 8 ? 2 : min_blocks_of<P, Shape>;

template <class P, class Shape>
__global__ void __launch_bounds__(Shape::threads, min_writing_blocks<P, Shape>) write_slices(const P program, const left_over<P> left) {
    Shape::write_one_slice(program, left);
}

// Nothing to write but what a row yields as a whole: a warp per row.
template <class P, class Shape> __global__ void __launch_bounds__(Shape::threads, 1) finish_rows(const P program, const left_over<P> left) {
    const int64_t row = (int64_t{blockIdx.x} * Shape::threads + threadIdx.x) / 32;
    if (row >= program.rows.rows) return;
    auto line = line_of(program, row, false);
    Shape::finish_row(program, left, row, threadIdx.x % 32 == 0, line);
}

template <class P, class Shape> smxStatus_t launch_split(const smx_call &call, Shape, const P &program) {
    const left_over<P> left = {static_cast<char *>(call.handle->left_over), call.plan.slices};
    const int64_t blocks = call.rows * call.plan.slices;
    SMX_TRY(launch(call, reduce_slices<P, Shape>, {blocks, Shape::threads}, program, left));
    if constexpr (P::writes)
        return launch(call, write_slices<P, Shape>, {blocks, Shape::threads, 0, 1, true}, program, left);
    else
        return launch(call, finish_rows<P, Shape>, {(call.rows + Shape::warps - 1) / Shape::warps, Shape::threads, 0, 1, true}, program,
                      left);
}

template <class P, class F> smxStatus_t with_shape(const smx_call &call, F f) {
    const smx_plan_row &plan = *call.plan.row;
    if (plan.threads_per_block == 256 && plan.elements_per_thread == 32) return f(shape<256, 32>{});
    return no_such_kernel(call);
}

} // namespace smx::row_stream
