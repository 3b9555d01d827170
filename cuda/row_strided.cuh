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

    __device__ bool present(int n) const { return column(n) < cols; }
    // Where this thread has that column, -1 if it does not.
    __device__ int place_of(int64_t column) const {
        const int64_t apart = column - first - thread;
        return apart >= 0 && apart % per_row == 0 && apart / per_row < N ? static_cast<int>(apart / per_row) : -1;
    }

    // As row_part has them; the second argument of ask() and arrive() is for rows that lie behind each other.
    template <class T, class R>
    __device__ __forceinline__ void ask_first(const operand &from, bool wanted, T missing, R (&to)[V][N]) const {
        fill(repeated_bits<R>(missing), to);
        if (wanted) ask_for<T>(from, to);
    }
    template <class T, class R> __device__ __forceinline__ void first_arrives(const operand &from, R (&to)[V][N]) const {
        all_arrive<T>(from, to);
    }
    template <class R> __device__ __forceinline__ void ask(const operand &from, int64_t, R (&to)[V][N]) const {
        fill(R(0), to);
        if (from.data == nullptr) return;
        with_width_of<R>(from.type, [&](auto tag) { ask_for<typename decltype(tag)::type>(from, to); });
    }
    template <class R> __device__ __forceinline__ void arrive(const operand &from, int64_t, R (&to)[V][N]) const {
        with_type_of<R>(from.type, [&](auto tag) { all_arrive<typename decltype(tag)::type>(from, to); });
    }
    template <class R, class F> __device__ __forceinline__ void map_present(R missing, R (&to)[V][N], F f) const {
#pragma unroll
        for (int lane = 0; lane < V; lane++) {
#pragma unroll
            for (int n = 0; n < N; n++) to[lane][n] = present(n) ? f(to[lane][n]) : missing;
        }
    }
    template <class R> __device__ __forceinline__ void multiply_by_column(const R *factors, R (&to)[V][N]) const {
#pragma unroll
        for (int n = 0; n < N; n++) {
            const R factor = present(n) ? factors[column(n)] : R(0);
#pragma unroll
            for (int lane = 0; lane < V; lane++) to[lane][n] *= factor;
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
    template <class R> __device__ __forceinline__ static void fill(R value, R (&to)[V][N]) {
#pragma unroll
        for (int lane = 0; lane < V; lane++) {
#pragma unroll
            for (int n = 0; n < N; n++) to[lane][n] = value;
        }
    }
    template <class S> __device__ const S *place(const operand &from, int n) const { return from.element<S>(o, column(n), i); }

    // nvcc was seen to multiply strides ahead of the loop over columns, more products than there are registers: hence here().
    template <class S, class R> __device__ __forceinline__ void ask_for(operand from, R (&to)[V][N]) const {
        from.inner_stride = here(from.inner_stride);
#pragma unroll
        for (int n = 0; n < N; n++) {
            if (!present(n)) continue;
            const S *at = place<S>(from, n);
            if (whole(from, at)) {
                R v[V];
                ask_for_vector<S, V>(at, true, v);
#pragma unroll
                for (int lane = 0; lane < V * int(sizeof(S)) / int(sizeof(R)); lane++) to[lane][n] = v[lane];
            } else {
#pragma unroll
                for (int lane = 0; lane < V; lane++)
                    if (lane < held) to[lane][n] = bits_in_number<R>(at[lane * from.inner_stride]);
            }
        }
    }
    template <class S, class R> __device__ __forceinline__ void all_arrive(const operand &from, R (&to)[V][N]) const {
        if constexpr (sizeof(S) != sizeof(R)) {
#pragma unroll
            for (int n = 0; n < N; n++) {
                R v[V];
#pragma unroll
                for (int lane = 0; lane < V; lane++) v[lane] = to[lane][n];
                vector_arrives<S, V>(whole(from, place<S>(from, n)), v);
#pragma unroll
                for (int lane = 0; lane < V; lane++) to[lane][n] = v[lane];
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
    static constexpr bool one_turn = false;
    static_assert(groups <= 32 && 32 % groups == 0, "a warp has a thread of every group at least");

    // What the rows of a thread have of their own leaves registers for one block of general losses on a multiprocessor.
    template <class P> static constexpr bool alone = P::few_shapes;
    // Blocks per multiprocessor that the compiler has to leave registers for. 0 leaves it the choice, which was seen to spill.
    template <class P>
    static constexpr int min_blocks = sizeof(typename P::real) == 8 || P::two_numbers || alone<P> ? 1
                                      : !P::reduces                                               ? 2
                                      : sizeof(typename P::element) == 4                          ? 3
                                                                                                  : 0;

    // Bundles of up to V rows, side by side.
    template <class P> __host__ __device__ static int64_t bundles_of(const P &program) {
        constexpr int V = vector_elements<typename P::element>;
        return program.rows.rows / program.rows.inner * ((program.rows.inner + V - 1) / V);
    }
    template <class P> static int64_t blocks(const P &program) { return (bundles_of(program) + groups - 1) / groups; }

    template <class P> __device__ static void run(const P &program, int64_t block, int64_t blocks) {
        using T = typename P::element;
        using R = typename P::real;
        constexpr int per_thread = sizeof(R) == 8                                  ? elements / (P::two_numbers ? 4 : 2)
                                   : sizeof(T) == 2 && alone<P> && !P::two_numbers ? elements * 2
                                                                                   : elements; // columns in flight: at least 4
        constexpr int V = vector_elements<T>, N = per_thread / V, warps = per_block / 32;

        const row_operands &rows = program.rows;
        const int group = static_cast<int>(threadIdx.x) % groups;
        const int64_t per_outer = (rows.inner + V - 1) / V, bundles = bundles_of(program);
        const bool stays = rows.cols <= per_row * N;
        for (int64_t first = block * groups; first < bundles; first += blocks * groups) {
            const int thread = static_cast<int>(here(threadIdx.x)) / groups;
            const int64_t own = first + group, bundle = own < bundles ? own : bundles - 1;
            const int64_t o = bundle / per_outer, i = bundle % per_outer * V, left = rows.inner - i;
            const int held = own >= bundles ? 0 : left < V ? static_cast<int>(left) : V;
            const int64_t row = o * rows.inner + i;
            using part_type = part<V, N, per_row>;
            const auto part_from = [&](int64_t column) {
                return part_type{o, i, column, held > 0 ? rows.cols : 0, static_cast<int>(here(thread)), held};
            };

            decltype(program.key(row)) key[V];
            decltype(program.begin(key[0], row, false)) line[V];
            bool wanted = false;
            const auto row_of = [&](int lane) { return lane < held ? row + lane : row; };
#pragma unroll
            for (int lane = 0; lane < V; lane++) key[lane] = program.key(row_of(lane));
#pragma unroll
            for (int lane = 0; lane < V; lane++) {
                line[lane] = program.begin(key[lane], row_of(lane), lane < held && thread == 0);
                wanted = wanted || (lane < held && !line[lane].skip);
            }
            // Afterwards, so that it takes no registers before.
            const auto ask_for_own = [&] {
#pragma unroll
                for (int lane = 0; lane < V; lane++)
                    program.own(line[lane], row_of(lane), lane < held && thread == 0,
                                [&](int64_t column) { return rows.in.template element<const T>(o, column, lane < held ? i + lane : i); });
            };

            R x[V][N] = {}, w[P::two_numbers ? V : 1][N] = {};
            const auto for_each_part = [&](auto pass) {
                for (int64_t column = 0; column < rows.cols; column += per_row * N) pass(part_from(column));
            };
            // output of everything, from what is known of every lane's row
            const auto write = [&](const auto &result, bool read_again) {
                if constexpr (P::writes) {
                    for_each_part([&](const part_type &mine) {
                        if (read_again) {
                            program.ask(mine, row, wanted, x, w);
                            all_is_asked_for();
                            program.arrive(mine, row, x, w);
                        }
#pragma unroll
                        for (int lane = 0; lane < V; lane++) {
                            const int target = mine.place_of(line[lane].target);
#pragma unroll
                            for (int n = 0; n < N; n++) {
                                x[lane][n] = program.output(result[lane], program.value_of_element(result[lane], x[lane][n]),
                                                            w[P::two_numbers ? lane : 0][n], n == target);
                            }
                            if (result[lane].zero) {
#pragma unroll
                                for (int n = 0; n < N; n++) x[lane][n] = R(0);
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
                    program.ask(mine, row, wanted, x, w);
                    all_is_asked_for();
                    program.arrive(mine, row, x, w);
#pragma unroll
                    for (int lane = 0; lane < V; lane++)
                        if (!line[lane].skip) program.accumulate(of_row[lane], mine, x[lane], w[P::two_numbers ? lane : 0]);
                });
                ask_for_own();
                merge_groups<V, groups, warps>(of_row, program.factor());
                decltype(program.finish(line[0], of_row[0], row, false)) result[V];
#pragma unroll
                for (int lane = 0; lane < V; lane++)
                    result[lane] = program.finish(line[lane], of_row[lane], row_of(lane), lane < held && thread == 0);
                write(result, !stays);
            } else {
                ask_for_own();
                decltype(program.finish(line[0], row)) result[V];
#pragma unroll
                for (int lane = 0; lane < V; lane++) result[lane] = program.finish(line[lane], row_of(lane));
                write(result, true);
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
