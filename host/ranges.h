/* Ranges for profilers (ranges.c): one per compute call, in NVTX's domain "smx". */
#ifndef SMX_RANGES_H
#define SMX_RANGES_H

#include "internal.h"

bool smx_open_range(const smx_call *call); /* false, and nothing done, where no tool is attached */
void smx_close_range(void);

#endif
