/* ONNX's files: a model as ONNX's own message, a tensor as an array of elements that smx knows. */
#ifndef ONNX_FILE_H
#define ONNX_FILE_H

#include <onnx.pb-c.h>

#include "data.h"

enum { ONNX_MOST_DIMS = 8 };

typedef struct onnx_array {
    smxDataType_t type;
    int ndim;
    int64_t dims[ONNX_MOST_DIMS];
    int64_t count;           /* of elements: the product of the dimensions, 1 without any */
    unsigned char *elements; /* dense, row-major */
} onnx_array;

/* The whole file, or NULL if it cannot be read. */
unsigned char *onnx_read_file(const char *path, size_t *bytes);
/* NULL: there is no such file, or no model in it. Free with onnx__model_proto__free_unpacked(model, NULL). */
Onnx__ModelProto *onnx_read_model(const char *path);
/* False: there is no such file. Any other trouble fails the test. */
bool onnx_read_array(const char *path, onnx_array *array);
void onnx_free_array(onnx_array *array);
const void *onnx_element(const onnx_array *array, int64_t index);

/* sprintf into memory of its own. */
char *onnx_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
