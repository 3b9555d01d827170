#ifndef FUZZ_TARGET_H
#define FUZZ_TARGET_H

#include <stddef.h>
#include <stdint.h>

/* Returns 0, or aborts with a finding. With SMX_FUZZ_DESCRIBE in the environment the call is described on stderr. */
int fuzz_one_input(const uint8_t *data, size_t size);

#endif
