// Family row_strided: the elements of a row lie apart, those of neighbouring rows side by side. A thread takes V neighbouring rows at
// once, 16 bytes of every column, and shares them with the threads of its group, which take the columns in turn; every row keeps a
// reduction of its own. Rows of few columns stay in registers; longer ones are streamed with the online update and read again for
// what is written. Nothing is transposed in memory.
#pragma once
#include "launch.cuh"
#include "row_program.cuh"

namespace smx::row_strided {

// What a thread holds at a time: columns first + thread, first + thread + per_row, ... (N of them) of rows (o, i) ... (o, i + held - 1),
// in arrays of N numbers for each of V rows.
template <int V, int N, int per_row> struct part {
    int64_t o, i, first, cols;
    int thread, held;

    __device__ int64_t column(int n) const { return first + thread + static_cast<int64_t>(n) * per_row; }

    template <class T, class R, class F>
    __device__ __forceinline__ void load_first(const operand &from, int64_t, bool wanted, R missing, R (&to)[V][N], F f) const {
        fill(missing, to);
        if (wanted) visit<T, R>(from, [&](int lane, int n, R value) { to[lane][n] = f(value); });
    }
    // to = f(to, element) for every element that is there
    template <class R, class F> __device__ __forceinline__ void update(const operand &from, int64_t, R (&to)[V][N], F f) const {
        with_type_of<R>(from.type, [&](auto tag) {
            visit<typename decltype(tag)::type, R>(from, [&](int lane, int n, R value) { to[lane][n] = f(to[lane][n], value); });
        });
    }
    template <class R> __device__ __forceinline__ void fill(R value, R (&to)[V][N]) const {
#pragma unroll
        for (int lane = 0; lane < V; lane++) {
#pragma unroll
            for (int n = 0; n < N; n++) to[lane][n] = value;
        }
    }
    // value where there is an element, 0 elsewhere
    template <class R> __device__ __forceinline__ void fill_present(R value, R (&to)[V][N]) const {
#pragma unroll
        for (int lane = 0; lane < V; lane++) {
#pragma unroll
            for (int n = 0; n < N; n++) to[lane][n] = column(n) < cols ? value : R(0);
        }
    }
    template <class R> __device__ __forceinline__ void store(const operand &to, const R (&from)[V][N]) const {
        with_width_of<R>(to.type, [&](auto tag) {
            using S = typename decltype(tag)::type;
            const store_policy policy = store_policy::of(to.passing);
#pragma unroll
            for (int n = 0; n < N; n++) {
                if (column(n) >= cols) continue;
                S *at = to.element<S>(o, column(n), i);
                R v[V];
#pragma unroll
                for (int lane = 0; lane < V; lane++) v[lane] = from[lane][n];
                if (whole(to, at)) {
                    store_vector<S, V>(to.type, at, true, policy, v);
                } else {
#pragma unroll
                    for (int lane = 0; lane < V; lane++)
                        if (lane < held) encode<1>(to.type, v + lane, at + lane);
                }
            }
        });
    }

  private:
    // Can the V elements there be moved together?
    template <class S> __device__ bool whole(const operand &of, const S *at) const {
        constexpr unsigned bytes = sizeof(S) * V < 16 ? sizeof(S) * V : 16;
        return held == V && of.inner_stride == 1 && reinterpret_cast<uintptr_t>(at) % bytes == 0;
    }
    // f(row of the thread's, place in its array, element)
    template <class S, class R, class F> __device__ __forceinline__ void visit(const operand &from, F f) const {
#pragma unroll
        for (int n = 0; n < N; n++) {
            if (column(n) >= cols) continue;
            const S *at = from.element<S>(o, column(n), i);
            if (whole(from, at)) {
                R v[V];
                load_vector<S, V>(at, true, v);
#pragma unroll
                for (int lane = 0; lane < V; lane++) f(lane, n, v[lane]);
            } else {
                R v[V] = {};
                // Four at a time: of 16-bit types the compiler was seen to spill, with those of all columns on their way at once.
                constexpr int step = 4;
                if constexpr (V > step) {
#pragma unroll 1
                    for (int begin = 0; begin < held; begin += step) {
#pragma unroll
                        for (int k = 0; k < step; k++) {
                            const R value = begin + k < held ? static_cast<R>(to_real(at[(begin + k) * from.inner_stride])) : R(0);
#pragma unroll
                            for (int lane = k; lane < V; lane += step) v[lane] = lane == begin + k ? value : v[lane];
                        }
                    }
                }
#pragma unroll
                for (int lane = 0; lane < V; lane++)
                    if (lane < held) f(lane, n, V > step ? v[lane] : static_cast<R>(to_real(at[lane * from.inner_stride])));
            }
        }
    }
};

// Merges what the groups of a block hold of each row. A group is spread over all warps: its threads in one warp merge by shuffles, the
// warps through shared memory, where each row has a thread that merges what the warps left. Every thread gets the rows of its group.
template <class Reduction, int warps, int rows> struct alignas(16) slots { Reduction of_warp[warps][rows]; };

template <int V, int groups, int warps, class Reduction, class R>
__device__ __forceinline__ void merge_groups(Reduction (&mine)[V], R factor) {
    constexpr int rows = groups * V;
    using slots_type = slots<Reduction, warps, rows>;
    SHARED_VAR(slots_type, shared);
    auto &slot = shared.of_warp;
    const int warp = static_cast<int>(threadIdx.x) / 32, group = static_cast<int>(threadIdx.x) % groups;
#pragma unroll
    for (int lane = 0; lane < V; lane++) {
        if constexpr (groups < 32) mine[lane] = mine[lane].template merged<lanes<32 / groups, groups>>(factor);
        if (static_cast<int>(threadIdx.x) % 32 < groups) slot[warp][group * V + lane] = mine[lane];
    }
    __syncthreads();
    for (int row = static_cast<int>(threadIdx.x); row < rows; row += warps * 32) {
        Reduction all = slot[0][row];
#pragma unroll
        for (int w = 1; w < warps; w++) all = all.merged_with(slot[w][row], factor);
        slot[0][row] = all;
    }
    __syncthreads();
#pragma unroll
    for (int lane = 0; lane < V; lane++) mine[lane] = slot[0][group * V + lane];
    __syncthreads(); // the slots are used again
}

// elements: what a thread holds at a time, in words of 4 bytes.
template <int per_row, int per_block, int elements> struct shape {
    static constexpr int threads = per_block, cluster = 1, groups = per_block / per_row;
    static_assert(groups <= 32 && 32 % groups == 0, "a warp has a thread of every group at least");

    // Blocks per multiprocessor that the compiler has to leave registers for. 0 leaves it the choice, which was seen to spill.
    template <class P> static constexpr int min_blocks = sizeof(typename P::real) == 8 || P::two_numbers ? 1 : !P::reduces ? 2 : 0;

    // Bundles of up to V rows, side by side.
    template <class P> __host__ __device__ static int64_t bundles_of(const P &program) {
        constexpr int V = vector_elements<typename P::element>;
        return program.rows.rows / program.rows.inner * ((program.rows.inner + V - 1) / V);
    }
    template <class P> static int64_t blocks(const P &program) { return (bundles_of(program) + groups - 1) / groups; }

    template <class P> __device__ static void run(const P &program, int64_t block, int64_t blocks) {
        using T = typename P::element;
        using R = typename P::real;
        constexpr int per_thread = sizeof(R) == 4   ? elements
                                   : P::two_numbers ? elements / 4
                                                    : elements / 2; // columns in flight: at least 4
        constexpr int V = vector_elements<T>, N = per_thread / V, warps = per_block / 32;

        const row_operands &rows = program.rows;
        const int group = static_cast<int>(threadIdx.x) % groups, thread = static_cast<int>(threadIdx.x) / groups;
        const int64_t per_outer = (rows.inner + V - 1) / V, bundles = bundles_of(program);
        const bool stays = rows.cols <= per_row * N;
        for (int64_t first = block * groups; first < bundles; first += blocks * groups) {
            const int64_t own = first + group, bundle = own < bundles ? own : bundles - 1;
            const int64_t o = bundle / per_outer, i = bundle % per_outer * V, left = rows.inner - i;
            const int held = own >= bundles ? 0 : left < V ? static_cast<int>(left) : V;
            const int64_t row = o * rows.inner + i;
            using part_type = part<V, N, per_row>;
            const auto part_from = [&](int64_t column) { return part_type{o, i, column, held > 0 ? rows.cols : 0, thread, held}; };

            decltype(program.begin(row, false)) line[V];
            bool wanted = false;
#pragma unroll
            for (int lane = 0; lane < V; lane++) {
                const bool present = lane < held;
                line[lane] = program.begin(present ? row + lane : row, present && thread == 0);
                wanted = wanted || (present && !line[lane].skip);
            }

            R x[V][N], w[P::two_numbers ? V : 1][N] = {};
            const auto for_each_part = [&](auto pass) {
                for (int64_t column = 0; column < rows.cols; column += per_row * N) pass(part_from(column));
            };
            // output of everything, from what is known of every lane's row
            const auto write = [&](const auto &result, bool read_again) {
                if constexpr (P::writes) {
                    for_each_part([&](const part_type &mine) {
                        if (read_again) program.load(mine, row, wanted, x, w);
#pragma unroll
                        for (int lane = 0; lane < V; lane++) {
#pragma unroll
                            for (int n = 0; n < N; n++) {
                                const R out = program.output(result[lane], program.value_of_element(result[lane], x[lane][n]),
                                                             w[P::two_numbers ? lane : 0][n], mine.column(n));
                                x[lane][n] = line[lane].zero ? R(0) : out;
                            }
                        }
                        mine.store(rows.out, x);
                    });
                }
            };

            if constexpr (P::reduces) {
                using reduction = typename P::reduction;
                reduction of_row[V];
#pragma unroll
                for (int lane = 0; lane < V; lane++) of_row[lane] = reduction::empty();
                for_each_part([&](const part_type &mine) {
                    program.load(mine, row, wanted, x, w);
#pragma unroll
                    for (int lane = 0; lane < V; lane++)
                        if (!line[lane].skip) program.accumulate(of_row[lane], x[lane], w[P::two_numbers ? lane : 0]);
                });
                merge_groups<V, groups, warps>(of_row, program.factor());
                decltype(program.finish(line[0], of_row[0], row, false)) result[V];
#pragma unroll
                for (int lane = 0; lane < V; lane++) {
                    const bool present = lane < held;
                    result[lane] = program.finish(line[lane], of_row[lane], present ? row + lane : row, present && thread == 0);
                }
                write(result, !stays);
            } else {
                write(line, true);
            }
        }
    }
};

template <class P, class F> smxStatus_t with_shape(const smx_call &call, F f) {
    switch (call.plan.row->threads_per_row) {
    case 8: return f(shape<8, 256, 32>{});
    case 64: return f(shape<64, 256, 32>{});
    default: return no_such_kernel(call);
    }
}

} // namespace smx::row_strided
