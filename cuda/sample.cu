// One token per row: drawn from the softmax of the row at its temperature, after top-k, top-p and min-p.
#include "choice.cuh"
#include "row_cut.cuh"

namespace smx::sample {

struct job {
    rows_to_choose_from rows;
    float temperature;
    const float *temperatures; // one per row, or NULL
    int64_t top_k;             // 0: all
    float top_p;
    uint64_t negligible; // weights that top-p never keeps
    uint64_t least_weight;
    int missing_bits;
    smx_random random;
    float *log_probabilities; // NULL: not wanted

    __device__ float temperature_of(int64_t row) const { return temperatures != nullptr ? temperatures[row] : temperature; }
    __device__ void write(int64_t row, int64_t column, float log_probability) const {
        rows.indices.write(row, column);
        if (log_probabilities != nullptr) log_probabilities[row] = log_probability;
    }
};

template <class T> struct filtered_weights {
    logit_weights<real_of<T>> weights;
    kept_elements<T> kept;
    uint64_t least;

    __device__ __forceinline__ uint64_t of(int64_t column, real_of<T> x) const {
        if (!kept.has(key_of<T>(x), column)) return 0; // where only a few are kept, weights are dear
        const uint64_t weight = weights.of(x);
        return weight >= least ? weight : 0;
    }
};

// Top-k counts what it keeps, top-p weighs it: two turns of one loop, which is compiled once.
template <class T>
__device__ __forceinline__ void filter(const job &j, row_threads &threads, const row_elements<T> &row, filtered_weights<T> &f, int listed) {
#pragma unroll 1
    for (int turn = j.top_k > 0 ? 0 : 1; turn < (j.top_p < 1 ? 2 : 1); turn++) {
        const bool weighs = turn == 1;
        const auto measure = [&](real_of<T> x) -> uint64_t { return weighs ? f.weights.of(x) : 1; };
        const auto target = [&](uint64_t total) { return weighs ? smx_weight_of_share(j.top_p, total) : static_cast<uint64_t>(j.top_k); };
        keep_largest(threads, row, f.weights, f.kept, rule_of(measure, target, !weighs, weighs ? j.negligible : 0), weighs ? 0 : listed);
    }
}

// From a row with a finite maximum, at a temperature above 0. largest: of the thread's share.
template <class T>
__device__ __forceinline__ void draw(const job &j, row_threads &threads, const row_elements<T> &row, int64_t r, real_of<T> max,
                                     real_of<T> largest, float temperature) {
    filtered_weights<T> f = {{max, exponent_factor<real_of<T>>(temperature), j.missing_bits}, {}, j.least_weight};
    const int listed = j.top_k > 0 && j.top_k <= threads.count / listed_per_wanted ? list_largest<T>(threads, largest) : 0;
    threads.sync(); // the copy is complete
    filter(j, threads, row, f, listed);
    const auto weight = [&](int64_t column, real_of<T> x) { return f.of(column, x); };
    const uint64_t total = sum_segments(threads, row, weight);
    if (threads.warp == 0) {
        const uint64_t passed = smx_weight_to_pass(smx_random_bits(&j.random, r, 0), total);
        const found_column found = find_column(threads, row, passed, weight);
        if (threads.lane == 0) j.write(r, found.column, smx_log_of_share(f.weights.exponent(row.at(found.column)), total, j.missing_bits));
    }
    threads.sync(); // tables and copies are used again
}

template <class T> __global__ void __launch_bounds__(most_threads) kernel(const job j) {
    using R = real_of<T>;
    SHARED_VAR(row_tables, tables);
    row_threads threads(tables, j.rows.threads_per_row);
    for (int64_t r = static_cast<int64_t>(blockIdx.x) * threads.places + threads.place; r < j.rows.rows;
         r += static_cast<int64_t>(gridDim.x) * threads.places) {
        row_elements<T> row = j.rows.row<T>(threads, r);
        const largest_element<R> mine = largest_of_share(threads, row, j.rows.copies);
        const largest_element<R> found = threads.merged(mine, largest_element<R>::merged);
        const float temperature = j.temperature_of(r);
        const bool usable = temperature >= 0.0f && temperature < infinity<float>() && !found.none();
        if (usable && temperature > 0.0f && found.max < infinity<R>()) {
            draw(j, threads, row, r, found.max, mine.max, temperature);
        } else if (threads.leads()) {
            const bool argmax = usable && temperature == 0.0f;
            if (!argmax) count_bad_row(j.rows.bad_targets, r);
            j.write(r, argmax ? found.column : -1, argmax ? 0.0f : not_a_number<float>());
        }
    }
}

} // namespace smx::sample

// If no weight were above this, all of them together would be less than half of what top-p leaves out, since the largest is 2^40.
static uint64_t negligible_weight(const smx_call &call, int missing_bits) {
    const double left_out = (1 - static_cast<double>(call.choice.top_p)) * static_cast<double>(1ull << (SMX_WEIGHT_BITS - missing_bits));
    return static_cast<uint64_t>(left_out / 2 / static_cast<double>(call.cols));
}

smxStatus_t smx_cuda_sample(const smx_call &call) {
    using namespace smx;
    const smx_choice &c = call.choice;
    const int missing_bits = smx_missing_weight_bits(call.cols);
    const sample::job job = {rows_of(call),
                             c.temperature,
                             c.temperatures,
                             c.top_k,
                             c.top_p,
                             negligible_weight(call, missing_bits),
                             smx_least_weight(c.min_p, missing_bits),
                             missing_bits,
                             c.random,
                             c.log_probabilities};
    return with_type(call.in.layout.type, [&](auto tag) {
        using T = typename decltype(tag)::type;
        return launch_choice<T>(call, sample::kernel<T>, call.rows, job);
    });
}
