// smx's own calls, one for each operation, on memory of either backend.
#pragma once
#include <functional>

#include "cases.hpp"
#include "smx/smx.h"

namespace bench {

using call = std::function<void()>;

// What calls read and write; each needs some of it.
struct operands {
    const void *x;             // logits
    const void *y, *dy;        // what backward calls start from
    void *out;                 // probabilities or gradient
    float *lse, *loss;         // the backward cross-entropy reads lse
    const int64_t *targets;    // one per row
    int64_t *indices;          // what was chosen, KEPT_TOKENS per row at most
    float *kept_probabilities; // likewise
};

// A failure of the call is an exception.
call smx_call_of(const problem &p, smxHandle_t handle, const operands &o);

} // namespace bench
