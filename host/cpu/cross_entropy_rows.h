/* Cross-entropy of rows: losses and gradients. Included once per REAL. */
#include "loss_terms.h"

static inline void R(yield)(const R(loss_rule) * l, int64_t row, REAL loss, REAL lse) {
    const smx_call *call = l->call;
    if (l->losses != NULL) l->losses[row] = loss;
    if (call->lse != NULL && call->op != SMX_OP_CROSS_ENTROPY_BACKWARD) ((REAL *)call->lse)[row] = lse;
}

static inline double R(z_term)(const smx_call *call, REAL lse) {
    return call->z_loss == 0 ? 0 : (double)call->z_loss * (double)lse * (double)lse; /* the square may be infinite */
}

/* What the gradient takes from a row: dl/du_j = p_j * share - a_j */
static inline REAL R(share_of_probabilities)(const smx_call *call, double weight, REAL lse) {
    return (REAL)(weight + 2.0 * (double)call->z_loss * (double)lse);
}

/* ---- index targets, and nothing that involves the other elements: a is 0 but for the target ---- */

/* g * (p * share - [j = target] * a) */
static inline void R(store_gradient)(const smx_call *call, int64_t row, int64_t first, int n, REAL *p, REAL g, REAL share, int64_t target,
                                     REAL a) {
    const int64_t at = target - first;
    const REAL p_target = at >= 0 && at < n ? p[at] : 0, factor = g * share;
    for (int j = 0; j < n; j++) p[j] *= factor;
    if (at >= 0 && at < n) p[at] = g * (p_target * share - a);
    R(store)(&call->out, row, first, n, p);
}

static void R(plain_row)(const R(loss_rule) * l, int64_t row, int64_t target) {
    const smx_call *call = l->call;
    const REAL scale = (REAL)call->scale, a = R(weight_of)(l, target);
    REAL x[SMX_CPU_BLOCK], x_target;
    R(load)(&call->in, row, target, 1, &x_target); /* before the gradient may overwrite it */
    const R(distribution) d = R(distribution_of)(R(state_of_row)(call, row, x), scale);
    const REAL share = R(share_of_probabilities)(call, (double)a, d.lse);
    const REAL distance = a == 0 ? 0 : scale * (d.reference - x_target);
    R(yield)(l, row, a * (d.ln_sum + distance) + (REAL)R(z_term)(call, d.lse), d.lse);
    if (call->out.data == NULL) return;
    if (l->divisor == 0) {
        R(store_zero_row)(call, row);
        return;
    }
    const REAL g = R(upstream)(l, row) * scale;
    FOR_EACH_BLOCK(call->cols) {
        R(load_again)(call, row, first, BLOCK_SIZE, x);
        R(probabilities)(x, BLOCK_SIZE, &d, R(factor)(scale));
        R(store_gradient)(call, row, first, BLOCK_SIZE, x, g, share, target, a);
    }
}

static void R(gradient_from_lse_row)(const R(loss_rule) * l, int64_t row, int64_t target) {
    const smx_call *call = l->call;
    REAL x[SMX_CPU_BLOCK];
    const REAL given = ((const REAL *)call->lse)[row], a = R(weight_of)(l, target);
    const REAL lse = isfinite(given) ? given : (REAL)NAN; /* such a row has no distribution */
    const REAL scale = (REAL)call->scale, g = R(upstream)(l, row) * scale;
    const REAL share = R(share_of_probabilities)(call, (double)a, lse);
    if (l->divisor == 0) {
        R(store_zero_row)(call, row);
        return;
    }
    FOR_EACH_BLOCK(call->cols) {
        R(load)(&call->in, row, first, BLOCK_SIZE, x);
        for (int j = 0; j < BLOCK_SIZE; j++) x[j] = R(exponential)(scale * x[j], lse, R(factor)(1));
        R(store_gradient)(call, row, first, BLOCK_SIZE, x, g, share, target, a);
    }
}

/* ---- all options ---- */

/* The distribution of the row relative to a given logsumexp, which may be of more columns than these. */
static inline void R(rescale_to_lse)(R(distribution) * d, REAL lse, REAL scale) {
    d->normalizer = isfinite(lse) ? R(exponential)(scale * d->reference, lse, R(factor)(1)) : (REAL)NAN;
    d->lse = lse;
}

static void R(general_row)(const R(loss_rule) * l, int64_t row, int64_t target) {
    const smx_call *call = l->call;
    const REAL scale = R(scale_of_logits)(call);
    REAL u[SMX_CPU_BLOCK], a[SMX_CPU_BLOCK], u_target = 0, a_target = 0;
    if (target >= 0) {
        R(load)(&call->in, row, target, 1, &u_target); /* before the gradient may overwrite it */
        R(cap)(call, &u_target, 1);
        a_target = R(kept_share)(call) * R(weight_of)(l, target);
    }
    const R(loss_sums) sums = R(sums_of_row)(l, row, u, a);
    R(distribution) d = R(distribution_of)(sums.state, scale);
    const double weight = sums.weight + (double)a_target;
    const double distance = sums.distance + (double)R(distance)(a_target, u_target, d.reference);
    const double loss = weight * (double)d.ln_sum + (double)scale * distance + R(z_term)(call, d.lse);
    R(yield)(l, row, (REAL)loss, d.lse);
    if (call->out.data == NULL) return;
    if (l->divisor == 0) {
        R(store_zero_row)(call, row);
        return;
    }
    if (call->op == SMX_OP_CROSS_ENTROPY_BACKWARD && call->lse != NULL) R(rescale_to_lse)(&d, ((const REAL *)call->lse)[row], scale);
    const REAL g = R(upstream)(l, row), share = R(share_of_probabilities)(call, weight, d.lse), factor = R(factor)(scale);
    FOR_EACH_BLOCK(call->cols) {
        if (call->cols > SMX_CPU_BLOCK) {
            R(load)(&call->in, row, first, BLOCK_SIZE, u);
            R(cap)(call, u, BLOCK_SIZE);
            R(load_terms)(l, row, first, BLOCK_SIZE, a);
        }
        if (target >= first && target < first + BLOCK_SIZE) a[target - first] += a_target;
        for (int j = 0; j < BLOCK_SIZE; j++) {
            const REAL p = R(exponential)(u[j], d.reference, factor) * d.normalizer;
            a[j] = g * R(slope)(call, u[j]) * (p * share - a[j]);
        }
        R(store)(&call->out, row, first, BLOCK_SIZE, a);
    }
}

static void R(cross_entropy)(const smx_call *call) {
    const R(loss_rule) l = R(loss_rule_of)(call);
    const bool from_lse = call->op == SMX_OP_CROSS_ENTROPY_BACKWARD && call->lse != NULL;
    R(loss_rows)(&l, smx_is_general_loss(call) ? R(general_row) : from_lse ? R(gradient_from_lse_row) : R(plain_row));
    R(reduce_losses)(&l);
}
