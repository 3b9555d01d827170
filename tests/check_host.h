/* A trial made on host memory: the same bytes as the trial's, and the call on them. */
#ifndef CHECK_HOST_H
#define CHECK_HOST_H

#include "check_trial.h"

enum { HOST_BUFFERS = 9 };

typedef struct host_run {
    trial_run *run;
    bool pinned;
    struct {
        const char *name;
        const buffer *of;
        unsigned char *bytes; /* as many as the buffer has, at the same alignment modulo 16 */
    } copies[HOST_BUFFERS];
    library_call call;
    smxHostOptions_t options;
    bool without_options;
} host_run;

bool op_has_host_call(smxOp_t op);
const char *op_host_function(smxOp_t op);

void host_prepare(host_run *host, trial_run *run, bool pinned); /* after trial_prepare */
smxStatus_t host_execute(host_run *host);
void host_restore(host_run *host); /* the bytes are as they were before the call */
/* All bytes are what the trial's own call made of them, which has been executed. */
void host_compare(const host_run *host);
void host_require_nothing_written(const host_run *host);
void host_release(host_run *host);

/* Bytes of the elements of x and of what is written per element. */
size_t host_batch_bytes(const trial *t);

#endif
