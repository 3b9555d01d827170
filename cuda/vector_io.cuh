// V elements in one place, of any type that is computed with as R. They are asked for first and arrive later. In between they are in the
// numbers that they will become, as they are in memory: `together` as many in a number as it has room for, else one in each. Asking waits
// for nothing; who asks for everything before anything arrives has it all on its way at once.
#pragma once
#include "ptx.cuh"
#include "types.cuh"

namespace smx {

template <class T> constexpr int vector_elements = 16 / static_cast<int>(sizeof(T));

template <class S, int V> struct packed { alignas(16) S element[V]; };

// The number that has the bits of an element, in its lower half if it is smaller; and back.
template <class R, class S> __device__ __forceinline__ R bits_in_number(S element) {
    if constexpr (sizeof(S) == sizeof(R)) {
        return element;
    } else {
        const unsigned word = bits_of(element).bits;
        R number;
        memcpy(&number, &word, sizeof number);
        return number;
    }
}
template <class S, class R> __device__ __forceinline__ S element_in_number(R number) {
    if constexpr (sizeof(S) == sizeof(R)) {
        return number;
    } else {
        unsigned word;
        memcpy(&word, &number, sizeof word);
        return element_of_bits<S>({static_cast<uint16_t>(word)});
    }
}

// Between asking and arriving, by all lanes of a warp or all threads of a block. ptxas was seen to put off what is asked for until other
// things have arrived; it moves no load over the barrier of a block.
template <bool by_block = false> __device__ __forceinline__ void all_is_asked_for() {
    if constexpr (by_block)
        __syncthreads();
    else
        __syncwarp();
}

// S: what elements of the type are stored as
template <class S, int V, class R> __device__ __forceinline__ void ask_for_vector(const S *from, bool together, R *to) {
    if (!together) {
#pragma unroll
        for (int j = 0; j < V; j++) to[j] = bits_in_number<R>(from[j]);
    } else if constexpr (sizeof(S) == 8) {
        static_assert(V == 2, "16 bytes");
        const ulonglong2 w = load_twice_8_bytes(from);
        memcpy(to, &w, 16);
    } else if constexpr (sizeof(S) * V == 8) {
        const uint2 w = load_8_bytes(from);
        memcpy(to, &w, 8);
    } else {
#pragma unroll
        for (int j = 0; j < V; j += vector_elements<S>) {
            const uint4 w = load_16_bytes(from + j);
            memcpy(to + j * sizeof(S) / sizeof(R), &w, 16);
        }
    }
}

template <class S, int V, class R> __device__ __forceinline__ void vector_arrives(bool together, R *v) {
    if constexpr (sizeof(S) != sizeof(R)) {
        packed<S, V> p;
        if (together) {
            memcpy(static_cast<void *>(p.element), v, sizeof(S) * V);
        } else {
#pragma unroll
            for (int j = 0; j < V; j++) p.element[j] = element_in_number<S>(v[j]);
        }
#pragma unroll
        for (int j = 0; j < V; j++) v[j] = to_real(p.element[j]);
    }
}

// A number that has the bits of an element as often as it has room for them: whichever way elements are on theirs, it becomes that one.
template <class R, class S> __device__ __forceinline__ R repeated_bits(S element) {
    if constexpr (sizeof(S) == sizeof(R)) {
        return element;
    } else {
        const unsigned word = bits_of(element).bits * 0x10001u;
        R number;
        memcpy(&number, &word, sizeof number);
        return number;
    }
}

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

} // namespace smx
