#include "check_tensor.h"

#include <stdlib.h>
#include <string.h>

enum { GUARD_BYTES = 256 };

static void *allocate(size_t bytes) {
    void *memory = malloc(bytes > 0 ? bytes : 1);
    ck_assert_msg(memory != NULL, "no memory for %zu bytes", bytes);
    return memory;
}

buffer buffer_make(buffer_role role, size_t offset_bytes, size_t data_bytes) {
    const size_t guard = role == BUFFER_INPUT ? 0 : GUARD_BYTES;
    buffer b = {.bytes = guard + offset_bytes + data_bytes + guard, .first = guard + offset_bytes};
    void *device = NULL;

    b.before = allocate(b.bytes);
    b.after = allocate(b.bytes);
    if (role == BUFFER_OUTPUT) /* never NaN by chance in a row, and never what a kernel would write */
        for (size_t i = 0; i < b.bytes; i++) b.before[i] = (unsigned char)(0x5bu ^ (i * 37u));
    else
        memset(b.before, 0xff, b.bytes);
    memcpy(b.after, b.before, b.bytes);

    require_success(smxMalloc(session_handle(), &device, b.bytes), "smxMalloc");
    b.device = device;
    return b;
}

void *buffer_pointer(const buffer *b) { return b->device == NULL ? NULL : b->device + b->first; }

void buffer_upload(buffer *b) {
    if (b->bytes > 0) require_success(smxMemcpyAsync(session_handle(), b->device, b->before, b->bytes), "smxMemcpyAsync to the backend");
}

void buffer_download(buffer *b) {
    if (b->bytes > 0) require_success(smxMemcpyAsync(session_handle(), b->after, b->device, b->bytes), "smxMemcpyAsync from the backend");
    require_success(smxSynchronize(session_handle()), "smxSynchronize");
}

void buffer_free(buffer *b) {
    free(b->before);
    free(b->after);
    require_success(smxFree(session_handle(), b->device), "smxFree");
    *b = (buffer){0};
}

static bool bytes_differ(const buffer *b, size_t from, size_t to, int64_t *byte) {
    if (to <= from || memcmp(b->before + from, b->after + from, to - from) == 0) return false;
    while (b->before[from] == b->after[from]) from++;
    *byte = (int64_t)from - (int64_t)b->first;
    return true;
}

bool buffer_changed(const buffer *b, int64_t *byte) { return bytes_differ(b, 0, b->bytes, byte); }

int64_t layout_rows(const smxLayout_t *layout) { return layout->outer * layout->inner; }

size_t layout_bytes(const smxLayout_t *layout) {
    if (layout->outer == 0 || layout->inner == 0 || layout->cols == 0) return 0;
    const int64_t last = (layout->outer - 1) * layout->outerStride + (layout->cols - 1) * layout->colStride + layout->inner - 1;
    return (size_t)(last + 1) * element_bytes(layout->type);
}

tensor tensor_make(buffer_role role, const smxLayout_t *layout, int64_t offset) {
    const size_t offset_bytes = (size_t)offset * element_bytes(layout->type);
    return (tensor){.memory = buffer_make(role, offset_bytes, layout_bytes(layout)), .layout = *layout};
}

tensor tensor_make_vector(buffer_role role, smxDataType_t type, int64_t count, int64_t offset) {
    const smxLayout_t layout = {.type = type, .outer = 1, .cols = count, .inner = 1, .outerStride = count, .colStride = 1};
    return tensor_make(role, &layout, offset);
}

/* Number of an element's first byte in the allocation. */
static size_t place_of(const tensor *t, int64_t row, int64_t col) {
    const smxLayout_t *l = &t->layout;
    const int64_t element = row / l->inner * l->outerStride + col * l->colStride + row % l->inner;
    return t->memory.first + (size_t)element * element_bytes(l->type);
}

void tensor_store(tensor *t, int64_t row, int64_t col, double value) {
    store_element(t->layout.type, t->memory.before + place_of(t, row, col), value);
}

double tensor_stored(const tensor *t, int64_t row, int64_t col) {
    return load_element(t->layout.type, t->memory.before + place_of(t, row, col));
}

double tensor_result(const tensor *t, int64_t row, int64_t col) {
    return load_element(t->layout.type, t->memory.after + place_of(t, row, col));
}

void tensor_store_row(tensor *t, int64_t row, const double *values) {
    for (int64_t j = 0; j < t->layout.cols; j++) tensor_store(t, row, j, values[j]);
}

void tensor_stored_row(const tensor *t, int64_t row, double *values) {
    for (int64_t j = 0; j < t->layout.cols; j++) values[j] = tensor_stored(t, row, j);
}

bool tensor_surroundings_changed(const tensor *t, int64_t *byte) {
    const smxLayout_t *l = &t->layout;
    const size_t width = element_bytes(l->type);
    const int64_t rows = layout_rows(l);
    bool changed = false;

    if (rows == 0) return buffer_changed(&t->memory, byte);
    if (l->inner == 1 && l->colStride == 1) { /* rows one after the other: compare what lies between them */
        size_t end = 0;
        for (int64_t r = 0; r < rows && !changed; r++) {
            changed = bytes_differ(&t->memory, end, place_of(t, r, 0), byte);
            end = place_of(t, r, l->cols - 1) + width;
        }
        return changed || bytes_differ(&t->memory, end, t->memory.bytes, byte);
    }

    unsigned char *expected = allocate(t->memory.bytes); /* as before, but for the elements */
    memcpy(expected, t->memory.before, t->memory.bytes);
    for (int64_t r = 0; r < rows; r++)
        for (int64_t j = 0; j < l->cols; j++) {
            const size_t place = place_of(t, r, j);
            memcpy(expected + place, t->memory.after + place, width);
        }
    changed = memcmp(expected, t->memory.after, t->memory.bytes) != 0;
    for (size_t i = 0; i < t->memory.bytes && changed; i++)
        if (expected[i] != t->memory.after[i]) {
            *byte = (int64_t)i - (int64_t)t->memory.first;
            break;
        }
    free(expected);
    return changed;
}
