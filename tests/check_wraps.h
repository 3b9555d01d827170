/* The linker's --wrap brings every use of malloc, snprintf and their like in library and tests here (process.cmake): to count them, and
 * to let allocations fail. */
#ifndef CHECK_WRAPS_H
#define CHECK_WRAPS_H

#include <stdbool.h>

long wraps_formats(void);     /* texts put together so far */
long wraps_allocations(void); /* made so far, the failed ones too */
long wraps_live(void);        /* made and not freed yet */

/* The n-th next allocation fails (1: the very next one), once. 0: none does. */
void wraps_fail_allocation_after(int n);
bool wraps_failure_is_due(void); /* no request has failed since then */

#endif
