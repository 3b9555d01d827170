#define _POSIX_C_SOURCE 200112L /* posix_memalign */

#include "memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void require(smxStatus_t status) {
    if (status == SMX_STATUS_SUCCESS) return;
    fprintf(stderr, "the fuzzer's own call failed: %s\n", smxGetLastErrorMessage());
    abort();
}

static bool is_cpu(smxHandle_t handle) {
    smxBackend_t backend = SMX_BACKEND_AUTO;
    require(smxGetBackend(handle, &backend));
    return backend == SMX_BACKEND_CPU;
}

static void *allocate(size_t bytes) {
    void *memory = malloc(bytes + (bytes == 0));
    if (memory == NULL) abort();
    return memory;
}

piece piece_make(smxHandle_t handle, size_t bytes) {
    piece p = {.bytes = bytes, .before = allocate(bytes), .after = allocate(bytes), .may_change = allocate(bytes * sizeof(bool))};
    void *memory = NULL;

    /* Bytes that belong to nobody are odd numbers in any type: never zero, never what a kernel would write. */
    for (size_t i = 0; i < bytes; i++) p.before[i] = (unsigned char)(0x5bu ^ (i * 37u));
    memset(p.may_change, 0, bytes * sizeof(bool));
    if (!is_cpu(handle))
        require(smxMalloc(handle, &memory, bytes + (bytes == 0)));
    else if (posix_memalign(&memory, 256, bytes + (bytes == 0)) != 0) /* smxMalloc rounds up */
        abort();
    p.backend = memory;
    return p;
}

void piece_upload(smxHandle_t handle, piece *p) { require(smxMemcpyAsync(handle, p->backend, p->before, p->bytes)); }

void piece_download(smxHandle_t handle, piece *p) {
    require(smxMemcpyAsync(handle, p->after, p->backend, p->bytes));
    require(smxSynchronize(handle));
}

void piece_free(smxHandle_t handle, piece *p) {
    if (is_cpu(handle))
        free(p->backend);
    else
        require(smxFree(handle, p->backend));
    free(p->before);
    free(p->after);
    free(p->may_change);
    *p = (piece){0};
}

int64_t piece_changed(const piece *p, bool allowed) {
    for (size_t i = 0; i < p->bytes; i++)
        if (p->before[i] != p->after[i] && !(allowed && p->may_change[i])) return (int64_t)i;
    return -1;
}
