/* Negative log-likelihood of rows. Included once per REAL. */
#include "loss_rows.h"

static void R(nll_row)(const R(loss_rule) * l, int64_t row, int64_t target) {
    const smx_call *call = l->call;
    const REAL weight = R(weight_of)(l, target);
    if (call->op == SMX_OP_NLL_LOSS_FORWARD) {
        REAL x;
        R(load)(&call->in, row, target, 1, &x);
        l->losses[row] = weight == 0 ? 0 : -weight * x;
        return;
    }
    R(store_zero_row)(call, row);
    if (l->divisor == 0) return;
    const REAL gradient = -weight * R(upstream)(l, row);
    R(store)(&call->out, row, target, 1, &gradient, false);
}

static void R(nll_rows)(const R(loss_rule) * l, int64_t row, int rows, const int64_t *target, R(row_room) * room) {
    (void)room;
    for (int k = 0; k < rows; k++) R(nll_row)(l, row + k, target[k]);
}

static void R(nll)(const smx_call *call) {
    const R(loss_rule) l = R(loss_rule_of)(call);
    R(loss_rows)(&l, R(nll_rows), NULL);
    R(reduce_losses)(&l);
}
