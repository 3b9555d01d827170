#include "check_sweeps.h"
#include "suites.h"

DEFINE_SWEEPS(softmax_backward, SMX_OP_SOFTMAX_BACKWARD)
DEFINE_SWEEPS(log_softmax_backward, SMX_OP_LOG_SOFTMAX_BACKWARD)

Suite *suite_softmax_backward(void) {
    Suite *suite = suite_create("softmax_backward");
    add_sweeps_softmax_backward(suite);
    add_sweeps_log_softmax_backward(suite);
    return suite;
}
