// The elements of a row for the threads that share it and visit it several times: in global memory, adjacent or apart, and after the
// first reading in shared memory, if the row is copied there. What visits them need not know where they are.
//
// A row is cut in segments, each of which belongs to one warp: runs of 16-byte vectors in the order of the columns, a multiple of 32 of
// them, so that lanes read what lies next to each other. The elements before the first vector belong to the first segment, those
// behind the last vector to the last one.
#pragma once
#include "row_io.cuh"
#include "row_threads.cuh"

namespace smx {

// A copy begins at the alignment of its row, so that vectors of the one are vectors of the other.
template <class T> __host__ __device__ int64_t bytes_of_copy(int64_t cols) {
    return (cols * static_cast<int64_t>(sizeof(T)) + 16 - static_cast<int64_t>(sizeof(T)) + 15) / 16 * 16;
}

template <class T> struct row_elements {
    using real = real_of<T>;
    static constexpr int V = vector_elements<T>;

    const T *data;
    int64_t stride;
    bool copied;         // are they in shared memory already?
    int copy;            // where the copy begins in the block's dynamic shared memory, in elements
    int segments;        // that have vectors; 1 at least
    int64_t per_segment; // vectors
    row_cut<V, int64_t> cut;

    __device__ row_elements(const row_threads &threads, const T *from, int64_t col_stride, int64_t cols)
        : data(from), stride(col_stride), copied(false), copy(0), cut(col_stride == 1 ? from : nullptr, cols) {
        const int most = threads.entries();
        per_segment = (cut.body + 32 * most - 1) / (32 * most) * 32;
        segments = cut.body == 0 ? 1 : static_cast<int>((cut.body + per_segment - 1) / per_segment);
        const int misaligned = stride == 1 ? static_cast<int>(reinterpret_cast<uintptr_t>(from) % 16) : 0;
        copy = static_cast<int>(threads.place * bytes_of_copy<T>(cols) + misaligned) / static_cast<int>(sizeof(T));
    }

    __device__ real at(int64_t column) const { return static_cast<real>(to_real(element(column))); }

    // The first visit, in no order: f(column of the first, elements), of V or of 1. Copies the row if that is wanted; the copy may be
    // visited after the next barrier.
    template <class F> __device__ __forceinline__ void read(const row_threads &threads, bool copies, F f) {
        constexpr int N = 4; // vectors in flight
        for (int64_t first = threads.thread; first < cut.body; first += N * threads.count) {
            packed<T, V> p[N];
#pragma unroll
            for (int n = 0; n < N; n++)
                if (first + n * threads.count < cut.body) fetch(cut.column_of_vector(first + n * threads.count), p[n]);
#pragma unroll
            for (int n = 0; n < N; n++) {
                if (first + n * threads.count >= cut.body) break;
                const int64_t column = cut.column_of_vector(first + n * threads.count);
                if (copies) put(column, p[n]);
                real x[V];
                convert(p[n], x);
                f(column, x);
            }
        }
        if (threads.thread < cut.edges) {
            const int64_t column = cut.column_of_edge(threads.thread);
            const T element = data[column * stride];
            if (copies) *in_copy(column) = element;
            const real x[1] = {static_cast<real>(to_real(element))};
            f(column, x);
        }
        copied = copies;
    }

    // f(column of the first, elements) for all of a segment, by the lanes of a warp; every lane in the order of the columns but for the
    // first and last elements of the row.
    template <class F> __device__ __forceinline__ void visit_segment(int segment, int lane, F f) const {
        for (int64_t vector = segment * per_segment + lane; vector < end_of(segment); vector += 32) {
            real x[V];
            load(vector, x);
            f(cut.column_of_vector(vector), x);
        }
        const bool first = segment == 0, last = segment == segments - 1;
        if ((first || last) && lane < cut.edges && (lane < cut.head ? first : last)) {
            const int64_t column = cut.column_of_edge(lane);
            const real x[1] = {at(column)};
            f(column, x);
        }
    }

    // f(column, element) for everything, each segment by a warp.
    template <class F> __device__ __forceinline__ void visit(const row_threads &threads, F f) const {
        for (int segment = threads.warp; segment < segments; segment += threads.warps)
            visit_segment(segment, threads.lane, [&](int64_t column, const auto &x) { for_each_element(column, x, f); });
    }

    template <int n, class F> __device__ static __forceinline__ void for_each_element(int64_t column, const real (&x)[n], F f) {
#pragma unroll
        for (int j = 0; j < n; j++) f(column + j, x[j]);
    }

    // Walks through a segment in the order of the columns, all lanes of a warp together, until f(column of the lane's first, its
    // elements, how many) says that it is enough.
    template <class F> __device__ __forceinline__ void walk(int segment, int lane, F f) const {
        const int64_t begin = segment * per_segment, end = end_of(segment);
        const int64_t before = segment == 0 ? 32 : 0, behind = segment == segments - 1 ? 32 : 0; // a step of single elements each
        for (int64_t first = begin - before; first < end + behind; first += 32) {
            const bool head = first < begin, edge = head || first >= end;
            real x[V];
            int n = 0;
            int64_t column = 0;
            if (edge) {
                const int e = head ? lane : cut.head + lane;
                if (e < (head ? cut.head : cut.edges)) {
                    column = cut.column_of_edge(e);
                    x[0] = at(column);
                    n = 1;
                }
            } else if (first + lane < end) {
                column = cut.column_of_vector(first + lane);
                load(first + lane, x);
                n = V;
            }
            if (f(column, x, n)) return;
        }
    }

  private:
    __device__ int64_t end_of(int segment) const {
        const int64_t end = (segment + 1) * per_segment;
        return end < cut.body ? end : cut.body;
    }
    __device__ T *in_copy(int64_t column) const {
        SHARED_DYNAMIC(T, rows);
        return rows + copy + static_cast<int>(column);
    }
    __device__ T element(int64_t column) const { return copied ? *in_copy(column) : data[column * stride]; }

    __device__ __forceinline__ void fetch(int64_t column, packed<T, V> &p) const {
        if (stride == 1) {
            const uint4 w = load_16_bytes(data + column);
            memcpy(static_cast<void *>(p.element), &w, 16);
        } else {
#pragma unroll
            for (int j = 0; j < V; j++) p.element[j] = data[(column + j) * stride];
        }
    }
    __device__ __forceinline__ void put(int64_t column, const packed<T, V> &p) const {
        uint4 w;
        memcpy(&w, p.element, 16);
        store_16_shared_bytes(in_copy(column), w);
    }
    __device__ static __forceinline__ void convert(const packed<T, V> &p, real (&x)[V]) {
#pragma unroll
        for (int j = 0; j < V; j++) x[j] = to_real(p.element[j]);
    }
    __device__ __forceinline__ void load(int64_t vector, real (&x)[V]) const {
        const int64_t column = cut.column_of_vector(vector);
        packed<T, V> p;
        if (copied) {
            const uint4 w = load_16_shared_bytes(in_copy(column));
            memcpy(static_cast<void *>(p.element), &w, 16);
        } else {
            fetch(column, p);
        }
        convert(p, x);
    }
};

} // namespace smx
