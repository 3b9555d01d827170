#include "check_host.h"

#include <stdlib.h>
#include <string.h>

bool op_has_host_call(smxOp_t op) { return op_host_function(op) != NULL; }

const char *op_host_function(smxOp_t op) {
    switch (op) {
    case SMX_OP_SOFTMAX_FORWARD: return "smxSoftmaxForwardHost";
    case SMX_OP_LOG_SOFTMAX_FORWARD: return "smxLogSoftmaxForwardHost";
    case SMX_OP_LOG_SUM_EXP: return "smxLogSumExpHost";
    case SMX_OP_CROSS_ENTROPY_FORWARD: return "smxCrossEntropyForwardHost";
    case SMX_OP_CROSS_ENTROPY_FORWARD_BACKWARD: return "smxCrossEntropyForwardBackwardHost";
    case SMX_OP_NLL_LOSS_FORWARD: return "smxNllLossForwardHost";
    default: return NULL;
    }
}

smxStatus_t host_execute(host_run *host) {
    const library_call *c = &host->call;
    const smxHostOptions_t *o = host->without_options ? NULL : &host->options;
    switch (c->op) {
    case SMX_OP_SOFTMAX_FORWARD: return smxSoftmaxForwardHost(c->handle, o, &c->softmax, &c->x_layout, c->x, &c->out_layout, c->out);
    case SMX_OP_LOG_SOFTMAX_FORWARD: return smxLogSoftmaxForwardHost(c->handle, o, &c->softmax, &c->x_layout, c->x, &c->out_layout, c->out);
    case SMX_OP_LOG_SUM_EXP: return smxLogSumExpHost(c->handle, o, &c->softmax, &c->x_layout, c->x, c->lse);
    case SMX_OP_CROSS_ENTROPY_FORWARD:
        return smxCrossEntropyForwardHost(c->handle, o, &c->cross_entropy, &c->x_layout, c->x, &c->targets, c->loss, c->lse);
    case SMX_OP_CROSS_ENTROPY_FORWARD_BACKWARD:
        return smxCrossEntropyForwardBackwardHost(c->handle, o, &c->cross_entropy, &c->x_layout, c->x, &c->targets, c->grad_loss, c->loss,
                                                  c->lse, &c->out_layout, c->out);
    case SMX_OP_NLL_LOSS_FORWARD: return smxNllLossForwardHost(c->handle, o, &c->cross_entropy, &c->x_layout, c->x, &c->targets, c->loss);
    default: return SMX_STATUS_INTERNAL_ERROR;
    }
}

/* From memory of the backend to its copy. */
static void *to_host(const host_run *host, const void *pointer) {
    const unsigned char *p = pointer;
    if (p == NULL) return NULL;
    for (size_t i = 0; i < HOST_BUFFERS; i++) {
        const buffer *b = host->copies[i].of;
        if (b->device != NULL && p >= b->device && p <= b->device + b->bytes) return host->copies[i].bytes + (p - b->device);
    }
    ck_abort_msg("no buffer has %p", pointer);
    abort();
}

void host_restore(host_run *host) {
    for (size_t i = 0; i < HOST_BUFFERS; i++)
        if (host->copies[i].bytes != NULL) memcpy(host->copies[i].bytes, host->copies[i].of->before, host->copies[i].of->bytes);
}

void host_prepare(host_run *host, trial_run *run, bool pinned) {
    const smxHostOptions_t defaults = SMX_HOST_OPTIONS_INIT;
    *host = (host_run){.run = run, .pinned = pinned, .call = run->call, .options = defaults};
    const buffer *const all[HOST_BUFFERS] = {&run->x.memory,     &run->separate_out.memory, &run->loss.memory,
                                             &run->lse.memory,   &run->grad_loss.memory,    &run->targets,
                                             &run->aimed.memory, &run->weights.memory,      &run->divisor.memory};
    static const char *const names[HOST_BUFFERS] = {"x",       "the output",    "loss",         "lse",          "gradLoss",
                                                    "targets", "probabilities", "classWeights", "deviceDivisor"};
    for (size_t i = 0; i < HOST_BUFFERS; i++) {
        void *bytes = NULL;
        host->copies[i].name = names[i];
        host->copies[i].of = all[i];
        if (all[i]->before == NULL || all[i]->bytes == 0) continue;
        if (pinned)
            require_success(smxMallocHost(session_handle(), &bytes, all[i]->bytes), "smxMallocHost");
        else
            bytes = malloc(all[i]->bytes);
        ck_assert_ptr_nonnull(bytes);
        host->copies[i].bytes = bytes;
    }
    host_restore(host);
    library_call *c = &host->call;
    c->x = to_host(host, c->x);
    c->out = to_host(host, c->out);
    c->loss = to_host(host, c->loss);
    c->lse = to_host(host, c->lse);
    c->grad_loss = to_host(host, c->grad_loss);
    c->targets.data = to_host(host, c->targets.data);
    c->cross_entropy.classWeights = to_host(host, c->cross_entropy.classWeights);
    c->cross_entropy.deviceDivisor = to_host(host, c->cross_entropy.deviceDivisor);
}

static void require_bytes(const host_run *host, bool written) {
    session_count_comparison();
    for (size_t i = 0; i < HOST_BUFFERS; i++) {
        const buffer *b = host->copies[i].of;
        const unsigned char *expected = written ? b->after : b->before, *got = host->copies[i].bytes;
        for (size_t k = 0; got != NULL && k < b->bytes; k++)
            if (got[k] != expected[k])
                fail_trial(host->run, "byte %lld of %s is %d instead of %d after the call on %s host memory",
                           (long long)k - (long long)b->first, host->copies[i].name, got[k], expected[k],
                           host->pinned ? "pinned" : "ordinary");
    }
}

void host_compare(const host_run *host) { require_bytes(host, true); }
void host_require_nothing_written(const host_run *host) { require_bytes(host, false); }

void host_release(host_run *host) {
    for (size_t i = 0; i < HOST_BUFFERS; i++) {
        if (host->pinned)
            require_success(smxFreeHost(session_handle(), host->copies[i].bytes), "smxFreeHost");
        else
            free(host->copies[i].bytes);
    }
    *host = (host_run){0};
}

size_t host_batch_bytes(const trial *t) {
    const size_t elements = (size_t)(layout_rows(&t->x.layout) * t->x.layout.cols);
    return elements * (element_bytes(t->x.layout.type) +
                       (op_writes_elements(t->op) && t->placement == OUT_OF_PLACE ? element_bytes(t->out.layout.type) : 0));
}
