#include "timing.hpp"

#include <algorithm>

#include "cuda_check.hpp"

namespace bench {

static const double SAMPLE = 1000; // microseconds that a sample is to take, so that the start of a graph does not count
static const int64_t MOST_CALLS = 512;
static const int EMPTYINGS = 4; // before every sample: they also keep the device busy until the graph is there

stream::stream() {
    check_cuda(cudaStreamCreateWithFlags(&made, cudaStreamNonBlocking), "cudaStreamCreateWithFlags");
    check_cuda(cudaEventCreate(&begin), "cudaEventCreate");
    check_cuda(cudaEventCreate(&end), "cudaEventCreate");
}
stream::~stream() {
    cudaEventDestroy(end);
    cudaEventDestroy(begin);
    cudaStreamDestroy(made);
}
double stream::stop() const {
    float milliseconds = 0;
    check_cuda(cudaEventRecord(end, made), "cudaEventRecord");
    check_cuda(cudaEventSynchronize(end), "waiting for the calls");
    check_cuda(cudaEventElapsedTime(&milliseconds, begin, end), "cudaEventElapsedTime");
    return 1000.0 * static_cast<double>(milliseconds);
}

series::series(const stream &stream_to_use, const device_data &of, std::vector<call> calls)
    : on(&stream_to_use), data(&of), per_slot(std::move(calls)) {
    per_slot[0](); // the first call loads its kernels and may allocate
    check_cuda(cudaStreamSynchronize(*on), "the first call");
    on->start();
    per_slot[0]();
    const double once = std::max(on->stop(), 0.5);
    const auto slots = static_cast<int64_t>(per_slot.size());
    count = std::clamp<int64_t>(static_cast<int64_t>(SAMPLE / once), 1, MOST_CALLS);
    if (!data->sizes().exceed_cache) count = std::min(count, slots);
    if (!capture()) return;
    check_cuda(cudaGraphLaunch(graph, *on), "cudaGraphLaunch");
    check_cuda(cudaStreamSynchronize(*on), "the first graph");
}

series::series(series &&other) noexcept
    : on(other.on), data(other.data), per_slot(std::move(other.per_slot)), count(other.count), graph(other.graph) {
    other.graph = nullptr;
}

series::~series() {
    if (graph) cudaGraphExecDestroy(graph);
}

void series::run() const {
    const auto slots = static_cast<int64_t>(per_slot.size());
    for (int64_t i = 0; i < count; i++) per_slot[static_cast<size_t>(i % slots)]();
}

// A contestant whose calls cannot be captured is timed without a graph.
bool series::capture() {
    cudaGraph_t recorded = nullptr;
    check_cuda(cudaStreamBeginCapture(*on, cudaStreamCaptureModeThreadLocal), "cudaStreamBeginCapture");
    bool ok = true;
    try {
        run();
    } catch (const std::exception &) {
        ok = false;
    }
    ok = cudaStreamEndCapture(*on, &recorded) == cudaSuccess && ok;
    ok = ok && cudaGraphInstantiateWithFlags(&graph, recorded, 0) == cudaSuccess;
    if (recorded) cudaGraphDestroy(recorded);
    if (!ok) {
        cudaGetLastError();
        graph = nullptr;
    }
    return ok;
}

double series::sample() const {
    for (int i = 0; i < EMPTYINGS; i++) data->empty_cache(*on);
    on->start();
    if (graph)
        check_cuda(cudaGraphLaunch(graph, *on), "cudaGraphLaunch");
    else
        run();
    return on->stop() / static_cast<double>(count);
}

} // namespace bench
