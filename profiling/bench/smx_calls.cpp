// smx's own calls, one for each operation.
#include "contestant.hpp"
#include "forward_result.hpp"
#include "smx_handle.hpp"

namespace bench {

static call prepare_choice(const problem &p, data &memory, smxHandle_t handle) {
    const smxLayout_t layout = smxRowMajor(p.element->type, p.rows, p.cols);
    const void *x = memory.logits(*p.element);
    void *indices = memory.result();
    float *probabilities = static_cast<float *>(memory.forward_result());
    smxSampleOptions_t options = SMX_SAMPLE_OPTIONS_INIT;
    if (p.operation->id == op::sample_top_k) options.topK = KEPT_TOKENS;
    if (p.operation->id == op::sample_top_p) options.topP = KEPT_SHARE;

    switch (p.operation->id) {
    case op::argmax: return [=] { check(smxArgmax(handle, &layout, x, SMX_R_64I, indices)); };
    case op::top_k: return [=] { check(smxTopK(handle, nullptr, &layout, x, KEPT_TOKENS, probabilities, SMX_R_64I, indices)); };
    default:
        return [=]() mutable {
            options.offset++;
            check(smxSample(handle, &options, &layout, x, SMX_R_64I, indices, nullptr));
        };
    }
}

static call prepare(const problem &p, data &memory, const std::shared_ptr<smx_handle> &owner) {
    const smxHandle_t handle = *owner;
    if (p.operation->chooses) return prepare_choice(p, memory, handle);
    const smxLayout_t layout = smxRowMajor(p.element->type, p.rows, p.cols);
    const void *x = memory.logits(*p.element), *dy = memory.gradient(*p.element);
    void *y = memory.forward_result(), *out = memory.result();
    float *lse = memory.logsumexp();
    const smxTargets_t targets = smxIndexTargets(SMX_R_64I, memory.targets(p.rows, p.cols));
    const auto loss = std::make_shared<float>();

    switch (p.operation->id) {
    case op::softmax_forward: return [=] { check(smxSoftmaxForward(handle, nullptr, &layout, x, &layout, out)); };
    case op::log_softmax_forward: return [=] { check(smxLogSoftmaxForward(handle, nullptr, &layout, x, &layout, out)); };
    case op::softmax_backward:
        compute_softmax(p, memory);
        return [=] { check(smxSoftmaxBackward(handle, nullptr, &layout, y, &layout, dy, &layout, out)); };
    case op::log_softmax_backward:
        compute_log_softmax(p, memory);
        return [=] { check(smxLogSoftmaxBackward(handle, nullptr, &layout, y, &layout, dy, &layout, out)); };
    case op::logsumexp: return [=] { check(smxLogSumExp(handle, nullptr, &layout, x, lse)); };
    case op::cross_entropy_forward:
        return [=] { check(smxCrossEntropyForward(handle, nullptr, &layout, x, &targets, loss.get(), nullptr)); };
    case op::cross_entropy_backward:
        compute_logsumexp(p, memory);
        return [=] { check(smxCrossEntropyBackward(handle, nullptr, &layout, x, &targets, lse, nullptr, &layout, out)); };
    case op::cross_entropy_fused:
        return [=] {
            check(smxCrossEntropyForwardBackward(handle, nullptr, &layout, x, &targets, nullptr, loss.get(), nullptr, &layout, out));
        };
    default: return {};
    }
}

void add_smx(const std::vector<problem> &problems, data &memory) {
    const auto handle = std::make_shared<smx_handle>();
    for (const problem &p : problems) add(p, "smx", [&memory, handle](const problem &q) { return prepare(q, memory, handle); });
}

} // namespace bench
