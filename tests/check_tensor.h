/* Memory of the backend together with what was written there and what came back, so that every byte can be accounted for.
 *
 * An output has 256 guard bytes on either side; an input begins and ends exactly with its allocation, so that a sanitizer
 * sees a read beyond it. All bytes that belong to no element, in guards and between padded rows, are NaN in inputs. */
#ifndef CHECK_TENSOR_H
#define CHECK_TENSOR_H

#include "check_session.h"
#include "data.h"

typedef enum buffer_role { BUFFER_INPUT, BUFFER_OUTPUT, BUFFER_INPUT_AND_OUTPUT } buffer_role;

typedef struct buffer {
    size_t bytes;          /* of the whole allocation */
    size_t first;          /* where the data begin */
    unsigned char *before; /* the bytes as uploaded */
    unsigned char *after;  /* the bytes as read back */
    unsigned char *device; /* the allocation; NULL for no bytes */
} buffer;

buffer buffer_make(buffer_role role, size_t offset_bytes, size_t data_bytes);
void *buffer_pointer(const buffer *b); /* to the data, in memory of the backend */
void buffer_upload(buffer *b);
void buffer_download(buffer *b); /* waits for the handle's work */
void buffer_free(buffer *b);
/* Number of the first byte, counted from the data, that differs from what was uploaded; false: none does. */
bool buffer_changed(const buffer *b, int64_t *byte);

/* A buffer whose data have a layout. */
typedef struct tensor {
    buffer memory;
    smxLayout_t layout;
} tensor;

tensor tensor_make(buffer_role role, const smxLayout_t *layout, int64_t offset);
tensor tensor_make_vector(buffer_role role, smxDataType_t type, int64_t count, int64_t offset); /* one row */
void tensor_store(tensor *t, int64_t row, int64_t col, double value);                           /* before the upload */
double tensor_stored(const tensor *t, int64_t row, int64_t col);                                /* what was uploaded */
double tensor_result(const tensor *t, int64_t row, int64_t col);                                /* what was read back */
void tensor_store_row(tensor *t, int64_t row, const double *values);
void tensor_stored_row(const tensor *t, int64_t row, double *values);
/* Has a byte changed that belongs to no element? */
bool tensor_surroundings_changed(const tensor *t, int64_t *byte);

int64_t layout_rows(const smxLayout_t *layout);
size_t layout_bytes(const smxLayout_t *layout); /* from the first element to one past the last */

#endif
