// smx on the CPU, as a contestant.
#include "contestant.hpp"
#include "forward_result.hpp"
#include "smx_handle.hpp"

namespace bench {

static call prepare(const problem &p, data &memory, const std::shared_ptr<smx_handle> &handle) {
    const auto loss = std::make_shared<float>();
    operands o = {};
    o.x = memory.logits(*p.element);
    o.dy = memory.gradient(*p.element);
    o.y = memory.forward_result();
    o.out = memory.result();
    o.lse = memory.logsumexp();
    o.loss = loss.get();
    o.indices = static_cast<int64_t *>(memory.result());
    o.kept_probabilities = static_cast<float *>(memory.forward_result());
    if (!p.operation->chooses) o.targets = memory.targets(p.rows, p.cols);

    if (p.operation->id == op::softmax_backward) compute_softmax(p, memory);
    if (p.operation->id == op::log_softmax_backward) compute_log_softmax(p, memory);
    if (p.operation->id == op::cross_entropy_backward) compute_logsumexp(p, memory);
    return [ready = smx_call_of(p, *handle, o), loss] { ready(); };
}

void add_smx(const std::vector<problem> &problems, data &memory) {
    const auto handle = std::make_shared<smx_handle>();
    for (const problem &p : problems) add(p, "smx", [&memory, handle](const problem &q) { return prepare(q, memory, handle); });
}

} // namespace bench
