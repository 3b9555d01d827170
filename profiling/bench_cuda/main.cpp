// smx_bench_cuda: the CUDA backend, its peer that has a C API, and the memory itself, in one process on the same data.
//     smx_bench_cuda --out FILE.json [--quick | --tiny] [--filter REGEX] [--seconds N] [--repetitions N] [--no-peers]
//     smx_bench_cuda [--quick | --tiny] [--filter REGEX] --list_cases
//     smx_bench_cuda [--quick | --tiny] [--filter REGEX] --once
// Names are operation/type/ROWSxCOLS/contestant (OUTERxCOLSxINNER where rows lie along an inner axis), and ceiling/PASS/BYTES for the
// memory. In every round each problem has its turn, and all contestants take turns sample by sample; further rounds follow while they
// are expected to end within the seconds; the first ends after twice as many, wherever it is. --once makes every call of smx once, for
// profilers. --tiny is for machines without a GPU, on the emulator: times mean nothing there.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <regex>

#include "../bench/smx_handle.hpp"
#include "cuda_check.hpp"
#include "cudnn.hpp"
#include "results.hpp"
#include "timing.hpp"

namespace bench {

struct options {
    scope wanted = scope::full;
    std::regex filter{"."};
    std::string out;
    double seconds = 100;
    int repetitions = 5;
    bool list = false, once = false, peers = true;
};

struct contestant {
    std::string name, plan;
    std::string pass; // of the memory itself: its name, and no problem
    int64_t bytes = 0;
    series calls;
};

// Which kernel a call will be, where the library can say it.
static std::string plan_of(const problem &p, smxHandle_t handle) {
    static const std::map<op, smxOp_t> names = {{op::softmax_forward, SMX_OP_SOFTMAX_FORWARD},
                                                {op::log_softmax_forward, SMX_OP_LOG_SOFTMAX_FORWARD},
                                                {op::softmax_backward, SMX_OP_SOFTMAX_BACKWARD},
                                                {op::log_softmax_backward, SMX_OP_LOG_SOFTMAX_BACKWARD},
                                                {op::logsumexp, SMX_OP_LOG_SUM_EXP},
                                                {op::cross_entropy_forward, SMX_OP_CROSS_ENTROPY_FORWARD},
                                                {op::cross_entropy_backward, SMX_OP_CROSS_ENTROPY_BACKWARD},
                                                {op::cross_entropy_fused, SMX_OP_CROSS_ENTROPY_FORWARD_BACKWARD},
                                                {op::argmax, SMX_OP_ARGMAX},
                                                {op::top_k, SMX_OP_TOP_K},
                                                {op::sample, SMX_OP_SAMPLE},
                                                {op::sample_top_k, SMX_OP_SAMPLE},
                                                {op::sample_top_p, SMX_OP_SAMPLE}};
    const smxLayout_t layout = p.layout();
    char text[512];
    if (smxDescribePlan(handle, names.at(p.operation->id), &layout, text, sizeof text) != SMX_STATUS_SUCCESS) return "";
    return text;
}

class measurement {
  public:
    measurement(const options &given, const std::vector<problem> &all, int64_t cache_bytes, results &to)
        : wish(given), problems(all), out(to), handle(SMX_BACKEND_CUDA), peer(given.peers ? std::make_unique<cudnn>(on) : nullptr),
          data(all, cache_bytes) {
        check(smxSetStream(handle, on));
        out.context("cudnn", peer ? peer->note() : "left out");
    }
    // How many problems were not reached, because `late` said to stop.
    size_t round(const std::function<bool()> &late) {
        passes_of_round.clear();
        for (size_t i = 0; i < problems.size(); i++) {
            if (late()) return problems.size() - i;
            measure(problems[i]);
        }
        return 0;
    }

  private:
    std::vector<call> on_every_slot(const std::function<call(int64_t)> &of_slot) const {
        std::vector<call> calls;
        for (int64_t i = 0; i < data.sizes().slots; i++) calls.push_back(of_slot(i));
        return calls;
    }

    // Adds a contestant, or writes down why it cannot take part.
    void invite(const problem &p, const std::string &name, const std::string &plan, std::vector<contestant> &to,
                const std::function<call(int64_t)> &of_slot) {
        try {
            to.push_back({name, plan, "", 0, series(on, data, on_every_slot(of_slot))});
        } catch (const std::exception &failure) {
            cudaGetLastError();
            out.add_failure(p, name, failure.what());
        }
    }

    // The passes over the memory with this mix of reads and writes, unless some of about as many bytes have been measured in this round.
    void invite_passes(const problem &p, std::vector<contestant> &to) {
        const int reads = p.operation->reads, writes = p.operation->writes;
        auto &sizes = passes_of_round[{reads, writes}];
        const auto alike = [&](int64_t bytes) {
            return std::fabs(std::log(static_cast<double>(bytes) / static_cast<double>(p.bytes()))) < 0.03;
        };
        if (std::any_of(sizes.begin(), sizes.end(), alike)) return;
        sizes.push_back(p.bytes());
        const int64_t vectors = std::max<int64_t>(1, p.bytes() / (16 * (reads + writes)));
        const std::string mix = reads == 2 ? "two_reads_one_write" : writes ? "copy" : "read";
        for (const bool one_turn : {false, true}) {
            series calls(on, data, on_every_slot([&](int64_t i) -> call {
                             const probe_buffers b = data.probe_slot(i);
                             return [=, this_stream = static_cast<cudaStream_t>(on)] {
                                 check_cuda(launch_probe(reads, writes > 0, one_turn, b, vectors, this_stream), "a pass over the memory");
                             };
                         }));
            to.push_back({"", "", mix + (one_turn ? "_one_turn" : ""), vectors * 16 * (reads + writes), std::move(calls)});
        }
    }

    void measure(const problem &p) {
        std::vector<contestant> contestants;
        try {
            data.prepare(p, handle);
        } catch (const std::exception &failure) {
            out.add_failure(p, "smx", failure.what());
            return;
        }
        invite(p, "smx", plan_of(p, handle), contestants, [&](int64_t i) { return smx_call_of(p, handle, data.slot(i)); });
        if (peer && peer->available() && cudnn::can(p))
            invite(p, "cudnn", "", contestants, [&](int64_t i) { return peer->call_of(p, data.slot(i)); });
        invite_passes(p, contestants);
        for (int repetition = 0; repetition < wish.repetitions; repetition++)
            for (const contestant &c : contestants) {
                const double time = c.calls.sample();
                if (c.pass.empty())
                    out.add(p, c.name, c.plan, time);
                else
                    out.add_ceiling(c.pass, p.operation->reads, p.operation->writes, c.bytes, time);
            }
    }

    const options &wish;
    const std::vector<problem> &problems;
    results &out;
    stream on;
    smx_handle handle;
    std::unique_ptr<cudnn> peer;
    device_data data;
    std::map<std::pair<int, int>, std::vector<int64_t>> passes_of_round;
};

static int64_t attribute(cudaDeviceAttr which) {
    int device = 0, value = 0;
    if (cudaGetDevice(&device) != cudaSuccess || cudaDeviceGetAttribute(&value, which, device) != cudaSuccess) {
        cudaGetLastError();
        return 0;
    }
    return value;
}

// What the results have to say about the device; returns the bytes of its second-level cache.
static int64_t describe_device(results &out) {
    cudaDeviceProp properties;
    int driver = 0, runtime = 0;
    check_cuda(cudaGetDeviceProperties(&properties, 0), "cudaGetDeviceProperties");
    check_cuda(cudaDriverGetVersion(&driver), "cudaDriverGetVersion");
    check_cuda(cudaRuntimeGetVersion(&runtime), "cudaRuntimeGetVersion");
    out.context("gpu", properties.name);
    out.context("compute_capability", properties.major * 10 + properties.minor);
    out.context("multiprocessors", properties.multiProcessorCount);
    out.context("threads_per_multiprocessor", properties.maxThreadsPerMultiProcessor);
    out.context("blocks_per_multiprocessor", properties.maxBlocksPerMultiProcessor);
    out.context("registers_per_multiprocessor", properties.regsPerMultiprocessor);
    out.context("shared_bytes_per_multiprocessor", static_cast<int64_t>(properties.sharedMemPerMultiprocessor));
    out.context("memory_bytes", static_cast<int64_t>(properties.totalGlobalMem));
    out.context("l2_bytes", properties.l2CacheSize);
    // Of the data sheet: two transfers per clock on so many wires.
    out.context("nominal_bytes_per_second",
                2000 * attribute(cudaDevAttrMemoryClockRate) * (attribute(cudaDevAttrGlobalMemoryBusWidth) / 8));
    out.context("cuda", "driver " + std::to_string(driver) + ", runtime " + std::to_string(runtime));
    return properties.l2CacheSize;
}

static double seconds_since(std::chrono::steady_clock::time_point begin) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

static std::vector<problem> chosen(const options &wish) {
    std::vector<problem> some;
    for (const problem &p : cuda_problems(wish.wanted))
        if (std::regex_search(p.name(""), wish.filter)) some.push_back(p);
    return some;
}

static int call_once(const std::vector<problem> &problems) {
    smx_handle handle(SMX_BACKEND_CUDA);
    for (const problem &p : problems) {
        device_data data({p}, 256);
        data.prepare(p, handle);
        smx_call_of(p, handle, data.slot(0))();
        check(smxSynchronize(handle));
    }
    return 0;
}

// With the plans, where there is a device.
static int print(const std::vector<problem> &problems) {
    smxHandle_t handle = nullptr;
    const bool knows = smxCreateWithBackend(&handle, SMX_BACKEND_CUDA) == SMX_STATUS_SUCCESS;
    std::fputs(list_of(problems, [=](const problem &p) { return knows ? plan_of(p, handle) : std::string(); }).c_str(), stdout);
    smxDestroy(handle);
    return 0;
}

static int run(const options &wish) {
    const std::vector<problem> problems = chosen(wish);
    if (wish.list) return print(problems);
    if (problems.empty()) throw std::runtime_error("no case is called like that");
    if (wish.once) return call_once(problems);
    const auto begin = std::chrono::steady_clock::now();
    results out(wish.out);
    int64_t cache = describe_device(out);
    if (wish.wanted == scope::tiny) cache = 64 << 10;
    measurement all(wish, problems, cache, out);
    int rounds = 0;
    double round = 0;
    do {
        const double before = seconds_since(begin);
        size_t left = 0;
        try {
            left = all.round([&] { return seconds_since(begin) > 2 * wish.seconds; });
        } catch (const std::exception &failure) { // the device may be of no more use: what was measured is kept
            std::fprintf(stderr, "smx_bench_cuda: %s\n", failure.what());
            out.context("broke_off", failure.what());
            out.write();
            return 1;
        }
        if (left > 0) out.context("cases_not_reached", static_cast<int64_t>(left));
        round = seconds_since(begin) - before;
        std::fprintf(stderr, "smx_bench_cuda: round %d took %.1f s\n", ++rounds, round);
    } while (seconds_since(begin) + round < wish.seconds);
    out.context("rounds", rounds);
    out.write();
    return 0;
}

static options take_options(int argc, char **argv) {
    options wish;
    for (int i = 1; i < argc; i++) {
        const std::string name = argv[i];
        const bool has_value = name == "--out" || name == "--filter" || name == "--seconds" || name == "--repetitions";
        if (has_value && i + 1 == argc) throw std::runtime_error(name + " needs a value");
        const char *value = has_value ? argv[++i] : "";
        if (name == "--quick")
            wish.wanted = scope::quick;
        else if (name == "--tiny")
            wish.wanted = scope::tiny;
        else if (name == "--list_cases")
            wish.list = true;
        else if (name == "--once")
            wish.once = true;
        else if (name == "--no-peers")
            wish.peers = false;
        else if (name == "--out")
            wish.out = value;
        else if (name == "--filter")
            wish.filter = value;
        else if (name == "--seconds")
            wish.seconds = std::atof(value);
        else if (name == "--repetitions")
            wish.repetitions = std::max(1, std::atoi(value));
        else
            throw std::runtime_error("there is no option " + name);
    }
    if (wish.out.empty() && !wish.list && !wish.once) throw std::runtime_error("--out FILE.json is missing");
    return wish;
}

} // namespace bench

int main(int argc, char **argv) {
    try {
        return bench::run(bench::take_options(argc, argv));
    } catch (const std::exception &failure) {
        std::fprintf(stderr, "smx_bench_cuda: %s\n", failure.what());
        return 1;
    }
}
