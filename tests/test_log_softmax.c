#include "check_sweeps.h"
#include "suites.h"

DEFINE_SWEEPS(log_softmax, SMX_OP_LOG_SOFTMAX_FORWARD)

Suite *suite_log_softmax(void) {
    Suite *suite = suite_create("log_softmax");
    add_sweeps_log_softmax(suite);
    return suite;
}
