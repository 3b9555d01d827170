// What backward calls start from, computed beforehand.
#pragma once
#include "data.hpp"

namespace bench {

void compute_softmax(const problem &p, data &memory);     // into memory.forward_result(), of memory.logits()
void compute_log_softmax(const problem &p, data &memory); // likewise
void compute_logsumexp(const problem &p, data &memory);   // into memory.logsumexp()

} // namespace bench
