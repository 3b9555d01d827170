#include "onnx_file.h"

#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *onnx_format(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    char *text = length < 0 ? NULL : malloc((size_t)length + 1);
    if (text == NULL) abort();
    va_start(arguments, format);
    vsnprintf(text, (size_t)length + 1, format, arguments);
    va_end(arguments);
    return text;
}

unsigned char *onnx_read_file(const char *path, size_t *bytes) {
    FILE *file = fopen(path, "rb");
    if (file == NULL) return NULL;
    const long end = fseek(file, 0, SEEK_END) == 0 ? ftell(file) : -1;
    unsigned char *content = end < 0 ? NULL : malloc((size_t)end + 1);
    rewind(file);
    if (content != NULL && fread(content, 1, (size_t)end, file) != (size_t)end) {
        free(content);
        content = NULL;
    }
    fclose(file);
    *bytes = content == NULL ? 0 : (size_t)end;
    return content;
}

Onnx__ModelProto *onnx_read_model(const char *path) {
    size_t bytes;
    unsigned char *content = onnx_read_file(path, &bytes);
    if (content == NULL) return NULL;
    Onnx__ModelProto *model = onnx__model_proto__unpack(NULL, bytes, content);
    free(content);
    return model;
}

static smxDataType_t type_of(const char *path, int32_t type) {
    switch (type) {
    case ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT: return SMX_R_32F;
    case ONNX__TENSOR_PROTO__DATA_TYPE__DOUBLE: return SMX_R_64F;
    case ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT16: return SMX_R_16F;
    case ONNX__TENSOR_PROTO__DATA_TYPE__BFLOAT16: return SMX_R_16BF;
    case ONNX__TENSOR_PROTO__DATA_TYPE__INT32: return SMX_R_32I;
    case ONNX__TENSOR_PROTO__DATA_TYPE__INT64: return SMX_R_64I;
    default: ck_abort_msg("%s: a tensor of ONNX's type %d, which smx has not", path, (int)type);
    }
    return SMX_R_32F;
}

/* Where a message holds elements of a type that are not raw: their number, and the bytes from one to the next. */
typedef struct typed_field {
    const void *data;
    size_t count, stride;
} typed_field;

static typed_field typed_field_of(const Onnx__TensorProto *t, smxDataType_t type) {
    switch (type) {
    case SMX_R_32F: return (typed_field){t->float_data, t->n_float_data, sizeof(float)};
    case SMX_R_64F: return (typed_field){t->double_data, t->n_double_data, sizeof(double)};
    case SMX_R_64I: return (typed_field){t->int64_data, t->n_int64_data, sizeof(int64_t)};
    default: return (typed_field){t->int32_data, t->n_int32_data, sizeof(int32_t)}; /* 16-bit types: the bits of one, widened */
    }
}

static void copy_elements(const char *path, const Onnx__TensorProto *t, onnx_array *array) {
    const size_t width = element_bytes(array->type), count = (size_t)array->count;

    if (t->has_raw_data) {
        ck_assert_msg(t->raw_data.len == count * width, "%s: %zu bytes for %zu elements of %zu bytes", path, t->raw_data.len, count, width);
        if (count > 0) memcpy(array->elements, t->raw_data.data, count * width);
        return;
    }
    const typed_field field = typed_field_of(t, array->type);
    ck_assert_msg(field.count == count, "%s: %zu values for %zu elements", path, field.count, count);
    for (size_t i = 0; i < count; i++) /* little-endian, as raw data are: the low bytes come first */
        memcpy(array->elements + i * width, (const unsigned char *)field.data + i * field.stride, width);
}

bool onnx_read_array(const char *path, onnx_array *array) {
    size_t bytes;
    unsigned char *content = onnx_read_file(path, &bytes);
    if (content == NULL) return false;
    Onnx__TensorProto *t = onnx__tensor_proto__unpack(NULL, bytes, content);
    free(content);
    ck_assert_msg(t != NULL, "%s holds no tensor", path);
    ck_assert_msg(t->n_dims <= ONNX_MOST_DIMS, "%s: %zu dimensions", path, t->n_dims);

    *array = (onnx_array){.type = type_of(path, t->data_type), .ndim = (int)t->n_dims, .count = 1};
    for (int d = 0; d < array->ndim; d++) {
        array->dims[d] = t->dims[d];
        array->count *= t->dims[d];
    }
    array->elements = malloc((size_t)array->count * element_bytes(array->type) + 1);
    ck_assert_ptr_nonnull(array->elements);
    copy_elements(path, t, array);
    onnx__tensor_proto__free_unpacked(t, NULL);
    return true;
}

void onnx_free_array(onnx_array *array) {
    free(array->elements);
    *array = (onnx_array){0};
}

const void *onnx_element(const onnx_array *array, int64_t index) { return array->elements + (size_t)index * element_bytes(array->type); }
