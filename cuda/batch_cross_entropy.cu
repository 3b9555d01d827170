// The cross-entropy loss of many problems.
#include "cross_entropy.cuh"

smxStatus_t smx_cuda_row_losses_of_many(const smx::alike &calls, smx::batch_memory &memory) {
    using namespace smx;
    return with_type(calls.at[0]->in.layout.type, [&](auto tag) {
        using T = typename decltype(tag)::type;
        if (is_general(*calls.at[0])) return run_general_losses<T, false>(calls, memory);
        return run_many_in_family<loss_program<T>>(calls, memory, loss_of<T>);
    });
}
