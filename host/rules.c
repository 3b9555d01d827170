/* The rules that all operations share: size of options, operands, values per row, overlap. */
#include "internal.h"

smxStatus_t smx_check_options_size(const char *call, const char *options, size_t given, size_t own, const char *macro) {
    if (given == own) return SMX_STATUS_SUCCESS;
    return smx_fail(SMX_STATUS_INVALID_VALUE, "%s: %s size is %zu, this library's is %zu: use %s", call, options, given, own, macro);
}

smxStatus_t smx_take_operand(const char *call, smx_operand *operand, const char *name, const smxLayout_t *layout, const void *data) {
    if (layout == NULL) return smx_fail(SMX_STATUS_INVALID_VALUE, "%s: %sLayout is NULL", call, name);
    *operand = (smx_operand){.name = name, .data = (void *)data, .layout = *layout};
    return SMX_STATUS_SUCCESS;
}

static smxStatus_t check_operand(const char *call, const smx_operand *operand) {
    SMX_TRY(smx_check_layout(call, operand->name, &operand->layout));
    if (smx_layout_rows(&operand->layout) == 0) return SMX_STATUS_SUCCESS;
    if (operand->data == NULL) return smx_fail(SMX_STATUS_INVALID_VALUE, "%s: %s is NULL", call, operand->name);
    const size_t bytes = smx_type_bytes(operand->layout.type);
    if ((uintptr_t)operand->data % bytes != 0)
        return smx_fail(SMX_STATUS_INVALID_VALUE, "%s: %s = %p is not aligned to its element size, %zu bytes (%s)", call, operand->name,
                        operand->data, bytes, smx_type_name(operand->layout.type));
    return SMX_STATUS_SUCCESS;
}

static smxStatus_t check_same_rows(const smx_call *call, const smx_operand *b) {
    const smxLayout_t *x = &call->in.layout, *y = &b->layout;
    if (x->outer != y->outer || x->cols != y->cols || x->inner != y->inner)
        return smx_fail(SMX_STATUS_INVALID_VALUE,
                        "%s: %s has outer %lld, cols %lld, inner %lld but %s has outer %lld, cols %lld, inner %lld", call->name, b->name,
                        (long long)y->outer, (long long)y->cols, (long long)y->inner, call->in.name, (long long)x->outer,
                        (long long)x->cols, (long long)x->inner);
    if ((x->type == SMX_R_64F) != (y->type == SMX_R_64F))
        return smx_fail(SMX_STATUS_NOT_SUPPORTED, "%s: %s is %s but %s is %s: fp64 does not mix with other types", call->name,
                        call->in.name, smx_type_name(x->type), b->name, smx_type_name(y->type));
    return SMX_STATUS_SUCCESS;
}

bool smx_is_strided(const smxLayout_t *l) { return smx_layout_rows(l) > 0 && ((l->cols > 1 && l->colStride != 1) || l->inner > 1); }

/* ---- rules on values beside the operands: loss, lse, gradLoss, classWeights, deviceDivisor ---- */

static smxStatus_t check_pointer(const smx_call *call, const char *name, const void *data, bool needed, size_t bytes, const char *type) {
    if (data == NULL) return needed ? smx_fail(SMX_STATUS_INVALID_VALUE, "%s: %s is NULL", call->name, name) : SMX_STATUS_SUCCESS;
    if ((uintptr_t)data % bytes != 0)
        return smx_fail(SMX_STATUS_INVALID_VALUE, "%s: %s = %p is not aligned to its element size, %zu bytes (%s)", call->name, name, data,
                        bytes, type);
    return SMX_STATUS_SUCCESS;
}

static smxStatus_t check_values(const smx_call *call, const char *name, const void *data, bool needed) {
    const smxDataType_t type = smx_loss_type(call->in.layout.type);
    return check_pointer(call, name, data, needed, smx_type_bytes(type), smx_type_name(type));
}

static bool chooses(const smx_call *call) { return call->op >= SMX_OP_ARGMAX; }

/* What argmax, top-k, sample and multinomial read and write beside x. */
static smxStatus_t check_choice(const smx_call *call) {
    const smx_choice *c = &call->choice;
    const bool any = call->rows > 0;
    if (c->index_type != SMX_R_32I && c->index_type != SMX_R_64I)
        return smx_fail(SMX_STATUS_INVALID_VALUE, "%s: indexType is %s (%d), it has to be int32 or int64", call->name,
                        smx_type_name(c->index_type), (int)c->index_type);
    if (c->index_type == SMX_R_32I && call->cols > (int64_t)INT32_MAX + 1)
        return smx_fail(SMX_STATUS_INVALID_VALUE, "%s: int32 cannot hold the indices of %lld columns: use int64", call->name,
                        (long long)call->cols);
    SMX_TRY(check_pointer(call, "indices", c->indices, any, smx_type_bytes(c->index_type), smx_type_name(c->index_type)));
    SMX_TRY(check_pointer(call, "probabilities", c->probabilities, any && call->op == SMX_OP_TOP_K, sizeof(float), "fp32"));
    SMX_TRY(check_pointer(call, "logProbabilities", c->log_probabilities, false, sizeof(float), "fp32"));
    SMX_TRY(check_pointer(call, "deviceTemperature", c->temperatures, false, sizeof(float), "fp32"));
    const smx_random *r = &c->random;
    SMX_TRY(check_pointer(call, "deviceSeedOffset", r->seed_offset, false, sizeof(uint64_t), "uint64"));
    SMX_TRY(check_pointer(call, "deviceRowSeeds", r->row_seeds, false, sizeof(uint64_t), "uint64"));
    SMX_TRY(check_pointer(call, "deviceRowOffsets", r->row_offsets, false, sizeof(uint64_t), "uint64"));
    return check_pointer(call, "deviceRowKeys", r->row_keys, false, sizeof(uint64_t), "uint64");
}

/* ---- rules on overlap ---- */

typedef struct extent {
    const char *name;
    uintptr_t begin, end;     /* addresses */
    uintptr_t row, row_bytes; /* bytes from row to row and of a row; 0: one piece */
    bool written;
    const smx_operand *operand;
} extent;

static extent extent_of_operand(const smx_operand *o, bool written) {
    const size_t bytes = smx_type_bytes(o->layout.type);
    extent e = {.name = o->name, .begin = (uintptr_t)o->data, .written = written, .operand = o};
    if (o->offsets != NULL) { /* only the device knows how far it reaches */
        e.end = e.begin + (o->layout.outer > 0 ? bytes : 0);
        return e;
    }
    e.end = e.begin + (uintptr_t)smx_layout_span(&o->layout) * bytes;
    if (o->layout.inner == 1 && o->layout.outer > 1 && (o->layout.colStride == 1 || o->layout.cols == 1)) {
        e.row = (uintptr_t)o->layout.outerStride * bytes;
        e.row_bytes = (uintptr_t)o->layout.cols * bytes;
    }
    return e;
}

static extent extent_of_values(const char *name, const void *data, int64_t count, size_t bytes, bool written) {
    const uintptr_t begin = (uintptr_t)data;
    return (extent){.name = name, .begin = begin, .end = begin + (uintptr_t)count * bytes, .written = written};
}

static bool share_bytes(const extent *a, const extent *b) {
    if (a->begin == a->end || b->begin == b->end || a->begin >= b->end || b->begin >= a->end) return false;
    if (a->row != 0 && a->row == b->row) { /* two column ranges of one padded matrix lie between each other's rows */
        const uintptr_t from = a->begin < b->begin ? a->begin : b->begin, to = a->begin < b->begin ? b->begin : a->begin;
        const uintptr_t first_bytes = a->begin < b->begin ? a->row_bytes : b->row_bytes;
        const uintptr_t second_bytes = a->begin < b->begin ? b->row_bytes : a->row_bytes;
        const uintptr_t offset = (to - from) % a->row;
        return offset < first_bytes || offset + second_bytes > a->row;
    }
    return true;
}

static bool in_place(const extent *a, const extent *b) {
    return a->operand != NULL && b->operand != NULL && a->operand->data == b->operand->data && a->operand->offsets == b->operand->offsets &&
           smx_layout_equal(&a->operand->layout, &b->operand->layout);
}

typedef struct extents {
    extent of[12];
    int count;
} extents;

static void add_operand(extents *all, const smx_operand *o, bool written) {
    if (o->data != NULL) all->of[all->count++] = extent_of_operand(o, written);
}

static void add_values(extents *all, const char *name, const void *data, int64_t count, size_t bytes, bool written) {
    if (data != NULL) all->of[all->count++] = extent_of_values(name, data, count, bytes, written);
}

static void add_values_of_loss(extents *all, const smx_call *call) {
    const int64_t losses = call->reduction == SMX_REDUCTION_NONE ? call->rows : 1;
    const size_t bytes = smx_type_bytes(smx_loss_type(call->in.layout.type));
    add_values(all, "targets", call->indices.data, call->rows, smx_type_bytes(call->indices.type), false);
    add_values(all, "gradLoss", call->grad_loss, losses, bytes, false);
    add_values(all, "classWeights", call->class_weights, call->cols, bytes, false);
    add_values(all, "deviceDivisor", call->device_divisor, 1, bytes, false);
    add_values(all, "loss", call->loss, losses, bytes, true);
    add_values(all, "lse", call->lse, call->rows, bytes, call->op != SMX_OP_CROSS_ENTROPY_BACKWARD);
}

static void add_values_of_choice(extents *all, const smx_call *call) {
    const smx_choice *c = &call->choice;
    add_values(all, "indices", c->indices, call->rows * c->per_row, smx_type_bytes(c->index_type), true);
    add_values(all, "probabilities", c->probabilities, call->rows * c->per_row, sizeof(float), true);
    add_values(all, "logProbabilities", c->log_probabilities, call->rows, sizeof(float), true);
    add_values(all, "deviceTemperature", c->temperatures, call->rows, sizeof(float), false);
    add_values(all, "deviceSeedOffset", c->random.seed_offset, 2, sizeof(uint64_t), false);
    add_values(all, "deviceRowSeeds", c->random.row_seeds, call->rows, sizeof(uint64_t), false);
    add_values(all, "deviceRowOffsets", c->random.row_offsets, call->rows, sizeof(uint64_t), false);
    add_values(all, "deviceRowKeys", c->random.row_keys, call->rows, sizeof(uint64_t), false);
}

static smxStatus_t check_overlap(const smx_call *call) {
    extents all;
    all.count = 0;
    add_operand(&all, &call->in, false);
    add_operand(&all, &call->second, false);
    add_operand(&all, &call->out, true);
    if (chooses(call))
        add_values_of_choice(&all, call);
    else
        add_values_of_loss(&all, call);
    for (int i = 0; i < all.count; i++)
        for (int j = 0; j < i; j++) {
            const extent *a = &all.of[i], *b = &all.of[j];
            if ((a->written || b->written) && share_bytes(a, b) && !in_place(a, b))
                return smx_fail(SMX_STATUS_INVALID_VALUE,
                                "%s: %s [%p, %p) and %s [%p, %p) overlap; in place means the same pointer with the same layout", call->name,
                                b->name, (void *)b->begin, (void *)b->end, a->name, (void *)a->begin, (void *)a->end);
        }
    return SMX_STATUS_SUCCESS;
}

smxStatus_t smx_check_call(smx_call *call) {
    const bool reads_elements = call->op != SMX_OP_NLL_LOSS_BACKWARD,
               forward_loss = call->op == SMX_OP_CROSS_ENTROPY_FORWARD || call->op == SMX_OP_NLL_LOSS_FORWARD;
    SMX_TRY(reads_elements ? check_operand(call->name, &call->in) : smx_check_layout(call->name, call->in.name, &call->in.layout));
    call->strided = reads_elements && smx_is_strided(&call->in.layout);
    const smx_operand *others[] = {&call->second, &call->out};
    for (int i = 0; i < 2; i++) {
        if (others[i]->name == NULL) continue; /* the operation has no such operand */
        SMX_TRY(check_operand(call->name, others[i]));
        SMX_TRY(check_same_rows(call, others[i]));
        call->strided = call->strided || smx_is_strided(&others[i]->layout);
    }
    if ((unsigned)call->algorithm > SMX_ALGORITHM_ONLINE)
        return smx_fail(SMX_STATUS_INVALID_VALUE, "%s: algorithm %d is unknown", call->name, (int)call->algorithm);
    call->rows = smx_layout_rows(&call->in.layout);
    call->cols = call->in.layout.cols;
    if (chooses(call)) {
        SMX_TRY(check_choice(call));
        return check_overlap(call);
    }
    const bool one_loss = call->reduction != SMX_REDUCTION_NONE;
    SMX_TRY(check_values(call, "loss", call->loss, forward_loss && (one_loss || call->rows > 0)));
    SMX_TRY(check_values(call, "lse", call->lse, call->op == SMX_OP_LOG_SUM_EXP && call->rows > 0));
    SMX_TRY(check_values(call, "gradLoss", call->grad_loss, false));
    SMX_TRY(check_values(call, "classWeights", call->class_weights, false));
    SMX_TRY(check_values(call, "deviceDivisor", call->device_divisor, false));
    return check_overlap(call);
}
