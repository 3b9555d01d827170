/* What tests may ask of the emulator beyond the CUDA runtime's API. Plain C. */
#ifndef SIMT_RUNTIME_H
#define SIMT_RUNTIME_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Since the program began. Work in a graph counts when it runs, not when it is captured. */
long simt_launches(void);         /* kernels that ran */
long simt_copies(void);           /* copies and memsets that ran */
long simt_allocations(void);      /* device and pinned host memory, the failed ones too */
long simt_synchronizations(void); /* calls that wait: *Synchronize, cudaMemcpy, cudaMemset, cudaFree */

long simt_live_allocations(void); /* made and not freed yet */
long simt_live_streams(void);     /* created and not destroyed yet */
size_t simt_memory_in_use(void);  /* bytes of device memory */

/* The n-th next allocation fails (1: the very next one), once. 0 or less: none does. */
void simt_fail_allocation_after(int n);

/* Not 0: work on streams that were created waits until somebody waits for it, as late as a device may do it. 1: for that stream;
 * 2: for any of them, and that stream's comes last. */
void simt_defer_streams(int mode);

/* Why the last launch failed or was refused, with the line of device code where there is one; never NULL. */
const char *simt_last_error(void);
/* A kernel that fails breaks the device: every later call returns its error, as on a GPU. This repairs it. */
void simt_clear_error(void);

#ifdef __cplusplus
}
#endif
#endif
