// Which elements of a row are kept, and where to cut it in the order of its elements: by how many are kept, or by how much they weigh.
//
// A cut is found by histograms, from the top down. Their first digit is that of the exponents by which tokens are drawn, whose order is
// that of the elements and which spread where the leading bits of floating-point numbers crowd (of which lanes would then wait for each
// other's atomics). What falls into the bin of the cut is looked at again, by the bits of its keys relative to the largest: as a rule few
// enough to fit in a list. So a cut takes two visits of the row, and some of the list, whatever the distribution's tail; elements that
// are almost equal take two visits more for every digit.
//
// Of few elements out of many, the first cut is made among the largest that each thread has seen: the k-th of those is not above the
// k-th of all, and as a rule hardly more than k elements reach it. They are listed at once, in one visit.
#pragma once
#include "row_search.cuh"
#include "weights.cuh"

namespace smx {

// Keys have the order of the numbers; both zeros have the same. Of 16-bit types they have 16 bits.
template <class R> struct bits_of_real { using type = uint32_t; };
template <> struct bits_of_real<double> { using type = uint64_t; };
template <class T> using key_of_type = typename bits_of_real<real_of<T>>::type;

template <class T> constexpr int unused_bits = 0; // low bits of numbers of this type in the type computed with
template <> constexpr int unused_bits<__half> = 13;
template <> constexpr int unused_bits<__nv_bfloat16> = 16;

__device__ __forceinline__ uint32_t bits_of(float x) { return __float_as_uint(x); }
__device__ __forceinline__ uint64_t bits_of(double x) { return static_cast<uint64_t>(__double_as_longlong(x)); }
__device__ __forceinline__ float real_of_bits(uint32_t bits) { return __uint_as_float(bits); }
__device__ __forceinline__ double real_of_bits(uint64_t bits) { return __longlong_as_double(static_cast<long long>(bits)); }

template <class T> __device__ __forceinline__ key_of_type<T> key_of(real_of<T> x) {
    using K = key_of_type<T>;
    constexpr K sign = K(1) << (8 * sizeof(K) - 1);
    const K bits = x == real_of<T>(0) ? K(0) : bits_of(x);
    return (bits & sign ? ~bits : bits | sign) >> unused_bits<T>;
}
template <class T> __device__ __forceinline__ real_of<T> real_of_key(key_of_type<T> key) {
    using K = key_of_type<T>;
    constexpr K sign = K(1) << (8 * sizeof(K) - 1), unused = (K(1) << unused_bits<T>)-1;
    const K all = key << unused_bits<T>;
    return real_of_bits(all & sign ? all ^ sign : ~(all | unused));
}

__device__ __forceinline__ int leading_zeros(uint32_t x) { return __clz(static_cast<int>(x)); }
__device__ __forceinline__ int leading_zeros(uint64_t x) { return __clzll(static_cast<long long>(x)); }

// Larger elements than the least, and those that equal it up to a column.
template <class T> struct kept_elements {
    using key_type = key_of_type<T>;
    key_type least = 0;
    int64_t last_tie = INT64_MAX;

    __device__ __forceinline__ bool has(key_type key, int64_t column) const { return key > least || (key == least && column <= last_tie); }
};

// Sums of integers in two halves: 64-bit atomics of shared memory are loops.
__device__ __forceinline__ void add_to_bin(const row_threads &threads, int bin, uint64_t amount) {
    const unsigned low = static_cast<unsigned>(amount);
    const unsigned carry = atomicAdd(threads.low() + bin, low) + low < low ? 1 : 0;
    const unsigned high = static_cast<unsigned>(amount >> 32) + carry;
    if (high != 0) atomicAdd(threads.high() + bin, high);
}

// Keys within bounds, and how they are told apart: by digits, 0 for the largest.
template <class T> struct key_digits {
    using key_type = key_of_type<T>;
    using real = real_of<T>;
    const logit_weights<real> &weights;
    key_type least, largest;
    int digit_bits, shift;
    bool of_exponents;

    __device__ bool has(key_type key) const { return key >= least && key <= largest; }
    __device__ __forceinline__ int digit(real x, key_type key) const {
        return static_cast<int>(of_exponents ? static_cast<key_type>(-weights.exponent(x)) >> shift : (largest - key) >> shift);
    }
    __device__ static key_digits first(const logit_weights<real> &weights, int digit_bits) {
        return {weights, 0, static_cast<key_type>(~key_type(0)), digit_bits, 30 - digit_bits, true}; // exponents are below 63 * 2^24
    }
    __device__ void narrow(key_type new_least, key_type new_largest) {
        least = new_least;
        largest = new_largest;
        const int bits = 8 * static_cast<int>(sizeof(key_type)) - leading_zeros(static_cast<key_type>(largest - least));
        shift = bits > digit_bits ? bits - digit_bits : 0;
        of_exponents = false;
    }
};

template <class K> struct key_bounds { K least, largest; };

// What a cut looks at: kept elements of the row within bounds, or the list of their keys, if that could hold them.
template <class T> struct cut_candidates {
    using key_type = key_of_type<T>;
    using real = real_of<T>;
    const row_elements<T> &row;
    const kept_elements<T> &kept;
    int listed; // -1: they are not listed

    // f(element, key)
    template <class F> __device__ __forceinline__ void visit(const row_threads &threads, const key_digits<T> &digits, F f) const {
        if (listed >= 0) {
            for (int i = threads.thread; i < listed; i += threads.count) {
                const key_type key = threads.keys<key_type>()[i];
                if (digits.has(key)) f(real_of_key<T>(key), key);
            }
        } else {
            row.visit(threads, [&](int64_t column, real x) {
                const key_type key = key_of<T>(x);
                if (digits.has(key) && kept.has(key, column)) f(x, key);
            });
        }
    }

    // The bounds of those with this digit, or of all (-1), which are listed if they fit.
    __device__ __forceinline__ key_bounds<key_type> narrow(row_threads &threads, const key_digits<T> &digits, int digit) {
        const bool lists = listed < 0;
        const unsigned room = static_cast<unsigned>(threads.entries() * (sizeof(uint64_t) / sizeof(key_type)));
        threads.sync(); // everybody has seen what was counted before
        if (lists && threads.leads()) threads.counter() = 0;
        threads.sync();
        key_bounds<key_type> found = {static_cast<key_type>(~key_type(0)), 0};
        bool full = !lists; // a thread that knows it does not ask for more
        visit(threads, digits, [&](real x, key_type key) {
            if (digit >= 0 && digits.digit(x, key) != digit) return;
            if (key < found.least) found.least = key;
            if (key > found.largest) found.largest = key;
            if (full) return;
            const unsigned at = atomicAdd(&threads.counter(), 1u);
            full = at >= room;
            if (!full) threads.keys<key_type>()[at] = key;
        });
        found = threads.merged(found, [](const key_bounds<key_type> &a, const key_bounds<key_type> &b) {
            return key_bounds<key_type>{a.least < b.least ? a.least : b.least, a.largest > b.largest ? a.largest : b.largest};
        });
        threads.sync();
        if (lists && threads.counter() <= room) listed = static_cast<int>(threads.counter());
        return found;
    }
};

// Where to cut: measures of what is larger, and of what equals the least.
template <class K> struct cut_place {
    K least;
    uint64_t larger, equal, target;
};

// What is summed up over elements, and what the sum of the largest of them has to reach.
//   of(element)     what it counts
//   target(sum)     of the sum over all
//   by_column       are equal elements kept in the order of their columns, each counting 1? Else they are kept or dropped together
//   negligible      elements that count no more than this are not needed to reach the target, whatever the others are
template <class Measure, class Target> struct cut_rule {
    Measure of;
    Target target;
    bool by_column;
    uint64_t negligible;
};
template <class Measure, class Target>
__device__ cut_rule<Measure, Target> rule_of(Measure of, Target target, bool by_column, uint64_t negligible) {
    return {of, target, by_column, negligible};
}

// The cut is not below `least`. If that is known, few elements are expected there, and if `listed` is not -1, they are in the list.
template <class T, class Rule>
__device__ __forceinline__ cut_place<key_of_type<T>> place_of_cut(row_threads &threads, const row_elements<T> &row,
                                                                  const logit_weights<real_of<T>> &weights, const kept_elements<T> &kept,
                                                                  const Rule &rule, key_of_type<T> least, int listed) {
    using K = key_of_type<T>;
    const int bins = threads.entries(), digit_bits = 31 - leading_zeros(static_cast<uint32_t>(bins));
    key_digits<T> digits = key_digits<T>::first(weights, digit_bits);
    digits.least = least;
    cut_candidates<T> candidates{row, kept, listed};
    cut_place<K> place = {0, 0, 0, 0};
    bool summed = false, narrows = least > 0;
    for (int digit = -1;; narrows = true) {
        if (narrows) {
            const key_bounds<K> bounds = candidates.narrow(threads, digits, digit);
            digits.narrow(bounds.least, bounds.largest);
            if (summed && bounds.least == bounds.largest) break;
        }
        for (int bin = threads.thread; bin < bins; bin += threads.count) threads.low()[bin] = threads.high()[bin] = 0;
        threads.sync();
        uint64_t all = 0;
        candidates.visit(threads, digits, [&](real_of<T> x, K key) {
            const uint64_t amount = rule.of(x);
            all += amount;
            if (amount > rule.negligible) add_to_bin(threads, digits.digit(x, key), amount);
        });
        if (!summed) place.target = rule.target(threads.sum(all));
        summed = true;
        threads.sync();
        const auto of_bin = [&](int bin) { return static_cast<uint64_t>(threads.high()[bin]) << 32 | threads.low()[bin]; };
        uint64_t before;
        digit = first_beyond(bins, place.target - place.larger - 1, &before, of_bin);
        place.larger += before;
        place.equal = of_bin(digit);
    }
    place.least = digits.least;
    return place;
}

// Lists the largest element that each thread has seen, and says how many they are.
template <class T> __device__ __forceinline__ int list_largest(const row_threads &threads, real_of<T> mine) {
    using K = key_of_type<T>;
    K *list = threads.keys<K>();
    const int room = threads.entries() * static_cast<int>(sizeof(uint64_t) / sizeof(K));
    if (threads.count <= room) {
        list[threads.thread] = key_of<T>(mine);
        return threads.count;
    }
    mine = larger(mine, __shfl_xor_sync(0xffffffffu, mine, 1));
    if (threads.thread % 2 == 0) list[threads.thread / 2] = key_of<T>(mine);
    return threads.count / 2;
}
constexpr int listed_per_wanted = 4; // with fewer, the cut among them would be far below that among all

// Keeps as many, or as much weight, of the kept elements as the rule says: the largest. listed: how many
// elements, from as many parts of the row, are in the list; 0: the list is empty.
template <class T, class Rule>
__device__ __forceinline__ void keep_largest(row_threads &threads, const row_elements<T> &row, const logit_weights<real_of<T>> &weights,
                                             kept_elements<T> &kept, const Rule &rule, int listed) {
    using K = key_of_type<T>;
    cut_place<K> cut = {kept.least, 0, 0, 0};
#pragma unroll 1
    for (bool last = false; !last; listed = 0) {
        last = listed == 0;
        cut = place_of_cut(threads, row, weights, kept, rule, cut.least, last ? -1 : listed);
    }
    const uint64_t missing = cut.target - cut.larger;
    int64_t last_tie = cut.least == kept.least ? kept.last_tie : INT64_MAX;
    if (rule.by_column && cut.equal > missing) {
        const auto is_tie = [&](int64_t column, real_of<T> x) -> uint64_t {
            const K key = key_of<T>(x);
            return key == cut.least && kept.has(key, column) ? 1 : 0;
        };
        sum_segments(threads, row, is_tie);
        if (threads.warp == 0) {
            const found_column found = find_column(threads, row, missing - 1, is_tie);
            if (threads.lane == 0) threads.answer() = found.column;
        }
        threads.sync();
        last_tie = threads.answer();
        threads.sync(); // the answer's place is used again
    }
    kept.least = cut.least;
    kept.last_tie = last_tie;
}

} // namespace smx
