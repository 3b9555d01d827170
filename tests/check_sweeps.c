#include "check_sweeps.h"

void sweep_short_rows(smxOp_t op, smxDataType_t type) {
    const column_list columns = shapes_short();

    for (size_t i = 0; i < columns.count; i++) {
        for (size_t k = 0; k < shapes_row_count_count; k++) {
            if (session_small() && (i + k) % 5 != 0) continue;
            trial t = trial_of(op, type, shapes_row_counts[k], columns.at[i]);
            t.seed = i * 10 + k;
            check_trial(&t);
        }
    }
}

void sweep_boundaries(smxOp_t op, smxDataType_t type) {
    const column_list columns = shapes_boundaries();

    for (size_t i = 0; i < columns.count; i++) {
        trial t = trial_of(op, type, shapes_rows(columns.at[i]), columns.at[i]);
        t.seed = i;
        check_trial(&t);
    }
}

void sweep_long_rows(smxOp_t op, smxDataType_t type) {
    const column_list columns = shapes_long();

    for (size_t i = 0; i < columns.count; i++) {
        trial t = trial_of(op, type, shapes_rows(columns.at[i]), columns.at[i]);
        t.seed = i;
        check_trial(&t);
        if (type == SMX_R_32F && columns.at[i] > 4096) { /* many small terms beside a large one: they must not get lost */
            t.x.layout.outer = t.dy.layout.outer = t.out.layout.outer = 1;
            t.values = VALUES_CONFIDENT;
            check_trial(&t);
        }
    }
}

void sweep_many_rows(smxOp_t op, smxDataType_t type) {
    static const int64_t columns[] = {1, 3, 17, 64, 130};

    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
        trial t = trial_of(op, type, session_small() ? 301 : 1000 + (int64_t)i, columns[i]);
        t.seed = i;
        check_trial(&t);
    }
    trial empty = trial_of(op, type, 0, 5);
    check_trial(&empty);
}

void sweep_values(smxOp_t op, smxDataType_t type) {
    static const int64_t columns[] = {2, 7, 33, 1000, 5003};

    for (values kind = VALUES_NORMAL; kind < VALUES_HARD; kind++) {
        for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
            if (session_small() && columns[i] > 1000) continue;
            trial t = trial_of(op, type, kind == VALUES_STEEP ? 20 : 4, columns[i]);
            t.values = kind;
            t.seed = i + 100;
            check_trial(&t);
        }
    }
}

void sweep_scales(smxOp_t op, smxDataType_t type) {
    static const float scales[] = {1e-3f, 0.125f, 0.7f, 1.7f, 10.0f, 300.0f};
    static const values kinds[] = {VALUES_NORMAL, VALUES_LARGE, VALUES_OFFSET, VALUES_MASKED};

    for (size_t i = 0; i < sizeof scales / sizeof scales[0]; i++) {
        for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
            for (int64_t cols = 33; cols < 6000; cols = cols * 12 + 5) {
                if (session_small() && cols > 1000) continue;
                trial t = trial_of(op, type, 3, cols);
                t.scale = scales[i];
                t.values = kinds[k];
                t.seed = i * 10 + k;
                check_trial(&t);
            }
        }
    }
}

void sweep_placements(smxOp_t op, smxDataType_t type) {
    const int64_t columns[] = {1, 5, 32, 100, 1025, 3001, session_small() ? 9001 : 20003};

    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
        for (placement p = OUT_OF_PLACE; p <= OVER_DY; p++) {
            if ((p != OUT_OF_PLACE && !op_writes_elements(op)) || (p == OVER_DY && !op_takes_gradient(op))) continue;
            trial t = trial_of(op, type, columns[i] > 3001 ? 2 : 3, columns[i]);
            t.placement = p;
            t.seed = i;
            trial_set_padding(&t, (int64_t)i % 3, (int64_t)i % 3, (int64_t)i % 3);
            check_trial(&t);
            t.without_options = true;
            check_trial(&t);
        }
    }
}
