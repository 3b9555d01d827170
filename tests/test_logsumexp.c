#include "check_sweeps.h"
#include "suites.h"

DEFINE_SWEEPS(logsumexp, SMX_OP_LOG_SUM_EXP)

Suite *suite_logsumexp(void) {
    Suite *suite = suite_create("logsumexp");
    add_sweeps_logsumexp(suite);
    return suite;
}
