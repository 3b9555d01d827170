/* One suite per file test_*.c. */
#ifndef SUITES_H
#define SUITES_H

#include <check.h>

Suite *suite_softmax(void);
Suite *suite_log_softmax(void);
Suite *suite_logsumexp(void);
Suite *suite_softmax_backward(void);
Suite *suite_cross_entropy(void);
Suite *suite_hard_values(void);
Suite *suite_bad_targets(void);
Suite *suite_types(void);
Suite *suite_alignment(void);
Suite *suite_plans(void);
Suite *suite_arguments(void);
Suite *suite_handle(void);
Suite *suite_layout(void);
Suite *suite_batch(void);
Suite *suite_determinism(void);
Suite *suite_notebook(void);
Suite *suite_gradients(void);
Suite *suite_oracle(void);
Suite *suite_axis(void);
Suite *suite_defects(void);
Suite *suite_loss_options(void);
Suite *suite_loss_matrix(void);
Suite *suite_nll(void);
Suite *suite_far_apart(void);
Suite *suite_steady_state(void);
Suite *suite_graphs(void);
Suite *suite_host_batch(void);
Suite *suite_ragged(void);
Suite *suite_memory(void);
Suite *suite_row_paths(void);
Suite *suite_long_rows(void);
Suite *suite_oracle_choice(void);
Suite *suite_argmax(void);
Suite *suite_top_k(void);
Suite *suite_sample(void);
Suite *suite_multinomial(void);
Suite *suite_distributions(void);
Suite *suite_choice_independence(void);
Suite *suite_choice_arguments(void);

#endif
