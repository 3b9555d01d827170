/* Memory of the backend that is far larger than the machine's: only its touched pages exist. For tests of 64-bit indices, on the CPU
 * and on the emulator, whose device memory is the process's own.
 *
 * Pages that are written through sparse_write are expected to be touched; a read or a write anywhere else brings another page into
 * being, which sparse_require_untouched finds. */
#ifndef CHECK_SPARSE_H
#define CHECK_SPARSE_H

#include "check_session.h"

typedef struct sparse {
    unsigned char *first; /* where a page begins */
    size_t bytes;
    void *allocation;
    size_t *pages; /* numbers of the pages written so far, with repetitions until they are remembered */
    size_t count, capacity;
    unsigned char *contents; /* of these pages */
} sparse;

bool sparse_possible(void); /* not with memory of a real GPU */

sparse sparse_open(size_t bytes);
void sparse_close(sparse *s);
void sparse_forget(sparse *s); /* back to no pages at all */

void sparse_write(sparse *s, size_t at, const void *bytes, size_t count);
/* What is there now has to be there still when sparse_require_untouched is called. */
void sparse_remember(sparse *s);
void sparse_require_untouched(const sparse *s, const char *what);

#endif
