// Logsumexp, and the cross-entropy loss without its gradient.
#include "cross_entropy.cuh"

smxStatus_t smx_cuda_row_losses(const smx_call &call) {
    using namespace smx;
    return with_type(call.in.layout.type, [&](auto tag) {
        using T = typename decltype(tag)::type;
        return is_general(call) ? run_general_loss<T, false>(call) : run_in_family(call, loss_of<T>(call));
    });
}
