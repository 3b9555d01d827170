// Softmax and log-softmax.
#include "softmax.cuh"

smxStatus_t smx_cuda_softmax(const smx_call &call) {
    using namespace smx;
    return with_program(call, [&](auto tag) { return run_in_family(call, program_of<typename decltype(tag)::type>(call)); });
}
