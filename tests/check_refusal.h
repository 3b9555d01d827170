/* Calls that must fail: the status, the message, and that nothing was written. */
#ifndef CHECK_REFUSAL_H
#define CHECK_REFUSAL_H

#include "check_trial.h"

/* The message has to contain the name of the call and every word; the list ends with NULL. */
void expect_message(smxStatus_t got, smxStatus_t expected, const char *call, ...) __attribute__((sentinel));

/* A good call to be spoilt by the tests: `run.call` can be changed at will. */
void refusal_prepare(trial_run *run, smxOp_t op);
/* Makes the spoilt call and restores `run->call` to the good one. */
void expect_refused(trial_run *run, smxStatus_t status, ...) __attribute__((sentinel));
/* The good call still works: neither the handle nor the data were damaged. */
void refusal_release(trial_run *run);

#endif
