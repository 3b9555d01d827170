// From a call to the kernel: the pieces that the launchers of all operations share, and the operations themselves.
#pragma once
#include "batch.cuh"
#include "row_kernel.cuh"
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
smxStatus_t smx_cuda_argmax(const smx_call &call);             // argmax.cu
smxStatus_t smx_cuda_top_k(const smx_call &call);              // top_k.cu
smxStatus_t smx_cuda_sample(const smx_call &call);             // sample.cu
smxStatus_t smx_cuda_multinomial(const smx_call &call);        // multinomial.cu
smxStatus_t smx_cuda_count_divisor(const smx_call &call);      // loss_sum.cu: the mean's divisor, to the workspace
smxStatus_t smx_cuda_sum_losses(const smx_call &call);         // loss_sum.cu: row losses of the workspace, to the loss

// The same for several calls that take the same kernel (batch.cuh).
smxStatus_t smx_cuda_softmax_of_many(const smx::alike &calls, smx::batch_memory &memory);
smxStatus_t smx_cuda_row_losses_of_many(const smx::alike &calls, smx::batch_memory &memory);
smxStatus_t smx_cuda_row_loss_gradients_of_many(const smx::alike &calls, smx::batch_memory &memory);
smxStatus_t smx_cuda_count_divisors_of_many(const smx::alike &calls, smx::batch_memory &memory);
smxStatus_t smx_cuda_sum_losses_of_many(const smx::alike &calls, smx::batch_memory &memory);

// Problems with rows; scratch: room for twice as many pointers; descriptions: device memory of so many bytes (batch.cu).
smxStatus_t smx_cuda_batch(const smx_call *const *calls, const smx_call **scratch, int count, void *descriptions, size_t bytes);
void smx_cuda_release_staging(smxHandle_t handle);
extern const smx_transfer smx_cuda_transfer; // transfer.cu

namespace smx {

inline operand operand_of(const smx_operand &o) {
    return {o.data, o.layout.outerStride, o.layout.colStride, 1, o.layout.type, false, o.offsets};
}

// Rows side by side may also be given as an outer dimension of stride 1.
inline bool lie_side_by_side(const row_operands &rows) {
    const auto apart = [](const operand &o) { return o.data != nullptr && o.outer_stride != 1; };
    return rows.inner == 1 && !apart(rows.in) && !apart(rows.second) && !apart(rows.out);
}

inline row_operands operands_of(const smx_call &call) {
    row_operands rows = {operand_of(call.in), operand_of(call.second), operand_of(call.out), call.rows,
                         call.cols,           call.in.layout.inner,    call.in.offsets,      call.plan.slice};
    rows.out.passing = smx_bytes_written(&call) > call.handle->l2_bytes / 2;
    if (call.strided && lie_side_by_side(rows)) {
        rows.inner = rows.rows;
        rows.in.outer_stride = rows.second.outer_stride = rows.out.outer_stride = 0;
    }
    return rows;
}

// ---- the family switches, for programs with and without something to reduce: f(shape) ----

template <class P, class F> smxStatus_t with_reducing_shape(const smx_call &call, F f) {
    switch (call.plan.row->kernel) {
    case SMX_KERNEL_ROW_REGISTERS: return row_registers::with_shape<P>(call, f);
    case SMX_KERNEL_ROW_STREAM: return row_stream::with_shape<P>(call, f);
    case SMX_KERNEL_ROW_STRIDED:
        if constexpr (P::also_strided) return row_strided::with_shape<P>(call, f);
        break;
    case SMX_KERNEL_ROW_MAP:
    case SMX_KERNEL_ROW_PICK:
    case SMX_KERNEL_ROW_SHARED:
    case SMX_KERNEL_ROW_PASSES: break;
    }
    return no_such_kernel(call);
}

template <class P, class F> smxStatus_t with_mapping_shape(const smx_call &call, F f) {
    return call.plan.row->kernel == SMX_KERNEL_ROW_STRIDED ? row_strided::with_shape<P>(call, f) : row_map::with_shape<P>(call, f);
}

// ---- launches ----

template <class P, class Shape> smxStatus_t launch_one(const smx_call &call, Shape shape, const P &program) {
    if constexpr (row_stream::is_shape<Shape>)
        if (call.plan.split) return row_stream::launch_split(call, shape, program);
    return launch(call, row_kernel<P, Shape>, {shape.blocks(program), shape.threads, 0, shape.cluster, false, shape.one_turn}, program);
}

template <class P> smxStatus_t run_in_family(const smx_call &call, const P &program) {
    return with_reducing_shape<P>(call, [&](auto shape) { return launch_one(call, shape, program); });
}

template <class P> smxStatus_t map_in_family(const smx_call &call, const P &program) {
    return with_mapping_shape<P>(call, [&](auto shape) { return launch_one(call, shape, program); });
}

// make(call) -> program
template <class P, class Make> smxStatus_t run_many_in_family(const alike &calls, batch_memory &memory, Make make) {
    if (row_registers::is_warp_shape(*calls.at[0]->plan.row)) { // one kernel for all of them (batch.cu)
        const auto run = [&](auto shape) {
            return launch_many<row_registers::shaped<P>>(
                calls, memory, shape, [&](const smx_call &call, int) { return row_registers::shaped_of(call, make(call)); });
        };
        int most = 0;
        for (int i = 0; i < calls.count; i++) {
            const int held = calls.at[i]->plan.row->elements_per_thread;
            if (held > most) most = held;
        }
        if constexpr (!P::few_shapes)
            if (most <= 8) return run(row_registers::any_warp_shape<8>{});
        return run(row_registers::any_warp_shape<32>{});
    }
    return with_reducing_shape<P>(*calls.at[0], [&](auto shape) {
        if constexpr (row_registers::is_warp<decltype(shape)>)
            return no_such_kernel(*calls.at[0]);
        else
            return launch_many<P>(calls, memory, shape, [&](const smx_call &call, int) { return make(call); });
    });
}

} // namespace smx
