// Barriers, votes, shuffles, matches, reductions and atomics one by one: what the sample kernels do not use.
#include "portable.cuh"

#include <cmath>
#include <functional>
#include <vector>

#include "device_array.hpp"
#include "expect.hpp"

namespace {

// Every thread stores one number; 64 threads in one block.
using Results = std::vector<unsigned>;
constexpr unsigned threads = 64, everyone = 0xffffffffu;

template <class... Parameters> Results run(void (*kernel)(unsigned *, Parameters...), Parameters... more) {
    DeviceArray<unsigned> out(threads);
    EXPECT(launch(kernel, Shape{dim3(1), dim3(threads)}, out.data(), more...) == cudaSuccess);
    return out.get();
}
void expect_each(const Results &results, const std::function<unsigned(unsigned)> &expected) {
    for (unsigned i = 0; i < results.size(); i++)
        if (!EXPECT(results[i] == expected(i))) {
            printf("  thread %u has %u, should have %u\n", i, results[i], expected(i));
            return;
        }
}

__global__ void barrier_count(unsigned *out) { out[threadIdx.x] = static_cast<unsigned>(__syncthreads_count(threadIdx.x < 10)); }
__global__ void barrier_and(unsigned *out, unsigned limit) {
    out[threadIdx.x] = static_cast<unsigned>(__syncthreads_and(threadIdx.x < limit));
}
__global__ void barrier_or(unsigned *out, unsigned limit) {
    out[threadIdx.x] = static_cast<unsigned>(__syncthreads_or(threadIdx.x >= limit));
}
void test_barriers() {
    expect_each(run(barrier_count), [](unsigned) { return 10; });
    expect_each(run(barrier_and, 64u), [](unsigned) { return 1; });
    expect_each(run(barrier_and, 63u), [](unsigned) { return 0; });
    expect_each(run(barrier_or, 64u), [](unsigned) { return 0; });
    expect_each(run(barrier_or, 63u), [](unsigned) { return 1; });
}

__global__ void votes(unsigned *out) {
    const unsigned t = threadIdx.x;
    const unsigned odd = __ballot_sync(everyone, t % 2);
    const int any = __any_sync(everyone, t == 40), all = __all_sync(everyone, t >= 32);
    out[t] = odd == 0xaaaaaaaau && any == (t >= 32) && all == (t >= 32) ? 1 : 0;
}
__global__ void half_votes(unsigned *out) { // the halves of a warp meet apart
    const unsigned mask = threadIdx.x % 32 < 16 ? 0x0000ffffu : 0xffff0000u;
    out[threadIdx.x] = threadIdx.x % 32 < 16 ? __ballot_sync(mask, 1) : __ballot_sync(mask, threadIdx.x % 2);
}
void test_votes() {
    expect_each(run(votes), [](unsigned) { return 1; });
    expect_each(run(half_votes), [](unsigned t) { return t % 32 < 16 ? 0xffffu : 0xaaaa0000u; });
}

__global__ void shuffle_broadcast(unsigned *out) { out[threadIdx.x] = __shfl_sync(everyone, threadIdx.x, 3, 8); }
__global__ void shuffle_up(unsigned *out) { out[threadIdx.x] = __shfl_up_sync(everyone, threadIdx.x, 2, 16); }
__global__ void shuffle_down(unsigned *out) { out[threadIdx.x] = __shfl_down_sync(everyone, threadIdx.x, 2, 16); }
__global__ void shuffle_wide(unsigned *out) {
    const double d = __shfl_xor_sync(everyone, threadIdx.x * 1e10, 1);
    const __half h = __shfl_xor_sync(everyone, __float2half(static_cast<float>(threadIdx.x)), 1);
    out[threadIdx.x] = d == (threadIdx.x ^ 1) * 1e10 && __half2float(h) == static_cast<float>(threadIdx.x ^ 1);
}
void test_shuffles() {
    expect_each(run(shuffle_broadcast), [](unsigned t) { return t / 8 * 8 + 3; });
    expect_each(run(shuffle_up), [](unsigned t) { return t % 16 < 2 ? t : t - 2; });
    expect_each(run(shuffle_down), [](unsigned t) { return t % 16 > 13 ? t : t + 2; });
    expect_each(run(shuffle_wide), [](unsigned) { return 1; });
}

__global__ void match_any(unsigned *out) { out[threadIdx.x] = __match_any_sync(everyone, threadIdx.x % 4); }
__global__ void match_all(unsigned *out) {
    int same = -1, different = -1;
    const unsigned lanes = __match_all_sync(everyone, threadIdx.x / 32, &same), none = __match_all_sync(everyone, threadIdx.x, &different);
    out[threadIdx.x] = lanes == everyone && same == 1 && none == 0 && different == 0;
}
__global__ void reductions(unsigned *out) {
    const unsigned lane = threadIdx.x % 32;
    const int negative = static_cast<int>(lane) - 16;
    out[threadIdx.x] = __reduce_add_sync(everyone, lane) == 496 && __reduce_min_sync(everyone, negative) == -16 &&
                       __reduce_max_sync(everyone, negative) == 15 && __reduce_min_sync(everyone, static_cast<unsigned>(negative)) == 0 &&
                       __reduce_max_sync(everyone, static_cast<unsigned>(negative)) == 0xffffffffu &&
                       __reduce_and_sync(everyone, lane | 64) == 64 && __reduce_or_sync(everyone, lane) == 31 &&
                       __reduce_xor_sync(everyone, lane) == 0;
}
void test_matches_and_reductions() {
    expect_each(run(match_any), [](unsigned t) { return 0x11111111u << t % 4; });
    expect_each(run(match_all), [](unsigned) { return 1; });
    expect_each(run(reductions), [](unsigned) { return 1; });
}

struct Counters {
    unsigned inc, dec, sum, min, max, cas;
    unsigned long long wide;
    double real;
};
__global__ void atomics(Counters *c) {
    atomicInc(&c->inc, 9);
    atomicDec(&c->dec, 9);
    atomicAdd(&c->sum, threadIdx.x);
    atomicMin(&c->min, threadIdx.x);
    atomicMax(&c->max, threadIdx.x);
    atomicAdd(&c->wide, 1ull << 40);
    atomicAdd(&c->real, 0.5);
    for (unsigned old = 0, seen; (seen = atomicCAS(&c->cas, old, old * 2 + 1)) != old;) old = seen;
}
void test_atomics() {
    DeviceArray<Counters> counters(std::vector<Counters>{{0, 0, 0, 1000, 0, 0, 0, 0}});
    EXPECT(launch(atomics, Shape{dim3(1), dim3(threads)}, counters.data()) == cudaSuccess);
    const Counters c = counters.get()[0];
    EXPECT(c.inc == 4 && c.dec == 6 && c.sum == 2016 && c.min == 0 && c.max == 63);
    EXPECT(c.wide == 64ull << 40 && c.real == 32 && c.cas == 0xffffffffu);
}

// Threads that wait for others with a sleep in the loop, as for a lock.
__global__ void lock_step(unsigned *turn, unsigned *order) {
    while (atomicAdd(turn, 0) != threads - 1 - threadIdx.x) __nanosleep(20);
    order[threadIdx.x] = atomicAdd(turn, 1);
}
void test_waiting() {
    DeviceArray<unsigned> turn(std::vector<unsigned>{0}), order(threads);
    EXPECT(launch(lock_step, Shape{dim3(1), dim3(threads)}, turn.data(), order.data()) == cudaSuccess);
    expect_each(order.get(), [](unsigned t) { return threads - 1 - t; });
}

__global__ void indices(unsigned *out) {
    const unsigned thread = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
    const unsigned block = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
    atomicAdd(&out[block * (blockDim.x * blockDim.y * blockDim.z) + thread], 1u);
}
__global__ void count_blocks(unsigned long long *count) { atomicAdd(count, 1ull); }
void test_indices() {
    DeviceArray<unsigned> out(std::vector<unsigned>(24 * 30, 0));
    EXPECT(launch(indices, Shape{dim3(5, 3, 2), dim3(4, 3, 2)}, out.data()) == cudaSuccess);
    for (unsigned n : out.get())
        if (!EXPECT(n == 1)) break; // every block and every thread once
    DeviceArray<unsigned long long> count(std::vector<unsigned long long>{0});
    EXPECT(launch(count_blocks, Shape{dim3(100003), dim3(1)}, count.data()) == cudaSuccess);
    EXPECT(count.get()[0] == 100003);
}

__global__ void arithmetic(unsigned *out) {
    bool ok = __popc(0xf0f0u) == 8 && __ffs(8) == 4 && __clz(1) == 31 && __clz(0) == 32 && __brev(1) == 0x80000000u;
    ok = ok && __umulhi(0x80000000u, 6) == 3 && __umul64hi(1ull << 63, 6) == 3 && __byte_perm(0x33221100, 0x77665544, 0x7610) == 0x77661100;
    ok = ok && __funnelshift_l(0x80000000u, 1, 1) == 3 && __funnelshift_r(1, 1, 1) == 0x80000000u;
    ok = ok && max(NAN, 1.f) == 1.f && min(1.f, NAN) == 1.f && max(-1, 2) == 2 && min(3u, 2u) == 2u && max(1ll, 2) == 2;
    ok = ok && __float2int_rn(2.5f) == 2 && __float2int_rz(-2.7f) == -2 && __float2uint_rz(-5.f) == 0 && __float2int_rn(NAN) == 0;
    ok = ok && __saturatef(NAN) == 0 && __saturatef(2) == 1 && __uint_as_float(0x3f800000u) == 1.f;
    out[threadIdx.x] = ok;
}

} // namespace

int main() {
    test_barriers();
    test_votes();
    test_shuffles();
    test_matches_and_reductions();
    test_atomics();
    test_waiting();
    test_indices();
    expect_each(run(arithmetic), [](unsigned) { return 1; });
    return report("intrinsics");
}
