/* A trial: one call of the library on data described by a few fields, compared with the oracle.
 *
 *     trial t = trial_of(SMX_OP_SOFTMAX_FORWARD, SMX_R_16F, 3, 1000);   // dense, aligned, ordinary logits
 *     t.scale = 0.5f;
 *     check_trial(&t);
 *
 * Compared are all elements and all numbers per row that the operation writes; unchanged must be whatever it only reads, the
 * guards around every output and the padding between rows. */
#ifndef CHECK_TRIAL_H
#define CHECK_TRIAL_H

#include "accuracy.h"
#include "check_call.h"
#include "check_session.h"
#include "check_tensor.h"
#include "check_values.h"

typedef enum placement { OUT_OF_PLACE, OVER_X, OVER_DY, OVER_TARGETS } placement; /* targets: probabilities */

typedef struct operand {
    smxLayout_t layout;
    int64_t offset; /* elements from a 256-byte boundary to the first one */
} operand;

typedef struct trial {
    smxOp_t op;
    operand x, dy, out; /* x is y of the softmax backward calls; dy only there */
    placement placement;
    values values;
    uint64_t seed;
    bool without_options;
    float scale; /* logitScale of a loss */
    smxEmptyRow_t empty_row;
    smxAlgorithm_t algorithm;
    int plan_row; /* pinned row of the plan table, or -1 */

    /* losses */
    smxDataType_t target_type;
    targets_kind targets;
    probabilities_kind probabilities; /* instead of index targets */
    operand aimed;                    /* where the probabilities lie */
    int64_t ignore_index;
    float smoothing, z_loss, softcap; /* not for nll, which has no scale either: trials of it run without */
    bool with_weights, with_divisor;  /* class weights; deviceDivisor */
    float divisor;
    smxReduction_t reduction;
    smxEmptyMean_t empty_mean;
    bool with_loss, with_lse, with_grad_loss; /* which of the optional pointers are passed; lse: also the given one of a backward call */
    int64_t vector_offset;                    /* elements from a 256-byte boundary: whatever is not a matrix */
} trial;

trial trial_of(smxOp_t op, smxDataType_t type, int64_t rows, int64_t cols);
void trial_set_types(trial *t, smxDataType_t x, smxDataType_t dy, smxDataType_t out);
void trial_set_padding(trial *t, int64_t x, int64_t dy, int64_t out); /* elements after every row */
void trial_set_offsets(trial *t, int64_t x, int64_t dy, int64_t out);
/* The same layout, but for the type, of x, dy, the output and target probabilities. */
void trial_set_layout(trial *t, const smxLayout_t *layout);

/* The call must succeed and agree with the oracle. */
void check_trial(const trial *t);
/* The call must give this status and write nothing; the last message is left for the caller to look at. */
void check_refused_trial(const trial *t, smxStatus_t status);
/* Either of the two, with NOT_SUPPORTED; true: it was supported. */
bool check_trial_if_supported(const trial *t);

/* ---- the steps of a trial, for tests that need them one by one ---- */

typedef struct trial_run {
    trial spec;
    int64_t rows, cols;
    smxDataType_t loss_type;
    tensor x, dy, separate_out, loss, lse, grad_loss;
    tensor *out; /* separate_out, or x or dy in place */
    buffer targets;
    int64_t *target_values; /* NULL where the targets are probabilities */
    tensor aimed, weights, divisor;
    double *class_weights; /* as stored in weights */
    library_call call;
    library_call good; /* check_refusal.h: to go back to */
} trial_run;

void trial_prepare(trial_run *run, const trial *t);
smxStatus_t trial_execute(trial_run *run); /* call, wait, read back */
void trial_compare(trial_run *run);
void trial_require_nothing_written(trial_run *run);
void trial_release(trial_run *run);

enum { TRIAL_BUFFERS = 10 };
/* All memory of a trial; what it does not have has no `before`. The same order for every trial. */
void trial_buffers(trial_run *run, buffer *list[TRIAL_BUFFERS]);

/* ---- what a loss takes beside x (check_loss_data.c) ---- */

void prepare_targets(trial_run *run);                        /* before x: rows without a valid target must not be looked at */
void prepare_loss_operands(trial_run *run, double *scratch); /* after x; scratch: a row */
oracle_options trial_oracle_options(const trial_run *run);
oracle_target trial_target(const trial_run *run, int64_t row, double *scratch); /* scratch receives the probabilities */
double trial_divisor(const trial_run *run);
/* What a row's gradient is multiplied with before it is divided. */
double trial_upstream(const trial_run *run, int64_t row);

/* ---- for the comparisons ---- */

/* Fails with everything that is known about the trial. */
_Noreturn void fail_trial(const trial_run *run, const char *format, ...) __attribute__((format(printf, 2, 3)));
void expect_number(const trial_run *run, const char *what, int64_t row, int64_t col, accuracy a, double expected, double got, double bound);
void compare_losses(const trial_run *run);           /* check_loss.c: loss and lse */
void compare_loss_gradient(const trial_run *run);    /* check_loss.c */
void compare_bad_target_count(const trial_run *run); /* check_loss.c */

#endif
