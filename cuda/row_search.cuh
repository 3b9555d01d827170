// Where in a row, in the order of its columns, a running sum of integers passes a number: segments are summed up once; a search looks for
// the segment, and through that one again.
#pragma once
#include "row_elements.cuh"

namespace smx {

// f(column, element): what an element counts. Every thread gets the sum over the row; the segments' sums are in the tables.
template <class T, class F> __device__ __forceinline__ uint64_t sum_segments(row_threads &threads, const row_elements<T> &row, F f) {
    uint64_t mine = 0;
    for (int segment = threads.warp; segment < row.segments; segment += threads.warps) {
        uint64_t sum = 0;
        row.visit_segment(segment, threads.lane, [&](int64_t column, const auto &x) {
            row_elements<T>::for_each_element(column, x, [&](int64_t at, real_of<T> element) { sum += f(at, element); });
        });
        mine += sum;
        sum = sum_of_lanes(sum);
        if (threads.lane == 0) threads.sums()[segment] = sum;
    }
    const uint64_t total = threads.sum(mine);
    threads.sync();
    return total;
}

struct found_column {
    int64_t column;
    int segment;
    uint64_t counts; // what its element does
};

// The column where the sum of f over it and all before it first exceeds `passed`, which is below the sum over the row. One warp
// searches, all lanes together, after sum_segments().
template <class T, class F>
__device__ __forceinline__ found_column find_column(const row_threads &threads, const row_elements<T> &row, uint64_t passed, F f) {
    using R = real_of<T>;
    constexpr int V = row_elements<T>::V;
    const uint64_t *sums = threads.sums();
    uint64_t before;
    found_column found = {-1, 0, 0};
    found.segment = first_beyond(row.segments, passed, &before, [&](int i) { return sums[i]; });
    uint64_t left = passed - before;
    row.walk(found.segment, threads.lane, [&](int64_t column, const R(&x)[V], int n) {
        uint64_t sum = 0;
#pragma unroll
        for (int j = 0; j < V; j++)
            if (j < n) sum += f(column + j, x[j]);
        const uint64_t up_to = sum_up_to_lane(sum);
        const unsigned beyond = __ballot_sync(0xffffffffu, up_to > left);
        if (beyond == 0) {
            left -= __shfl_sync(0xffffffffu, up_to, 31);
            return false;
        }
        const int lane = __ffs(static_cast<int>(beyond)) - 1;
        left -= __shfl_sync(0xffffffffu, up_to - sum, lane);
        found.column = __shfl_sync(0xffffffffu, static_cast<long long>(column), lane);
        return true;
    });
    for (;; found.column++) { // of the elements of one lane
        found.counts = f(found.column, row.at(found.column));
        if (left < found.counts) break;
        left -= found.counts;
    }
    __syncwarp(); // afterwards what elements count may change
    return found;
}

} // namespace smx
