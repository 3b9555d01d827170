/* Where the elements of a chunk lie: in the batch, and without most of its gaps in a buffer. */
#include <string.h>

#include "host_batch.h"

typedef struct dimension {
    int64_t count, batch, buffer; /* strides in elements */
    int64_t *of_layout;           /* where the buffer's stride belongs, NULL: that is always 1 */
} dimension;

/* By their strides, shortest first. Dimensions of one have none to speak of. */
static void sort(dimension *d) {
    for (int i = 1; i < 3; i++)
        for (int j = i; j > 0 && (d[j].count == 1 ? 0 : d[j].batch) < (d[j - 1].count == 1 ? 0 : d[j - 1].batch); j--) {
            const dimension swapped = d[j];
            d[j] = d[j - 1];
            d[j - 1] = swapped;
        }
}

/* Runs as long as they can be, in as few directions as there can be. */
static void add_steps(smx_chunk_view *v, const dimension *d, size_t element_bytes) {
    v->width = element_bytes;
    for (int k = 0; k < 3; k++) {
        if (d[k].count == 1) continue;
        const size_t batch = (size_t)d[k].batch * element_bytes, buffer = (size_t)d[k].buffer * element_bytes;
        if (v->steps == 0 && batch == v->width && buffer == v->width) {
            v->width *= (size_t)d[k].count;
            continue;
        }
        v->step[v->steps].count = d[k].count;
        v->step[v->steps].batch = batch;
        v->step[v->steps++].buffer = buffer;
    }
}

smx_chunk_view smx_view_chunk(const smx_operand *batch, bool apart, const smx_chunk *chunk) {
    const smxLayout_t *l = &batch->layout;
    const size_t bytes = smx_type_bytes(l->type);
    smx_chunk_view v = {.layout = *l, .batch_first = (size_t)(chunk->outer * l->outerStride + chunk->inner) * bytes};
    v.layout.outer = chunk->outers;
    v.layout.inner = chunk->inners;
    dimension d[3] = {{.count = chunk->inners, .batch = 1},
                      {.count = l->cols, .batch = l->colStride, .of_layout = &v.layout.colStride},
                      {.count = chunk->outers, .batch = l->outerStride, .of_layout = &v.layout.outerStride}};
    sort(d);
    int64_t stride = 1;
    for (int k = 0; k < 3; k++) {
        d[k].buffer = stride;
        if (d[k].of_layout != NULL) *d[k].of_layout = stride;
        stride *= d[k].count;
    }
    if (!apart) {
        v.first = ((uintptr_t)batch->data + v.batch_first) % 16;
        if (chunk->outers > 1) { /* the last one */
            d[2].buffer += (l->outerStride - d[2].buffer) % (int64_t)(16 / bytes);
            v.layout.outerStride = d[2].buffer;
        }
    }
    v.bytes = (size_t)smx_layout_span(&v.layout) * bytes;
    add_steps(&v, d, bytes);
    return v;
}

size_t smx_chunk_bytes(const smx_operand *batch, bool apart, int64_t outers, int64_t inners) {
    return 16 + smx_view_chunk(batch, apart, &(smx_chunk){.outers = outers, .inners = inners}).bytes;
}

static void copy_runs(const smx_chunk_view *v, int steps, char *to, const char *from, bool packs) {
    if (steps == 0) {
        memcpy(to, from, v->width);
        return;
    }
    const size_t batch = v->step[steps - 1].batch, buffer = v->step[steps - 1].buffer;
    for (int64_t i = 0; i < v->step[steps - 1].count; i++)
        copy_runs(v, steps - 1, to + (size_t)i * (packs ? buffer : batch), from + (size_t)i * (packs ? batch : buffer), packs);
}

void smx_pack_chunk(const smx_chunk_view *view, char *buffer, const char *batch) {
    copy_runs(view, view->steps, buffer + view->first, batch + view->batch_first, true);
}

void smx_unpack_chunk(const smx_chunk_view *view, char *batch, const char *buffer) {
    copy_runs(view, view->steps, batch + view->batch_first, buffer + view->first, false);
}
