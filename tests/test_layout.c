/* The helpers that make layouts and targets. */
#include "check_refusal.h"
#include "suites.h"

static void expect_layout(smxLayout_t got, smxDataType_t type, int64_t outer, int64_t cols, int64_t inner, int64_t outer_stride,
                          int64_t col_stride) {
    session_count_comparison();
    ck_assert_int_eq(got.type, type);
    ck_assert_int_eq(got.outer, outer);
    ck_assert_int_eq(got.cols, cols);
    ck_assert_int_eq(got.inner, inner);
    ck_assert_int_eq(got.outerStride, outer_stride);
    ck_assert_int_eq(got.colStride, col_stride);
}

START_TEST(row_major) {
    expect_layout(smxRowMajor(SMX_R_16F, 3, 7), SMX_R_16F, 3, 7, 1, 7, 1);
    expect_layout(smxRowMajor(SMX_R_64F, 0, 1), SMX_R_64F, 0, 1, 1, 1, 1);
    expect_layout(smxRowMajor(SMX_R_32F, (int64_t)1 << 40, (int64_t)1 << 20), SMX_R_32F, (int64_t)1 << 40, (int64_t)1 << 20, 1,
                  (int64_t)1 << 20, 1);
}
END_TEST

static smxLayout_t along(int ndim, const int64_t *dims, int axis) {
    smxLayout_t layout = smxRowMajor(SMX_R_16F, 77, 77);
    require_success(smxAlongAxis(SMX_R_16BF, ndim, dims, axis, &layout), "smxAlongAxis");
    return layout;
}

START_TEST(along_axis) {
    const int64_t dims[] = {2, 3, 5, 7};

    expect_layout(along(4, dims, 0), SMX_R_16BF, 1, 2, 105, 210, 105);
    expect_layout(along(4, dims, 1), SMX_R_16BF, 2, 3, 35, 105, 35);
    expect_layout(along(4, dims, 2), SMX_R_16BF, 6, 5, 7, 35, 7);
    expect_layout(along(4, dims, 3), SMX_R_16BF, 30, 7, 1, 7, 1);
    for (int axis = 0; axis < 4; axis++) {
        const smxLayout_t counted = along(4, dims, axis);
        expect_layout(along(4, dims, axis - 4), SMX_R_16BF, counted.outer, counted.cols, counted.inner, counted.outerStride,
                      counted.colStride);
    }
    expect_layout(along(1, dims, 0), SMX_R_16BF, 1, 2, 1, 2, 1);
    expect_layout(along(1, dims, -1), SMX_R_16BF, 1, 2, 1, 2, 1);
}
END_TEST

/* Element (a, b, c, d) of the tensor is element j of row (o, i) for the right j, o and i, whatever the axis. */
START_TEST(along_axis_finds_every_element) {
    const int64_t dims[] = {2, 3, 4, 5};

    for (int axis = 0; axis < 4; axis++) {
        const smxLayout_t l = along(4, dims, axis);
        unsigned char seen[2 * 3 * 4 * 5] = {0};
        session_count_comparison();
        for (int64_t o = 0; o < l.outer; o++)
            for (int64_t j = 0; j < l.cols; j++)
                for (int64_t i = 0; i < l.inner; i++) {
                    const int64_t place = o * l.outerStride + j * l.colStride + i;
                    ck_assert(place >= 0 && place < (int64_t)sizeof seen && seen[place] == 0);
                    seen[place] = 1;
                    int64_t below = 1; /* the coordinate along the axis, from the place in a dense tensor */
                    for (int d = 3; d > axis; d--) below *= dims[d];
                    ck_assert_int_eq(place / below % dims[axis], j);
                }
        for (size_t i = 0; i < sizeof seen; i++) ck_assert_int_eq(seen[i], 1);
    }
}
END_TEST

START_TEST(along_axis_of_nothing) {
    const int64_t dims[] = {4, 0, 6};
    expect_layout(along(3, dims, 0), SMX_R_16BF, 1, 4, 0, 0, 1); /* a stride that layouts may have */
    expect_layout(along(3, dims, 1), SMX_R_16BF, 4, 0, 6, 0, 6);
    expect_layout(along(3, dims, 2), SMX_R_16BF, 0, 6, 1, 6, 1);
}
END_TEST

START_TEST(along_axis_refuses) {
    const int64_t dims[] = {2, 3, 5}, negative[] = {2, -3, 5}, large[] = {(int64_t)1 << 32, 3, (int64_t)1 << 31};
    smxLayout_t layout = smxRowMajor(SMX_R_32F, 1, 1), before = layout;
    const smxStatus_t invalid = SMX_STATUS_INVALID_VALUE;

    expect_message(smxAlongAxis(SMX_R_32F, 3, dims, 0, NULL), invalid, "smxAlongAxis", "layout", "NULL", NULL);
    expect_message(smxAlongAxis(SMX_R_32F, 3, NULL, 0, &layout), invalid, "smxAlongAxis", "dims", "NULL", NULL);
    expect_message(smxAlongAxis(SMX_R_32F, 0, dims, 0, &layout), invalid, "smxAlongAxis", "ndim", "0", NULL);
    expect_message(smxAlongAxis(SMX_R_32F, -2, dims, 0, &layout), invalid, "smxAlongAxis", "ndim", "-2", NULL);
    expect_message(smxAlongAxis(SMX_R_32F, 3, dims, 3, &layout), invalid, "smxAlongAxis", "axis", "3", NULL);
    expect_message(smxAlongAxis(SMX_R_32F, 3, dims, -4, &layout), invalid, "smxAlongAxis", "axis", "-4", "3", NULL);
    expect_message(smxAlongAxis(SMX_R_32F, 3, negative, 0, &layout), invalid, "smxAlongAxis", "dims", "1", "-3", NULL);
    expect_message(smxAlongAxis(SMX_R_32F, 3, large, 0, &layout), invalid, "smxAlongAxis", NULL);
    expect_layout(layout, before.type, before.outer, before.cols, before.inner, before.outerStride, before.colStride);
}
END_TEST

START_TEST(targets) {
    int32_t indices[4] = {0};
    smxLayout_t layout = smxRowMajor(SMX_R_16F, 3, 7);
    layout.outerStride = 9;

    session_count_comparison();
    const smxTargets_t index = smxIndexTargets(SMX_R_32I, indices);
    ck_assert_int_eq(index.type, SMX_R_32I);
    ck_assert_ptr_eq(index.data, indices);
    const smxTargets_t probability = smxProbabilityTargets(&layout, indices);
    ck_assert_int_eq(probability.type, SMX_R_16F);
    ck_assert_ptr_eq(probability.data, indices);
    ck_assert_int_eq(probability.outerStride, 9);
    ck_assert_int_eq(probability.colStride, 1);
}
END_TEST

Suite *suite_layout(void) {
    Suite *suite = suite_create("layout");
    TCase *tcase = session_case("layout");

    tcase_add_test(tcase, row_major);
    tcase_add_test(tcase, along_axis);
    tcase_add_test(tcase, along_axis_finds_every_element);
    tcase_add_test(tcase, along_axis_of_nothing);
    tcase_add_test(tcase, along_axis_refuses);
    tcase_add_test(tcase, targets);
    suite_add_tcase(suite, tcase);
    return suite;
}
