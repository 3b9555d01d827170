#include "contestant.hpp"

#include <benchmark/benchmark.h>
#include <exception>

namespace bench {

static void measure(benchmark::State &state, const problem &p, const preparation &prepare) {
    try {
        const call ready = prepare(p);
        for (auto _ : state) ready();
    } catch (const std::exception &failure) {
        state.SkipWithError(failure.what());
    }
    state.counters["bytes"] = static_cast<double>(p.bytes());
    state.counters["reads"] = p.operation->reads;
    state.counters["writes"] = p.operation->writes;
    state.counters["rows"] = static_cast<double>(p.rows);
    state.counters["cols"] = static_cast<double>(p.cols);
}

void add(const problem &p, const std::string &contestant, const preparation &prepare) {
    benchmark::RegisterBenchmark(p.name(contestant).c_str(), [=](benchmark::State &state) { measure(state, p, prepare); })
        ->UseRealTime()
        ->Unit(benchmark::kMicrosecond);
}

} // namespace bench
