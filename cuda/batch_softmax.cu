// Softmax and log-softmax of many problems.
#include "softmax.cuh"

smxStatus_t smx_cuda_softmax_of_many(const smx::alike &calls, smx::batch_memory &memory) {
    using namespace smx;
    return with_program(*calls.at[0], [&](auto tag) {
        using P = typename decltype(tag)::type;
        return run_many_in_family<P>(calls, memory, program_of<P>);
    });
}
