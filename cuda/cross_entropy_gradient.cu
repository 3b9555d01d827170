// The gradient of the cross-entropy, with or without its loss.
#include "cross_entropy_gradient.cuh"

smxStatus_t smx_cuda_row_loss_gradients(const smx_call &call) {
    using namespace smx;
    const bool from_lse = call.op == SMX_OP_CROSS_ENTROPY_BACKWARD && call.lse != nullptr;
    return with_type(call.in.layout.type, [&](auto tag) {
        using T = typename decltype(tag)::type;
        if (smx_is_general_loss(&call) || (call.strided && !from_lse)) return run_general_loss<T, true>(call);
        return from_lse ? map_in_family(call, gradient_from_lse_of<T>(call)) : run_in_family(call, loss_gradient_of<T>(call));
    });
}
