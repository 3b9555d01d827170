#include "check_choice_sweeps.h"

#include "check_layouts.h"

/* ---- options ---- */

/* Fewer choices, for slow builds. */
static bool is_slow(void) { return session_small() || session_emulated(); }

static void vary_top_k(choice *c, uint64_t number) {
    static const float scales[] = {1.0f, 0.7f, 1.0f, 3.0f};
    const int64_t cols = c->layout.cols, counts[] = {1, 2, 5, 50, cols / 2 + 1, cols, 300};
    int64_t k = counts[number % 7];

    k = k > 5000 ? 5000 : k;
    c->per_row = k < 1 ? 1 : k > cols ? cols : k;
    c->scale = scales[number % 4];
    c->empty_row = number % 3 == 0 ? SMX_EMPTY_ROW_ZERO : SMX_EMPTY_ROW_NAN;
}

static void vary_random(choice *c, uint64_t number) {
    c->seed = number * 0x9e3779b97f4a7c15u;
    c->offset_of_bits = number % 3 == 0 ? 0xfffffffeu : number * 0x100000001u;
    c->given = (unsigned)((number / 2 * 7) % 32);
    c->index_type = number % 2 == 0 ? SMX_R_32I : SMX_R_64I;
}

static void vary_sample(choice *c, uint64_t number) {
    static const float temperatures[] = {1.0f, 0.7f, 1.0f, 2.0f, 0.3f, 0.0f, 1.3f};
    static const float top_ps[] = {1.0f, 0.9f, 0.5f, 1.0f, 0.99f, 0.05f};
    static const float min_ps[] = {0.0f, 0.1f, 0.0f, 0.5f, 0.001f};
    const int64_t cols = c->layout.cols, top_ks[] = {0, 5, 1, cols - 1, 50, cols + 3, cols / 3, 2};

    vary_random(c, number);
    c->temperature = temperatures[number % 7];
    c->top_k = top_ks[number % 8] < 0 ? 0 : top_ks[number % 8];
    c->top_p = top_ps[number % 6];
    c->min_p = min_ps[number % 5];
    c->without_log_probabilities = number % 11 == 10;
}

static void vary_multinomial(choice *c, uint64_t number) {
    static const float temperatures[] = {1.0f, 0.6f, 1.7f};
    const int64_t cols = c->layout.cols, counts[] = {1, 3, 7, 20, 64};

    vary_random(c, number);
    c->without_replacement = number % 2 == 1;
    c->per_row = counts[number % 5];
    if (c->without_replacement && c->per_row > cols) c->per_row = cols;
    c->from_probabilities = c->fill == fill_weights_of_row;
    c->temperature = c->from_probabilities ? 1.0f : temperatures[number % 3];
    if (cols > 1000 && c->per_row > 3) c->per_row = 3;
}

void choice_vary(choice *c, uint64_t number) {
    c->data_seed = number;
    c->index_type = number % 2 == 0 ? SMX_R_32I : SMX_R_64I;
    switch (c->op) {
    case SMX_OP_TOP_K: vary_top_k(c, number); break;
    case SMX_OP_SAMPLE: vary_sample(c, number); break;
    case SMX_OP_MULTINOMIAL: vary_multinomial(c, number); break;
    default: break;
    }
}

/* With these options; a multinomial also from probabilities, in turns. */
static void check_varied(choice c, uint64_t number) {
    if (c.op == SMX_OP_MULTINOMIAL && c.fill == fill_values && c.values == VALUES_NORMAL && number % 4 >= 2) c.fill = fill_weights_of_row;
    choice_vary(&c, number);
    check_choice(&c);
}

/* ---- lists ---- */

void choose_from_short_rows(smxOp_t op, smxDataType_t type) {
    const column_list columns = shapes_short();

    for (size_t i = 0; i < columns.count; i++)
        for (size_t k = 0; k < shapes_row_count_count; k++) {
            if (is_slow() && (i + k) % 5 != 0) continue;
            choice c = choice_of(op, type, shapes_row_counts[k], columns.at[i]);
            if (k % 2 == 1) c.fill = fill_ties;
            check_varied(c, i * 10 + k + (uint64_t)type);
        }
}

void choose_from_boundaries(smxOp_t op, smxDataType_t type) {
    const column_list columns = shapes_boundaries();
    const size_t step = is_slow() ? 3 : 1;

    for (size_t i = (size_t)type % step; i < columns.count; i += step)
        check_varied(choice_of(op, type, shapes_rows(columns.at[i]), columns.at[i]), i);
}

void choose_from_long_rows(smxOp_t op, smxDataType_t type) {
    const column_list columns = shapes_long();

    for (size_t i = 0; i < columns.count; i++) {
        if (session_emulated() && columns.at[i] > (type == SMX_R_32F && !session_small() ? 140000 : 5000)) continue;
        if (type == SMX_R_16F && columns.at[i] > 200000) continue;
        check_varied(choice_of(op, type, shapes_rows(columns.at[i]), columns.at[i]), i + 2 * (uint64_t)type);
    }
}

void choose_from_many_rows(smxOp_t op, smxDataType_t type) {
    static const int64_t columns[] = {1, 3, 17, 64, 130, 700};

    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
        if (is_slow() && columns[i] > 130) continue;
        for (size_t k = 0; k < (is_slow() ? 1u : 2u); k++) {
            choice c = choice_of(op, type, is_slow() ? 101 : 300 + (int64_t)i, columns[i]);
            if (k == 1) c.fill = fill_ties;
            check_varied(c, i + 10 * k);
        }
    }
    for (uint64_t i = 0; i < 4; i++) check_varied(choice_of(op, type, 0, 5), i);
}

void choose_from_values(smxOp_t op, smxDataType_t type) {
    static const int64_t columns[] = {1, 2, 7, 33, 1000, 5003};

    for (int kind = VALUES_NORMAL; kind < VALUES_COUNT; kind++)
        for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
            if (is_slow() && columns[i] > 1000) continue;
            for (uint64_t k = 0; k < (columns[i] > 100 || is_slow() ? 1u : 4u); k++) {
                choice c = choice_of(op, type, kind == VALUES_HARD ? hard_row_count() + 3 : 5, columns[i]);
                c.values = (values)kind;
                check_varied(c, i + 5 * k + (uint64_t)kind);
            }
        }
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++)
        for (uint64_t k = 0; k < (is_slow() ? 2u : 6u); k++) {
            choice c = choice_of(op, type, 9, columns[i]);
            if (is_slow() && columns[i] > 1000) continue;
            c.fill = fill_ties;
            check_varied(c, i + 5 * k);
        }
}

void choose_from_layouts(smxOp_t op, smxDataType_t type) {
    static const int64_t shapes[][3] = {{3, 7, 5}, {1, 40, 33}, {4, 130, 3}, {2, 1100, 2}, {1, 5000, 2}, {70, 3, 1}, {1, 1, 9}};

    for (int how = ARRANGED_DENSE; how < ARRANGEMENTS; how++)
        for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
            for (uint64_t k = 0; k < 3; k++) {
                choice c = choice_of(op, type, 1, 1);
                if (is_slow() && (shapes[i][1] > 1000 ? k > 0 : (i + k + (uint64_t)type) % 2 != 0)) continue;
                c.layout = layout_arranged((arrangement)how, type, shapes[i][0], shapes[i][1], shapes[i][2]);
                c.offset = (int64_t)(k * 3 + i % 2);
                if (k == 2) c.values = VALUES_HARD;
                check_varied(c, i + 7 * k + (uint64_t)how);
            }
}

void choose_from_offsets(smxOp_t op, smxDataType_t type) {
    static const int64_t columns[] = {5, 32, 100, 257, 1025, 3001};

    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
        if (session_small() && columns[i] > 1025) continue;
        for (int64_t offset = 0; offset < 8; offset++) {
            choice c = choice_of(op, type, columns[i] > 1000 ? 2 : 5, columns[i]);
            if (is_slow() && columns[i] > 1000 && offset % 3 != 1) continue;
            c.offset = offset;
            c.vector_offset = (offset * 5) % 7;
            c.layout.outerStride += (offset * 3) % 5;
            check_varied(c, i * 8 + (uint64_t)offset);
        }
    }
}
