#include "onnx_run.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check_tensor.h"

enum { MOST_INPUTS = 3, MOST_OUTPUTS = 2 };

typedef struct data_set {
    onnx_array inputs[MOST_INPUTS], outputs[MOST_OUTPUTS];
    int input_count, output_count;
} data_set;

static void require(const onnx_case *c, smxStatus_t status, const char *call) {
    ck_assert_msg(status == SMX_STATUS_SUCCESS, "%s: %s: status %d (%s): %s", c->name, call, (int)status, smxGetStatusString(status),
                  smxGetLastErrorMessage());
}

/* ---- attributes ---- */

static const Onnx__AttributeProto *attribute(const onnx_case *c, const char *name) { return onnx_attribute(c->node, name); }
static int64_t integer(const onnx_case *c, const char *name, int64_t otherwise) { return onnx_integer(c->node, name, otherwise); }

static smxReduction_t reduction(const onnx_case *c) {
    const Onnx__AttributeProto *a = attribute(c, "reduction");
    if (a == NULL || (a->s.len == 4 && memcmp(a->s.data, "mean", 4) == 0)) return SMX_REDUCTION_MEAN;
    if (a->s.len == 3 && memcmp(a->s.data, "sum", 3) == 0) return SMX_REDUCTION_SUM;
    ck_assert_msg(a->s.len == 4 && memcmp(a->s.data, "none", 4) == 0, "%s: unknown reduction", c->name);
    return SMX_REDUCTION_NONE;
}

/* ---- memory of the backend ---- */

static tensor upload(const onnx_array *array, smxDataType_t type) {
    tensor t = tensor_make_vector(BUFFER_INPUT, type, array->count, 0);
    if (type == array->type)
        memcpy(t.memory.before + t.memory.first, array->elements, (size_t)array->count * element_bytes(type));
    else
        for (int64_t i = 0; i < array->count; i++) tensor_store(&t, 0, i, load_element(array->type, onnx_element(array, i)));
    buffer_upload(&t.memory);
    return t;
}

static tensor make_output(smxDataType_t type, int64_t count) {
    tensor t = tensor_make_vector(BUFFER_OUTPUT, type, count, 0);
    buffer_upload(&t.memory);
    return t;
}

static void *pointer(const tensor *t) { return buffer_pointer(&t->memory); }

/* ---- comparison ---- */

typedef struct tolerance {
    double relative, absolute;
} tolerance;

/* ONNX itself allows 1e-3 and 1e-7. Its fp32 data were computed by numpy in fp32, whose own error is within these. */
static tolerance tolerance_of(smxDataType_t type) {
    switch (type) {
    case SMX_R_64F: return (tolerance){1e-13, 1e-14};
    case SMX_R_32F: return (tolerance){1e-5, 1e-6};
    case SMX_R_16F: return (tolerance){1e-3, 1e-6};
    default: return (tolerance){8e-3, 1e-6};
    }
}

static bool agree(double expected, double got, tolerance t) {
    if (isnan(expected) || isnan(got)) return isnan(expected) && isnan(got);
    if (isinf(expected) || isinf(got)) return expected == got;
    return fabs(got - expected) <= t.absolute + t.relative * fabs(expected);
}

/* Frees `got`. */
static void compare(const onnx_case *c, const data_set *set, int output, tensor *got) {
    const onnx_array *expected = &set->outputs[output];
    const tolerance t = tolerance_of(expected->type);
    int64_t byte = 0;

    ck_assert_msg(output < set->output_count, "%s: there is no output %d", c->name, output);
    ck_assert_msg(got->layout.cols == expected->count, "%s: output %d has %lld elements, smx gives %lld", c->name, output,
                  (long long)expected->count, (long long)got->layout.cols);
    buffer_download(&got->memory);
    session_count_comparison();
    for (int64_t i = 0; i < expected->count; i++) {
        const double want = load_element(expected->type, onnx_element(expected, i)), have = tensor_result(got, 0, i);
        if (!agree(want, have, t))
            ck_abort_msg("%s: output %d, element %lld of %lld: expected %.17g, got %.17g, difference %.3g", c->name, output, (long long)i,
                         (long long)expected->count, want, have, have - want);
    }
    ck_assert_msg(!tensor_surroundings_changed(got, &byte), "%s: byte %lld of output %d was written, which is outside of it", c->name,
                  (long long)byte, output);
    buffer_free(&got->memory);
}

/* ---- Softmax, LogSoftmax ---- */

static smxLayout_t along_axis(const onnx_case *c, const onnx_array *x, int64_t axis) {
    smxLayout_t layout;
    require(c, smxAlongAxis(x->type, x->ndim, x->dims, (int)axis, &layout), "smxAlongAxis");
    return layout;
}

/* Until opset 12 a row is all of the axis and of those after it. */
static smxLayout_t softmax_layout(const onnx_case *c, const onnx_array *x) {
    if (c->opset >= 13) return along_axis(c, x, integer(c, "axis", -1));
    int64_t axis = integer(c, "axis", 1), rows = 1, cols = 1;
    if (axis < 0) axis += x->ndim;
    for (int d = 0; d < x->ndim; d++) *(d < axis ? &rows : &cols) *= x->dims[d];
    return smxRowMajor(x->type, rows, cols);
}

static void run_softmax(const onnx_case *c, const data_set *set) {
    const onnx_array *in = &set->inputs[0];
    const smxLayout_t layout = softmax_layout(c, in);
    tensor x = upload(in, in->type), y = make_output(in->type, in->count);

    if (c->op == ONNX_SOFTMAX)
        require(c, smxSoftmaxForward(session_handle(), NULL, &layout, pointer(&x), &layout, pointer(&y)), "smxSoftmaxForward");
    else
        require(c, smxLogSoftmaxForward(session_handle(), NULL, &layout, pointer(&x), &layout, pointer(&y)), "smxLogSoftmaxForward");
    compare(c, set, 0, &y);
    buffer_free(&x.memory);
}

/* ---- the losses: scores (N, C, d1...dk), labels (N, d1...dk), weights (C) ---- */

static void expect_no_bad_targets(const onnx_case *c) {
    int64_t count = -1;
    require(c, smxGetBadTargets(session_handle(), &count, NULL), "smxGetBadTargets");
    ck_assert_msg(count == 0, "%s: %lld targets were taken for bad", c->name, (long long)count);
}

static void run_loss(const onnx_case *c, const data_set *set) {
    const onnx_array *scores = &set->inputs[0], *labels = &set->inputs[1];
    const bool weighted = set->input_count > 2, fused = c->op == ONNX_SOFTMAX_CROSS_ENTROPY_LOSS && !c->two_steps;
    const bool log_softmax = c->op == ONNX_SOFTMAX_CROSS_ENTROPY_LOSS && (c->two_steps || set->output_count > 1);
    const smxDataType_t type = loss_type(scores->type);
    const smxLayout_t layout = along_axis(c, scores, 1);
    smxCrossEntropyOptions_t options = SMX_CROSS_ENTROPY_OPTIONS_INIT;

    ck_assert_int_ge(set->input_count, 2);
    options.reduction = reduction(c);
    options.ignoreIndex = integer(c, "ignore_index", INT64_MIN); /* without the attribute no label is ignored */
    const int64_t losses = options.reduction == SMX_REDUCTION_NONE ? layout_rows(&layout) : 1;

    tensor x = upload(scores, scores->type), y = upload(labels, labels->type), loss = make_output(type, losses);
    tensor log_prob = {0}, weights = {0};
    if (weighted) weights = upload(&set->inputs[2], type);
    options.classWeights = weighted ? pointer(&weights) : NULL;
    if (log_softmax) {
        log_prob = make_output(scores->type, scores->count);
        require(c, smxLogSoftmaxForward(session_handle(), NULL, &layout, pointer(&x), &layout, pointer(&log_prob)), "smxLogSoftmaxForward");
    }

    const smxTargets_t targets = smxIndexTargets(labels->type, pointer(&y));
    if (fused)
        require(c, smxCrossEntropyForward(session_handle(), &options, &layout, pointer(&x), &targets, pointer(&loss), NULL),
                "smxCrossEntropyForward");
    else
        require(c, smxNllLossForward(session_handle(), &options, &layout, pointer(log_softmax ? &log_prob : &x), &targets, pointer(&loss)),
                "smxNllLossForward");
    expect_no_bad_targets(c);

    compare(c, set, 0, &loss);
    if (set->output_count > 1)
        compare(c, set, 1, &log_prob);
    else if (log_softmax)
        buffer_free(&log_prob.memory);
    buffer_free(&x.memory);
    buffer_free(&y.memory);
    if (weighted) buffer_free(&weights.memory);
}

/* ---- ReduceLogSumExp ---- */

/* The axes are an attribute; since opset 18 they are the second input. Without any all axes are reduced. */
static void find_reduced_axes(const onnx_case *c, const data_set *set, bool *reduced) {
    const Onnx__AttributeProto *listed = attribute(c, "axes");
    const onnx_array *given = set->input_count > 1 ? &set->inputs[1] : NULL;
    const int ndim = set->inputs[0].ndim;
    const int64_t count = given != NULL ? given->count : listed != NULL ? (int64_t)listed->n_ints : 0;
    const bool all = count == 0 && integer(c, "noop_with_empty_axes", 0) == 0;

    for (int d = 0; d < ndim; d++) reduced[d] = all;
    for (int64_t i = 0; i < count; i++) {
        int64_t axis = given != NULL ? 0 : listed->ints[i];
        if (given != NULL) memcpy(&axis, onnx_element(given, i), sizeof axis);
        if (axis < 0) axis += ndim;
        ck_assert_msg(axis >= 0 && axis < ndim, "%s: axis %lld of %d", c->name, (long long)axis, ndim);
        reduced[axis] = true;
    }
}

static void run_log_sum_exp(const onnx_case *c, const data_set *set) {
    const onnx_array *in = &set->inputs[0];
    int64_t dims[] = {1, 1, 1}; /* before, along and after the reduced axes, which together are one */
    bool reduced[ONNX_MOST_DIMS];
    smxLayout_t layout;
    int part = 0;

    find_reduced_axes(c, set, reduced);
    for (int d = 0; d < in->ndim; d++) {
        if (in->dims[d] == 1) continue; /* with one element it does not matter whether it is reduced */
        if (reduced[d] != (part == 1)) part++;
        ck_assert_msg(part < 2 || !reduced[d], "%s: the reduced axes are not adjacent, no layout has such rows", c->name);
        dims[part] *= in->dims[d];
    }
    require(c, smxAlongAxis(in->type, 3, dims, 1, &layout), "smxAlongAxis");

    tensor x = upload(in, in->type), lse = make_output(loss_type(in->type), layout_rows(&layout));
    require(c, smxLogSumExp(session_handle(), NULL, &layout, pointer(&x), pointer(&lse)), "smxLogSumExp");
    compare(c, set, 0, &lse);
    buffer_free(&x.memory);
}

/* ---- ArgMax, Hardmax, TopK: what smx chooses of every row, rows x count ---- */

static void get_result(const onnx_case *c, void *to, const void *from, size_t bytes) {
    require(c, smxMemcpyAsync(session_handle(), to, from, bytes), "smxMemcpyAsync");
    require(c, smxSynchronize(session_handle()), "smxSynchronize");
}

static int64_t *choose(const onnx_case *c, const onnx_array *in, const smxLayout_t *layout, int64_t count) {
    const int64_t rows = layout_rows(layout);
    const size_t bytes = (size_t)(rows * count) * sizeof(int64_t);
    int64_t *chosen = malloc(bytes);
    void *indices = NULL, *probabilities = NULL;
    tensor x = upload(in, in->type);

    ck_assert_ptr_nonnull(chosen);
    require(c, smxMalloc(session_handle(), &indices, bytes), "smxMalloc");
    require(c, smxMalloc(session_handle(), &probabilities, bytes), "smxMalloc");
    if (c->op == ONNX_TOP_K)
        require(c, smxTopK(session_handle(), NULL, layout, pointer(&x), count, probabilities, SMX_R_64I, indices), "smxTopK");
    else
        require(c, smxArgmax(session_handle(), layout, pointer(&x), SMX_R_64I, indices), "smxArgmax");
    get_result(c, chosen, indices, bytes);
    require(c, smxFree(session_handle(), indices), "smxFree");
    require(c, smxFree(session_handle(), probabilities), "smxFree");
    expect_no_bad_targets(c);
    buffer_free(&x.memory);
    return chosen;
}

/* An output that has `count` elements in the place of a row's. */
static double of_output(const onnx_array *output, const smxLayout_t *layout, int64_t count, int64_t row, int64_t at) {
    const int64_t place = (row / layout->inner * count + at) * layout->inner + row % layout->inner;
    const void *element = onnx_element(output, place);
    int64_t index;
    if (output->type != SMX_R_64I) return load_element(output->type, element);
    memcpy(&index, element, sizeof index);
    return (double)index;
}

static void expect_equal(const onnx_case *c, int output, int64_t row, int64_t at, double expected, double got) {
    if (expected != got)
        ck_abort_msg("%s: output %d, row %lld, number %lld: expected %g, got %g", c->name, output, (long long)row, (long long)at, expected,
                     got);
}

static void run_arg_max(const onnx_case *c, const data_set *set) {
    const onnx_array *in = &set->inputs[0];
    const smxLayout_t layout = along_axis(c, in, integer(c, "axis", 0));
    int64_t *chosen = choose(c, in, &layout, 1);

    session_count_comparison();
    for (int64_t r = 0; r < layout_rows(&layout); r++)
        expect_equal(c, 0, r, 0, of_output(&set->outputs[0], &layout, 1, r, 0), (double)chosen[r]);
    free(chosen);
}

/* 1 in the column that smx chooses, 0 elsewhere. */
static void run_hardmax(const onnx_case *c, const data_set *set) {
    const onnx_array *in = &set->inputs[0];
    const smxLayout_t layout = softmax_layout(c, in);
    int64_t *chosen = choose(c, in, &layout, 1);

    session_count_comparison();
    for (int64_t r = 0; r < layout_rows(&layout); r++)
        for (int64_t j = 0; j < layout.cols; j++)
            expect_equal(c, 0, r, j, of_output(&set->outputs[0], &layout, layout.cols, r, j), j == chosen[r] ? 1.0 : 0.0);
    free(chosen);
}

/* ONNX's values are the elements themselves. */
static void run_top_k(const onnx_case *c, const data_set *set) {
    const onnx_array *in = &set->inputs[0];
    const smxLayout_t layout = along_axis(c, in, integer(c, "axis", -1));
    int64_t k = 0;

    ck_assert_int_eq(set->input_count, 2);
    ck_assert_int_eq(set->output_count, 2);
    memcpy(&k, onnx_element(&set->inputs[1], 0), sizeof k);
    int64_t *chosen = choose(c, in, &layout, k);
    session_count_comparison();
    for (int64_t r = 0; r < layout_rows(&layout); r++)
        for (int64_t j = 0; j < k; j++) {
            const int64_t column = chosen[r * k + j];
            expect_equal(c, 1, r, j, of_output(&set->outputs[1], &layout, k, r, j), (double)column);
            expect_equal(c, 0, r, j, of_output(&set->outputs[0], &layout, k, r, j), of_output(in, &layout, layout.cols, r, column));
        }
    free(chosen);
}

/* ---- data sets ---- */

static int read_arrays(const onnx_case *c, int number, const char *kind, onnx_array *arrays, int most) {
    int count = 0;
    for (bool more = true; more; count += more) {
        onnx_array array = {0};
        char *path = onnx_format("%s/test_data_set_%d/%s_%d.pb", c->folder, number, kind, count);
        more = onnx_read_array(path, &array);
        ck_assert_msg(!more || count < most, "%s: more than %d", path, most);
        if (more) arrays[count] = array;
        free(path);
    }
    return count;
}

void onnx_run(const onnx_case *c) {
    for (int number = 0;; number++) {
        data_set set = {0};
        set.input_count = read_arrays(c, number, "input", set.inputs, MOST_INPUTS);
        set.output_count = read_arrays(c, number, "output", set.outputs, MOST_OUTPUTS);
        if (set.input_count == 0 && number > 0) return;
        ck_assert_msg(set.input_count > 0 && set.output_count > 0, "%s: no data in %s", c->name, c->folder);
        switch (c->op) {
        case ONNX_SOFTMAX:
        case ONNX_LOG_SOFTMAX: run_softmax(c, &set); break;
        case ONNX_SOFTMAX_CROSS_ENTROPY_LOSS:
        case ONNX_NEGATIVE_LOG_LIKELIHOOD_LOSS: run_loss(c, &set); break;
        case ONNX_REDUCE_LOG_SUM_EXP: run_log_sum_exp(c, &set); break;
        case ONNX_ARG_MAX: run_arg_max(c, &set); break;
        case ONNX_HARDMAX: run_hardmax(c, &set); break;
        case ONNX_TOP_K: run_top_k(c, &set); break;
        default: ck_abort_msg("%s: %s is not run", c->name, onnx_operator_name(c->op));
        }
        for (int i = 0; i < set.input_count; i++) onnx_free_array(&set.inputs[i]);
        for (int i = 0; i < set.output_count; i++) onnx_free_array(&set.outputs[i]);
    }
}
