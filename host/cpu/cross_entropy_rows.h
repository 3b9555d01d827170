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
    return (REAL)(call->z_loss == 0 ? weight : weight + 2.0 * (double)call->z_loss * (double)lse); /* lse may be infinite */
}

/* ---- index targets, and nothing that involves the other elements: a is 0 but for the target ---- */

/* a * (lse - scale * x_target) */
FORCE_INLINE R(per_row)
    R(plain_losses)(const smx_call *call, const R(per_row) * a, const R(per_row) * x_target, const R(distributions) * d) {
    const REAL scale = (REAL)call->scale;
    R(per_row) loss;
    FOR_EACH_LANE {
        const REAL distance = scale * (d->reference.of[lane] - x_target->of[lane]);
        loss.of[lane] = a->of[lane] * (d->ln_sum.of[lane] + (a->of[lane] == 0 ? 0 : distance));
    }
    return loss;
}

FORCE_INLINE void R(add_z_terms)(const smx_call *call, const R(distributions) * d, R(per_row) * loss) {
    if (call->z_loss != 0) FOR_EACH_LANE loss->of[lane] += (REAL)R(z_term)(call, d->lse.of[lane]);
}

/* g * (p_j * share - [j = target] * a), with p_j = e_j * normalizer */
static inline R(scaling) R(gradient_scaling)(REAL normalizer, REAL p_target, int64_t target, REAL g, REAL share, REAL a) {
    return (R(scaling)){.a = normalizer,
                        .b = R(plain)(g * share),
                        .most = (REAL)INFINITY,
                        .target = target,
                        .at_target = R(plain)(g * (p_target * share - a))};
}

static inline REAL R(target_logit)(const smx_call *call, int64_t row, int64_t target) {
    return R(element)(&call->in, row_offset(&call->in.layout, row) + target * call->in.layout.colStride);
}

/* Of the rows at hand: their targets' logits and weights, and probabilities if there is a gradient. */
typedef struct R(row_targets) {
    R(per_row) x, a, p;
} R(row_targets);

FORCE_INLINE void R(put_loss_gradients)(row_form form, const R(loss_rule) * l, int64_t row, int rows, const int64_t *target,
                                        const R(row_targets) * t, R(row_room) * room) {
    const smx_call *call = l->call;
    const REAL scale = (REAL)call->scale;
    R(per_row) g, share;
    for (int k = 0; k < rows; k++) g.of[k] = R(upstream)(l, row + k) * scale;
    for (int k = 0; k < rows; k++) share.of[k] = R(share_of_probabilities)(call, (double)t->a.of[k], room->d.lse.of[k]);
    for (int k = 0; k < rows; k++) {
        const R(scaling) s = R(gradient_scaling)(room->normalizer.of[k], t->p.of[k], target[k], g.of[k], share.of[k], t->a.of[k]);
        R(put_scaled_exponentials)(form, call, row, k, room, &s);
    }
}

/* ln_sum and reference - x_target say little of the loss of a target that is almost certain, where exponentials are counted from a start.
 */
FORCE_INLINE void R(correct_certain_losses)(const R(row_targets) * t, R(per_row) * loss) {
    FOR_EACH_LANE {
        const REAL own = t->a.of[lane] * -R(log)(t->p.of[lane]);
        loss->of[lane] = t->p.of[lane] > (REAL)0.5 ? own : loss->of[lane];
    }
}

FORCE_INLINE void R(loss_rows_of)(row_form form, const R(loss_rule) * l, int64_t row, int rows, const int64_t *target, R(row_room) * room) {
    const smx_call *call = l->call;
    const bool has_gradient = call->out.data != NULL && l->divisor != 0;
    R(row_targets) t = {{{0}}, {{0}}, {{0}}};
    for (int k = 0; k < rows; k++) t.x.of[k] = R(target_logit)(call, row + k, target[k]); /* before the gradient may overwrite it */
    for (int k = 0; k < rows; k++) t.a.of[k] = R(weight_of)(l, target[k]);
    R(find_distributions)(form, call, row, rows, room, true, has_gradient);
    const R(distributions) *const d = &room->d;
    for (int k = 0; k < rows && has_gradient; k++) t.p.of[k] = R(probability_of)(call, row, k, target[k], t.x.of[k], room);
    R(per_row) loss = R(plain_losses)(call, &t.a, &t.x, d);
    if (FUSES_EXPONENTS && has_gradient) R(correct_certain_losses)(&t, &loss);
    R(add_z_terms)(call, d, &loss);
    for (int k = 0; k < rows; k++) R(yield)(l, row + k, loss.of[k], d->lse.of[k]);
    if (has_gradient)
        R(put_loss_gradients)(form, l, row, rows, target, &t, room);
    else if (call->out.data != NULL)
        for (int k = 0; k < rows; k++) R(store_zero_row)(call, row + k);
}

static void R(plain_loss_rows)(const R(loss_rule) * l, int64_t row, int rows, const int64_t *target, R(row_room) * room) {
    BY_FORM(room->form, R(loss_rows_of), l, row, rows, target, room);
}

/* The forward's logsumexp is at hand; of a row where it is not finite there is no distribution. */
static inline REAL R(given_lse)(const smx_call *call, int64_t row) {
    const REAL given = ((const REAL *)call->lse)[row];
    return isfinite(given) ? given : (REAL)NAN;
}

FORCE_INLINE void R(gradient_from_lse_row_of)(row_form form, const R(loss_rule) * l, int64_t row, int64_t target, R(row_room) * room) {
    const smx_call *call = l->call;
    const REAL lse = R(given_lse)(call, row), a = R(weight_of)(l, target);
    const REAL scale = (REAL)call->scale, factor = R(factor)(1), g = R(upstream)(l, row) * scale;
    const REAL share = R(share_of_probabilities)(call, (double)a, lse);
    if (l->divisor == 0) {
        R(store_zero_row)(call, row);
        return;
    }
    const REAL x_target = R(target_logit)(call, row, target); /* before the gradient may overwrite it */
    const R(scaling) s = R(gradient_scaling)(1, R(exponential)(scale * x_target, lse, factor), target, g, share, a);
    const R(lanes) scales = R(all)(scale), reference = R(all)(lse);
    open_line *const line = room->line;
    FOR_EACH_BLOCK(R(cols_of)(form, call)) {
        const void *const x = R(elements)(form, &call->in, row, first, BLOCK_SIZE, room->kept->block);
        const destination dx = R(results)(form, &call->out, row, first, room->kept->block, line);
        const upcoming next = R(behind_block)(&call->in, row, first, BLOCK_SIZE, false);
        PUT_EACH(form.type, dx, BLOCK_SIZE,
                 (fetch_upcoming(next, i),
                  R(scaled_with_target)(form.type, R(exponentials)(R(product)(scales, R(lanes_at)(form.type, x, i, m)), reference, factor),
                                        s.b, s.most, target - first - i, s.at_target)));
        R(store_results)(form, &call->out, row, first, BLOCK_SIZE, dx, room->kept->block, line != NULL);
    }
}

FORCE_INLINE void R(gradient_from_lse_rows_of)(row_form form, const R(loss_rule) * l, int64_t row, int rows, const int64_t *target,
                                               R(row_room) * room) {
    for (int k = 0; k < rows; k++) R(gradient_from_lse_row_of)(form, l, row + k, target[k], room);
}

static void R(gradient_from_lse_rows)(const R(loss_rule) * l, int64_t row, int rows, const int64_t *target, R(row_room) * room) {
    BY_FORM(room->form, R(gradient_from_lse_rows_of), l, row, rows, target, room);
}

/* ---- all options ---- */

/* The distribution of the row relative to a given logsumexp, which may be of more columns than these. */
static inline void R(rescale_to_lse)(R(distribution) * d, REAL lse, REAL scale) {
    d->normalizer = isfinite(lse) ? R(exponential)(scale * d->reference, lse, R(factor)(1)) : (REAL)NAN;
    d->lse = lse;
}

static void R(general_row)(const R(loss_rule) * l, int64_t row, int64_t target, R(row_room) * room) {
    const smx_call *call = l->call;
    const REAL scale = R(scale_of_logits)(call);
    REAL *const u = room->kept->block, a[SMX_CPU_BLOCK], u_target = 0, a_target = 0;
    if (target >= 0) {
        u_target = R(target_logit)(call, row, target); /* before the gradient may overwrite it */
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
        R(store)(&call->out, row, first, BLOCK_SIZE, a, smx_cpu_streams(call));
    }
}

static void R(general_rows)(const R(loss_rule) * l, int64_t row, int rows, const int64_t *target, R(row_room) * room) {
    for (int k = 0; k < rows; k++) R(general_row)(l, row + k, target[k], room);
}
