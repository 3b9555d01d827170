/* Opening and closing a backend: its smx handle and the engine on it; and its memory. */
#ifndef SAMPLES_BACKEND_H
#define SAMPLES_BACKEND_H

#include <stddef.h>

#include "engine.h"

void backend_open(engine *e, smxBackend_t wanted);
void backend_close(engine *e);

/* Memory of the engine's backend, filled with a copy of the bytes (source NULL: left as it is). */
void *backend_memory(const engine *e, const void *source, size_t bytes);

/* Waits for the bytes: a copy from memory of the backend to host memory. */
void backend_read(const engine *e, void *host, const void *source, size_t bytes);

/* Prints which kernel serves the operation on dense fp32 rows. */
void backend_print_plan(const engine *e, const char *title, smxOp_t op, int rows, int cols);

#endif
