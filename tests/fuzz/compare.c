/* The results of a call that succeeded, against the oracle. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "accuracy.h"
#include "call.h"
#include "data.h"
#include "finding.h"

/* ---- data of a call as the oracle takes them ---- */

static void *allocate(size_t bytes) {
    void *memory = calloc(bytes + 1, 1);
    if (memory == NULL) abort();
    return memory;
}

static double given(const fuzz_call *f, operand_name name, int64_t row, int64_t col) {
    const operand *o = &f->operands[name];
    return load_element(o->layout.type, f->pieces[o->piece].before + o->at + layout_place(&o->layout, row, col));
}

static double got(const fuzz_call *f, operand_name name, int64_t row, int64_t col) {
    const operand *o = &f->operands[name];
    return load_element(o->layout.type, f->pieces[o->piece].after + o->at + layout_place(&o->layout, row, col));
}

static bool is_given(const fuzz_call *f, operand_name name) { return f->operands[name].taken && !f->operands[name].is_null; }

static double *given_row(const fuzz_call *f, operand_name name, int64_t row) {
    const int64_t cols = f->operands[OPERAND_X].layout.cols;
    double *x = allocate((size_t)cols * sizeof *x);
    for (int64_t j = 0; j < cols; j++) x[j] = given(f, name, row, j);
    return x;
}

static int64_t load_index(const fuzz_call *f, int64_t row) {
    const operand *o = &f->operands[OPERAND_TARGETS];
    const unsigned char *place = f->pieces[o->piece].before + o->at + (size_t)row * element_bytes(o->layout.type);
    int64_t value = 0;
    for (size_t k = element_bytes(o->layout.type); k-- > 0;) value = (int64_t)((uint64_t)value << 8 | place[k]);
    return o->layout.type == SMX_R_32I ? (int32_t)value : value;
}

typedef struct loss_data {
    oracle_options options;
    double *weights;
    int64_t *indices; /* NULL: probabilities */
    double divisor;
} loss_data;

static loss_data loss_data_of(const fuzz_call *f) {
    const smxCrossEntropyOptions_t *o = &f->call.cross_entropy;
    const int64_t rows = call_rows(f), cols = f->operands[OPERAND_X].layout.cols;
    loss_data d = {.options = {.scale = (double)o->logitScale,
                               .softcap = (double)o->softcap,
                               .smoothing = (double)o->labelSmoothing,
                               .z_loss = (double)o->zLoss,
                               .ignore_index = o->ignoreIndex}};

    if (rows > 0 && is_given(f, OPERAND_WEIGHTS)) d.options.weights = d.weights = given_row(f, OPERAND_WEIGHTS, 0);
    if (!has_probabilities(f)) {
        d.indices = allocate((size_t)(rows + 1) * sizeof *d.indices);
        for (int64_t r = 0; r < rows; r++) d.indices[r] = load_index(f, r);
    }
    const double divisor = is_given(f, OPERAND_DIVISOR) ? given(f, OPERAND_DIVISOR, 0, 0) : 0.0;
    d.divisor = oracle_divisor(&d.options, o->reduction, d.indices, rows, cols, is_given(f, OPERAND_DIVISOR) ? &divisor : NULL);
    return d;
}

static void free_loss_data(loss_data *d) {
    free(d->weights);
    free(d->indices);
}

/* `scratch` receives the probabilities, to be freed. */
static oracle_target target_of(const fuzz_call *f, const loss_data *d, int64_t row, double **scratch) {
    *scratch = NULL;
    if (d->indices != NULL) return oracle_index(d->indices[row]);
    *scratch = given_row(f, OPERAND_SECOND, row);
    return oracle_probabilities(*scratch);
}

void fill_given_lse(fuzz_call *f, unsigned byte) {
    static const double more[] = {0.0, 0.0, 0.5, 3.0};
    const operand *o = &f->operands[OPERAND_LSE];
    loss_data d = loss_data_of(f);

    for (int64_t r = 0; r < call_rows(f) && !o->is_null; r++) {
        double *x = given_row(f, OPERAND_X, r), *q;
        const double lse = oracle_cross_entropy(&d.options, x, f->operands[OPERAND_X].layout.cols, target_of(f, &d, r, &q)).lse;
        store_element(o->layout.type, f->pieces[o->piece].before + o->at + layout_place(&o->layout, 0, r), lse + more[byte % 4]);
        free(x);
        free(q);
    }
    free_loss_data(&d);
}

/* ---- comparison ---- */

/* Are scaled logits, or their distance, beyond the range of the type that is computed with? Then it depends on the order of operations
 * what comes out, and the row is not compared. */
static bool leaves_range(const fuzz_call *f, const double *x, double scale) {
    const smxDataType_t computed = loss_type(f->operands[OPERAND_X].layout.type);
    const double most = type_max(computed) / 2 / fmax(scale, 1.0);

    for (int64_t j = 0; j < f->operands[OPERAND_X].layout.cols; j++)
        if (isfinite(x[j]) && fabs(x[j]) > most) return true;
    return false;
}

static accuracy accuracy_for(const fuzz_call *f, operand_name result) {
    return accuracy_of(f->operands[OPERAND_X].layout.type, f->operands[result].layout.type);
}

static void expect(const fuzz_call *f, const char *what, operand_name name, int64_t row, int64_t col, double expected, double bound) {
    const int64_t r = name == OPERAND_OUT ? row : 0, c = name == OPERAND_OUT ? col : row;
    const double value = got(f, name, r, c);
    if (accuracy_accepts(accuracy_for(f, name), expected, value, bound)) return;
    for (int i = OPERAND_X; i <= OPERAND_SECOND; i++) {
        if (!is_given(f, (operand_name)i) || (i == OPERAND_X && !op_reads_elements(f->call.op))) continue;
        fprintf(stderr, "%s of row %lld:", i == OPERAND_X ? "x" : "second", (long long)row);
        for (int64_t j = 0; j < f->operands[i].layout.cols && j < 40; j++) fprintf(stderr, " %.9g", given(f, (operand_name)i, row, j));
        fprintf(stderr, "\n");
    }
    finding(f, "%s, row %lld, column %lld: expected %.17g, got %.17g, error %.3g, bound %.3g", what, (long long)row, (long long)col,
            expected, value, fabs(value - expected), bound);
}

static void compare_softmax_row(const fuzz_call *f, int64_t row, const double *x, double *y) {
    const int64_t cols = f->operands[OPERAND_X].layout.cols;
    const smxSoftmaxOptions_t *o = &f->call.softmax;
    const double scale = (double)o->scale;
    const accuracy a = accuracy_for(f, OPERAND_OUT);
    const bool logarithm = f->call.op == SMX_OP_LOG_SOFTMAX_FORWARD;
    const oracle_row state = oracle_reduce(x, cols, scale);

    if (leaves_range(f, x, scale)) return;
    (logarithm ? oracle_log_softmax : oracle_softmax)(x, cols, scale, o->emptyRow, y);
    for (int64_t j = 0; j < cols; j++)
        expect(f, "y", OPERAND_OUT, row, j, y[j],
               logarithm ? bound_logarithm(a, y[j]) : bound_softmax(a, y[j], scale * (x[j] - state.max)));
}

static void compare_derivative_row(const fuzz_call *f, int64_t row, const double *y, double *dx) {
    const int64_t cols = f->operands[OPERAND_X].layout.cols;
    const double scale = (double)f->call.softmax.scale;
    const accuracy a = accuracy_for(f, OPERAND_OUT);
    const bool logarithm = f->call.op == SMX_OP_LOG_SOFTMAX_BACKWARD;
    double *dy = given_row(f, OPERAND_SECOND, row);
    const oracle_dot dot = (logarithm ? oracle_log_softmax_backward : oracle_softmax_backward)(y, dy, cols, scale, dx);

    for (int64_t j = 0; j < cols; j++)
        expect(f, "dx", OPERAND_OUT, row, j, dx[j],
               (logarithm ? bound_log_softmax_backward : bound_softmax_backward)(a, scale, y[j], dy[j], dot.absolute, dx[j]));
    free(dy);
}

static void compare_rows(const fuzz_call *f) {
    const int64_t cols = f->operands[OPERAND_X].layout.cols;

    for (int64_t r = 0; r < call_rows(f); r++) {
        double *x = given_row(f, OPERAND_X, r), *scratch = allocate((size_t)cols * sizeof *scratch);
        if (f->call.op == SMX_OP_LOG_SUM_EXP) {
            const double lse = oracle_log_sum_exp(x, cols, (double)f->call.softmax.scale);
            expect(f, "lse", OPERAND_LSE, r, -1, lse, bound_logarithm(accuracy_for(f, OPERAND_LSE), lse));
        } else if (op_takes_gradient(f->call.op)) {
            compare_derivative_row(f, r, x, scratch);
        } else {
            compare_softmax_row(f, r, x, scratch);
        }
        free(x);
        free(scratch);
    }
}

typedef struct row_loss {
    double value, bound;
    bool compared;
} row_loss;

/* lse is compared on the way. */
static row_loss compare_loss_row(const fuzz_call *f, const loss_data *d, int64_t row) {
    const int64_t cols = f->operands[OPERAND_X].layout.cols;
    const accuracy a = {.wide = f->operands[OPERAND_X].layout.type == SMX_R_64F, .out = loss_type(f->operands[OPERAND_X].layout.type)};
    double *x = given_row(f, OPERAND_X, row), *q = NULL;
    row_loss loss = {.compared = !leaves_range(f, x, d->options.scale)};

    if (op_is_nll(f->call.op)) {
        loss.value = oracle_nll(&d->options, x, cols, d->indices[row]);
        loss.bound = bound_product(a, loss.value);
    } else {
        const oracle_loss expected = oracle_cross_entropy(&d->options, x, cols, target_of(f, d, row, &q));
        loss.value = expected.loss;
        loss.bound = bound_loss(a, &expected);
        if (is_given(f, OPERAND_LSE) && loss.compared) expect(f, "lse", OPERAND_LSE, row, -1, expected.lse, bound_lse(a, &expected));
    }
    free(x);
    free(q);
    return loss;
}

static void compare_losses(const fuzz_call *f, const loss_data *d) {
    const smxCrossEntropyOptions_t *o = &f->call.cross_entropy;
    const int64_t rows = call_rows(f);
    const smxDataType_t type = loss_type(f->operands[OPERAND_X].layout.type);
    const accuracy a = {.wide = type == SMX_R_64F, .out = type};
    double *losses = allocate((size_t)rows * sizeof *losses), bounds = 0;
    bool all_compared = is_given(f, OPERAND_LOSS);

    for (int64_t r = 0; r < rows; r++) {
        const row_loss loss = compare_loss_row(f, d, r);
        losses[r] = fabs(loss.value) > type_max(type) ? copysign((double)INFINITY, loss.value) : loss.value; /* not held by its type */
        if (isfinite(losses[r])) bounds += loss.bound;
        all_compared = all_compared && loss.compared;
        if (o->reduction == SMX_REDUCTION_NONE && is_given(f, OPERAND_LOSS) && loss.compared)
            expect(f, "loss", OPERAND_LOSS, r, -1, loss.value, loss.bound);
    }
    if (o->reduction != SMX_REDUCTION_NONE && all_compared) {
        const double expected = oracle_reduced_loss(o->reduction, o->emptyMean, losses, rows, d->divisor);
        const double bound = d->divisor != 0 ? bounds / fabs(d->divisor) + bound_logarithm(a, expected) * 0.5 : 0.0;
        expect(f, "reduced loss", OPERAND_LOSS, 0, -1, expected, bound);
    }
    free(losses);
}

static double upstream(const fuzz_call *f, int64_t row) {
    if (!is_given(f, OPERAND_GRAD_LOSS)) return 1.0;
    return given(f, OPERAND_GRAD_LOSS, 0, f->call.cross_entropy.reduction == SMX_REDUCTION_NONE ? row : 0);
}

static bool is_valid(const fuzz_call *f, const loss_data *d, int64_t row) {
    return d->indices == NULL ||
           oracle_classify(d->indices[row], d->options.ignore_index, f->operands[OPERAND_X].layout.cols) == ORACLE_TARGET_VALID;
}

static void compare_cross_entropy_gradient_row(const fuzz_call *f, const loss_data *d, int64_t row) {
    const int64_t cols = f->operands[OPERAND_X].layout.cols;
    const accuracy a = accuracy_for(f, OPERAND_OUT);
    const bool lse_is_given = f->call.op == SMX_OP_CROSS_ENTROPY_BACKWARD && is_given(f, OPERAND_LSE);
    const double factor = oracle_gradient_factor(upstream(f, row), d->divisor), lse = lse_is_given ? given(f, OPERAND_LSE, 0, row) : 0.0;
    double *x = given_row(f, OPERAND_X, row), *q;
    oracle_element *elements = allocate((size_t)cols * sizeof *elements);
    const oracle_gradient whole =
        oracle_cross_entropy_gradient(&d->options, x, cols, target_of(f, d, row, &q), lse_is_given ? &lse : NULL, elements);

    const bool compared = !leaves_range(f, x, d->options.scale);
    const bool none = d->divisor == 0 || !is_valid(f, d, row); /* no gradient, whatever the row and its upstream gradient are */
    for (int64_t j = 0; j < cols && compared; j++) {
        const double expected = none ? 0.0 : factor * elements[j].value;
        const double bound =
            none ? 0.0 : bound_cross_entropy_gradient(a, factor, &whole, &elements[j], d->options.z_loss, d->options.scale);
        expect(f, "dx", OPERAND_OUT, row, j, expected, bound);
    }
    free(elements);
    free(x);
    free(q);
}

static void compare_nll_gradient_row(const fuzz_call *f, const loss_data *d, int64_t row) {
    const int64_t cols = f->operands[OPERAND_X].layout.cols;
    const double slope = oracle_nll_slope(&d->options, cols, d->indices[row]);
    const double of_target = d->divisor == 0 || !is_valid(f, d, row) ? 0.0 : oracle_gradient_factor(upstream(f, row), d->divisor) * slope;

    for (int64_t j = 0; j < cols; j++) {
        const double expected = j == d->indices[row] ? of_target : 0.0;
        expect(f, "dx", OPERAND_OUT, row, j, expected, expected != 0 ? bound_product(accuracy_for(f, OPERAND_OUT), expected) : 0.0);
    }
}

static void compare_bad_targets(const fuzz_call *f, const loss_data *d) {
    int64_t expected = 0, expected_first = -1, count = -7, first = -7;

    for (int64_t r = 0; d->indices != NULL && r < call_rows(f); r++)
        if (oracle_classify(d->indices[r], d->options.ignore_index, f->operands[OPERAND_X].layout.cols) == ORACLE_TARGET_BAD &&
            expected++ == 0)
            expected_first = r;
    if (smxGetBadTargets(f->call.handle, &count, &first) != SMX_STATUS_SUCCESS || count != expected || first != expected_first)
        finding(f, "smxGetBadTargets: %lld bad targets, the first in row %lld; expected %lld and %lld", (long long)count, (long long)first,
                (long long)expected, (long long)expected_first);
}

void compare_results(const fuzz_call *f) {
    if (!op_is_loss(f->call.op)) {
        compare_rows(f);
        return;
    }
    loss_data d = loss_data_of(f);
    if (op_writes_loss(f->call.op)) compare_losses(f, &d);
    if (op_writes_elements(f->call.op))
        for (int64_t r = 0; r < call_rows(f); r++)
            (op_is_nll(f->call.op) ? compare_nll_gradient_row : compare_cross_entropy_gradient_row)(f, &d, r);
    compare_bad_targets(f, &d);
    free_loss_data(&d);
}
