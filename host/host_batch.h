/* Batches in host memory: chunks, where they lie, and the one function that runs them. */
#ifndef SMX_HOST_BATCH_H
#define SMX_HOST_BATCH_H

#include "internal.h"

/* Rows (o, i) with outer <= o < outer + outers and inner <= i < inner + inners; one of the two dimensions is cut, so that the
 * numbers of the rows follow each other. */
typedef struct smx_chunk {
    int64_t outer, outers, inner, inners;
} smx_chunk;

/* Where the elements of a chunk lie in the batch and in the buffer of the chunk: runs of `width` bytes, repeated in up to three
 * directions, the shortest steps first. */
typedef struct smx_chunk_view {
    smxLayout_t layout; /* in the buffer */
    size_t batch_first; /* bytes from the batch's first element to the chunk's */
    size_t first;       /* bytes from the beginning of the buffer to the first element */
    size_t bytes;       /* of the elements there, from the first to one past the last */
    size_t width;
    int steps;
    struct {
        int64_t count;
        size_t batch, buffer; /* bytes from one to the next */
    } step[3];
} smx_chunk_view;

/* apart: elements of a row lie apart in one of the call's operands. Where they do not, rows keep their alignment modulo 16 bytes,
 * because that decides how a row is cut; where they do, nothing of the result depends on the places, and the buffer has no gaps. */
smx_chunk_view smx_view_chunk(const smx_operand *batch, bool apart, const smx_chunk *chunk);
/* Bytes of a buffer for any chunk of this shape. */
size_t smx_chunk_bytes(const smx_operand *batch, bool apart, int64_t outers, int64_t inners);
void smx_pack_chunk(const smx_chunk_view *view, char *buffer, const char *batch);
void smx_unpack_chunk(const smx_chunk_view *view, char *batch, const char *buffer);

/* The road of a call on host memory: `call` is as for smx_run. */
smxStatus_t smx_run_host_batch(smx_call *call, const smxHostOptions_t *options);

#endif
