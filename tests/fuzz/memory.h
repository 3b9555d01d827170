/* The memory of one call: pieces of exactly the size that is asked for, so that a sanitizer sees every byte read or written beyond. */
#ifndef FUZZ_MEMORY_H
#define FUZZ_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "smx/smx.h"

typedef struct piece {
    size_t bytes;
    unsigned char *before;  /* what the call finds */
    unsigned char *after;   /* what it leaves */
    bool *may_change;       /* bytes that the call may write */
    unsigned char *backend; /* the bytes where the call sees them; the first is aligned to 256 */
} piece;

piece piece_make(smxHandle_t handle, size_t bytes);
void piece_upload(smxHandle_t handle, piece *p);
void piece_download(smxHandle_t handle, piece *p);
void piece_free(smxHandle_t handle, piece *p);
/* Number of the first byte that has changed, not counting those that may have if `allowed`; -1: none. */
int64_t piece_changed(const piece *p, bool allowed);

#endif
