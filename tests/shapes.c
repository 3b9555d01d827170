#include "shapes.h"

#include <stdlib.h>

#include "check_session.h"

const int64_t shapes_row_counts[] = {1, 2, 3, 31, 32, 33};
const size_t shapes_row_count_count = sizeof shapes_row_counts / sizeof shapes_row_counts[0];

const smxDataType_t floating_types[FLOATING_TYPES] = {SMX_R_32F, SMX_R_16BF, SMX_R_16F, SMX_R_64F};

/* Beyond this nothing is bounded by the plan table but the patience of the tests. */
static int64_t most_columns(void) { return session_small() ? 8200 : 70000; }

static void add(column_list *list, int64_t cols) {
    for (size_t i = 0; i < list->count; i++)
        if (list->at[i] == cols) return;
    if (cols < 1) return;
    ck_assert_uint_lt(list->count, sizeof list->at / sizeof list->at[0]);
    list->at[list->count++] = cols;
}

static void add_around(column_list *list, int64_t cols) {
    for (int64_t d = -1; d <= 1; d++)
        if (cols + d <= most_columns()) add(list, cols + d);
}

column_list shapes_short(void) {
    column_list list = {.count = 0};
    for (int64_t cols = 1; cols <= 40; cols++) add(&list, cols);
    return list;
}

column_list shapes_boundaries(void) {
    column_list list = {.count = 0};
    for (int i = 0; i < smx_plan_table_size(); i++) {
        add_around(&list, smx_plan_table_row(i)->min_cols);
        add_around(&list, smx_plan_table_row(i)->max_cols);
    }
    return list;
}

column_list shapes_long(void) {
    static const int64_t full[] = {1000, 1023, 1024, 1025, 4096, 32000, 50257, 128256, 262144};
    static const int64_t small[] = {1000, 1025, 4096, 32000};
    const int64_t *all = session_small() ? small : full;
    const size_t count = session_small() ? sizeof small / sizeof small[0] : sizeof full / sizeof full[0];
    column_list list = {.count = 0};

    for (size_t i = 0; i < count; i++) add(&list, all[i]);
    return list;
}

column_list shapes_of_plan_row(int index) {
    const smx_plan_row *row = smx_plan_table_row(index);
    column_list list = {.count = 0};

    add_around(&list, row->min_cols);
    add_around(&list, row->max_cols);
    for (int64_t cols = 1; cols <= most_columns(); cols = cols * 7 + 3) /* within, at no round number */
        if (cols > row->min_cols && (row->max_cols < 0 || cols < row->max_cols)) add(&list, cols);
    return list;
}

int64_t shapes_rows(int64_t cols) {
    if (cols <= 64) return session_small() ? 9 : 67;
    if (cols <= 2048) return session_small() ? 2 : 5;
    return cols <= 10000 ? 3 : cols <= 100000 ? 2 : 1;
}
