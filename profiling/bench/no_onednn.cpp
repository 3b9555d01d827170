// Built in place of onednn.cpp where oneDNN is not installed.
#include "contestant.hpp"

#include <benchmark/benchmark.h>

namespace bench {

void add_onednn(const std::vector<problem> &, data &) { benchmark::AddCustomContext("onednn", "not installed when smx_bench was built"); }

} // namespace bench
