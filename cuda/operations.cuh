// From a call to the kernel: the pieces that the launchers of all operations share, and the operations themselves.
#pragma once
#include "row_map.cuh"
#include "row_registers.cuh"
#include "row_stream.cuh"
#include "row_strided.cuh"

smxStatus_t smx_cuda_softmax(const smx_call &call);            // softmax.cu: also log-softmax
smxStatus_t smx_cuda_softmax_gradient(const smx_call &call);   // softmax_gradient.cu: also log-softmax
smxStatus_t smx_cuda_row_losses(const smx_call &call);         // cross_entropy.cu: logsumexp, and losses without gradient
smxStatus_t smx_cuda_row_loss_gradients(const smx_call &call); // cross_entropy_gradient.cu: gradients, with or without losses
smxStatus_t smx_cuda_nll_losses(const smx_call &call);         // nll.cu
smxStatus_t smx_cuda_nll_gradients(const smx_call &call);      // nll.cu
smxStatus_t smx_cuda_count_divisor(const smx_call &call);      // loss_sum.cu: the mean's divisor, to the workspace
smxStatus_t smx_cuda_sum_losses(const smx_call &call);         // loss_sum.cu: row losses of the workspace, to the loss

extern const smx_transfer smx_cuda_transfer; // transfer.cu

namespace smx {

inline operand operand_of(const smx_operand &o) { return {o.data, o.layout.outerStride, o.layout.colStride, 1, o.layout.type}; }

inline row_operands operands_of(const smx_call &call) {
    return {operand_of(call.in), operand_of(call.second), operand_of(call.out), call.rows, call.cols, call.in.layout.inner};
}

// The family switches, for programs with and without something to reduce.
template <class P> smxStatus_t run_in_family(const smx_call &call, const P &program) {
    switch (call.plan.row->kernel) {
    case SMX_KERNEL_ROW_REGISTERS: return row_registers::run(call, program);
    case SMX_KERNEL_ROW_STREAM: return row_stream::run(call, program);
    case SMX_KERNEL_ROW_STRIDED:
        if constexpr (P::also_strided) return row_strided::run(call, program);
        break;
    case SMX_KERNEL_ROW_MAP:
    case SMX_KERNEL_ROW_PICK: break;
    }
    return no_such_kernel(call);
}

template <class P> smxStatus_t map_in_family(const smx_call &call, const P &program) {
    return call.plan.row->kernel == SMX_KERNEL_ROW_STRIDED ? row_strided::run(call, program) : row_map::run(call, program);
}

} // namespace smx
