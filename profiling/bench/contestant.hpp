// How a contestant takes part: it makes a call ready, and that call is timed.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "cases.hpp"
#include "data.hpp"
#include "smx_call.hpp"

namespace bench {

// Inputs are where the call expects them when this returns; nothing of it is timed. An exception leaves the problem out, with its text.
using preparation = std::function<call(const problem &)>;

void add(const problem &p, const std::string &contestant, const preparation &prepare);

void add_smx(const std::vector<problem> &problems, data &memory);
void add_onednn(const std::vector<problem> &problems, data &memory);
void add_ceilings();

} // namespace bench
