#include "check_refusal.h"

#include <stdarg.h>
#include <string.h>

static void require_words(const char *call, const char *message, va_list words) {
    ck_assert_msg(strstr(message, call) != NULL, "no '%s' in the message '%s'", call, message);
    for (const char *word = va_arg(words, const char *); word != NULL; word = va_arg(words, const char *))
        ck_assert_msg(strstr(message, word) != NULL, "no '%s' in the message '%s'", word, message);
}

static void require_status(const char *call, smxStatus_t got, smxStatus_t expected) {
    ck_assert_msg(got == expected, "%s: status %d (%s) instead of %d (%s); last message: %s", call, (int)got, smxGetStatusString(got),
                  (int)expected, smxGetStatusString(expected), smxGetLastErrorMessage());
}

void expect_message(smxStatus_t got, smxStatus_t expected, const char *call, ...) {
    va_list words;

    session_count_comparison();
    require_status(call, got, expected);
    va_start(words, call);
    require_words(call, smxGetLastErrorMessage(), words);
    va_end(words);
}

void refusal_prepare(trial_run *run, smxOp_t op) {
    trial t = trial_of(op, SMX_R_32F, 5, 21);

    trial_set_padding(&t, 2, 3, 4);
    t.with_grad_loss = true;
    t.reduction = SMX_REDUCTION_NONE;
    trial_prepare(run, &t);
    run->good = run->call;
}

void expect_refused(trial_run *run, smxStatus_t status, ...) {
    const char *name = op_function(run->spec.op);
    va_list words;

    session_count_comparison();
    require_status(name, trial_execute(run), status);
    va_start(words, status);
    require_words(name, smxGetLastErrorMessage(), words);
    va_end(words);
    trial_require_nothing_written(run);
    run->call = run->good;
}

void refusal_release(trial_run *run) {
    require_status(op_function(run->spec.op), trial_execute(run), SMX_STATUS_SUCCESS);
    trial_compare(run);
    trial_release(run);
}
