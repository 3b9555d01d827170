/* Small calls of every operation as data that many threads may run at once: nothing in job_run belongs to Check, and what it needs is
 * prepared before. All memory of a call is one block; running a job gives the bytes of that block after the call. */
#ifndef CHECK_JOBS_H
#define CHECK_JOBS_H

#include "internal.h"

enum { JOB_OPERATIONS = SMX_OP_MULTINOMIAL + 1, JOB_TYPES = 4, JOB_SHAPES = 3, JOBS = JOB_OPERATIONS * JOB_TYPES * JOB_SHAPES };

typedef struct job {
    smxOp_t op;
    smxLayout_t layout; /* of all operands */
    smxSoftmaxOptions_t softmax;
    smxCrossEntropyOptions_t loss;
    smxSampleOptions_t sample;
    smxMultinomialOptions_t multinomial;
    size_t x, second, targets, grad_loss, out, losses, lse, indices, numbers, bad; /* offsets in bytes */
    size_t bytes;
    unsigned char *before;
} job;

/* Jobs 0 .. JOBS - 1: each operation on each type and shape; the first shape with the default options alone. One target is bad. */
void job_prepare(job *j, int number);
void job_release(job *j);

/* The call alone, on a block that the caller has filled: memory of the backend. */
smxStatus_t job_call(smxHandle_t handle, const job *j, unsigned char *block);
/* All of it: memory, copies, call, and the count of bad targets; `after` has room for j->bytes. */
smxStatus_t job_run(smxHandle_t handle, const job *j, unsigned char *after);

#endif
