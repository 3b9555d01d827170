/* Is a call right? From the comments of smx.h, without a look at the library's own rules. Where those comments leave it open, or the
 * answer takes more than a few lines, the call may be refused. */
#include <math.h>
#include <stdlib.h>

#include "call.h"
#include "data.h"

#define REFUSE(why)                                          \
    do {                                                     \
        if (j->verdict < MUST_BE_REFUSED) j->reason = (why); \
        j->verdict = MUST_BE_REFUSED;                        \
    } while (0)
#define MAYBE(why)                                                    \
    do {                                                              \
        if (j->verdict < MAY_BE_REFUSED) j->reason = (why);           \
        if (j->verdict < MAY_BE_REFUSED) j->verdict = MAY_BE_REFUSED; \
    } while (0)

static bool is_index(smxDataType_t type) { return type_is_index(type); }

/* ---- layouts ---- */

static int compare_places(const void *a, const void *b) {
    const size_t x = *(const size_t *)a, y = *(const size_t *)b;
    return x < y ? -1 : x > y;
}

/* Does every element have a place of its own? By looking at all of them. */
static bool elements_are_distinct(const smxLayout_t *l) {
    const size_t rows = (size_t)(l->outer * l->inner), count = rows * (size_t)l->cols;
    size_t *places = malloc((count + 1) * sizeof *places);
    bool distinct = true;

    if (places == NULL) abort();
    for (size_t i = 0; i < count; i++) places[i] = layout_place(l, (int64_t)(i / (size_t)l->cols), (int64_t)(i % (size_t)l->cols));
    qsort(places, count, sizeof *places, compare_places);
    for (size_t i = 1; i < count && distinct; i++) distinct = places[i] != places[i - 1];
    free(places);
    return distinct;
}

static void judge_layout(judgement *j, const operand *o) {
    const smxLayout_t *l = &o->layout;
    size_t bytes;

    if (!type_is_floating(l->type)) REFUSE("an operand is of no floating type");
    if (l->outer < 0 || l->inner < 0) REFUSE("a negative number of rows");
    if (l->cols < 1) REFUSE("no columns");
    if (l->colStride < 1 || l->outerStride < 0) { /* not said in so many words, and needless to be right about */
        const bool harmless = l->cols <= 1 && l->outerStride >= 0;
        if (harmless || l->outer <= 0 || l->inner <= 0)
            MAYBE("strides that are not used");
        else
            REFUSE("negative strides, or no stride at all");
    }
    if (j->verdict == MUST_BE_REFUSED) return;
    if (!o->plain) MAYBE("unusual strides");
    if (l->outer == 0 || l->inner == 0) MAYBE("strides of no rows");
    if (!layout_extent(l, &bytes)) {
        MAYBE("a very large operand");
        j->too_large = true;
    } else if (bytes > 0 && l->outerStride >= 0 && l->colStride >= 1 && !elements_are_distinct(l)) {
        REFUSE("two elements in one place");
    }
}

static void judge_shape(judgement *j, const fuzz_call *f, const operand *o) {
    const smxLayout_t *x = &f->operands[OPERAND_X].layout, *l = &o->layout;
    if (l->outer != x->outer || l->cols != x->cols || l->inner != x->inner) REFUSE("shapes differ");
    if ((l->type == SMX_R_64F) != (x->type == SMX_R_64F)) REFUSE("fp64 beside other types");
}

/* ---- pointers ---- */

static void judge_pointer(judgement *j, const operand *o, int64_t rows, bool needed) {
    const bool known = type_is_floating(o->layout.type) || is_index(o->layout.type);

    if (o->is_null) {
        if (needed) REFUSE("a pointer is NULL");
        return;
    }
    if (known && o->at % element_bytes(o->layout.type) != 0) {
        if (rows == 0)
            MAYBE("a misaligned pointer to nothing");
        else
            REFUSE("a misaligned pointer");
    }
}

/* ---- overlap ---- */

static bool in_place(const fuzz_call *f, const operand *a, const operand *b) {
    const smxLayout_t *l = &a->layout, *m = &b->layout;
    const operand *out = &f->operands[OPERAND_OUT];
    return (a == out || b == out) && a->at == b->at && l->type == m->type && l->outer == m->outer && l->cols == m->cols &&
           l->inner == m->inner && l->outerStride == m->outerStride && l->colStride == m->colStride;
}

static size_t extent_of(const operand *o) {
    size_t bytes;
    return layout_extent(&o->layout, &bytes) ? bytes : 0;
}

static void mark(unsigned char *owned, const operand *o) {
    const smxLayout_t *l = &o->layout;
    for (int64_t r = 0; r < l->outer * l->inner; r++)
        for (int64_t c = 0; c < l->cols; c++)
            for (size_t k = 0; k < element_bytes(l->type); k++) owned[o->at + layout_place(l, r, c) + k] = 1;
}

static bool share_bytes(const operand *a, const operand *b) {
    const size_t end = a->at + extent_of(a) > b->at + extent_of(b) ? a->at + extent_of(a) : b->at + extent_of(b);
    unsigned char *first = calloc(end + 1, 1), *second = calloc(end + 1, 1);
    bool shared = false;

    if (first == NULL || second == NULL) abort();
    mark(first, a);
    mark(second, b);
    for (size_t i = 0; i < end && !shared; i++) shared = first[i] && second[i];
    free(first);
    free(second);
    return shared;
}

static bool uses_divisor(const fuzz_call *f) { return f->call.cross_entropy.reduction == SMX_REDUCTION_MEAN; }

static void judge_overlap(judgement *j, const fuzz_call *f, const operand *a, const operand *b) {
    if (!a->taken || !b->taken || a->is_null || b->is_null || a->piece != b->piece || !(a->written || b->written)) return;
    if ((a == &f->operands[OPERAND_X] || b == &f->operands[OPERAND_X]) && !op_reads_elements(f->call.op)) return; /* not passed */
    if ((a == &f->operands[OPERAND_DIVISOR] || b == &f->operands[OPERAND_DIVISOR]) && !uses_divisor(f)) return;
    if (in_place(f, a, b)) {
        /* Said of x, y and dy only. */
        if (has_probabilities(f) && (a == &f->operands[OPERAND_SECOND] || b == &f->operands[OPERAND_SECOND]))
            MAYBE("a gradient over target probabilities");
        return;
    }
    if (extent_of(a) == 0 || extent_of(b) == 0) {
        MAYBE("a pointer to nothing into another operand");
        return;
    }
    if (share_bytes(a, b))
        REFUSE("operands overlap");
    else if (a->at < b->at + extent_of(b) && b->at < a->at + extent_of(a))
        MAYBE("operands that lie between each other's elements");
}

/* ---- options ---- */

static bool in_range(float value, float least, float most) { return value >= least && value <= most && isfinite(value); }

static void judge_softmax_options(judgement *j, const smxSoftmaxOptions_t *o) {
    if (o->size != sizeof *o) REFUSE("size of the options");
    if (!(isfinite(o->scale) && o->scale > 0)) REFUSE("scale");
    if ((int)o->algorithm < 0 || (int)o->algorithm > 2) REFUSE("algorithm");
    if ((int)o->emptyRow < 0 || (int)o->emptyRow > 1) REFUSE("emptyRow");
}

static void judge_loss_options(judgement *j, const smxCrossEntropyOptions_t *o, bool nll) {
    if (o->size != sizeof *o) REFUSE("size of the options");
    if ((int)o->reduction < 0 || (int)o->reduction > 2) REFUSE("reduction");
    if ((int)o->emptyMean < 0 || (int)o->emptyMean > 1) REFUSE("emptyMean");
    if ((int)o->algorithm < 0 || (int)o->algorithm > 2) REFUSE("algorithm");
    if (!(isfinite(o->logitScale) && o->logitScale > 0)) REFUSE("logitScale");
    if (!in_range(o->labelSmoothing, 0, 1)) REFUSE("labelSmoothing");
    if (!in_range(o->zLoss, 0, INFINITY)) REFUSE("zLoss");
    if (!in_range(o->softcap, 0, INFINITY)) REFUSE("softcap");
    if (nll && (o->labelSmoothing != 0 || o->zLoss != 0 || o->softcap != 0 || o->logitScale != 1)) REFUSE("options that nll does not have");
}

/* ---- the whole call ---- */

static void judge_loss(judgement *j, const fuzz_call *f, int64_t rows) {
    const operand *o = f->operands;
    const smxOp_t op = f->call.op;
    const bool per_row = f->call.cross_entropy.reduction == SMX_REDUCTION_NONE;

    judge_loss_options(j, &f->call.cross_entropy, op_is_nll(op));
    if ((f->call.without & WITHOUT_TARGETS) != 0) REFUSE("no targets");
    if (has_probabilities(f)) {
        judge_layout(j, &o[OPERAND_SECOND]);
        judge_shape(j, f, &o[OPERAND_SECOND]);
        judge_pointer(j, &o[OPERAND_SECOND], rows, rows > 0);
        if (op_is_nll(op)) REFUSE("probabilities for nll");
    } else {
        if (!is_index(f->call.targets.type)) REFUSE("type of the targets");
        judge_pointer(j, &o[OPERAND_TARGETS], rows, rows > 0);
    }
    if (op_writes_loss(op)) {
        const bool needed = op != SMX_OP_CROSS_ENTROPY_FORWARD_BACKWARD && !(per_row && rows == 0);
        judge_pointer(j, &o[OPERAND_LOSS], per_row ? rows : 1, needed);
    }
    for (int i = OPERAND_LSE; i <= OPERAND_DIVISOR; i++) {
        if (!o[i].taken) continue;
        if (i == OPERAND_DIVISOR && !uses_divisor(f))
            MAYBE("a divisor that is not used");
        else
            judge_pointer(j, &o[i], rows, false);
    }
}

judgement judge(const fuzz_call *f, bool on_cpu) {
    judgement whole = {MUST_SUCCEED, "nothing is wrong with it", false}, *j = &whole;
    const operand *o = f->operands;
    const smxOp_t op = f->call.op;
    const unsigned without = f->call.without;
    const int64_t rows = call_rows(f);

    if (f->without_handle) REFUSE("no handle");
    if ((without & WITHOUT_X_LAYOUT) != 0) REFUSE("no layout");
    if ((without & WITHOUT_DY_LAYOUT) != 0 && op_takes_gradient(op)) REFUSE("no layout");
    if ((without & WITHOUT_OUT_LAYOUT) != 0 && op_writes_elements(op)) REFUSE("no layout");
    judge_layout(j, &o[OPERAND_X]);
    if (op_reads_elements(op)) judge_pointer(j, &o[OPERAND_X], rows, rows > 0);
    if (op_is_loss(op))
        judge_loss(j, f, rows);
    else
        judge_softmax_options(j, &f->call.softmax);
    if (op == SMX_OP_LOG_SUM_EXP) judge_pointer(j, &o[OPERAND_LSE], rows, rows > 0);
    if (op_takes_gradient(op)) {
        judge_layout(j, &o[OPERAND_SECOND]);
        judge_shape(j, f, &o[OPERAND_SECOND]);
        judge_pointer(j, &o[OPERAND_SECOND], rows, rows > 0);
    }
    if (op_writes_elements(op)) {
        judge_layout(j, &o[OPERAND_OUT]);
        judge_shape(j, f, &o[OPERAND_OUT]);
        judge_pointer(j, &o[OPERAND_OUT], rows, rows > 0);
    }
    if (whole.verdict == MUST_BE_REFUSED) return whole;
    size_t extent;
    for (int i = 0; i < OPERANDS; i++) /* weights of very many columns, with no row to weigh */
        if (o[i].taken && !layout_extent(&o[i].layout, &extent)) whole.too_large = true;
    if (whole.too_large) return whole;
    for (int a = 0; a < OPERANDS; a++)
        for (int b = 0; b < a; b++) judge_overlap(j, f, &o[a], &o[b]);
    if (f->workspace_less > 0) MAYBE("little workspace");
    if (!on_cpu &&
        (f->plan_row >= 0 || (op_is_loss(op) ? f->call.cross_entropy.algorithm : f->call.softmax.algorithm) == SMX_ALGORITHM_RESIDENT))
        MAYBE("a kernel that does not take such rows");
    return whole;
}
