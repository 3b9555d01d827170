/* Cross-entropy of several rows at once, for index targets without options that involve the other elements; and the choice between that
 * and the functions of single rows. Included once per REAL. */
#include "cross_entropy_rows.h"

typedef struct R(group_targets) {
    int64_t of[LANES]; /* an index, or IGNORED or BAD, which lanes without a row are, too */
    R(per_row) weight, x;
} R(group_targets);

static inline R(group_targets) R(targets_of_group)(const R(loss_rule) * l, const R(row_group) * g, const REAL *x, bad_rows *bad) {
    R(group_targets) t;
    FOR_EACH_LANE {
        const int64_t target = lane < g->count ? R(target_of)(l, g->row + lane, bad) : IGNORED;
        t.of[lane] = target;
        t.weight.of[lane] = target >= 0 ? R(weight_of)(l, target) : 0;
        t.x.of[lane] = target >= 0 ? x[target * LANES + lane] : 0;
    }
    return t;
}

/* From exponentials to gradients; lse: what the options make of the share of the probabilities. */
static inline void R(store_group_gradients)(const R(loss_rule) * l, const R(row_group) * g, REAL *e, const R(group_targets) * t,
                                            const R(per_row) * normalizer, const R(per_row) * lse) {
    const smx_call *call = l->call;
    R(per_row) factor, at_target;
    FOR_EACH_LANE {
        const int64_t target = t->of[lane];
        factor.of[lane] = at_target.of[lane] = 0;
        if (target < 0 || l->divisor == 0) continue;
        const REAL upstream = R(upstream)(l, g->row + lane) * (REAL)call->scale;
        const REAL share = R(share_of_probabilities)(call, (double)t->weight.of[lane], lse->of[lane]);
        factor.of[lane] = upstream * share;
        at_target.of[lane] = upstream * (e[target * LANES + lane] * normalizer->of[lane] * share - t->weight.of[lane]);
    }
    const R(lanes) all_normalizers = R(get)(normalizer->of), all_factors = R(get)(factor.of);
    for (int c = 0; c < g->cols; c++) R(set)(e + c * LANES, R(product)(R(product)(R(get)(e + c * LANES), all_normalizers), all_factors));
    FOR_EACH_LANE {
        if (t->of[lane] >= 0 && l->divisor != 0) {
            e[t->of[lane] * LANES + lane] = at_target.of[lane];
        } else {
            for (int c = 0; c < g->cols; c++) e[c * LANES + lane] = 0;
        }
    }
    R(store_group)(&call->out, g, e, smx_cpu_streams(call));
}

static void R(loss_group)(const R(loss_rule) * l, const R(row_group) * g, REAL *x, bad_rows *bad) {
    const smx_call *call = l->call;
    R(load_group)(&call->in, g, x);
    const R(group_targets) t = R(targets_of_group)(l, g, x, bad);
    const R(distributions) d =
        R(distributions_of_group)(x, g->cols, (REAL)call->scale, true, R(behind_group)(&call->in, g->row, g->count * g->cols));
    R(per_row) loss = R(plain_losses)(call, &t.weight, &t.x, &d);
    R(add_z_terms)(call, &d, &loss);
    for (int k = 0; k < g->count; k++) {
        const REAL without = t.of[k] == BAD ? (REAL)NAN : 0;
        R(yield)(l, g->row + k, t.of[k] >= 0 ? loss.of[k] : without, t.of[k] >= 0 ? d.lse.of[k] : without);
    }
    if (call->out.data != NULL) R(store_group_gradients)(l, g, x, &t, &d.normalizer, &d.lse);
}

static void R(gradient_from_lse_group)(const R(loss_rule) * l, const R(row_group) * g, REAL *x, bad_rows *bad) {
    const smx_call *call = l->call;
    const REAL scale = (REAL)call->scale, factor = R(factor)(1);
    R(load_group)(&call->in, g, x);
    const R(group_targets) t = R(targets_of_group)(l, g, x, bad);
    R(per_row) lse, one;
    FOR_EACH_LANE {
        lse.of[lane] = t.of[lane] >= 0 ? R(given_lse)(call, g->row + lane) : 0;
        one.of[lane] = 1;
    }
    const R(lanes) scales = R(all)(scale), references = R(get)(lse.of);
    for (int i = 0; i < g->cols * LANES; i += LANES) R(set)(x + i, R(exponentials)(R(product)(scales, R(get)(x + i)), references, factor));
    R(store_group_gradients)(l, g, x, &t, &one, &lse);
}

static void R(cross_entropy)(const smx_call *call) {
    const R(loss_rule) l = R(loss_rule_of)(call);
    const bool from_lse = call->op == SMX_OP_CROSS_ENTROPY_BACKWARD && call->lse != NULL;
    if (smx_is_general_loss(call))
        R(loss_rows)(&l, R(general_rows), NULL);
    else if (from_lse)
        R(loss_rows)(&l, R(gradient_from_lse_rows), R(takes_groups)(call) ? R(gradient_from_lse_group) : NULL);
    else
        R(loss_rows)(&l, R(plain_loss_rows), R(takes_groups)(call) ? R(loss_group) : NULL);
    R(reduce_losses)(&l);
}
