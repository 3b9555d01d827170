// The k most probable entries of every row, sorted, and their softmax probabilities.
#include "choice.cuh"
#include "row_cut.cuh"

namespace smx::top_k {

struct job {
    rows_to_choose_from rows;
    int64_t k;
    float scale;
    bool empty_row_is_zero;
    float *probabilities;
};

// ---- the chosen, in any order first and then sorted: in the tables where they fit, else where the indices are written ----

template <class T> struct entry {
    key_of_type<T> key;
    int64_t column;

    __device__ bool comes_before(const entry &other) const { return key > other.key || (key == other.key && column < other.column); }
};

template <class T> struct list_in_tables {
    key_of_type<T> *keys;
    int64_t *columns;

    __device__ entry<T> get(int64_t at) const { return {keys[at], columns[at]}; }
    __device__ void put(int64_t at, const entry<T> &e) const {
        keys[at] = e.key;
        columns[at] = e.column;
    }
};

template <class T> struct list_in_indices {
    const row_elements<T> &row;
    const chosen_indices &indices;
    int64_t first;

    __device__ entry<T> get(int64_t at) const {
        const int64_t column = indices.read(first + at);
        return {key_of<T>(row.at(column)), column};
    }
    __device__ void put(int64_t at, const entry<T> &e) const { indices.write(first + at, e.column); }
};

// A bitonic network whose comparators all put what comes before to the smaller place, so that places beyond the end, which would hold
// what comes last, need not exist.
template <class List> __device__ __forceinline__ void sort(const row_threads &threads, const List &list, int64_t count) {
    int64_t half = 1;
    while (2 * half < count) half *= 2;
    for (int64_t size = 2; size / 2 < count; size *= 2) {
        for (int64_t apart = size / 2; apart > 0; apart /= 2) {
            const int64_t mirror = apart == size / 2 ? size - 1 : apart;
            for (int64_t c = threads.thread; c < half; c += threads.count) {
                const int64_t a = (c & ~(apart - 1)) * 2 + (c & (apart - 1)), b = a ^ mirror;
                if (b >= count) continue;
                const auto of_a = list.get(a), of_b = list.get(b);
                if (!of_b.comes_before(of_a)) continue;
                list.put(a, of_b);
                list.put(b, of_a);
            }
            threads.sync();
        }
    }
}

// The order in which they are gathered is any; sorting leaves one. Shared memory adds to 32 bits at once, to 64 in a loop.
template <class T, class List>
__device__ __forceinline__ void gather(const row_threads &threads, const row_elements<T> &row, const kept_elements<T> &kept,
                                       const List &list, int64_t count) {
    unsigned long long &many = *reinterpret_cast<unsigned long long *>(&threads.answer());
    threads.sync(); // the cut has counted, too
    if (threads.leads()) {
        many = 0;
        threads.counter() = 0;
    }
    threads.sync();
    row.visit(threads, [&](int64_t column, real_of<T> x) {
        const key_of_type<T> key = key_of<T>(x);
        if (!kept.has(key, column)) return;
        const int64_t at =
            count <= UINT32_MAX ? static_cast<int64_t>(atomicAdd(&threads.counter(), 1u)) : static_cast<int64_t>(atomicAdd(&many, 1ull));
        list.put(at, {key, column});
    });
    threads.sync();
}

template <class T, class List>
__device__ __forceinline__ void write(const job &j, const row_threads &threads, const row_elements<T> &row, const kept_elements<T> &kept,
                                      const List &list, const row_state<real_of<T>> &state, int64_t r) {
    using R = real_of<T>;
    gather(threads, row, kept, list, j.k);
    sort(threads, list, j.k);
    const R scale = static_cast<R>(j.scale);
    const distribution<R> d = distribution<R>::of(state, scale);
    for (int64_t at = threads.thread; at < j.k; at += threads.count) {
        const entry<T> e = list.get(at);
        j.probabilities[r * j.k + at] =
            static_cast<float>(exponential(real_of_key<T>(e.key), d.reference, factor_of(scale)) * d.normalizer);
        j.rows.indices.write(r * j.k + at, e.column);
    }
}

template <class R> __device__ bool has_distribution(const row_state<R> &s) { return s.max > -infinity<R>() && s.sum < infinity<R>(); }

// From a row with a distribution. largest: of the thread's share.
template <class T>
__device__ __forceinline__ void choose(const job &j, row_threads &threads, const row_elements<T> &row, const row_state<real_of<T>> &state,
                                       real_of<T> largest, int64_t r) {
    using R = real_of<T>;
    const logit_weights<R> weights = {state.max, exponent_factor<R>(1.0f), 0}; // of use for its exponents alone
    kept_elements<T> kept;
    const int listed = j.k <= threads.count / listed_per_wanted ? list_largest<T>(threads, largest) : 0;
    threads.sync(); // the copy is complete
    if (j.k < j.rows.cols) {
        const auto measure = [](R) -> uint64_t { return 1; };
        const auto target = [&](uint64_t) { return static_cast<uint64_t>(j.k); };
        keep_largest(threads, row, weights, kept, rule_of(measure, target, true, 0), listed);
    }
    if (j.k <= threads.entries()) {
        int64_t *columns = reinterpret_cast<int64_t *>(threads.sums());
        write(j, threads, row, kept, list_in_tables<T>{threads.template keys<key_of_type<T>>(), columns}, state, r);
    } else {
        write(j, threads, row, kept, list_in_indices<T>{row, j.rows.indices, r * j.k}, state, r);
    }
    threads.sync(); // tables and copies are used again
}

template <class T> __global__ void __launch_bounds__(most_threads) kernel(const job j) {
    using R = real_of<T>;
    SHARED_VAR(row_tables, tables);
    row_threads threads(tables, j.rows.threads_per_row);
    const R factor = factor_of(static_cast<R>(j.scale));
    for (int64_t r = static_cast<int64_t>(blockIdx.x) * threads.places + threads.place; r < j.rows.rows;
         r += static_cast<int64_t>(gridDim.x) * threads.places) {
        row_elements<T> row = j.rows.row<T>(threads, r);
        row_state<R> state = row_state<R>::empty();
        row.read(threads, j.rows.copies, [&](int64_t, const auto &x) { state.add(x, factor); });
        const R largest = state.max;
        state = threads.merged(state, [=](const row_state<R> &a, const row_state<R> &b) { return a.merged_with(b, factor); });
        if (has_distribution(state)) {
            choose(j, threads, row, state, largest, r);
            continue;
        }
        const bool zero = j.empty_row_is_zero && state.max == -infinity<R>() && state.sum == R(0);
        if (threads.leads()) count_bad_row(j.rows.bad_targets, r);
        for (int64_t at = threads.thread; at < j.k; at += threads.count) {
            j.probabilities[r * j.k + at] = zero ? 0.0f : not_a_number<float>();
            j.rows.indices.write(r * j.k + at, -1);
        }
    }
}

} // namespace smx::top_k

smxStatus_t smx_cuda_top_k(const smx_call &call) {
    using namespace smx;
    const top_k::job job = {rows_of(call), call.choice.per_row, call.scale, call.empty_row == SMX_EMPTY_ROW_ZERO,
                            call.choice.probabilities};
    return with_type(call.in.layout.type, [&](auto tag) {
        using T = typename decltype(tag)::type;
        return launch_choice<T>(call, top_k::kernel<T>, call.rows, job);
    });
}
