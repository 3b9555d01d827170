#include "call.h"

#include <math.h>
#include <stddef.h>

#include "data.h"

/* ---- single values: the first ones of a list are right, the others are taken by wild calls only ---- */

typedef struct source {
    byte_source *b;
    bool wild;
} source;

static bool odd(source *s) { return s->wild && take_below(s->b, 12) == 11; }

#define LENGTH(list) (sizeof(list) / sizeof(list)[0])
#define PICK(s, right, wrong) (odd(s) ? (wrong)[take_below((s)->b, LENGTH(wrong))] : (right)[take_below((s)->b, LENGTH(right))])

static int64_t some_outer(source *s) {
    static const int64_t right[] = {3, 1, 2, 4, 5, 9, 33, 0}, wrong[] = {-1, -3, INT64_MAX, ((int64_t)1 << 31) + 1, (int64_t)1 << 62};
    return PICK(s, right, wrong);
}

static int64_t some_cols(source *s) {
    static const int64_t boundaries[] = {32,  33,  63,  64,   65,   127,  128,  129,  255,  256,  257,  511,
                                         512, 513, 999, 1024, 1025, 2047, 2048, 2049, 3001, 4096, 4097, 8193};
    static const int64_t wrong[] = {0, -1, INT64_MIN, INT64_MAX, ((int64_t)1 << 32) + 1, (int64_t)1 << 62};
    if (odd(s)) return wrong[take_below(s->b, LENGTH(wrong))];
    const unsigned byte = take_byte(s->b);
    return byte < 192 ? 1 + (byte + 6) % 41 : boundaries[byte % LENGTH(boundaries)];
}

static int64_t some_inner(source *s) {
    static const int64_t right[] = {1, 1, 1, 1, 1, 2, 3, 8, 13, 0}, wrong[] = {-1, INT64_MAX, (int64_t)1 << 40};
    return PICK(s, right, wrong);
}

static smxDataType_t wrong_type(source *s) {
    static const int wrong[] = {99, -1, 3, SMX_R_8U, SMX_R_32I, SMX_R_64I, SMX_R_64F, SMX_R_32F};
    return (smxDataType_t)wrong[take_below(s->b, LENGTH(wrong))];
}

static smxDataType_t some_type(source *s) {
    static const smxDataType_t right[] = {SMX_R_32F, SMX_R_16BF, SMX_R_16F, SMX_R_64F};
    return odd(s) ? wrong_type(s) : right[take_below(s->b, LENGTH(right))];
}

static smxDataType_t some_type_beside(source *s, smxDataType_t x) {
    static const smxDataType_t right[] = {SMX_R_32F, SMX_R_16BF, SMX_R_16F};
    if (odd(s)) return wrong_type(s);
    const unsigned byte = take_byte(s->b);
    return byte == 0 || x == SMX_R_64F ? x : right[byte % LENGTH(right)];
}

static int some_enumerator(source *s, unsigned count) {
    static const int wrong[] = {-1, 3, 77, 2};
    return odd(s) ? wrong[take_below(s->b, LENGTH(wrong))] : (int)take_below(s->b, count);
}

/* ---- layouts ---- */

static void take_strides(source *s, operand *o) {
    static const int64_t huge[] = {0, -1, INT64_MAX, INT64_MIN, (int64_t)1 << 31, (int64_t)1 << 62, ((int64_t)1 << 60) + 1};
    smxLayout_t *l = &o->layout;
    const unsigned kind = odd(s) ? 6 + take_below(s->b, 2) : take_below(s->b, 6);
    const unsigned byte = kind == 0 ? 0 : take_byte(s->b);
    const int64_t first = 1 + byte % 5, second = byte / 5 % 9;

    o->plain = kind < 6;
    l->colStride = 1;
    l->outerStride = 0;
    if (l->outer < 0 || l->cols < 0 || l->inner < 0 || l->outer > 100000 || l->cols > 100000 || l->inner > 100000) { /* refused anyway */
        o->plain = false;
        return;
    }
    switch (kind) {
    case 0: /* dense */
    case 1: /* rows padded */
        l->colStride = l->inner > 0 ? l->inner : 1;
        l->outerStride = l->cols * l->inner + (kind == 1 ? first + second : 0);
        break;
    case 2: /* elements apart, rows outside */
    case 3:
        l->colStride = l->inner + first;
        l->outerStride = l->cols * l->colStride + second * (kind == 3);
        break;
    case 4: /* rows inside */
    case 5:
        l->outerStride = l->inner + (kind == 5 ? second : 0);
        l->colStride = (l->outer > 0 ? l->outer : 1) * l->outerStride + (kind == 5 ? first : 0);
        if (l->colStride < 1) l->colStride = 1;
        break;
    case 6:
        l->outerStride = (int64_t)take_byte(s->b) - 16;
        l->colStride = (int64_t)take_byte(s->b) - 16;
        break;
    default:
        l->outerStride = huge[take_below(s->b, LENGTH(huge))];
        l->colStride = byte % 2 == 0 ? 1 : huge[take_below(s->b, LENGTH(huge))];
        break;
    }
}

static void take_matrix(source *s, operand *o, const smxLayout_t *shape, smxDataType_t type) {
    o->taken = true;
    o->layout = *shape;
    o->layout.type = type;
    if (odd(s)) {
        int64_t *const sizes[] = {&o->layout.outer, &o->layout.cols, &o->layout.inner};
        *sizes[take_below(s->b, LENGTH(sizes))] ^= 1;
    }
    take_strides(s, o);
}

/* count < 0: of a size that is wrong anyway */
static void take_vector(operand *o, smxDataType_t type, int64_t count) {
    o->taken = true;
    o->plain = true;
    o->layout = (smxLayout_t){.type = type, .outer = 1, .cols = count, .inner = 1, .outerStride = count, .colStride = 1};
    if (count <= 0) o->layout.outer = 0;
}

bool type_is_floating(smxDataType_t type) { return type == SMX_R_32F || type == SMX_R_16F || type == SMX_R_16BF || type == SMX_R_64F; }

bool type_is_index(smxDataType_t type) { return type == SMX_R_8U || type == SMX_R_32I || type == SMX_R_64I; }

/* Bytes of an element; 1 for what is none. */
static size_t width_of(smxDataType_t type) { return type_is_floating(type) || type_is_index(type) ? element_bytes(type) : 1; }

bool layout_extent(const smxLayout_t *l, size_t *bytes) {
    const int64_t most = (int64_t)1 << 20;

    *bytes = 0;
    if (l->outer < 0 || l->inner < 0 || l->cols < 1) return l->outer == 0 || l->inner == 0;
    if (l->outer == 0 || l->inner == 0) return true;
    if (l->outer > most || l->inner > most || l->cols > most) return false;
    if ((l->outer > 1 && (l->outerStride < 0 || l->outerStride > most)) || (l->cols > 1 && (l->colStride < 0 || l->colStride > most)))
        return false;
    const int64_t last = (l->outer > 1 ? (l->outer - 1) * l->outerStride : 0) + (l->cols > 1 ? (l->cols - 1) * l->colStride : 0) + l->inner;
    *bytes = (size_t)last * width_of(l->type);
    return last <= most;
}

size_t layout_place(const smxLayout_t *l, int64_t row, int64_t col) {
    return (size_t)(row / l->inner * l->outerStride + col * l->colStride + row % l->inner) * width_of(l->type);
}

int64_t call_rows(const fuzz_call *f) {
    const smxLayout_t *l = &f->operands[OPERAND_X].layout;
    const int64_t most = 100000;
    if ((l->outer == 0 && l->inner >= 0) || (l->inner == 0 && l->outer >= 0)) return 0;
    return l->outer < 0 || l->inner < 0 || l->outer > most || l->inner > most ? -1 : l->outer * l->inner;
}

bool has_probabilities(const fuzz_call *f) { return op_is_loss(f->call.op) && f->operands[OPERAND_SECOND].taken; }

/* ---- options ---- */

static void take_softmax_options(source *s, smxSoftmaxOptions_t *o) {
    static const float right[] = {1.0f, 0.5f, 2.0f, 1e-3f, 10.0f, 0.125f, 1.7f}, wrong[] = {0.0f, -1.0f, NAN, INFINITY, -INFINITY, -0.0f};
    static const size_t sizes[] = {0, 1, sizeof *o - 1, sizeof *o + 1, SIZE_MAX};
    const smxSoftmaxOptions_t defaults = SMX_SOFTMAX_OPTIONS_INIT;

    *o = defaults;
    if (odd(s)) o->size = sizes[take_below(s->b, LENGTH(sizes))];
    o->scale = PICK(s, right, wrong);
    o->algorithm = (smxAlgorithm_t)some_enumerator(s, 3);
    o->emptyRow = (smxEmptyRow_t)some_enumerator(s, 2);
}

static void take_loss_options(source *s, smxCrossEntropyOptions_t *o, int64_t cols, bool nll) {
    static const float scales[] = {1.0f, 0.5f, 2.0f, 1e-3f, 10.0f}, wrong_scales[] = {0.0f, -1.0f, NAN, INFINITY, -INFINITY};
    static const float smoothing[] = {0.0f, 0.0f, 0.1f, 0.5f, 1.0f}, wrong_smoothing[] = {-0.1f, 1.5f, NAN, INFINITY, 0.25f};
    static const float z[] = {0.0f, 0.0f, 1e-4f, 0.1f, 1.0f}, wrong_z[] = {-1.0f, NAN, INFINITY, 0.5f};
    static const float caps[] = {0.0f, 0.0f, 30.0f, 5.0f, 0.5f}, wrong_caps[] = {-1.0f, NAN, INFINITY, 3.0f};
    static const size_t sizes[] = {0, 1, sizeof *o - 1, sizeof *o + 1, SIZE_MAX};
    const int64_t ignored[] = {-100, 0, 1, -1, 255, cols, INT64_MIN, (int64_t)1 << 32};
    const smxCrossEntropyOptions_t defaults = SMX_CROSS_ENTROPY_OPTIONS_INIT;

    *o = defaults;
    if (odd(s)) o->size = sizes[take_below(s->b, LENGTH(sizes))];
    o->reduction = (smxReduction_t)some_enumerator(s, 3);
    o->ignoreIndex = ignored[take_below(s->b, LENGTH(ignored))];
    o->emptyMean = (smxEmptyMean_t)some_enumerator(s, 2);
    o->algorithm = (smxAlgorithm_t)some_enumerator(s, 3);
    if (nll && !odd(s)) return;
    o->logitScale = PICK(s, scales, wrong_scales);
    o->labelSmoothing = PICK(s, smoothing, wrong_smoothing);
    o->zLoss = PICK(s, z, wrong_z);
    o->softcap = PICK(s, caps, wrong_caps);
}

/* ---- operands ---- */

static void take_targets(source *s, fuzz_call *f, int64_t rows) {
    static const smxDataType_t indices[] = {SMX_R_64I, SMX_R_32I, SMX_R_8U};
    const unsigned byte = take_byte(s->b);
    operand *x = &f->operands[OPERAND_X];

    if (odd(s)) {
        f->call.targets.type = (smxDataType_t)(byte % 4 == 0 ? 99 : byte % 4 == 1 ? -1 : byte % 4 == 2 ? SMX_R_32F : 7);
    } else if (byte % 2 == 0 || op_is_nll(f->call.op)) {
        f->call.targets.type = indices[byte / 2 % 3];
    } else {
        take_matrix(s, &f->operands[OPERAND_SECOND], &x->layout, some_type_beside(s, x->layout.type));
        f->operands[OPERAND_SECOND].layout.outer = x->layout.outer; /* it has no sizes of its own */
        f->operands[OPERAND_SECOND].layout.cols = x->layout.cols;
        f->operands[OPERAND_SECOND].layout.inner = x->layout.inner;
        f->call.targets.type = f->operands[OPERAND_SECOND].layout.type;
        if (!type_is_index(f->call.targets.type)) return;
        f->operands[OPERAND_SECOND].taken = false; /* not probabilities, then */
    }
    take_vector(&f->operands[OPERAND_TARGETS], f->call.targets.type, rows);
}

static void take_loss_operands(source *s, fuzz_call *f, int64_t rows) {
    const smxDataType_t type = loss_type(f->operands[OPERAND_X].layout.type);
    const smxOp_t op = f->call.op;
    const int64_t count = f->call.cross_entropy.reduction == SMX_REDUCTION_NONE ? rows : 1;
    const unsigned given = take_byte(s->b); /* 0: only what is needed */

    take_targets(s, f, rows);
    if (op_writes_loss(op)) take_vector(&f->operands[OPERAND_LOSS], type, count);
    f->operands[OPERAND_LOSS].is_null = op == SMX_OP_CROSS_ENTROPY_FORWARD_BACKWARD && (given & 1) != 0;
    if ((given & 2) != 0 && !op_is_nll(op)) take_vector(&f->operands[OPERAND_LSE], type, rows);
    if ((given & 4) != 0 && op_takes_grad_loss(op)) take_vector(&f->operands[OPERAND_GRAD_LOSS], type, count);
    if ((f->call.without & WITHOUT_OPTIONS) != 0) return;
    if ((given & 8) != 0) take_vector(&f->operands[OPERAND_WEIGHTS], type, f->operands[OPERAND_X].layout.cols);
    if ((given & 16) != 0) take_vector(&f->operands[OPERAND_DIVISOR], type, 1);
}

/* Where the operands lie: each in a piece of its own, at any element, unless they are to overlap. */
static void take_places(source *s, fuzz_call *f) {
    operand *const out = &f->operands[OPERAND_OUT];

    for (int i = 0; i < OPERANDS; i++) {
        f->operands[i].piece = i;
        f->operands[i].at = take_below(s->b, 9) * width_of(f->operands[i].layout.type);
        if (odd(s)) f->operands[i].at++;
        if (odd(s)) f->operands[i].is_null = true;
    }
    if (out->taken) {
        const unsigned place = take_below(s->b, 4);
        const operand *over = place == 1 ? &f->operands[OPERAND_X] : place == 2 ? &f->operands[OPERAND_SECOND] : NULL;
        if (over != NULL && over->taken) {
            const bool same = !odd(s);
            out->piece = over->piece;
            if (same) {
                out->at = over->at;
                out->plain = over->plain;
                out->layout = over->layout;
            } else {
                out->at = over->at + take_byte(s->b) * width_of(out->layout.type) / (1 + take_below(s->b, 2));
            }
        }
    }
    if (odd(s)) { /* two that are not matrices */
        const unsigned one = take_below(s->b, OPERANDS), other = take_below(s->b, OPERANDS);
        f->operands[one].piece = f->operands[other].piece;
        f->operands[one].at = f->operands[other].at + take_below(s->b, 40);
    }
}

/* What may have to be worked on stays small; wild sizes stay wild. */
static void limit_rows(smxLayout_t *shape, int64_t most_elements) {
    const int64_t sensible = 100000;
    if (shape->cols < 1 || shape->cols > sensible || shape->outer > sensible || shape->inner > sensible) return;
    if (shape->outer * shape->cols > most_elements) shape->outer = 1;
    if (shape->outer * shape->cols * shape->inner > most_elements) shape->inner = 1;
}

fuzz_call call_of_bytes(byte_source *b, int64_t most_elements) {
    source tame = {b, false}, any = {b, false};
    fuzz_call f = {.plan_row = -1, .workspace_less = -1};
    smxLayout_t shape = {0};

    f.call.op = (smxOp_t)take_below(b, OPERATIONS);
    const unsigned manner = take_byte(b);
    any.wild = manner % 4 == 3;
    source *const s = &any;
    shape.outer = some_outer(s);
    shape.cols = some_cols(s);
    shape.inner = some_inner(s);
    limit_rows(&shape, most_elements);
    f.handle = take_below(b, 3);
    const unsigned pinned = manner / 4 % 8 == 7 ? take_byte(b) : 0;
    f.plan_row = manner / 4 % 8 == 7 ? (int)(pinned % 32) : -1;
    if (manner >= 192) f.workspace_less = odd(s) ? 1 : 0;
    f.values = (values)take_below(b, VALUES_KINDS);
    if (odd(s)) f.without_handle = true;
    if (take_below(b, 8) == 7) f.call.without |= WITHOUT_OPTIONS;
    if (odd(s)) f.call.without |= (unsigned)take_below(b, 32);

    take_matrix(&tame, &f.operands[OPERAND_X], &shape, some_type(s));
    if (s->wild) take_strides(s, &f.operands[OPERAND_X]);
    const int64_t rows = call_rows(&f);
    take_softmax_options(s, &f.call.softmax);
    take_loss_options(s, &f.call.cross_entropy, shape.cols, op_is_nll(f.call.op));
    if (f.call.without & WITHOUT_OPTIONS) {
        const smxSoftmaxOptions_t softmax = SMX_SOFTMAX_OPTIONS_INIT;
        const smxCrossEntropyOptions_t cross_entropy = SMX_CROSS_ENTROPY_OPTIONS_INIT;
        f.call.softmax = softmax;
        f.call.cross_entropy = cross_entropy;
    }
    if (op_takes_gradient(f.call.op))
        take_matrix(s, &f.operands[OPERAND_SECOND], &shape, some_type_beside(s, f.operands[OPERAND_X].layout.type));
    if (op_writes_elements(f.call.op)) {
        take_matrix(s, &f.operands[OPERAND_OUT], &shape, some_type_beside(s, f.operands[OPERAND_X].layout.type));
        f.operands[OPERAND_OUT].written = true;
    }
    if (op_is_loss(f.call.op)) take_loss_operands(s, &f, rows);
    if (f.call.op == SMX_OP_LOG_SUM_EXP) take_vector(&f.operands[OPERAND_LSE], loss_type(f.operands[OPERAND_X].layout.type), rows);
    f.operands[OPERAND_LSE].written = f.call.op != SMX_OP_CROSS_ENTROPY_BACKWARD;
    f.operands[OPERAND_LOSS].written = true;
    take_places(s, &f);
    return f;
}
