// Several draws from every row, with replacement or without.
#include "choice.cuh"
#include "row_search.cuh"
#include "weights.cuh"

namespace smx::multinomial {

struct job {
    rows_to_choose_from rows;
    bool from_probabilities;
    float temperature;
    int missing_bits;
    smx_random random;
    int64_t draws, draws_of_item, items_of_row; // an item: the draws that one group of threads makes
    uint32_t *drawn;                            // bits of columns, or NULL: with replacement
    int64_t drawn_words;                        // of a row
};

template <class R> struct any_weights {
    logit_weights<R> logits;
    probability_weights<R> probabilities;
    bool from_probabilities;
    const uint32_t *drawn;

    __device__ __forceinline__ uint64_t of(int64_t column, R x) const {
        if (drawn != nullptr && (drawn[column / 32] >> (column % 32) & 1u)) return 0;
        return from_probabilities ? probabilities.of(x) : logits.of(x);
    }
};

template <class T> using row_weights = any_weights<real_of<T>>;

// With replacement the warps take turns; without, one warp makes all draws of a row, since each changes what the next one draws from.
template <class T>
__device__ __forceinline__ void draw(const job &j, const row_threads &threads, const row_elements<T> &row, const row_weights<T> &weights,
                                     uint32_t *drawn, int64_t r, int64_t first, int64_t end, uint64_t total) {
    const int step = drawn == nullptr ? threads.warps : 1;
    if (threads.warp >= step) return;
    int64_t draw = first + threads.warp;
    for (; draw < end && total > 0; draw += step) {
        const uint64_t passed = smx_weight_to_pass(smx_random_bits(&j.random, r, draw), total);
        const found_column found = find_column(threads, row, passed, [&](int64_t column, real_of<T> x) { return weights.of(column, x); });
        if (threads.lane == 0) j.rows.indices.write(r * j.draws + draw, found.column);
        if (drawn == nullptr) continue;
        if (threads.lane == 0) {
            drawn[found.column / 32] |= 1u << (found.column % 32);
            threads.sums()[found.segment] -= found.counts;
        }
        total -= found.counts;
        __syncwarp();
    }
    if (draw >= end) return;
    if (threads.lane == 0) count_bad_row(j.rows.bad_targets, r); // nothing is left
    for (draw += threads.lane; draw < end; draw += 32) j.rows.indices.write(r * j.draws + draw, -1);
}

// Reads the row: is there anything to draw from, and by which weights?
template <class T>
__device__ __forceinline__ bool read_row(const job &j, row_threads &threads, row_elements<T> &row, row_weights<T> &weights) {
    using R = real_of<T>;
    largest_element<R> mine = largest_element<R>::empty();
    bool negative = false;
    row.read(threads, j.rows.copies, [&](int64_t column, const auto &x) {
        mine.add(column, x);
        row_elements<T>::for_each_element(column, x, [&](int64_t, R element) { negative = negative || element < R(0); });
    });
    if (j.from_probabilities && negative) mine = {infinity<R>(), -2}; // as bad as a NaN
    const largest_element<R> found = threads.merged(mine, largest_element<R>::merged);
    if (found.none() || found.max == infinity<R>() || (j.from_probabilities && !(found.max > R(0)))) return false;
    weights = {{found.max, exponent_factor<R>(j.temperature), j.missing_bits},
               probability_weights<R>::of_maximum(found.max, j.missing_bits),
               j.from_probabilities,
               nullptr};
    return true;
}

template <class T> __global__ void __launch_bounds__(most_threads) kernel(const job j) {
    SHARED_VAR(row_tables, tables);
    row_threads threads(tables, j.rows.threads_per_row);
    const int64_t items = j.rows.rows * j.items_of_row;
    for (int64_t item = static_cast<int64_t>(blockIdx.x) * threads.places + threads.place; item < items;
         item += static_cast<int64_t>(gridDim.x) * threads.places) {
        const int64_t r = item / j.items_of_row, first = item % j.items_of_row * j.draws_of_item;
        const int64_t end = j.draws - first < j.draws_of_item ? j.draws : first + j.draws_of_item;
        row_elements<T> row = j.rows.row<T>(threads, r);
        row_weights<T> weights;
        if (!read_row(j, threads, row, weights)) {
            if (threads.leads() && first == 0) count_bad_row(j.rows.bad_targets, r);
            for (int64_t draw = first + threads.thread; draw < end; draw += threads.count) j.rows.indices.write(r * j.draws + draw, -1);
            continue;
        }
        threads.sync(); // the copy is complete
        const uint64_t total = sum_segments(threads, row, [&](int64_t column, real_of<T> x) { return weights.of(column, x); });
        uint32_t *drawn = nullptr;
        if (j.drawn != nullptr) {
            drawn = j.drawn + r * j.drawn_words;
            for (int64_t word = threads.thread; word < j.drawn_words; word += threads.count) drawn[word] = 0;
            threads.sync();
        }
        weights.drawn = drawn;
        draw(j, threads, row, weights, drawn, r, first, end, total);
        threads.sync(); // tables and copies are used again
    }
}

} // namespace smx::multinomial

smxStatus_t smx_cuda_multinomial(const smx_call &call) {
    using namespace smx;
    constexpr int64_t most_draws_of_item = 4096; // of more, several blocks share a row
    const smx_choice &c = call.choice;
    const int64_t draws_of_item = c.with_replacement && c.per_row > most_draws_of_item ? most_draws_of_item : c.per_row;
    const int64_t items_of_row = (c.per_row + draws_of_item - 1) / draws_of_item;
    const multinomial::job job = {rows_of(call),
                                  c.from_probabilities,
                                  c.temperature,
                                  smx_missing_weight_bits(call.cols),
                                  c.random,
                                  c.per_row,
                                  draws_of_item,
                                  items_of_row,
                                  c.with_replacement ? nullptr : static_cast<uint32_t *>(call.workspace),
                                  static_cast<int64_t>(smx_drawn_bytes(call.cols) / sizeof(uint32_t))};
    return with_type(call.in.layout.type, [&](auto tag) {
        using T = typename decltype(tag)::type;
        return launch_choice<T>(call, multinomial::kernel<T>, call.rows * items_of_row, job);
    });
}
