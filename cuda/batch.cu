// Batched calls: problems that take the same kernel share a launch, and all launches share one copy of what describes the problems.
#include <stdlib.h>

#include "memory.cuh"
#include "operations.cuh"

namespace smx {
namespace {

// ---- which problems share a launch ----

// Calls of a batch have the operation and the options in common. Of the kernel decide, beside the plan, the type of the logits and
// the kind of the targets.
struct kernel_key {
    int wide; // fp64: first, for what depends on nothing else
    int family, threads_per_row, threads_per_block, elements_per_thread, type, loss;
};

kernel_key key_of(const smx_call &call) {
    const smx_plan_row &plan = *call.plan.row;
    const smxDataType_t type = call.in.layout.type;
    kernel_key key = {type == SMX_R_64F,
                      static_cast<int>(plan.kernel),
                      plan.threads_per_row,
                      plan.threads_per_block,
                      plan.elements_per_thread,
                      static_cast<int>(type),
                      smx_is_general_loss(&call) + smx_terms_vary(&call)};
    if (row_registers::is_warp_shape(plan)) key.threads_per_row = key.elements_per_thread = 0; // they share a kernel
    return key;
}

int compare(const smx_call &a, const smx_call &b) {
    const kernel_key of_a = key_of(a), of_b = key_of(b);
    return memcmp(&of_a, &of_b, sizeof of_a); // any order will do
}

int compare_pointers(const void *a, const void *b) {
    const smx_call *first = *static_cast<const smx_call *const *>(a), *second = *static_cast<const smx_call *const *>(b);
    const int order = compare(*first, *second);
    return order != 0 ? order : first < second ? -1 : 1;
}

bool same_kernel(const smx_call &a, const smx_call &b) { return compare(a, b) == 0; }
bool same_width(const smx_call &a, const smx_call &b) { return key_of(a).wide == key_of(b).wide; }

// ---- what makes up a batched call: as backend.cu has it for one ----

struct step {
    bool (*concerns)(const smx_call *);
    bool (*share)(const smx_call &, const smx_call &); // a launch
    smxStatus_t (*run)(const alike &, batch_memory &);
};

bool always(const smx_call *) { return true; }

const step softmax_steps[] = {{always, same_kernel, smx_cuda_softmax_of_many}};
const step loss_steps[] = {{always, same_kernel, smx_cuda_row_losses_of_many}, {smx_sums_losses, same_width, smx_cuda_sum_losses_of_many}};
const step gradient_steps[] = {{smx_needs_divisor, same_width, smx_cuda_count_divisors_of_many},
                               {always, same_kernel, smx_cuda_row_loss_gradients_of_many},
                               {smx_sums_losses, same_width, smx_cuda_sum_losses_of_many}};

struct step_list {
    const step *first;
    int count;
};

step_list steps_of(smxOp_t op) {
    switch (op) {
    case SMX_OP_CROSS_ENTROPY_FORWARD: return {loss_steps, 2};
    case SMX_OP_CROSS_ENTROPY_FORWARD_BACKWARD: return {gradient_steps, 3};
    default: return {softmax_steps, 1};
    }
}

// sorted: the calls in the order of compare(); group: room for as many
smxStatus_t visit(const step_list &steps, const smx_call *const *sorted, int count, const smx_call **group, batch_memory &memory) {
    memory.taken = 0;
    for (int s = 0; s < steps.count; s++) {
        const step &now = steps.first[s];
        int size = 0;
        for (int i = 0; i <= count; i++) {
            if (i < count && !now.concerns(sorted[i])) continue;
            if (size > 0 && (i == count || !now.share(*group[0], *sorted[i]))) {
                SMX_TRY(now.run({group, size}, memory));
                size = 0;
            }
            if (i < count) group[size++] = sorted[i];
        }
    }
    return SMX_STATUS_SUCCESS;
}

// ---- host memory that a copy may still be reading when the call returns ----

struct staging {
    staging *next;
    void *data;
    size_t bytes;
    cudaEvent_t copied; // NULL: ordinary memory that a captured graph copies from, for as long as the handle lives
};

void release_staging(staging *s) {
    if (s->copied != nullptr) {
        cudaEventDestroy(s->copied);
        cudaFreeHost(s->data);
    } else {
        free(s->data);
    }
    free(s);
}

smxStatus_t add_staging(const smx_call &call, size_t bytes, bool captured, staging **added) {
    staging *s = static_cast<staging *>(calloc(1, sizeof *s));
    if (s == nullptr) return smx_fail(SMX_STATUS_ALLOC_FAILED, "%s: no memory for %zu bytes", call.name, sizeof *s);
    s->bytes = bytes;
    smxStatus_t status = SMX_STATUS_SUCCESS;
    if (captured) {
        s->data = malloc(bytes);
        if (s->data == nullptr) status = smx_fail(SMX_STATUS_ALLOC_FAILED, "%s: no memory for %zu bytes", call.name, bytes);
    } else {
        status = check(call.name, "event of the staging memory", cudaEventCreateWithFlags(&s->copied, cudaEventDisableTiming));
        if (status == SMX_STATUS_SUCCESS) {
            status = allocate_host(call.name, call.handle, &s->data, bytes);
            if (status != SMX_STATUS_SUCCESS) cudaEventDestroy(s->copied);
        }
    }
    if (status != SMX_STATUS_SUCCESS) {
        free(s);
        return status;
    }
    s->next = static_cast<staging *>(call.handle->staging);
    call.handle->staging = s;
    *added = s;
    return SMX_STATUS_SUCCESS;
}

// One whose copy has arrived, or a new one. A graph keeps its own.
smxStatus_t take_staging(const smx_call &call, size_t bytes, bool captured, staging **taken) {
    if (captured) return add_staging(call, bytes, true, taken);
    for (staging *s = static_cast<staging *>(call.handle->staging); s != nullptr; s = s->next) {
        if (s->copied == nullptr || s->bytes < bytes) continue;
        const cudaError_t state = cudaEventQuery(s->copied);
        if (state == cudaSuccess) {
            *taken = s;
            return SMX_STATUS_SUCCESS;
        }
        cudaGetLastError();
        if (state != cudaErrorNotReady) return check(call.name, "state of the staging memory", state);
    }
    return add_staging(call, bytes + bytes / 2, false, taken);
}

} // namespace
} // namespace smx

void smx_cuda_release_staging(smxHandle_t handle) {
    smx::staging *next;
    for (smx::staging *s = static_cast<smx::staging *>(handle->staging); s != nullptr; s = next) {
        next = s->next;
        smx::release_staging(s);
    }
    handle->staging = nullptr;
}

smxStatus_t smx_cuda_batch(const smx_call *const *calls, const smx_call **scratch, int count, void *descriptions, size_t bytes) {
    using namespace smx;
    const smx_call &first = *calls[0];
    const smx_call **sorted = scratch, **group = scratch + count;
    memcpy(sorted, calls, static_cast<size_t>(count) * sizeof *sorted);
    qsort(sorted, static_cast<size_t>(count), sizeof *sorted, compare_pointers);

    const bool captured = first.handle->backend->capturing(first.handle);
    staging *on_host;
    SMX_TRY(take_staging(first, bytes, captured, &on_host));
    const step_list steps = steps_of(first.op);
    batch_memory memory = {static_cast<char *>(on_host->data), static_cast<char *>(descriptions), bytes, 0, false};
    SMX_TRY(visit(steps, sorted, count, group, memory));
    SMX_TRY(check(first.name, "copy of the descriptions",
                  cudaMemcpyAsync(memory.device, memory.host, memory.taken, cudaMemcpyHostToDevice, first.handle->stream)));
    if (!captured) SMX_TRY(check(first.name, "mark behind the copy", cudaEventRecord(on_host->copied, first.handle->stream)));
    memory.launching = true;
    return visit(steps, sorted, count, group, memory);
}
