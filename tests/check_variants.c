#include "check_variants.h"

#include "check_layouts.h"

enum { ROWS = 12, COLS = 70 };

typedef struct ways {
    trial *list;
    size_t count;
} ways;

static void add(ways *w, trial t, bool apart) {
    static const int64_t dims[] = {3, COLS, 4};
    const smxLayout_t layout = layout_along(SMX_R_32F, 3, dims, 1);

    if (apart) trial_set_layout(&t, &layout);
    ck_assert_uint_lt(w->count, MAX_VARIANTS);
    w->list[w->count++] = t;
}

static void add_reductions(ways *w, trial t, bool apart) {
    static const smxReduction_t reductions[] = {SMX_REDUCTION_MEAN, SMX_REDUCTION_SUM, SMX_REDUCTION_NONE};

    for (size_t i = 0; i < sizeof reductions / sizeof reductions[0]; i++) {
        t.reduction = reductions[i];
        t.with_divisor = false;
        add(w, t, apart);
        t.with_divisor = true;
        if (t.reduction == SMX_REDUCTION_MEAN) add(w, t, apart);
    }
}

size_t variants_of_calls(trial list[MAX_VARIANTS]) {
    ways w = {list, 0};

    for (int op = 0; op < OPERATIONS; op++)
        for (int apart = 0; apart < 2; apart++) {
            trial t = trial_of((smxOp_t)op, SMX_R_32F, ROWS, COLS);
            if (!op_is_loss(t.op)) {
                add(&w, t, apart);
                continue;
            }
            t.with_grad_loss = true;
            t.divisor = 7.0f;
            add_reductions(&w, t, apart);
            t.probabilities = PROBABILITIES_SOFT;
            if (!op_is_nll(t.op)) add_reductions(&w, t, apart);
        }
    return w.count;
}
