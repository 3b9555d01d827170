/* What the log says of a call: its arguments, and the plan it got. */
#include <stdarg.h>
#include <stdio.h>

#include "log.h"

typedef struct line {
    char text[2048];
    size_t length;
} line;

__attribute__((format(printf, 2, 3))) static void add(line *l, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const int n = vsnprintf(l->text + l->length, sizeof l->text - l->length, format, arguments);
    va_end(arguments);
    if (n > 0) l->length += (size_t)n;
    if (l->length >= sizeof l->text) l->length = sizeof l->text - 1;
}

static void add_pointer(line *l, const char *name, const void *pointer) {
    if (pointer == NULL)
        add(l, ", %s NULL", name);
    else
        add(l, ", %s %p", name, pointer);
}

static void add_operand(line *l, const smx_operand *o) {
    if (o->name == NULL) return; /* the operation has no such operand */
    const smxLayout_t *a = &o->layout;
    add_pointer(l, o->name, o->data);
    if (o->offsets != NULL) {
        add(l, " %s rows %lld maxCols %lld offsets %p", smx_type_name(a->type), (long long)a->outer, (long long)a->cols,
            (const void *)o->offsets);
        return;
    }
    add(l, " %s outer %lld (stride %lld) cols %lld (stride %lld) inner %lld", smx_type_name(a->type), (long long)a->outer,
        (long long)a->outerStride, (long long)a->cols, (long long)a->colStride, (long long)a->inner);
}

static void add_choice(line *l, const char *name, unsigned value, const char *const *words, unsigned count) {
    if (value < count)
        add(l, ", %s %s", name, words[value]);
    else
        add(l, ", %s %u", name, value);
}

static void add_softmax_options(line *l, const smx_call *call) {
    static const char *const empty_rows[] = {[SMX_EMPTY_ROW_NAN] = "nan", [SMX_EMPTY_ROW_ZERO] = "zero"};
    if (call->op == SMX_OP_LOG_SUM_EXP) add_pointer(l, "lse", call->lse);
    add(l, ", scale %g", (double)call->scale);
    add_choice(l, "emptyRow", (unsigned)call->empty_row, empty_rows, 2);
}

static void add_loss_options(line *l, const smx_call *call) {
    static const char *const reductions[] = {[SMX_REDUCTION_MEAN] = "mean", [SMX_REDUCTION_SUM] = "sum", [SMX_REDUCTION_NONE] = "none"};
    static const char *const empty_means[] = {[SMX_EMPTY_MEAN_NAN] = "nan", [SMX_EMPTY_MEAN_ZERO] = "zero"};
    if (call->second.name == NULL) {
        add_pointer(l, "targets", call->indices.data);
        add(l, " %s", smx_type_name(call->indices.type));
    }
    add_pointer(l, "loss", call->loss);
    add_pointer(l, "lse", call->lse);
    add_pointer(l, "gradLoss", call->grad_loss);
    add_choice(l, "reduction", (unsigned)call->reduction, reductions, 3);
    add(l, ", ignoreIndex %lld, labelSmoothing %g, zLoss %g, softcap %g, logitScale %g", (long long)call->ignore_index,
        (double)call->label_smoothing, (double)call->z_loss, (double)call->softcap, (double)call->scale);
    add_pointer(l, "classWeights", call->class_weights);
    add_pointer(l, "deviceDivisor", call->device_divisor);
    add_choice(l, "emptyMean", (unsigned)call->empty_mean, empty_means, 2);
}

static void add_random(line *l, const smx_random *random) {
    add(l, ", seed %llu, offset %llu", (unsigned long long)random->seed, (unsigned long long)random->offset);
    add_pointer(l, "deviceSeedOffset", random->seed_offset);
    add_pointer(l, "deviceRowSeeds", random->row_seeds);
    add_pointer(l, "deviceRowOffsets", random->row_offsets);
    add_pointer(l, "deviceRowKeys", random->row_keys);
}

static void add_choice_of_rows(line *l, const smx_call *call) {
    const smx_choice *c = &call->choice;
    add_pointer(l, "indices", c->indices);
    add(l, " %s", smx_type_name(c->index_type));
    switch (call->op) {
    case SMX_OP_TOP_K:
        add(l, ", k %lld", (long long)c->per_row);
        add_pointer(l, "probabilities", c->probabilities);
        add_softmax_options(l, call);
        break;
    case SMX_OP_SAMPLE:
        add_pointer(l, "logProbabilities", c->log_probabilities);
        add(l, ", temperature %g", (double)c->temperature);
        add_pointer(l, "deviceTemperature", c->temperatures);
        add(l, ", topK %lld, topP %g, minP %g", (long long)c->top_k, (double)c->top_p, (double)c->min_p);
        add_random(l, &c->random);
        break;
    case SMX_OP_MULTINOMIAL:
        add(l, ", draws %lld, input %s, withReplacement %d, temperature %g", (long long)c->per_row,
            c->from_probabilities ? "probabilities" : "logits", (int)c->with_replacement, (double)c->temperature);
        add_random(l, &c->random);
        break;
    default: break; /* argmax has no options */
    }
}

void smx_log_call(const smx_call *call) {
    static const char *const algorithms[] = {
        [SMX_ALGORITHM_AUTO] = "auto", [SMX_ALGORITHM_RESIDENT] = "resident", [SMX_ALGORITHM_ONLINE] = "online"};
    line l = {.length = 0};
    add(&l, "%s: handle %p", call->name, (const void *)call->handle);
    add_pointer(&l, "stream", (const void *)call->handle->stream);
    add_operand(&l, &call->in);
    add_operand(&l, &call->second);
    add_operand(&l, &call->out);
    if (call->op <= SMX_OP_LOG_SUM_EXP)
        add_softmax_options(&l, call);
    else if (call->op <= SMX_OP_NLL_LOSS_BACKWARD)
        add_loss_options(&l, call);
    else
        add_choice_of_rows(&l, call);
    add_choice(&l, "algorithm", (unsigned)call->algorithm, algorithms, 3);
    smx_log(SMX_LOG_CALL, l.text);
}

void smx_log_plan(const smx_call *call) {
    char text[512];
    call->handle->backend->describe(call, text, sizeof text);
    smx_log(SMX_LOG_PLAN, text);
}
