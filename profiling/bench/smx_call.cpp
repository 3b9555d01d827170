#include "smx_call.hpp"

#include "smx_handle.hpp"

namespace bench {

static call choice_of(const problem &p, smxHandle_t handle, const operands &o) {
    const smxLayout_t layout = p.layout();
    smxSampleOptions_t options = SMX_SAMPLE_OPTIONS_INIT;
    if (p.operation->id == op::sample_top_k) options.topK = KEPT_TOKENS;
    if (p.operation->id == op::sample_top_p) options.topP = KEPT_SHARE;

    switch (p.operation->id) {
    case op::argmax: return [=] { check(smxArgmax(handle, &layout, o.x, SMX_R_64I, o.indices)); };
    case op::top_k: return [=] { check(smxTopK(handle, nullptr, &layout, o.x, KEPT_TOKENS, o.kept_probabilities, SMX_R_64I, o.indices)); };
    default:
        return [=]() mutable {
            options.offset++;
            check(smxSample(handle, &options, &layout, o.x, SMX_R_64I, o.indices, nullptr));
        };
    }
}

call smx_call_of(const problem &p, smxHandle_t handle, const operands &o) {
    if (p.operation->chooses) return choice_of(p, handle, o);
    const smxLayout_t layout = p.layout();
    const smxTargets_t targets = smxIndexTargets(SMX_R_64I, o.targets);

    switch (p.operation->id) {
    case op::softmax_forward: return [=] { check(smxSoftmaxForward(handle, nullptr, &layout, o.x, &layout, o.out)); };
    case op::log_softmax_forward: return [=] { check(smxLogSoftmaxForward(handle, nullptr, &layout, o.x, &layout, o.out)); };
    case op::softmax_backward: return [=] { check(smxSoftmaxBackward(handle, nullptr, &layout, o.y, &layout, o.dy, &layout, o.out)); };
    case op::log_softmax_backward:
        return [=] { check(smxLogSoftmaxBackward(handle, nullptr, &layout, o.y, &layout, o.dy, &layout, o.out)); };
    case op::logsumexp: return [=] { check(smxLogSumExp(handle, nullptr, &layout, o.x, o.lse)); };
    case op::cross_entropy_forward: return [=] { check(smxCrossEntropyForward(handle, nullptr, &layout, o.x, &targets, o.loss, nullptr)); };
    case op::cross_entropy_backward:
        return [=] { check(smxCrossEntropyBackward(handle, nullptr, &layout, o.x, &targets, o.lse, nullptr, &layout, o.out)); };
    case op::cross_entropy_fused:
        return [=] {
            check(smxCrossEntropyForwardBackward(handle, nullptr, &layout, o.x, &targets, nullptr, o.loss, nullptr, &layout, o.out));
        };
    default: return {};
    }
}

} // namespace bench
