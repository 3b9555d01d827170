#include "check_plan.h"

static bool is_strided(const trial *t) {
    return (op_reads_elements(t->op) && smx_is_strided(&t->x.layout)) || (op_takes_gradient(t->op) && smx_is_strided(&t->dy.layout)) ||
           (op_writes_elements(t->op) && t->placement == OUT_OF_PLACE && smx_is_strided(&t->out.layout)) ||
           (op_writes_elements(t->op) && t->placement == OVER_X && smx_is_strided(&t->x.layout)) ||
           (t->probabilities != PROBABILITIES_NONE && smx_is_strided(&t->aimed.layout));
}

bool plan_row_accepts(const smx_plan_row *row, const trial *t) {
    static char something;
    const bool general = !op_is_nll(t->op);
    const smx_call call = {.op = t->op,
                           .handle = session_handle(),
                           .rows = layout_rows(&t->x.layout),
                           .cols = t->x.layout.cols,
                           .in = {.layout = t->x.layout},
                           .second = {.name = general && t->probabilities != PROBABILITIES_NONE ? "targets" : NULL},
                           .strided = is_strided(t),
                           .label_smoothing = general ? t->smoothing : 0.0f,
                           .softcap = general ? t->softcap : 0.0f,
                           .z_loss = general ? t->z_loss : 0.0f,
                           .lse = t->with_lse ? &something : NULL};
    return smx_plan_accepts(row, &call);
}

void check_pinned(const trial *t) {
    if (plan_row_accepts(smx_plan_table_row(t->plan_row), t)) {
        check_trial(t);
        return;
    }
    trial refused = *t;
    refused.x.layout.outer = refused.dy.layout.outer = refused.out.layout.outer = 1;
    check_refused_trial(&refused, SMX_STATUS_NOT_SUPPORTED);
}
