/* Small examples with published answers, as one would try them by hand. */
#include <string.h>

#include "check_sweeps.h"
#include "suites.h"

static void *on_backend(buffer *b, const void *data, size_t bytes) {
    *b = buffer_make(BUFFER_INPUT_AND_OUTPUT, 0, bytes);
    if (data != NULL) memcpy(b->before + b->first, data, bytes);
    buffer_upload(b);
    return buffer_pointer(b);
}

static void expect_softmax(int64_t cols, const float *x, const float *expected) {
    const smxLayout_t layout = smxRowMajor(SMX_R_32F, 1, cols);
    const size_t bytes = (size_t)cols * sizeof(float);
    buffer in, out;
    const void *from = on_backend(&in, x, bytes);
    void *to = on_backend(&out, NULL, bytes);

    session_count_comparison();
    require_success(smxSoftmaxForward(session_handle(), NULL, &layout, from, &layout, to), "smxSoftmaxForward");
    buffer_download(&out);
    for (int64_t j = 0; j < cols; j++)
        ck_assert_double_eq_tol(load_element(SMX_R_32F, out.after + out.first + (size_t)j * sizeof(float)), (double)expected[j], 5e-5);
    buffer_free(&in);
    buffer_free(&out);
}

static void expect_mean_loss(int64_t rows, int64_t cols, const float *x, const int64_t *labels, double expected, double tolerance) {
    const smxLayout_t layout = smxRowMajor(SMX_R_32F, rows, cols);
    buffer in, indices, loss, dx;
    const void *from = on_backend(&in, x, (size_t)(rows * cols) * sizeof(float));
    const smxTargets_t targets = smxIndexTargets(SMX_R_64I, on_backend(&indices, labels, (size_t)rows * sizeof(int64_t)));
    void *to = on_backend(&loss, NULL, sizeof(float)), *gradient = on_backend(&dx, NULL, (size_t)(rows * cols) * sizeof(float));

    session_count_comparison();
    require_success(smxCrossEntropyForward(session_handle(), NULL, &layout, from, &targets, to, NULL), "smxCrossEntropyForward");
    buffer_download(&loss);
    ck_assert_double_eq_tol(load_element(SMX_R_32F, loss.after + loss.first), expected, tolerance);

    session_count_comparison();
    buffer_upload(&loss);
    require_success(smxCrossEntropyForwardBackward(session_handle(), NULL, &layout, from, &targets, NULL, to, NULL, &layout, gradient),
                    "smxCrossEntropyForwardBackward");
    buffer_download(&loss);
    ck_assert_double_eq_tol(load_element(SMX_R_32F, loss.after + loss.first), expected, tolerance);
    buffer_free(&in);
    buffer_free(&indices);
    buffer_free(&loss);
    buffer_free(&dx);
}

START_TEST(softmax_of_three_scores) {
    const float x[] = {2.0f, 1.0f, 0.1f}, y[] = {0.6590f, 0.2424f, 0.0986f};
    expect_softmax(3, x, y);
}
END_TEST

START_TEST(cross_entropy_of_three_samples) {
    const float x[] = {1.0f, 2.0f, 0.1f, 1.2f, 0.5f, 0.3f, 0.4f, 1.0f, 1.5f};
    const int64_t labels[] = {2, 0, 1};
    expect_mean_loss(3, 3, x, labels, 1.3743, 5e-5);
}
END_TEST

START_TEST(cross_entropy_of_two_samples) {
    const float x[] = {1.2f, 0.5f, -1.0f, 0.3f, 1.8f, -0.5f};
    const int64_t labels[] = {0, 1};
    expect_mean_loss(2, 3, x, labels, 0.3774033, 5e-7);
}
END_TEST

START_TEST(cross_entropy_of_one_sample) {
    const float x[] = {1.2f, -0.5f, 0.8f, 2.1f};
    const int64_t labels[] = {2};
    expect_mean_loss(1, 4, x, labels, 1.8615425, 5e-7);
}
END_TEST

START_TEST(cross_entropy_of_four_classes) {
    const float x[] = {3.2f, 1.3f, 0.2f, 0.8f, 1.2f, 4.1f, 3.8f, 0.1f, 3.3f, 2.5f, 1.9f, 5.9f};
    const int64_t labels[] = {0, 2, 3};
    expect_mean_loss(3, 4, x, labels, 0.4229861, 5e-7);
}
END_TEST

START_TEST(nll_of_four_samples) {
    const float x[] = {-0.5f, -1.0f, -2.0f, -0.1f, -2.0f, -0.9f, -1.5f, -0.2f, -1.3f, -0.3f, -0.8f, -0.5f};
    const int64_t labels[] = {0, 2, 1, 0};
    const smxLayout_t layout = smxRowMajor(SMX_R_32F, 4, 3);
    buffer in, indices, loss, dx;
    const void *from = on_backend(&in, x, sizeof x);
    const smxTargets_t targets = smxIndexTargets(SMX_R_64I, on_backend(&indices, labels, sizeof labels));
    void *to = on_backend(&loss, NULL, sizeof(float)), *gradient = on_backend(&dx, NULL, sizeof x);

    session_count_comparison();
    require_success(smxNllLossForward(session_handle(), NULL, &layout, from, &targets, to), "smxNllLossForward");
    buffer_download(&loss);
    ck_assert_double_eq_tol(load_element(SMX_R_32F, loss.after + loss.first), 0.475, 1e-7);

    session_count_comparison();
    require_success(smxNllLossBackward(session_handle(), NULL, &layout, &targets, NULL, &layout, gradient), "smxNllLossBackward");
    buffer_download(&dx);
    for (int64_t i = 0; i < 12; i++)
        ck_assert_double_eq(load_element(SMX_R_32F, dx.after + dx.first + (size_t)i * sizeof(float)), labels[i / 3] == i % 3 ? -0.25 : 0.0);
    buffer_free(&in);
    buffer_free(&indices);
    buffer_free(&loss);
    buffer_free(&dx);
}
END_TEST

Suite *suite_notebook(void) {
    Suite *suite = suite_create("notebook");
    TCase *tcase = session_case("notebook");

    tcase_add_test(tcase, softmax_of_three_scores);
    tcase_add_test(tcase, cross_entropy_of_three_samples);
    tcase_add_test(tcase, cross_entropy_of_two_samples);
    tcase_add_test(tcase, cross_entropy_of_one_sample);
    tcase_add_test(tcase, cross_entropy_of_four_classes);
    tcase_add_test(tcase, nll_of_four_samples);
    suite_add_tcase(suite, tcase);
    return suite;
}
