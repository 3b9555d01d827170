// Loss and gradient of many problems.
#include "cross_entropy_gradient.cuh"

smxStatus_t smx_cuda_row_loss_gradients_of_many(const smx::alike &calls, smx::batch_memory &memory) {
    using namespace smx;
    return with_type(calls.at[0]->in.layout.type, [&](auto tag) {
        using T = typename decltype(tag)::type;
        if (is_general(*calls.at[0])) return run_general_losses<T, true>(calls, memory);
        return run_many_in_family<loss_gradient_program<T>>(calls, memory, loss_gradient_of<T>);
    });
}
