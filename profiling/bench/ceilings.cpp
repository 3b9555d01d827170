// How fast this memory is: passes over buffers far larger than the caches, with the mixes of reads and writes that the operations have,
// each in several ways, of which the fastest is the ceiling. Intrinsics on x86, plain code elsewhere.
#include "contestant.hpp"

#include <algorithm>
#include <benchmark/benchmark.h>
#include <memory>
#ifdef _OPENMP
#include <omp.h>
#endif
#ifdef __SSE2__
#include <immintrin.h>
#endif

namespace bench {

static constexpr int64_t BYTES = int64_t{128} << 20; // of one buffer
static constexpr int64_t LINE = 16;                  // floats in a line of the cache
static constexpr int64_t BLOCK = 4096;               // floats that fit into the first cache

// 16 bytes are enough: a core waits for memory long before it runs out of loads.
#ifdef __SSE2__
using lanes = __m128;
static lanes zero() { return _mm_setzero_ps(); }
static lanes load(const float *from) { return _mm_load_ps(from); }
static lanes sum(lanes a, lanes b) { return _mm_add_ps(a, b); }
static void store(float *to, lanes v) { _mm_store_ps(to, v); }
static void store_past_caches(float *to, lanes v) { _mm_stream_ps(to, v); }
static void order_stores() { _mm_sfence(); }
#else
using lanes = float;
static lanes zero() { return 0; }
static lanes load(const float *from) { return *from; }
static lanes sum(lanes a, lanes b) { return a + b; }
static void store(float *to, lanes v) { *to = v; }
static void store_past_caches(float *to, lanes v) { *to = v; }
static void order_stores() {}
#endif
static constexpr int64_t WIDTH = sizeof(lanes) / sizeof(float);

enum class write { nothing, cached, past_caches };

struct buffers {
    const float *in[2];
    float *out;
};

// Elements [begin, end), whole lines. `ahead`: how many elements before its use a line is asked for, 0 for never.
template <int reads, write mode, int64_t ahead> static void pass(const buffers &b, int64_t begin, int64_t end) {
    lanes total[LINE / WIDTH];
    for (lanes &t : total) t = zero();
    for (int64_t i = begin; i < end; i += LINE) {
        if (ahead != 0)
            for (int r = 0; r < reads; r++) __builtin_prefetch(b.in[r] + i + ahead);
        for (int64_t k = 0; k < LINE / WIDTH; k++) {
            const int64_t at = i + k * WIDTH;
            lanes v = load(b.in[0] + at);
            if (reads == 2) v = sum(v, load(b.in[1] + at));
            if (mode == write::cached) store(b.out + at, v);
            if (mode == write::past_caches) store_past_caches(b.out + at, v);
            if (mode == write::nothing) total[k] = sum(total[k], v);
        }
    }
    if (mode == write::nothing)
        for (lanes &t : total) benchmark::DoNotOptimize(t);
    if (mode == write::past_caches) order_stores();
}

// Block by block, each read before it is written: as an operation does that looks at a row twice.
template <int reads, write mode> static void pass_in_blocks(const buffers &b, int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i += BLOCK) {
        const int64_t stop = std::min(i + BLOCK, end);
        pass<reads, write::nothing, 0>(b, i, stop);
        pass<reads, mode, 0>(b, i, stop);
    }
}

// Every thread has a part of its own, in one piece.
static void run(void (*part)(const buffers &, int64_t, int64_t), const buffers &b) {
    const int64_t lines = BYTES / static_cast<int64_t>(sizeof(float)) / LINE;
#pragma omp parallel
    {
#ifdef _OPENMP
        const int64_t thread = omp_get_thread_num(), threads = omp_get_num_threads();
#else
        const int64_t thread = 0, threads = 1;
#endif
        part(b, lines * thread / threads * LINE, lines * (thread + 1) / threads * LINE);
    }
}

struct ceiling {
    const char *name;
    int reads, writes;
    void (*part)(const buffers &, int64_t, int64_t);
};
static const ceiling all[] = {
    {"read", 1, 0, pass<1, write::nothing, 0>},
    {"read_prefetch", 1, 0, pass<1, write::nothing, 512>},
    {"copy", 1, 1, pass<1, write::cached, 0>},
    {"copy_streaming", 1, 1, pass<1, write::past_caches, 0>},
    {"copy_streaming_prefetch", 1, 1, pass<1, write::past_caches, 512>},
    {"copy_streaming_blocks", 1, 1, pass_in_blocks<1, write::past_caches>},
    {"two_reads_one_write", 2, 1, pass<2, write::cached, 0>},
    {"two_reads_one_write_streaming", 2, 1, pass<2, write::past_caches, 0>},
    {"two_reads_one_write_streaming_prefetch", 2, 1, pass<2, write::past_caches, 512>},
    {"two_reads_one_write_streaming_blocks", 2, 1, pass_in_blocks<2, write::past_caches>},
};

// Memory for all of them, from their first use on; a prefetch may go beyond the end.
static const buffers &memory() {
    static const buffer a = allocate(BYTES), b = allocate(BYTES), out = allocate(BYTES);
    static const buffers found = {{static_cast<const float *>(a.get()), static_cast<const float *>(b.get())},
                                  static_cast<float *>(out.get())};
    return found;
}

static void measure(benchmark::State &state, const ceiling &c) {
    const buffers &b = memory();
    for (auto _ : state) run(c.part, b);
    state.counters["bytes"] = static_cast<double>(BYTES * (c.reads + c.writes));
    state.counters["reads"] = c.reads;
    state.counters["writes"] = c.writes;
}

void add_ceilings() {
    for (const ceiling &c : all)
        benchmark::RegisterBenchmark((std::string("ceiling/") + c.name).c_str(), [&c](benchmark::State &state) { measure(state, c); })
            ->UseRealTime()
            ->Unit(benchmark::kMicrosecond);
}

} // namespace bench
