#include "forward_result.hpp"

#include "smx_handle.hpp"

namespace bench {

void compute_softmax(const problem &p, data &memory) {
    const smx_handle handle;
    const smxLayout_t layout = smxRowMajor(p.element->type, p.rows, p.cols);
    check(smxSoftmaxForward(handle, nullptr, &layout, memory.logits(*p.element), &layout, memory.forward_result()));
}

void compute_log_softmax(const problem &p, data &memory) {
    const smx_handle handle;
    const smxLayout_t layout = smxRowMajor(p.element->type, p.rows, p.cols);
    check(smxLogSoftmaxForward(handle, nullptr, &layout, memory.logits(*p.element), &layout, memory.forward_result()));
}

void compute_logsumexp(const problem &p, data &memory) {
    const smx_handle handle;
    const smxLayout_t layout = smxRowMajor(p.element->type, p.rows, p.cols);
    check(smxLogSumExp(handle, nullptr, &layout, memory.logits(*p.element), memory.logsumexp()));
}

} // namespace bench
