// How threads read and write the elements of a row: 16 bytes at a time, whatever the row's alignment. A row is cut where its first
// operand becomes aligned to 16 bytes: a head of single elements, a body of whole vectors, a tail of single elements.
#pragma once
#include "ptx.cuh"
#include "types.cuh"

namespace smx {

template <class T> constexpr int vector_elements = 16 / static_cast<int>(sizeof(T));

// An operand of a kernel. Element j of row (o, i) lies o * outer_stride + j * col_stride + i * inner_stride elements from the first;
// families of rows whose elements are adjacent take o for the row and nothing else. Ragged rows begin where their offsets say.
struct operand {
    void *data;
    int64_t outer_stride, col_stride, inner_stride;
    smxDataType_t type;
    bool passing;           // written, and too large to be found in the second-level cache later
    const int64_t *offsets; // NULL: the rows are not ragged

    template <class S> __device__ S *row(int64_t r) const {
        return static_cast<S *>(data) + (offsets != nullptr ? offsets[r] : r * outer_stride);
    }
    template <class S> __device__ S *element(int64_t o, int64_t column, int64_t i) const {
        return static_cast<S *>(data) + o * outer_stride + column * col_stride + i * inner_stride;
    }
};

// V elements of the first operand are 16 bytes; Index counts columns: int where a row stays on the chip.
template <int V, class Index> struct row_cut {
    const void *row; // of the first operand
    int head;        // elements before the body
    int edges;       // elements before and after the body, at most 2 V - 2
    Index body;      // vectors of V elements

    row_cut() = default;
    __device__ row_cut(const void *begin, int64_t cols) : row(begin) {
        const int element_bytes = 16 / V;
        const int misaligned = static_cast<int>(reinterpret_cast<uintptr_t>(row) % 16) / element_bytes;
        const int to_boundary = (V - misaligned) % V;
        head = to_boundary < cols ? to_boundary : static_cast<int>(cols);
        body = static_cast<Index>(cols - head) / V;
        edges = static_cast<int>(static_cast<Index>(cols) - body * V);
    }
    __device__ Index column_of_vector(Index v) const { return head + v * V; }
    __device__ Index column_of_edge(int e) const { return e < head ? e : body * V + e; }
};

// ---- V elements in one place, of any type that is computed with as R ----

template <class S, int V> struct packed { alignas(16) S element[V]; };

template <class S, int V, class R> __device__ __forceinline__ void load_vector(const S *from, bool aligned, R *to) {
    packed<S, V> p;
    if (aligned) {
        if constexpr (sizeof(S) * V == 8) {
            const uint2 w = load_8_bytes(from);
            memcpy(static_cast<void *>(p.element), &w, 8);
        } else {
#pragma unroll
            for (int j = 0; j < V; j += vector_elements<S>) {
                const uint4 w = load_16_bytes(from + j);
                memcpy(static_cast<void *>(p.element + j), &w, 16);
            }
        }
    } else {
#pragma unroll
        for (int j = 0; j < V; j++) p.element[j] = from[j];
    }
#pragma unroll
    for (int j = 0; j < V; j++) to[j] = to_real(p.element[j]);
}

// S: what elements of the type are stored as
template <class S, int V, class R>
__device__ __forceinline__ void store_vector(smxDataType_t type, S *to, bool aligned, store_policy policy, const R *from) {
    packed<S, V> p;
    encode<V>(type, from, p.element);
    if (aligned) {
        if constexpr (sizeof(S) * V == 8) {
            uint2 w;
            memcpy(&w, p.element, 8);
            store_8_bytes(to, w, policy);
        } else {
#pragma unroll
            for (int j = 0; j < V; j += vector_elements<S>) {
                uint4 w;
                memcpy(&w, p.element + j, 16);
                store_16_bytes(to + j, w, policy);
            }
        }
    } else {
#pragma unroll
        for (int j = 0; j < V; j++) to[j] = p.element[j];
    }
}

// ---- the part of a row that one of `stride` threads holds ----
// Thread t holds vectors t, t + stride, ... (N of them, counted from vector `first`) and edges t, t + stride, ... (E of them), one
// after the other in an array of N * V + E numbers.

template <int V, class Index, int N, int E, int stride> struct row_part {
    using cut_type = row_cut<V, Index>;
    static constexpr int size = N * V + E;
    cut_type cut;
    Index first;
    int thread;

    __device__ Index vector(int i) const { return first + thread + i * stride; }
    __device__ int edge(int e) const { return thread + e * stride; }

    // Can vectors of S be moved whole? Those of the first operand can: that is what the cut is for.
    template <class S> __device__ bool aligned(const S *row) const {
        constexpr unsigned whole = sizeof(S) * V < 16 ? sizeof(S) * V : 16;
        return reinterpret_cast<uintptr_t>(row + cut.head) % whole == 0;
    }

    // to = f(element) for every element that is there and wanted, else missing
    template <class T, class R, class F>
    __device__ __forceinline__ void load_first(const operand &, int64_t, bool wanted, R missing, R (&to)[size], F f) const {
        fill(missing, to);
        if (wanted) visit<R>(static_cast<const T *>(cut.row), true, [&](int k, R value) { to[k] = f(value); });
    }
    // to = f(to, element) for every element that is there
    template <class R, class F> __device__ __forceinline__ void update(const operand &o, int64_t r, R (&to)[size], F f) const {
        with_type_of<R>(o.type, [&](auto tag) {
            const auto *row = o.row<typename decltype(tag)::type>(r);
            visit<R>(row, aligned(row), [&](int k, R value) { to[k] = f(to[k], value); });
        });
    }
    template <class R> __device__ __forceinline__ void fill(R value, R (&to)[size]) const {
#pragma unroll
        for (int k = 0; k < size; k++) to[k] = value;
    }
    // value where there is an element, 0 elsewhere
    template <class R> __device__ __forceinline__ void fill_present(R value, R (&to)[size]) const {
#pragma unroll
        for (int i = 0; i < N; i++) {
#pragma unroll
            for (int j = 0; j < V; j++) to[i * V + j] = vector(i) < cut.body ? value : R(0);
        }
#pragma unroll
        for (int e = 0; e < E; e++) to[N * V + e] = edge(e) < cut.edges ? value : R(0);
    }
    template <class R> __device__ __forceinline__ void store(const operand &o, int64_t r, const R (&from)[size]) const {
        with_width_of<R>(o.type, [&](auto tag) {
            using S = typename decltype(tag)::type;
            S *row = o.row<S>(r);
            const bool whole = aligned(row);
            const store_policy policy = store_policy::of(o.passing);
#pragma unroll
            for (int i = 0; i < N; i++)
                if (vector(i) < cut.body) store_vector<S, V>(o.type, row + cut.column_of_vector(vector(i)), whole, policy, from + i * V);
#pragma unroll
            for (int e = 0; e < E; e++)
                if (edge(e) < cut.edges) encode<1>(o.type, from + N * V + e, row + cut.column_of_edge(edge(e)));
        });
    }

    // f(place in the array, column) for everything held; what is missing gets a column, too.
    template <class F> __device__ __forceinline__ void for_each(F f) const {
#pragma unroll
        for (int i = 0; i < N; i++) {
#pragma unroll
            for (int j = 0; j < V; j++) f(i * V + j, cut.column_of_vector(vector(i)) + j);
        }
#pragma unroll
        for (int e = 0; e < E; e++) f(N * V + e, cut.column_of_edge(edge(e)));
    }

  private:
    // f(place in the array, element)
    template <class R, class S, class F> __device__ __forceinline__ void visit(const S *row, bool whole, F f) const {
#pragma unroll
        for (int i = 0; i < N; i++) {
            if (vector(i) < cut.body) {
                R v[V];
                load_vector<S, V>(row + cut.column_of_vector(vector(i)), whole, v);
#pragma unroll
                for (int j = 0; j < V; j++) f(i * V + j, v[j]);
            }
        }
#pragma unroll
        for (int e = 0; e < E; e++)
            if (edge(e) < cut.edges) f(N * V + e, static_cast<R>(to_real(row[cut.column_of_edge(edge(e))])));
    }
};

// Edges per thread when `stride` threads share those of a row of at most so many columns.
template <int V, int stride, int most_cols = 2 * V - 2>
constexpr int edges_per_thread = ((most_cols < 2 * V - 2 ? most_cols : 2 * V - 2) + stride - 1) / stride;

} // namespace smx
