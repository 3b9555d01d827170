// smx_bench: the CPU backend, its peers that have a C API, and the memory itself, in one process on the same data.
//     smx_bench [--quick] [--list_cases] [Google Benchmark's options]
// Names are operation/type/ROWSxCOLS/contestant, and ceiling/PASS for the memory. --quick leaves out most shapes; --list_cases prints
// the cases as TSV. OMP_NUM_THREADS says how many threads work.
#include <benchmark/benchmark.h>
#include <cstdio>
#include <cstring>
#include <exception>

#include "contestant.hpp"

// Whether the option is among the arguments, from which it is taken.
static bool take_option(int &argc, char **argv, const char *option) {
    for (int i = 1; i < argc; i++) {
        if (std::strcmp(argv[i], option) != 0) continue;
        for (; i + 1 < argc; i++) argv[i] = argv[i + 1];
        argc--;
        return true;
    }
    return false;
}

static int run(int argc, char **argv) {
    const auto problems = bench::problems(take_option(argc, argv, "--quick"));
    if (take_option(argc, argv, "--list_cases")) {
        std::fputs(bench::list_of(problems).c_str(), stdout);
        return 0;
    }
    bench::data memory(problems);
    bench::add_ceilings();
    bench::add_smx(problems, memory);
    bench::add_onednn(problems, memory);
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
    benchmark::RunSpecifiedBenchmarks();
    benchmark::Shutdown();
    return 0;
}

int main(int argc, char **argv) {
    try {
        return run(argc, argv);
    } catch (const std::exception &failure) {
        std::fprintf(stderr, "smx_bench: %s\n", failure.what());
        return 1;
    }
}
