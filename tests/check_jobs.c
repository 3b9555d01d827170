#include "check_jobs.h"

#include <stdlib.h>
#include <string.h>

#include "data.h"

static const smxDataType_t types[JOB_TYPES] = {SMX_R_32F, SMX_R_16F, SMX_R_16BF, SMX_R_64F};
/* The last one is large enough for the threads of the CPU backend. */
static const int64_t shapes[JOB_SHAPES][2] = {{5, 33}, {3, 2500}, {40, 600}};

enum { CHOSEN = 6 }; /* of every row, by top-k and multinomial */

static bool is_loss(const job *j) { return j->op > SMX_OP_LOG_SUM_EXP && j->op <= SMX_OP_NLL_LOSS_BACKWARD; }
static bool is_choice(const job *j) { return j->op >= SMX_OP_ARGMAX; }

/* ---- preparation ---- */

static size_t place(job *j, size_t bytes) {
    const size_t offset = j->bytes;
    j->bytes = (offset + bytes + 255) / 256 * 256;
    return offset;
}

static void fill(job *j, size_t offset, smxDataType_t type, int64_t count, generator *g, bool probabilities) {
    for (int64_t i = 0; i < count; i++)
        store_element(type, j->before + offset + (size_t)i * element_bytes(type),
                      probabilities ? next_uniform(g) * 2 / (double)j->layout.cols : 3 * next_normal(g));
}

void job_prepare(job *j, int number) {
    const smxSoftmaxOptions_t softmax = SMX_SOFTMAX_OPTIONS_INIT;
    const smxCrossEntropyOptions_t loss = SMX_CROSS_ENTROPY_OPTIONS_INIT;
    const smxSampleOptions_t sample = SMX_SAMPLE_OPTIONS_INIT;
    const smxMultinomialOptions_t multinomial = SMX_MULTINOMIAL_OPTIONS_INIT;
    const int shape = number / (JOB_OPERATIONS * JOB_TYPES);
    const smxDataType_t type = types[number / JOB_OPERATIONS % JOB_TYPES];
    const int64_t rows = shapes[shape][0], cols = shapes[shape][1];
    generator g = generator_of((uint64_t)number + 1);

    *j = (job){.op = (smxOp_t)(number % JOB_OPERATIONS),
               .layout = smxRowMajor(type, rows, cols),
               .softmax = softmax,
               .loss = loss,
               .sample = sample,
               .multinomial = multinomial};
    if (shape > 0) {
        j->softmax.scale = 0.75f;
        j->loss.reduction = shape == 1 ? SMX_REDUCTION_SUM : SMX_REDUCTION_NONE;
        if (j->op < SMX_OP_NLL_LOSS_FORWARD) j->loss.labelSmoothing = 0.125f;
        j->sample.topK = 20;
        j->sample.topP = 0.875f;
        j->sample.minP = 0.01f;
        j->multinomial.withReplacement = 0;
    }
    const size_t matrix = (size_t)(rows * cols) * element_bytes(type), vector = (size_t)rows * element_bytes(loss_type(type));
    j->x = place(j, matrix);
    j->second = place(j, matrix);
    j->targets = place(j, (size_t)rows * sizeof(int64_t));
    j->grad_loss = place(j, vector);
    j->out = place(j, matrix);
    j->losses = place(j, vector);
    j->lse = place(j, vector);
    j->indices = place(j, is_choice(j) ? (size_t)rows * CHOSEN * sizeof(int64_t) : 0);
    j->numbers = place(j, is_choice(j) ? (size_t)rows * CHOSEN * sizeof(float) : 0);
    j->bad = place(j, 2 * sizeof(int64_t));
    j->before = calloc(1, j->bytes);
    if (j->before == NULL) abort();
    fill(j, j->x, type, rows * cols, &g, false);
    fill(j, j->second, type, rows * cols, &g, true);
    fill(j, j->grad_loss, loss_type(type), rows, &g, false);
    fill(j, j->lse, loss_type(type), rows, &g, false);
    for (int64_t r = 0; r < rows; r++)
        store_index(SMX_R_64I, j->before + j->targets + (size_t)r * sizeof(int64_t), r == 1 ? cols + 7 : next_below(&g, cols));
}

void job_release(job *j) {
    free(j->before);
    j->before = NULL;
}

/* ---- execution ---- */

static smxStatus_t loss_call(smxHandle_t handle, const job *j, unsigned char *block) {
    const smxTargets_t targets = smxIndexTargets(SMX_R_64I, block + j->targets);
    const void *x = block + j->x, *grad_loss = block + j->grad_loss;
    void *out = block + j->out, *loss = block + j->losses, *lse = block + j->lse;
    switch (j->op) {
    case SMX_OP_CROSS_ENTROPY_FORWARD: return smxCrossEntropyForward(handle, &j->loss, &j->layout, x, &targets, loss, lse);
    case SMX_OP_CROSS_ENTROPY_BACKWARD:
        return smxCrossEntropyBackward(handle, &j->loss, &j->layout, x, &targets, lse, grad_loss, &j->layout, out);
    case SMX_OP_CROSS_ENTROPY_FORWARD_BACKWARD:
        return smxCrossEntropyForwardBackward(handle, &j->loss, &j->layout, x, &targets, grad_loss, loss, lse, &j->layout, out);
    case SMX_OP_NLL_LOSS_FORWARD: return smxNllLossForward(handle, &j->loss, &j->layout, x, &targets, loss);
    default: return smxNllLossBackward(handle, &j->loss, &j->layout, &targets, grad_loss, &j->layout, out);
    }
}

static smxStatus_t choice_call(smxHandle_t handle, const job *j, unsigned char *block) {
    const void *x = block + j->x;
    void *indices = block + j->indices;
    float *numbers = (float *)(void *)(block + j->numbers);
    switch (j->op) {
    case SMX_OP_ARGMAX: return smxArgmax(handle, &j->layout, x, SMX_R_64I, indices);
    case SMX_OP_TOP_K: return smxTopK(handle, &j->softmax, &j->layout, x, CHOSEN, numbers, SMX_R_64I, indices);
    case SMX_OP_SAMPLE: return smxSample(handle, &j->sample, &j->layout, x, SMX_R_32I, indices, numbers);
    default: return smxMultinomial(handle, &j->multinomial, &j->layout, x, CHOSEN, SMX_R_64I, indices);
    }
}

smxStatus_t job_call(smxHandle_t handle, const job *j, unsigned char *block) {
    const void *x = block + j->x, *dy = block + j->second;
    void *out = block + j->out;
    if (is_loss(j)) return loss_call(handle, j, block);
    if (is_choice(j)) return choice_call(handle, j, block);
    switch (j->op) {
    case SMX_OP_SOFTMAX_FORWARD: return smxSoftmaxForward(handle, &j->softmax, &j->layout, x, &j->layout, out);
    case SMX_OP_SOFTMAX_BACKWARD: return smxSoftmaxBackward(handle, &j->softmax, &j->layout, x, &j->layout, dy, &j->layout, out);
    case SMX_OP_LOG_SOFTMAX_FORWARD: return smxLogSoftmaxForward(handle, &j->softmax, &j->layout, x, &j->layout, out);
    case SMX_OP_LOG_SOFTMAX_BACKWARD: return smxLogSoftmaxBackward(handle, &j->softmax, &j->layout, x, &j->layout, dy, &j->layout, out);
    default: return smxLogSumExp(handle, &j->softmax, &j->layout, x, block + j->lse);
    }
}

smxStatus_t job_run(smxHandle_t handle, const job *j, unsigned char *after) {
    void *block = NULL;
    int64_t bad[2] = {0, 0};
    SMX_TRY(smxMalloc(handle, &block, j->bytes));
    smxStatus_t status = smxMemcpyAsync(handle, block, j->before, j->bytes);
    if (status == SMX_STATUS_SUCCESS) status = job_call(handle, j, block);
    if (status == SMX_STATUS_SUCCESS) status = smxMemcpyAsync(handle, after, block, j->bytes);
    if (status == SMX_STATUS_SUCCESS) status = smxGetBadTargets(handle, &bad[0], &bad[1]); /* synchronises */
    memcpy(after + j->bad, bad, sizeof bad);
    const smxStatus_t released = smxFree(handle, block);
    return status != SMX_STATUS_SUCCESS ? status : released;
}
