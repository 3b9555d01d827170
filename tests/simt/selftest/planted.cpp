// Runs every planted bug in a child process and prints one line each: how it was noticed, and its name.
//   E error of the emulator or checker  S sanitizer  W wrong result  H hangs (5 s)  C crash  . not noticed
// With a number: runs that one here, so that its messages are seen.
#include "planted_kernels.cuh"

#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "device_array.hpp"

namespace {

using Floats = std::vector<float>;
constexpr int rows = 3, cols = 1003;
const dim3 one_block(1), one_warp(32), block(threads);

// The four rows that the kernels sum up, and the sums.
Floats matrix(int row_count) {
    Floats x(static_cast<size_t>(row_count) * cols);
    for (size_t i = 0; i < x.size(); i++) x[i] = static_cast<float>((i * 2654435761u >> 7) % 1000) / 100.f;
    return x;
}
double sum_of(const Floats &x, size_t first, size_t count) {
    double sum = 0;
    for (size_t i = 0; i < count; i++) sum += x[first + i];
    return sum;
}
double row_sum_of(int row) { return sum_of(matrix(row + 1), static_cast<size_t>(row) * cols, cols); }
double sum_of_four_rows() { return sum_of(matrix(4), 0, size_t{4} * cols); }

enum class Outcome { Right, Wrong, Error };
Outcome compare(bool right) { return right ? Outcome::Right : Outcome::Wrong; }
bool near(double value, double expected) { return std::fabs(value - expected) <= 1e-3 * (1 + std::fabs(expected)); }
bool fails(cudaError_t error) { return error != cudaSuccess || cudaDeviceSynchronize() != cudaSuccess; }

// Launches a kernel that takes x, out and more, and writes one sum.
template <class... Parameters, class... More>
Outcome sum_case(double expected, void (*kernel)(const float *, float *, Parameters...), const Shape &shape, const Floats &x,
                 More... more) {
    DeviceArray<float> dx(x), out(1);
    if (fails(launch(kernel, shape, dx.input(), out.data(), more...))) return Outcome::Error;
    return compare(near(out.get()[0], expected));
}

template <Bug bug> Outcome row_sum_case() {
    DeviceArray<float> x(matrix(rows)), out(rows);
    if (fails(launch(row_sum<bug>, Shape{dim3(2), block}, x.input(), out.data(), rows, cols))) return Outcome::Error;
    const Floats sums = out.get();
    for (int r = 0; r < rows; r++)
        if (!near(sums[r], row_sum_of(r))) return Outcome::Wrong;
    return Outcome::Right;
}

Outcome lanes_left() { return sum_case(sum_of(matrix(1), 0, 20), early_exit, Shape{one_block, one_warp}, matrix(1), 20); }
Outcome host_pointer() {
    const Floats x(32, 1.f);
    DeviceArray<float> out(1);
    if (fails(launch(early_exit, Shape{one_block, one_warp}, x.data(), out.data(), 32))) return Outcome::Error;
    return compare(near(out.get()[0], 32));
}
Outcome vector_over_the_end() { return sum_case(row_sum_of(0), vector_sum, Shape{one_block, block}, matrix(1), cols, 0); }
Outcome misaligned_vector() { return sum_case(sum_of(matrix(1), 1, 1000), vector_sum, Shape{one_block, block}, matrix(1), 1000, 1); }

Outcome too_little_dynamic() { return sum_case(row_sum_of(0), dynamic_sum, Shape{one_block, block, cols * 2}, matrix(1), cols); }
Outcome too_much_dynamic() {
    constexpr int n = 20000;
    return sum_case(n, dynamic_sum, Shape{one_block, block, n * sizeof(float)}, Floats(n, 1.f), n);
}

template <Bug bug> Outcome divergence() {
    return sum_case(row_sum_of(0), divergent_barriers<bug>, Shape{one_block, block}, matrix(1), cols);
}

Outcome histogram_race() {
    const Floats x = matrix(1);
    DeviceArray<float> dx(x);
    DeviceArray<int> out(4);
    if (fails(launch(racing_histogram, Shape{one_block, block}, dx.input(), out.data(), cols))) return Outcome::Error;
    std::vector<int> counts(4);
    for (float v : x) counts[static_cast<int>(v) & 3]++;
    return compare(out.get() == counts);
}
Outcome block_race() {
    DeviceArray<float> x(matrix(4)), out(Floats{0});
    if (fails(launch(racing_blocks, Shape{dim3(4), block}, x.input(), out.data(), cols))) return Outcome::Error;
    return compare(near(out.get()[0], sum_of_four_rows()));
}

template <Bug bug> Outcome cluster_case() {
    DeviceArray<float> x(matrix(1)), out(4);
    if (fails(launch(cluster_sum<bug>, Shape{dim3(4), block, 0, 4}, x.input(), out.data(), cols))) return Outcome::Error;
    for (float sum : out.get())
        if (!near(sum, row_sum_of(0))) return Outcome::Wrong;
    return Outcome::Right;
}

Outcome nan_case() {
    Floats x = matrix(1);
    for (int i = 0; i < 300; i++) x[i] = -INFINITY;
    DeviceArray<float> dx(x), out(1);
    if (fails(launch(nan_prefix, Shape{one_block, block}, dx.input(), out.data(), cols))) return Outcome::Error;
    return compare(out.get()[0] > 0);
}
template <Bug bug> Outcome warp_case() { return sum_case(sum_of(matrix(1), 0, 32), warp_sum<bug>, Shape{one_block, one_warp}, matrix(1)); }
Outcome index_overflow() {
    DeviceArray<float> x(matrix(1)), out(1);
    return fails(launch(short_index, Shape{one_block, block}, x.input(), out.data(), 70000, 70000)) ? Outcome::Error : Outcome::Right;
}
Outcome unset_case() { return sum_case(sum_of(matrix(1), 0, 200), unset_register, Shape{one_block, block}, matrix(1), 200); }
Outcome uncleared_output() {
    const Floats x = matrix(1);
    DeviceArray<float> dx(x), out(cols);
    if (fails(launch(accumulate, Shape{one_block, block}, dx.input(), out.data(), cols))) return Outcome::Error;
    return compare(near(out.get()[0], x[0]));
}
template <Bug bug> Outcome last_block_case() {
    DeviceArray<float> x(matrix(4)), parts(4), out(1);
    DeviceArray<int> finished(std::vector<int>{0});
    if (fails(launch(last_block_sum<bug>, Shape{dim3(4), block}, x.input(), parts.data(), finished.data(), out.data(), cols)))
        return Outcome::Error;
    return compare(near(out.get()[0], sum_of_four_rows()));
}
Outcome cub_case() {
    DeviceArray<float> x(matrix(1)), out(2);
    if (fails(launch(cub_reuse, Shape{one_block, block}, x.input(), out.data(), cols))) return Outcome::Error;
    const Floats result = out.get();
    return compare(near(result[0], row_sum_of(0)) && result[1] == 9.99f);
}
template <Bug bug> Outcome dependent_case() {
    DeviceArray<float> x(matrix(1)), y(cols), out(1);
    Shape second{one_block, block};
    second.programmatic = true;
    if (fails(launch(double_all, Shape{one_block, block}, x.input(), y.data(), cols))) return Outcome::Error;
    if (fails(launch(dependent_sum<bug>, second, y.input(), out.data(), cols))) return Outcome::Error;
    return compare(near(out.get()[0], 2 * row_sum_of(0)));
}
Outcome read_only_cache() {
    DeviceArray<float> x(matrix(1));
    if (fails(launch(double_in_place, Shape{one_block, block}, x.input(), x.data(), cols))) return Outcome::Error;
    return compare(near(x.get()[1], 2 * matrix(1)[1]));
}
Outcome host_reads_device_memory() {
    DeviceArray<float> x(matrix(1));
    volatile float first = x.data()[0];
    return compare(near(first, matrix(1)[0]));
}

struct Case {
    Outcome (*run)();
    const char *name;
};
const Case cases[] = {
    {row_sum_case<Bug::NoBarrierAfterWrite>, "no __syncthreads between write and read of shared memory"},
    {row_sum_case<Bug::NoBarrierBeforeReuse>, "no __syncthreads before shared memory is used again"},
    {cub_case, "cub storage used again without __syncthreads"},
    {row_sum_case<Bug::HalfTheLanes>, "full mask, only half the lanes shuffle"},
    {row_sum_case<Bug::CallerNotInMask>, "mask without the calling lane"},
    {lanes_left, "mask names lanes that have returned"},
    {row_sum_case<Bug::ReadsOneTooMany>, "reads one element too many"},
    {row_sum_case<Bug::WritesOneTooMany>, "writes one element too many"},
    {vector_over_the_end, "16-byte load over the end of the row"},
    {misaligned_vector, "misaligned 16-byte load"},
    {row_sum_case<Bug::WarpDoesNotWrite>, "one warp never writes its slot"},
    {row_sum_case<Bug::SharedIndexOutOfRange>, "index 32 of a shared array of 32"},
    {too_little_dynamic, "launched with too little dynamic shared memory"},
    {divergence<Bug::BarrierInBranch>, "__syncthreads in a divergent branch"},
    {histogram_race, "shared histogram without atomics"},
    {block_race, "blocks add to one word without an atomic"},
    {cluster_case<Bug::BlockBarrierInCluster>, "cluster: __syncthreads in the place of cluster.sync"},
    {cluster_case<Bug::LeavesClusterEarly>, "cluster: block leaves while others read its memory"},
    {row_sum_case<Bug::ButterflyTooShort>, "butterfly begins at 8 (logic)"},
    {row_sum_case<Bug::ShuffleDownEverywhere>, "result of shuffle down taken by all lanes (logic)"},
    {nan_case, "NaN for a prefix of -inf (logic)"},
    {warp_case<Bug::NoWarpBarrier>, "shared memory within a warp without __syncwarp"},
    {index_overflow, "32-bit index overflows"},
    {unset_case, "register that was never set"},
    {uncleared_output, "adds to output that nobody cleared"},
    {host_pointer, "host pointer passed to a kernel"},
    {too_much_dynamic, "more than 48 KiB without the attribute"},
    {divergence<Bug::BarrierCountDiffers>, "number of barriers differs by warp"},
    {cluster_case<Bug::ClusterRankOutOfRange>, "cluster: rank out of range"},
    {row_sum_case<Bug::ReadsUnwrittenShared>, "reads shared slots that nobody wrote"},
    {divergence<Bug::BarriersInBothArms>, "barriers in both arms of an if"},
    {last_block_case<Bug::NoFence>, "last block: no __threadfence"},
    {dependent_case<Bug::NoGridDependency>, "dependent launch: no cudaGridDependencySynchronize"},
    {read_only_cache, "read-only cache for memory the kernel writes"},
    {host_reads_device_memory, "host code reads device memory"},
    {row_sum_case<Bug::None>, "control: block sum"},
    {warp_case<Bug::None>, "control: shared memory within a warp"},
    {last_block_case<Bug::None>, "control: last block"},
    {cluster_case<Bug::None>, "control: cluster"},
    {dependent_case<Bug::None>, "control: dependent launch"},
};

char noticed(int status) {
    if (WIFSIGNALED(status)) return WTERMSIG(status) == SIGALRM ? 'H' : 'C';
    switch (WEXITSTATUS(status)) {
    case static_cast<int>(Outcome::Right): return '.';
    case static_cast<int>(Outcome::Wrong): return 'W';
    case static_cast<int>(Outcome::Error): return 'E';
    default: return 'S'; // the sanitizers' exit code
    }
}

} // namespace

int main(int argc, char **argv) {
    if (argc > 1) return static_cast<int>(cases[atoi(argv[1])].run());
    for (const Case &c : cases) {
        fflush(stdout);
        const pid_t child = fork();
        if (child == 0) {
            if (!freopen("/dev/null", "w", stderr)) _exit(3);
            alarm(5);
            _exit(static_cast<int>(c.run()));
        }
        int status = 0;
        waitpid(child, &status, 0);
        printf("%c %s\n", noticed(status), c.name);
    }
}
