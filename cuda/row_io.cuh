// How threads read and write the elements of a row: 16 bytes at a time, whatever the row's alignment. A row is cut where its first
// operand becomes aligned to 16 bytes: a head of single elements, a body of whole vectors, a tail of single elements.
#pragma once
#include "vector_io.cuh"

namespace smx {

// An operand of a kernel. Element j of row (o, i) lies o * outer_stride + j * col_stride + i * inner_stride elements from the first;
// families of rows whose elements are adjacent take o for the row and nothing else. Ragged rows begin where their offsets say.
struct operand {
    void *data;
    int64_t outer_stride, col_stride, inner_stride;
    smxDataType_t type;
    bool passing;           // written, and too large to be found in the second-level cache later
    const int64_t *offsets; // NULL: the rows are not ragged

    template <class S> __device__ S *row(int64_t r) const {
        assume_global(data);
        return static_cast<S *>(data) + (offsets != nullptr ? offsets[r] : r * outer_stride);
    }
    template <class S> __device__ S *element(int64_t o, int64_t column, int64_t i) const {
        assume_global(data);
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

// ---- the part of a row that one of `stride` threads holds ----
// Thread t holds vectors t, t + stride, ... (N of them, counted from vector `first`) and edges t, t + stride, ... (E of them), one
// after the other in an array of N * V + E numbers. Where the vectors of all threads have room for the whole row, its edges may also be in
// the places of vectors that it lacks, from the last one on (edges_in_vectors for E).

constexpr int edges_in_vectors = -1;

template <int V, class Index, int N, int edges, int stride> struct row_part {
    using cut_type = row_cut<V, Index>;
    static constexpr bool shared_places = edges == edges_in_vectors;
    static constexpr int E = shared_places ? 0 : edges, size = N * V + E;
    cut_type cut;
    Index first;
    int thread;

    __device__ Index vector(int i) const { return first + thread + i * stride; }
    __device__ int edge(int e) const { return thread + e * stride; }
    // The edge in place j of vector i, if that is none of the row's.
    __device__ int edge_in_vector(int i, int j) const { return (N * stride - 1 - static_cast<int>(vector(i))) * V + j; }
    __device__ Index column(int i, int j) const {
        if (shared_places && vector(i) >= cut.body) return cut.column_of_edge(edge_in_vector(i, j));
        return cut.column_of_vector(vector(i)) + j;
    }

    // Can vectors of S be moved whole? Those of the first operand can: that is what the cut is for.
    template <class S> __device__ bool aligned(const S *row) const {
        constexpr unsigned whole = sizeof(S) * V < 16 ? sizeof(S) * V : 16;
        return reinterpret_cast<uintptr_t>(row + cut.head) % whole == 0;
    }

    __device__ bool present(int k) const {
        if (k >= N * V) return edge(k - N * V) < cut.edges;
        return vector(k / V) < cut.body || (shared_places && edge_in_vector(k / V, k % V) < cut.edges);
    }

    // Asks for the row of the first operand; what is missing, or not wanted, will be `missing`.
    template <class T, class R> __device__ __forceinline__ void ask_first(const operand &, bool wanted, T missing, R (&to)[size]) const {
        fill(repeated_bits<R>(missing), to);
        if (wanted) ask_for(static_cast<const T *>(cut.row), true, to);
    }
    template <class T, class R> __device__ __forceinline__ void first_arrives(const operand &, R (&to)[size]) const {
        all_arrive<T>(true, to);
    }
    // The same of another operand; what is missing will be 0.
    template <class R> __device__ __forceinline__ void ask(const operand &o, int64_t r, R (&to)[size]) const {
        fill(R(0), to);
        if (o.data == nullptr) return;
        with_width_of<R>(o.type, [&](auto tag) {
            const auto *row = o.row<typename decltype(tag)::type>(r);
            ask_for(row, aligned(row), to);
        });
    }
    template <class R> __device__ __forceinline__ void arrive(const operand &o, int64_t r, R (&to)[size]) const {
        with_type_of<R>(o.type, [&](auto tag) {
            using S = typename decltype(tag)::type;
            if constexpr (sizeof(S) != sizeof(R)) all_arrive<S>(aligned(o.row<S>(r)), to);
        });
    }

    // to = f(to) for what is present, else missing
    template <class R, class F> __device__ __forceinline__ void map_present(R missing, R (&to)[size], F f) const {
#pragma unroll
        for (int k = 0; k < size; k++) to[k] = present(k) ? f(to[k]) : missing;
    }
    // to = to * factors[column] for what is present
    template <class R> __device__ __forceinline__ void multiply_by_column(const R *factors, R (&to)[size]) const {
        const bool together = aligned(factors);
#pragma unroll
        for (int i = 0; i < N; i++) {
            R v[V];
            if (vector(i) < cut.body) {
                ask_for_vector<R, V>(factors + cut.column_of_vector(vector(i)), together, v);
#pragma unroll
                for (int j = 0; j < V; j++) to[i * V + j] *= v[j];
            } else if (shared_places) {
#pragma unroll
                for (int j = 0; j < V; j++)
                    if (edge_in_vector(i, j) < cut.edges) to[i * V + j] *= factors[column(i, j)];
            }
        }
#pragma unroll
        for (int e = 0; e < E; e++)
            if (edge(e) < cut.edges) to[N * V + e] *= factors[cut.column_of_edge(edge(e))];
    }
    template <class R> __device__ __forceinline__ void store(const operand &o, int64_t r, const R (&from)[size]) const {
        with_width_of<R>(o.type, [&](auto tag) {
            using S = typename decltype(tag)::type;
            S *row = o.row<S>(r);
            const bool whole = aligned(row);
            const store_policy policy = store_policy::of(o.passing);
#pragma unroll
            for (int i = 0; i < N; i++) {
                if (vector(i) < cut.body) {
                    store_vector<S, V>(o.type, row + cut.column_of_vector(vector(i)), whole, policy, from + i * V);
                } else if (shared_places) {
#pragma unroll
                    for (int j = 0; j < V; j++)
                        if (edge_in_vector(i, j) < cut.edges) encode<1>(o.type, from + i * V + j, row + column(i, j));
                }
            }
#pragma unroll
            for (int e = 0; e < E; e++)
                if (edge(e) < cut.edges) encode<1>(o.type, from + N * V + e, row + cut.column_of_edge(edge(e)));
        });
    }

    // Where this thread has that column, -1 if it does not.
    __device__ int place_of(int64_t column) const {
        const Index c = static_cast<Index>(column), behind_head = c - cut.head;
        if (column < 0) return -1;
        if (behind_head >= 0 && behind_head < cut.body * V) {
            const Index apart = behind_head / V - first - thread;
            return apart >= 0 && apart % stride == 0 && apart / stride < N ? static_cast<int>(apart / stride * V + behind_head % V) : -1;
        }
        const int e = static_cast<int>(behind_head < 0 ? c : c - cut.body * V);
        if (e >= cut.edges) return -1;
        const int apart = shared_places ? N * stride - 1 - e / V - thread : e - thread;
        if (apart < 0 || apart % stride != 0) return -1;
        return shared_places ? apart / stride * V + e % V : apart / stride < E ? N * V + apart / stride : -1;
    }

    template <class R> __device__ __forceinline__ static void fill(R value, R (&to)[size]) {
#pragma unroll
        for (int k = 0; k < size; k++) to[k] = value;
    }

  private:
    template <class S, class R> __device__ __forceinline__ void ask_for(const S *row, bool together, R (&to)[size]) const {
#pragma unroll
        for (int i = 0; i < N; i++) {
            if (vector(i) < cut.body) {
                ask_for_vector<S, V>(row + cut.column_of_vector(vector(i)), together, to + i * V);
            } else if (shared_places) {
#pragma unroll
                for (int j = 0; j < V; j++)
                    if (edge_in_vector(i, j) < cut.edges) to[i * V + j] = bits_in_number<R>(row[column(i, j)]);
            }
        }
#pragma unroll
        for (int e = 0; e < E; e++)
            if (edge(e) < cut.edges) to[N * V + e] = bits_in_number<R>(row[cut.column_of_edge(edge(e))]);
    }
    template <class S, class R> __device__ __forceinline__ void all_arrive(bool together, R (&to)[size]) const {
#pragma unroll
        for (int i = N - 1; i >= 0; i--) vector_arrives<S, V>(together && (!shared_places || vector(i) < cut.body), to + i * V);
#pragma unroll
        for (int e = 0; e < E; e++) vector_arrives<S, 1>(false, to + N * V + e);
    }
};

// Edges per thread when `stride` threads share those of a row.
template <int V, int stride> constexpr int edges_per_thread = (2 * V - 2 + stride - 1) / stride;

} // namespace smx
