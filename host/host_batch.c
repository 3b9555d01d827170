/* A batch in host memory passes through the device in chunks. Each chunk has a slot: a stream, buffers in device memory, and staging
 * memory. While the device copies and computes in some slots, the calling thread packs and unpacks another.
 *
 * Copies from and to ordinary memory would go through pinned memory of the driver, and the calling thread would wait for each; through
 * pinned memory of our own it is the same work, and nobody waits. Pinning the caller's memory for the time of the call would touch every
 * page of it once more, and fails where the limit of locked memory is low. */
#include "host_batch.h"

enum { MOST_SLOTS = 3 }; /* one copies in, one computes, one copies out */
#define DEFAULT_CHUNK_MEMORY ((size_t)256 << 20)
#define WORTHWHILE_CHUNK ((size_t)4 << 20) /* with smaller ones the latencies of copies and launches show */

/* What every chunk has of its own: operands, and values per row. */
enum { IN, SECOND, OUT, TARGETS, GRAD_LOSS, LOSS, LSE, STRIPS };

typedef struct strip {
    smx_operand batch;     /* in host memory; values per row are rows of one column */
    bool apart;            /* as smx_view_chunk needs it */
    bool up, down, staged; /* neither up nor down: the call has none */
    bool in_place;         /* an output over its input: has the input's buffer */
    size_t device_at, staging_at;
} strip;

typedef struct slot {
    struct smxContext handle; /* the caller's, but for the stream and the counters */
    bool open, busy;
    smx_chunk chunk;
    smx_chunk_view view[STRIPS];
    char *device, *staging;
} slot;

typedef struct host_batch {
    smx_call *call; /* as given */
    const smx_backend *backend;
    const smxHostOptions_t *options;
    strip strips[STRIPS];
    smx_chunk largest; /* the shape of all chunks but the last */
    int64_t chunks;
    bool one_loss;

    /* device memory: what all chunks share, offsets in bytes, and the slots */
    size_t counters, divisor, loss, grad_loss, weights, targets, workspace, shared_bytes;
    size_t slot_bytes, staging_bytes;
    void *device, *staging;
    smx_call shared; /* the whole batch, as far as the device has it at once */

    int slots;
    slot slot[MOST_SLOTS];
    int64_t rows_done;
    smx_bad_targets bad;
} host_batch;

static size_t take(size_t *end, size_t bytes) {
    const size_t at = *end;
    *end += smx_align_up(bytes);
    return at;
}

/* ---- what there is ---- */

static void add_operand(host_batch *b, int which, const smx_operand *operand, bool up, bool down) {
    if (operand->data == NULL || b->call->rows == 0) return;
    b->strips[which] = (strip){.batch = *operand, .apart = b->call->strided, .up = up, .down = down};
}

static void add_values(host_batch *b, int which, const char *name, smxDataType_t type, const void *data, bool up, bool down) {
    if (data == NULL || b->call->rows == 0) return;
    const smxLayout_t *x = &b->call->in.layout;
    const smxLayout_t layout = {type, x->outer, 1, x->inner, x->inner, 1};
    b->strips[which] = (strip){.batch = {.name = name, .data = (void *)data, .layout = layout}, .apart = true, .up = up, .down = down};
}

static void list_strips(host_batch *b) {
    const smx_call *c = b->call;
    const smxDataType_t type = smx_loss_type(c->in.layout.type);
    const bool per_row = c->reduction == SMX_REDUCTION_NONE, lse_is_input = c->op == SMX_OP_CROSS_ENTROPY_BACKWARD;
    b->one_loss = smx_sums_losses(c);
    add_operand(b, IN, &c->in, true, false);
    add_operand(b, SECOND, &c->second, true, false);
    add_operand(b, OUT, &c->out, false, true);
    if (!smx_counts_divisor(c)) add_values(b, TARGETS, "targets", c->indices.type, c->indices.data, true, false);
    if (per_row) add_values(b, GRAD_LOSS, "gradLoss", type, c->grad_loss, true, false);
    if (per_row) add_values(b, LOSS, "loss", type, c->loss, false, true);
    add_values(b, LSE, "lse", type, c->lse, lse_is_input, !lse_is_input);
    b->strips[OUT].in_place = b->strips[OUT].down && c->out.data == c->in.data;
}

static smxStatus_t look_at(const host_batch *b, const char *name, const void *data, size_t bytes, bool *pinned) {
    *pinned = false;
    if (data == NULL || bytes == 0) return SMX_STATUS_SUCCESS;
    bool last_pinned = false, of_device[2] = {false, false};
    SMX_TRY(b->backend->transfer->find_memory(b->call->name, data, pinned, &of_device[0]));
    SMX_TRY(b->backend->transfer->find_memory(b->call->name, (const char *)data + bytes - 1, &last_pinned, &of_device[1]));
    *pinned = *pinned && last_pinned;
    if (of_device[0] || of_device[1])
        return smx_fail(SMX_STATUS_INVALID_VALUE, "%s: %s = %p is device memory, this call takes host memory", b->call->name, name, data);
    return SMX_STATUS_SUCCESS;
}

static smxStatus_t look_at_memory(host_batch *b) {
    const smx_call *c = b->call;
    const size_t value = smx_type_bytes(smx_loss_type(c->in.layout.type)), index = smx_type_bytes(c->indices.type);
    bool pinned;
    for (int i = 0; i < STRIPS; i++) {
        strip *s = &b->strips[i];
        if (!s->up && !s->down) continue;
        SMX_TRY(look_at(b, s->batch.name, s->batch.data, (size_t)smx_layout_span(&s->batch.layout) * smx_type_bytes(s->batch.layout.type),
                        &pinned));
        s->staged = !pinned;
    }
    SMX_TRY(look_at(b, "targets", c->indices.data, (size_t)c->rows * index, &pinned));
    SMX_TRY(look_at(b, "classWeights", c->class_weights, (size_t)c->cols * value, &pinned));
    SMX_TRY(look_at(b, "deviceDivisor", c->device_divisor, value, &pinned));
    if (c->reduction != SMX_REDUCTION_NONE) {
        SMX_TRY(look_at(b, "gradLoss", c->grad_loss, value, &pinned));
        SMX_TRY(look_at(b, "loss", c->loss, value, &pinned));
    }
    return SMX_STATUS_SUCCESS;
}

/* ---- how large chunks are, and what lies where in device memory ---- */

static void lay_out_shared(host_batch *b) {
    const smx_call *c = b->call;
    const size_t value = smx_type_bytes(smx_loss_type(c->in.layout.type));
    const smx_loss_workspace w = smx_loss_workspace_of(c->in.layout.type, c->rows);
    const bool counts = smx_counts_divisor(c) && c->rows > 0;
    size_t end = 0;
    b->counters = take(&end, sizeof(smx_bad_targets));
    b->divisor = take(&end, sizeof(double));
    b->loss = take(&end, sizeof(double));
    b->grad_loss = take(&end, sizeof(double));
    b->weights = take(&end, c->class_weights != NULL ? (size_t)c->cols * value : 0);
    b->targets = take(&end, counts && c->indices.data != NULL ? (size_t)c->rows * smx_type_bytes(c->indices.type) : 0);
    b->workspace = take(&end, b->one_loss ? w.bytes : counts && c->out.data != NULL ? w.row_losses : 0);
    b->shared_bytes = end;
}

static size_t bytes_of_slot(host_batch *b, int64_t outers, int64_t inners) {
    size_t device = 0, staging = 0;
    for (int i = 0; i < STRIPS; i++) {
        strip *s = &b->strips[i];
        if (!s->up && !s->down) continue;
        if (s->in_place) {
            s->device_at = b->strips[IN].device_at;
            s->staging_at = b->strips[IN].staging_at;
            continue;
        }
        const size_t bytes = smx_chunk_bytes(&s->batch, s->apart, outers, inners);
        s->device_at = take(&device, bytes);
        s->staging_at = take(&staging, s->staged ? bytes : 0);
    }
    b->staging_bytes = staging;
    return device;
}

/* The largest n <= most, at least 1, with which a slot fits. */
static int64_t most_that_fit(host_batch *b, bool along_outer, int64_t most, size_t bytes) {
    int64_t fits = 1, too_many = most + 1;
    while (too_many - fits > 1) {
        const int64_t n = fits + (too_many - fits) / 2;
        if (bytes_of_slot(b, along_outer ? n : 1, along_outer ? b->call->in.layout.inner : n) <= bytes)
            fits = n;
        else
            too_many = n;
    }
    return fits;
}

static smxStatus_t choose_slots(host_batch *b, size_t *bytes) {
    const size_t least = bytes_of_slot(b, 1, 1), given = b->options->deviceBytes;
    const size_t chosen = b->shared_bytes + (least > DEFAULT_CHUNK_MEMORY ? least : DEFAULT_CHUNK_MEMORY);
    const size_t bound = given != 0 ? given : chosen;
    if (bound < b->shared_bytes || bound - b->shared_bytes < least)
        return smx_fail(SMX_STATUS_WORKSPACE_TOO_SMALL,
                        "%s: deviceBytes is %zu, at least %zu bytes of device memory are needed: %zu for what all %lld rows share, %zu for "
                        "a chunk of one row of %lld columns",
                        b->call->name, bound, b->shared_bytes + least, b->shared_bytes, (long long)b->call->rows, least,
                        (long long)b->call->cols);
    for (b->slots = MOST_SLOTS; (bound - b->shared_bytes) / (size_t)b->slots / 256 * 256 < least;) b->slots--;
    *bytes = (bound - b->shared_bytes) / (size_t)b->slots / 256 * 256;
    return SMX_STATUS_SUCCESS;
}

static smxStatus_t choose_chunks(host_batch *b) {
    const smxLayout_t *x = &b->call->in.layout;
    size_t bytes = 0;
    if (b->call->rows == 0) return SMX_STATUS_SUCCESS;
    SMX_TRY(choose_slots(b, &bytes));
    int64_t limit = b->options->chunkRows;
    if (limit == 0) { /* what fits in fewer would not overlap */
        const size_t share = bytes_of_slot(b, x->outer, x->inner) / (2 * MOST_SLOTS);
        const size_t wanted = share > WORTHWHILE_CHUNK ? share : WORTHWHILE_CHUNK;
        if (wanted < bytes && wanted >= bytes_of_slot(b, 1, 1)) bytes = wanted;
        limit = b->call->rows;
    }
    const bool along_outer = bytes_of_slot(b, 1, x->inner) <= bytes && limit >= x->inner;
    if (along_outer) {
        const int64_t most = limit / x->inner < x->outer ? limit / x->inner : x->outer;
        b->largest = (smx_chunk){.outers = most_that_fit(b, true, most, bytes), .inners = x->inner};
        b->chunks = (x->outer - 1) / b->largest.outers + 1;
    } else {
        int64_t n = most_that_fit(b, false, limit < x->inner ? limit : x->inner, bytes);
        if (n > 16) n -= n % 16; /* vectors of neighbouring rows stay aligned */
        b->largest = (smx_chunk){.outers = 1, .inners = n};
        b->chunks = x->outer * ((x->inner - 1) / n + 1);
    }
    if (b->chunks < b->slots) b->slots = (int)b->chunks;
    b->slot_bytes = bytes_of_slot(b, b->largest.outers, b->largest.inners);
    return SMX_STATUS_SUCCESS;
}

/* Copies in many small pieces are better made by the CPU, also from and to pinned memory. */
static bool copies_directly(const smx_chunk_view *v) {
    const size_t widest_pitch = INT32_MAX; /* of a copy of a plane */
    const int64_t planes = (v->steps > 1 ? v->step[1].count : 1) * (v->steps > 2 ? v->step[2].count : 1);
    if (v->steps == 0) return true;
    return v->width >= 256 && planes <= 16 && v->step[0].batch <= widest_pitch && v->step[0].buffer <= widest_pitch;
}

static void choose_staging(host_batch *b) {
    for (int i = 0; i < STRIPS && b->call->rows > 0; i++) {
        strip *s = &b->strips[i];
        if (!s->up && !s->down) continue;
        const smx_chunk_view v = smx_view_chunk(&s->batch, s->apart, &b->largest);
        s->staged = s->staged || !copies_directly(&v);
    }
    if (b->call->rows > 0) b->slot_bytes = bytes_of_slot(b, b->largest.outers, b->largest.inners);
}

/* ---- memory and streams ---- */

static smxStatus_t acquire(host_batch *b) {
    const char *name = b->call->name;
    const size_t slots = (size_t)b->slots;
    SMX_TRY(b->backend->allocate(name, b->call->handle, &b->device, b->shared_bytes + slots * b->slot_bytes));
    if (b->staging_bytes > 0) SMX_TRY(b->backend->allocate_host(name, b->call->handle, &b->staging, slots * b->staging_bytes));
    for (size_t i = 0; i < slots; i++) {
        slot *s = &b->slot[i];
        s->handle = *b->call->handle;
        s->handle.bad_targets = (smx_bad_targets *)(void *)((char *)b->device + b->counters); /* nobody reads them: see count_bad_targets */
        s->device = (char *)b->device + b->shared_bytes + i * b->slot_bytes;
        if (b->staging != NULL) s->staging = (char *)b->staging + i * b->staging_bytes;
        SMX_TRY(b->backend->transfer->open_stream(name, &s->handle));
        s->open = true;
    }
    return SMX_STATUS_SUCCESS;
}

static smxStatus_t worse(smxStatus_t status, smxStatus_t later) { return status != SMX_STATUS_SUCCESS ? status : later; }

static smxStatus_t report_bad_targets(const host_batch *b) {
    const char *name = b->call->name;
    const smxHandle_t handle = b->call->handle;
    smx_bad_targets all;
    if (b->bad.count == 0) return SMX_STATUS_SUCCESS;
    SMX_TRY(b->backend->take_bad_targets(name, handle, &all));
    all.count += b->bad.count;
    if (b->bad.first_row < all.first_row) all.first_row = b->bad.first_row;
    SMX_TRY(b->backend->copy(name, handle, handle->bad_targets, &all, sizeof all));
    return b->backend->synchronize(name, handle);
}

/* Also after a failure, whose message stays. */
static smxStatus_t let_go(host_batch *b, smxStatus_t failure) {
    const char *name = b->call->name;
    smxStatus_t status = failure;
    smx_attempt release;
    if (failure != SMX_STATUS_SUCCESS) smx_begin_attempt(&release);
    for (int i = 0; i < b->slots; i++) {
        if (!b->slot[i].open) continue;
        status = worse(status, b->backend->synchronize(name, &b->slot[i].handle));
        status = worse(status, b->backend->transfer->close_stream(name, &b->slot[i].handle));
    }
    if (b->device != NULL) status = worse(status, b->backend->release(name, b->call->handle, b->device));
    if (b->staging != NULL) status = worse(status, b->backend->release_host(name, b->call->handle, b->staging));
    status = worse(status, report_bad_targets(b));
    if (failure != SMX_STATUS_SUCCESS) smx_end_attempt(&release, false);
    return status;
}

/* ---- what all chunks share ---- */

static smxStatus_t upload(const host_batch *b, const void **data, size_t at, size_t bytes) {
    if (*data == NULL || bytes == 0) return SMX_STATUS_SUCCESS;
    void *place = (char *)b->device + at;
    SMX_TRY(b->backend->copy(b->call->name, b->shared.handle, place, *data, bytes));
    *data = place;
    return SMX_STATUS_SUCCESS;
}

/* A number that the device is to read as a value of the loss type. */
static smxStatus_t upload_divisor(const host_batch *b, double value) {
    const float single = (float)value;
    const bool is_double = b->call->in.layout.type == SMX_R_64F;
    const void *data = is_double ? (const void *)&value : (const void *)&single;
    SMX_TRY(upload(b, &data, b->divisor, is_double ? sizeof value : sizeof single));
    return b->backend->synchronize(b->call->name, b->shared.handle);
}

/* Chunks know the divisor of the mean beforehand: as one call would compute it, over all rows. */
static smxStatus_t find_divisor(const host_batch *b) {
    const smx_call *c = &b->shared;
    if (c->reduction != SMX_REDUCTION_MEAN || c->device_divisor != NULL || c->out.data == NULL) return SMX_STATUS_SUCCESS;
    double counted = 0;
    if (!smx_counts_divisor(c)) return upload_divisor(b, c->in.layout.type == SMX_R_64F ? (double)c->rows : (double)(float)c->rows);
    SMX_TRY(b->backend->transfer->count_divisor(c));
    SMX_TRY(b->backend->copy(c->name, c->handle, &counted,
                             (const char *)c->workspace + smx_loss_workspace_of(c->in.layout.type, c->rows).divisor, sizeof counted));
    SMX_TRY(b->backend->synchronize(c->name, c->handle));
    return upload_divisor(b, counted);
}

static smxStatus_t share(host_batch *b) {
    smx_call *c = &b->shared;
    const size_t value = smx_type_bytes(smx_loss_type(b->call->in.layout.type));
    *c = *b->call;
    c->handle = &b->slot[0].handle;
    c->workspace = (char *)b->device + b->workspace;
    if (b->one_loss) c->loss = (char *)b->device + b->loss;
    static const smx_bad_targets no_bad_targets = {0, INT64_MAX};
    const void *counters = &no_bad_targets;
    SMX_TRY(upload(b, &counters, b->counters, sizeof no_bad_targets));
    SMX_TRY(upload(b, &c->class_weights, b->weights, (size_t)c->cols * value));
    SMX_TRY(upload(b, &c->device_divisor, b->divisor, value));
    if (c->reduction != SMX_REDUCTION_NONE) SMX_TRY(upload(b, &c->grad_loss, b->grad_loss, value));
    if (smx_counts_divisor(c)) SMX_TRY(upload(b, &c->indices.data, b->targets, (size_t)c->rows * smx_type_bytes(c->indices.type)));
    if (c->rows > 0) SMX_TRY(find_divisor(b));
    return b->backend->synchronize(c->name, c->handle); /* the other slots' streams do not wait for it */
}

static smxStatus_t sum_losses(const host_batch *b) {
    const smx_call *c = &b->shared;
    if (!b->one_loss) return SMX_STATUS_SUCCESS;
    SMX_TRY(b->backend->transfer->sum_losses(c));
    SMX_TRY(b->backend->copy(c->name, c->handle, b->call->loss, c->loss, smx_type_bytes(smx_loss_type(c->in.layout.type))));
    return b->backend->synchronize(c->name, c->handle);
}

/* ---- a chunk ---- */

static int64_t rows_of(const smx_chunk *c) { return c->outers * c->inners; }
static int64_t first_row_of(const host_batch *b, const smx_chunk *c) { return c->outer * b->call->in.layout.inner + c->inner; }

static bool next_chunk(const host_batch *b, smx_chunk *c) {
    const smxLayout_t *x = &b->call->in.layout;
    c->inner += c->inners;
    if (c->inner >= x->inner) {
        c->inner = 0;
        c->outer += c->outers;
    }
    if (c->outer >= x->outer) return false;
    c->outers = x->outer - c->outer < b->largest.outers ? x->outer - c->outer : b->largest.outers;
    c->inners = x->inner - c->inner < b->largest.inners ? x->inner - c->inner : b->largest.inners;
    return true;
}

static smxStatus_t copy_planes(const host_batch *b, slot *s, const smx_chunk_view *v, char *batch, char *buffer, bool up) {
    const int64_t count1 = v->steps > 1 ? v->step[1].count : 1, count2 = v->steps > 2 ? v->step[2].count : 1;
    const size_t rows = v->steps > 0 ? (size_t)v->step[0].count : 1;
    const size_t batch_pitch = v->steps > 0 ? v->step[0].batch : v->width, buffer_pitch = v->steps > 0 ? v->step[0].buffer : v->width;
    for (int64_t j = 0; j < count2; j++)
        for (int64_t i = 0; i < count1; i++) {
            const size_t in_batch = (v->steps > 1 ? (size_t)i * v->step[1].batch : 0) + (v->steps > 2 ? (size_t)j * v->step[2].batch : 0);
            const size_t in_buffer =
                (v->steps > 1 ? (size_t)i * v->step[1].buffer : 0) + (v->steps > 2 ? (size_t)j * v->step[2].buffer : 0);
            char *there = batch + v->batch_first + in_batch, *here = buffer + v->first + in_buffer;
            SMX_TRY(b->backend->transfer->copy_plane(b->call->name, &s->handle, up ? here : there, up ? buffer_pitch : batch_pitch,
                                                     up ? there : here, up ? batch_pitch : buffer_pitch, v->width, rows));
        }
    return SMX_STATUS_SUCCESS;
}

static smxStatus_t copy_strip(const host_batch *b, slot *s, int which, bool up) {
    const strip *p = &b->strips[which];
    const smx_chunk_view *v = &s->view[which];
    char *batch = p->batch.data, *device = s->device + p->device_at, *staging = s->staging + p->staging_at;
    if (!p->staged && v->steps > 0) return copy_planes(b, s, v, batch, device, up);
    if (!p->staged)
        staging = batch + v->batch_first - v->first; /* one piece */
    else if (up)
        smx_pack_chunk(v, staging, batch);
    return b->backend->copy(b->call->name, &s->handle, (up ? device : staging) + v->first, (up ? staging : device) + v->first, v->bytes);
}

static void *in_slot(const host_batch *b, const slot *s, int which) {
    const strip *p = &b->strips[which];
    return p->up || p->down ? s->device + p->device_at + s->view[which].first : NULL;
}

static void place_operand(const host_batch *b, const slot *s, int which, smx_operand *operand) {
    operand->data = in_slot(b, s, which);
    if (operand->data != NULL) operand->layout = s->view[which].layout;
}

/* The call on a chunk. Its losses are not summed, and its divisor is that of the batch. */
static smx_call call_of_chunk(const host_batch *b, slot *s) {
    smx_call c = b->shared;
    const int64_t first_row = first_row_of(b, &s->chunk);
    const size_t value = smx_type_bytes(smx_loss_type(b->call->in.layout.type));
    c.handle = &s->handle;
    c.rows = rows_of(&s->chunk);
    c.in.layout.outer = s->chunk.outers;
    c.in.layout.inner = s->chunk.inners;
    place_operand(b, s, IN, &c.in);
    place_operand(b, s, SECOND, &c.second);
    place_operand(b, s, OUT, &c.out);
    if (c.indices.data != NULL)
        c.indices.data = b->strips[TARGETS].up ? in_slot(b, s, TARGETS)
                                               : (const char *)c.indices.data + (size_t)first_row * smx_type_bytes(c.indices.type);
    if (c.reduction == SMX_REDUCTION_NONE) {
        c.grad_loss = in_slot(b, s, GRAD_LOSS);
        c.loss = in_slot(b, s, LOSS);
    } else if (b->one_loss) {
        c.row_losses = (char *)c.workspace + smx_loss_workspace_of(c.in.layout.type, b->call->rows).row_losses + (size_t)first_row * value;
    }
    if (c.reduction == SMX_REDUCTION_MEAN) c.device_divisor = (char *)b->device + b->divisor;
    c.lse = in_slot(b, s, LSE);
    return c;
}

static smxStatus_t begin(host_batch *b, slot *s, const smx_chunk *chunk) {
    s->chunk = *chunk;
    s->busy = true;
    for (int i = 0; i < STRIPS; i++) {
        if (!b->strips[i].up && !b->strips[i].down) continue;
        s->view[i] = smx_view_chunk(&b->strips[i].batch, b->strips[i].apart, chunk);
        if (b->strips[i].up) SMX_TRY(copy_strip(b, s, i, true));
    }
    const smx_call call = call_of_chunk(b, s);
    SMX_TRY(smx_run_on_backend(&call));
    for (int i = 0; i < STRIPS; i++)
        if (b->strips[i].down) SMX_TRY(copy_strip(b, s, i, false));
    return SMX_STATUS_SUCCESS;
}

/* The device knows the rows of a chunk by other numbers; here they are at hand. */
static void count_bad_targets(host_batch *b, const smx_chunk *chunk) {
    const smx_call *c = b->call;
    if (c->indices.data == NULL) return;
    const int64_t first = first_row_of(b, chunk), end = first + rows_of(chunk);
    for (int64_t row = first; row < end; row++) {
        const int64_t target = smx_index_target(&c->indices, row);
        if (target == c->ignore_index || (target >= 0 && target < c->cols)) continue;
        if (b->bad.count++ == 0) b->bad.first_row = row;
    }
}

static smxStatus_t finish(host_batch *b, slot *s) {
    if (!s->busy) return SMX_STATUS_SUCCESS;
    SMX_TRY(b->backend->synchronize(b->call->name, &s->handle));
    s->busy = false;
    for (int i = 0; i < STRIPS; i++)
        if (b->strips[i].down && b->strips[i].staged)
            smx_unpack_chunk(&s->view[i], b->strips[i].batch.data, s->staging + b->strips[i].staging_at);
    count_bad_targets(b, &s->chunk);
    b->rows_done += rows_of(&s->chunk);
    const smxHostOptions_t *o = b->options;
    const int64_t done = b->rows_done, rows = b->call->rows;
    if (o->progress == NULL || done == rows || o->progress(o->user, done, rows) == 0) return SMX_STATUS_SUCCESS;
    return smx_fail(SMX_STATUS_CANCELLED, "%s: cancelled by progress, %lld of %lld rows are done", b->call->name, (long long)done,
                    (long long)rows);
}

/* Slots take turns, so that chunks are finished in their order. */
static smxStatus_t pass_through(host_batch *b) {
    smx_chunk chunk = {0};
    int turn = 0;
    if (b->call->rows > 0)
        for (; next_chunk(b, &chunk); turn = (turn + 1) % b->slots) {
            SMX_TRY(finish(b, &b->slot[turn]));
            SMX_TRY(begin(b, &b->slot[turn], &chunk));
        }
    for (int i = 0; i < b->slots; i++) SMX_TRY(finish(b, &b->slot[(turn + i) % b->slots]));
    return sum_losses(b);
}

static smxStatus_t run(host_batch *b) {
    SMX_TRY(acquire(b));
    SMX_TRY(share(b));
    return pass_through(b);
}

/* ---- the call ---- */

static smxStatus_t check_options(const char *call, const smxHostOptions_t *o) {
    SMX_TRY(smx_check_options_size(call, "hostOptions", o->size, sizeof *o, "SMX_HOST_OPTIONS_INIT"));
    if (o->chunkRows < 0) return smx_fail(SMX_STATUS_INVALID_VALUE, "%s: chunkRows is %lld", call, (long long)o->chunkRows);
    return SMX_STATUS_SUCCESS;
}

static smxStatus_t run_on_device(smx_call *call, const smxHostOptions_t *options) {
    const smx_backend *backend = call->handle->backend;
    host_batch b = {.call = call, .backend = backend, .options = options, .slots = 1, .bad = {.first_row = INT64_MAX}};
    SMX_TRY(smx_prepare_call(call));
    SMX_TRY(smx_refuse_capture(call->name, call->handle, "synchronises"));
    list_strips(&b);
    if (call->rows == 0 && !b.one_loss) return SMX_STATUS_SUCCESS;
    SMX_TRY(look_at_memory(&b));
    lay_out_shared(&b);
    SMX_TRY(choose_chunks(&b));
    choose_staging(&b);
    SMX_TRY(backend->synchronize(call->name, call->handle)); /* it may still be writing what is read here */
    return let_go(&b, run(&b));
}

smxStatus_t smx_run_host_batch(smx_call *call, const smxHostOptions_t *options) {
    const smxHostOptions_t defaults = SMX_HOST_OPTIONS_INIT;
    const smxHostOptions_t *o = options != NULL ? options : &defaults;
    SMX_TRY(check_options(call->name, o));
    SMX_TRY(call->handle->backend->transfer == NULL ? smx_run(call) : run_on_device(call, o));
    const int64_t rows = smx_layout_rows(&call->in.layout);
    if (o->progress != NULL) o->progress(o->user, rows, rows);
    return SMX_STATUS_SUCCESS;
}
