// Runs the sample kernels on the emulator and compares with double precision. With an argument: measures instead.
#include "sample_kernels.cuh"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include "device_array.hpp"

namespace {

int passed = 0, failed = 0;
bool measuring = false;

template <class T> struct Type;
template <> struct Type<float> {
    static constexpr const char *name = "f32";
    static constexpr double tolerance = 2e-6;
};
template <> struct Type<__half> {
    static constexpr const char *name = "f16";
    static constexpr double tolerance = 1e-3;
};
template <> struct Type<__nv_bfloat16> {
    static constexpr const char *name = "bf16";
    static constexpr double tolerance = 8e-3;
};

double uniform() {
    static uint64_t state = 12345;
    state = state * 6364136223846793005ull + 1442695040888963407ull;
    return static_cast<double>(state >> 11) / 9007199254740992.0;
}
template <class T> std::vector<T> random_matrix(int rows, int cols) {
    std::vector<T> values(static_cast<size_t>(rows) * cols);
    for (T &v : values) v = from_float<T>(static_cast<float>(uniform() * 12 - 6));
    return values;
}

bool succeeds(cudaError_t error) {
    if (error != cudaSuccess) printf("%s\n", cudaGetErrorString(error));
    return error == cudaSuccess;
}

// Launches, then checks; says what failed, or how fast it was.
template <class T>
void run_case(const std::string &name, int rows, int cols, const std::function<cudaError_t()> &run, const std::function<bool()> &right) {
    double best = INFINITY;
    bool ok = true;
    for (int i = 0; i < (measuring ? 3 : 1) && ok; i++) {
        const auto start = std::chrono::steady_clock::now();
        ok = succeeds(run()) && succeeds(cudaDeviceSynchronize());
        best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    }
    ok = ok && (measuring || right());
    (ok ? passed : failed)++;
    if (!ok || measuring)
        printf("%-5s %-16s %-4s %5d x %-6d %8.2f Melem/s\n", ok ? "ok" : "FAIL", name.c_str(), Type<T>::name, rows, cols,
               rows * static_cast<double>(cols) / best / 1e6);
}

struct Row { // in double precision
    double max = -INFINITY, sum = 0;
};
template <class T> Row reference(const T *x, int cols) {
    Row row;
    for (int c = 0; c < cols; c++) row.max = std::max(row.max, static_cast<double>(to_float(x[c])));
    for (int c = 0; c < cols; c++) row.sum += std::exp(to_float(x[c]) - row.max);
    return row;
}

template <class T> bool is_softmax(const std::vector<T> &x, const std::vector<T> &y, int rows, int cols) {
    for (int r = 0; r < rows; r++) {
        const T *xr = &x[static_cast<size_t>(r) * cols], *yr = &y[static_cast<size_t>(r) * cols];
        const Row row = reference(xr, cols);
        for (int c = 0; c < cols; c++) {
            const double expected = std::exp(to_float(xr[c]) - row.max) / row.sum;
            if (!(std::fabs(to_float(yr[c]) - expected) <= 4 * Type<T>::tolerance * (expected + 1e-4))) return false;
        }
    }
    return true;
}

enum class Kernel { Warp, Online, Shared, Cluster };

template <class T> cudaError_t launch_softmax(Kernel kernel, const T *x, T *y, int rows, int cols, unsigned cluster) {
    constexpr int warps = 4, threads = 256;
    switch (kernel) {
    case Kernel::Warp: {
        const Shape shape{dim3((rows + warps - 1) / warps), dim3(32, warps)};
        if (cols <= 32 * vector_size<T>) return launch(softmax_warp<T, 1, warps>, shape, x, y, rows, cols);
        return launch(softmax_warp<T, 8, warps>, shape, x, y, rows, cols);
    }
    case Kernel::Online: // fewer blocks than rows
        return launch(softmax_online<T, threads>, Shape{dim3(std::max(1, rows / 2)), dim3(threads)}, x, y, rows, cols);
    case Kernel::Shared: {
        const size_t bytes = cols * sizeof(float);
        const cudaError_t error =
            bytes <= 48 * 1024
                ? cudaSuccess
                : cudaFuncSetAttribute(softmax_shared<T, threads>, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(bytes));
        if (error != cudaSuccess) return error;
        return launch(softmax_shared<T, threads>, Shape{dim3(rows), dim3(threads), bytes}, x, y, cols);
    }
    case Kernel::Cluster: return launch(softmax_cluster<T, 128>, Shape{dim3(rows * cluster), dim3(128), 0, cluster}, x, y, cols);
    }
    return cudaErrorInvalidValue;
}

template <class T> void softmax_case(Kernel kernel, int rows, int cols, unsigned cluster = 1) {
    static const char *const names[] = {"warp", "online", "shared", "cluster "};
    const std::vector<T> x = random_matrix<T>(rows, cols);
    DeviceArray<T> dx(x), dy(x.size());
    run_case<T>(
        names[static_cast<int>(kernel)] + (cluster > 1 ? std::to_string(cluster) : ""), rows, cols,
        [&] { return launch_softmax(kernel, dx.input(), dy.data(), rows, cols, cluster); },
        [&] { return is_softmax(x, dy.get(), rows, cols); });
}

template <class T> void cross_entropy_case(int rows, int cols) {
    constexpr int ignore = -100;
    constexpr float scale = 0.5f;
    const std::vector<T> x = random_matrix<T>(rows, cols);
    std::vector<int> targets(rows);
    int valid = 0, biggest = -1;
    for (int &t : targets) {
        t = uniform() < 0.2 ? ignore : static_cast<int>(uniform() * cols);
        valid += t >= 0;
        biggest = std::max(biggest, t);
    }
    DeviceArray<T> dx(x), dgradient(x.size());
    DeviceArray<int> dtargets(targets), dvalid(std::vector<int>{0}), dbiggest(std::vector<int>{-1});
    DeviceArray<float> dloss(rows), dsum(std::vector<float>{0});
    DeviceArray<unsigned> dfinite(std::vector<unsigned>{0});
    const auto run = [&] {
        const Shape shape{dim3(std::max(1, rows / 2)), dim3(256)};
        const cudaError_t error = launch(cross_entropy<T, 256>, shape, dx.input(), dtargets.input(), dloss.data(), dgradient.data(), scale,
                                         ignore, dvalid.data(), dbiggest.data(), rows, cols);
        if (error != cudaSuccess) return error;
        return launch(sum_losses, Shape{dim3(2), dim3(64)}, dloss.input(), dsum.data(), dfinite.data(), rows);
    };
    run_case<T>("cross-entropy", rows, cols, run, [&] {
        const auto loss = dloss.get();
        const auto gradient = dgradient.get();
        double sum = 0;
        for (int r = 0; r < rows; r++) {
            const T *xr = &x[static_cast<size_t>(r) * cols];
            const Row row = reference(xr, cols);
            const double lse = row.max + std::log(row.sum), expected = targets[r] < 0 ? 0 : lse - to_float(xr[targets[r]]);
            sum += expected;
            if (!(std::fabs(loss[r] - expected) <= 1e-4)) return false;
            for (int c = 0; c < cols; c++) {
                const double g = targets[r] < 0 ? 0 : (std::exp(to_float(xr[c]) - lse) - (c == targets[r])) * scale;
                const double error = std::fabs(to_float(gradient[static_cast<size_t>(r) * cols + c]) - g);
                if (!(error <= 4 * Type<T>::tolerance * (std::fabs(g) + 1e-3))) return false;
            }
        }
        return dvalid.get()[0] == valid && dbiggest.get()[0] == biggest && dfinite.get()[0] == static_cast<unsigned>(rows) &&
               std::fabs(dsum.get()[0] - sum) <= 1e-3 * (1 + sum);
    });
}

template <class T> void row_sum_case(int rows, int cols) {
    const std::vector<T> x = random_matrix<T>(rows, cols);
    DeviceArray<T> dx(x);
    DeviceArray<float> dsums(rows), dmaxima(rows);
    run_case<T>(
        "row sum, cub", rows, cols,
        [&] {
            return launch(row_sum_cub<T, 128>, Shape{dim3(rows), dim3(128)}, dx.input(), dsums.data(), dmaxima.data(), cols);
        },
        [&] {
            const auto sums = dsums.get(), maxima = dmaxima.get();
            for (int r = 0; r < rows; r++) {
                double sum = 0, max = -INFINITY;
                for (int c = 0; c < cols; c++) {
                    const double v = to_float(x[static_cast<size_t>(r) * cols + c]);
                    sum += v;
                    max = std::max(max, v);
                }
                if (!(std::fabs(sums[r] - sum) <= 1e-3 * (1 + std::fabs(sum))) || maxima[r] != static_cast<float>(max)) return false;
            }
            return true;
        });
}

template <class T> void all_cases() {
    for (int cols : {1, 5, 31, 32, 33, 64, 127, 128, 250, 256, 1000, 1024}) softmax_case<T>(Kernel::Warp, 7, cols);
    for (int cols : {1, 3, 255, 256, 257, 1000, 4096, 10001}) {
        softmax_case<T>(Kernel::Online, 4, cols);
        softmax_case<T>(Kernel::Shared, 3, cols);
        cross_entropy_case<T>(5, cols);
    }
    int optin = 0, clusters = 0;
    cudaDeviceGetAttribute(&optin, cudaDevAttrMaxSharedMemoryPerBlockOptin, 0);
    cudaDeviceGetAttribute(&clusters, cudaDevAttrClusterLaunch, 0);
    softmax_case<T>(Kernel::Shared, 1, std::min(20000, (optin - 1024) / 4)); // more than 48 KiB
    if (clusters)
        for (unsigned cluster : {1, 2, 4, 8})
            for (int cols : {1, 100, 1024, 9999}) softmax_case<T>(Kernel::Cluster, 2, cols, cluster);
    for (int cols : {1, 100, 128, 1000}) row_sum_case<T>(3, cols);
}

// ---- measurements of the scheduler alone

__global__ void two_barriers(float *out) {
    SHARED_ARRAY(float, values, 256);
    values[threadIdx.x] = static_cast<float>(threadIdx.x);
    __syncthreads();
    const float v = values[255 - threadIdx.x];
    __syncthreads();
    if (threadIdx.x == 0) out[0] = v;
}
__global__ void fill(float *out) { out[threadIdx.x] = static_cast<float>(threadIdx.x); }
__global__ void hundred_shuffles(float *out) {
    float v = static_cast<float>(threadIdx.x);
    for (int i = 0; i < 20; i++) v = warp_reduce(v, Max());
    if (threadIdx.x == 0) out[0] = v;
}
void measure(const char *what, double events, const std::function<cudaError_t()> &run) {
    double best = INFINITY;
    for (int i = 0; i < 5; i++) {
        const auto start = std::chrono::steady_clock::now();
        succeeds(run());
        best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    }
    printf("%-45s %9.3f ms %8.2f ns each\n", what, best * 1e3, best * 1e9 / events);
}
void measure_scheduler() {
    DeviceArray<float> out(256);
    const auto grid = [](unsigned blocks, unsigned threads) { return Shape{dim3(blocks), dim3(threads)}; };
    measure("2 barriers, 256 threads, 100 blocks", 2 * 256 * 100., [&] { return launch(two_barriers, grid(100, 256), out.data()); });
    measure("2 barriers, 256 threads, 100000 blocks", 2 * 256 * 1e5, [&] { return launch(two_barriers, grid(100000, 256), out.data()); });
    measure("no barrier, 256 threads, 100000 blocks", 256 * 1e5, [&] { return launch(fill, grid(100000, 256), out.data()); });
    measure("100 shuffles, 256 threads, 20 blocks", 100 * 256 * 20., [&] { return launch(hundred_shuffles, grid(20, 256), out.data()); });
    measure("100 shuffles, 32 threads, 160 blocks", 100 * 32 * 160., [&] { return launch(hundred_shuffles, grid(160, 32), out.data()); });
}

} // namespace

int main(int argc, char **) {
    measuring = argc > 1;
    if (measuring) {
        softmax_case<float>(Kernel::Warp, 4096, 256);
        softmax_case<float>(Kernel::Warp, 1024, 1024);
        softmax_case<__half>(Kernel::Warp, 1024, 1024);
        softmax_case<__nv_bfloat16>(Kernel::Warp, 1024, 1024);
        softmax_case<float>(Kernel::Online, 32, 32768);
        softmax_case<float>(Kernel::Shared, 64, 8192);
        softmax_case<float>(Kernel::Cluster, 32, 32768, 4);
        cross_entropy_case<float>(32, 32768);
        row_sum_case<float>(1024, 1024);
        measure_scheduler();
    } else {
        all_cases<float>();
        all_cases<__half>();
        all_cases<__nv_bfloat16>();
    }
    printf("sample kernels: %d passed, %d failed\n", passed, failed);
    return failed != 0;
}
