/* The log: environment and callback, what its lines say, and that there is no work for it while nobody listens. */
#define _DEFAULT_SOURCE /* setenv, mkstemp */

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check_jobs.h"
#include "check_session.h"
#include "check_wraps.h"
#include "log.h"
#include "process.h"
#include "ranges.h"

enum { MOST_LINES = 16 };

/* ---- what is listened with ---- */

typedef struct listener {
    int count;
    smxLogLevel_t levels[MOST_LINES];
    char lines[MOST_LINES][2100];
} listener;

static void listen(smxLogLevel_t level, const char *line, void *user) {
    listener *l = user;
    if (l->count >= MOST_LINES) abort();
    l->levels[l->count] = level;
    snprintf(l->lines[l->count++], sizeof l->lines[0], "%s", line);
}

static listener *listen_from(smxLogLevel_t level) {
    listener *l = calloc(1, sizeof *l);
    ck_assert_ptr_nonnull(l);
    require_success(smxSetLogCallback(listen, l, level), "smxSetLogCallback");
    return l;
}

static void expect_line(const listener *l, int number, smxLogLevel_t level, const char *text) {
    session_count_comparison();
    ck_assert_int_gt(l->count, number);
    ck_assert_int_eq(l->levels[number], level);
    ck_assert_str_eq(l->lines[number], text);
}

/* A file that a test may write to, and its content. */
typedef struct place {
    char path[40], text[20000];
} place;

static place place_make(void) {
    place p = {.path = "/tmp/smx_log_XXXXXX"};
    const int made = mkstemp(p.path);
    ck_assert_int_ge(made, 0);
    close(made);
    return p;
}

static void place_read(place *p) {
    FILE *file = fopen(p->path, "r");
    ck_assert_ptr_nonnull(file);
    p->text[fread(p->text, 1, sizeof p->text - 1, file)] = '\0';
    fclose(file);
    unlink(p->path);
}

static int count_of(const char *text, const char *word) {
    int count = 0;
    for (; (text = strstr(text, word)) != NULL; text += strlen(word)) count++;
    return count;
}

static void expect_count(const char *text, const char *word, int expected) {
    session_count_comparison();
    ck_assert_msg(count_of(text, word) == expected, "'%s' is there %d times, not %d, in\n%s", word, count_of(text, word), expected, text);
}

/* ---- calls ---- */

static smxHandle_t create(void) {
    smxHandle_t handle = NULL;
    require_success(smxCreateWithBackend(&handle, session_backend()), "smxCreateWithBackend");
    return handle;
}

static void run(smxHandle_t handle, const job *j) {
    unsigned char *after = malloc(j->bytes);
    ck_assert_ptr_nonnull(after);
    require_success(job_run(handle, j, after), "the job");
    free(after);
}

/* One that the rules of operands refuse. */
static void be_refused(smxHandle_t handle) {
    const smxLayout_t four = smxRowMajor(SMX_R_32F, 1, 4), five = smxRowMajor(SMX_R_32F, 1, 5);
    float x[4], y[5];
    ck_assert_int_eq(smxSoftmaxForward(handle, NULL, &four, x, &five, y), SMX_STATUS_INVALID_VALUE);
}

static void one_call_and_one_failure(void) {
    smxHandle_t handle = create();
    job j;
    job_prepare(&j, SMX_OP_SOFTMAX_FORWARD);
    run(handle, &j);
    be_refused(handle);
    job_release(&j);
    require_success(smxDestroy(handle), "smxDestroy");
}

/* ---- the environment ---- */

static const struct {
    const char *value;
    smxLogLevel_t level;
} spellings[] = {{"off", SMX_LOG_OFF}, {"0", SMX_LOG_OFF},     {"", SMX_LOG_OFF},   {NULL, SMX_LOG_OFF},    {"error", SMX_LOG_ERROR},
                 {"1", SMX_LOG_ERROR}, {"plan", SMX_LOG_PLAN}, {"2", SMX_LOG_PLAN}, {"call", SMX_LOG_CALL}, {"3", SMX_LOG_CALL}};
enum { SPELLINGS = sizeof spellings / sizeof spellings[0] };

START_TEST(levels_of_the_environment) {
    const smxLogLevel_t level = spellings[_i].level;
    place file = place_make();
    unsetenv("SMX_LOG_LEVEL");
    if (spellings[_i].value != NULL) setenv("SMX_LOG_LEVEL", spellings[_i].value, 1);
    setenv("SMX_LOG_FILE", file.path, 1);
    one_call_and_one_failure();
    setenv("SMX_LOG_LEVEL", "call", 1); /* too late */
    one_call_and_one_failure();
    place_read(&file);
    expect_count(file.text, "] error: smxSoftmaxForward: ", level >= SMX_LOG_ERROR ? 2 : 0);
    expect_count(file.text, "] plan: softmax forward, 5 x 33 fp32", level >= SMX_LOG_PLAN ? 2 : 0);
    expect_count(file.text, "] call: smxSoftmaxForward: ", level >= SMX_LOG_CALL ? 4 : 0);
    expect_count(file.text, "\n", level == SMX_LOG_OFF ? 0 : level == SMX_LOG_ERROR ? 2 : level == SMX_LOG_PLAN ? 4 : 8);
}
END_TEST

/* Standard error goes to a file while `work` runs. */
static void with_stderr(place *file, void (*work)(void)) {
    fflush(stderr);
    const int kept = dup(STDERR_FILENO);
    ck_assert_ptr_nonnull(freopen(file->path, "a", stderr));
    work();
    fflush(stderr);
    dup2(kept, STDERR_FILENO);
    close(kept);
    place_read(file);
}

START_TEST(standard_error_otherwise) {
    place file = place_make();
    setenv("SMX_LOG_LEVEL", "plan", 1);
    unsetenv("SMX_LOG_FILE");
    with_stderr(&file, one_call_and_one_failure);
    expect_count(file.text, "\n", 2);
    expect_count(file.text, "] plan: ", 1);
    expect_count(file.text, "] error: ", 1);
}
END_TEST

START_TEST(the_file_may_have_the_process_in_its_name) {
    char pattern[60], written[80];
    place file = place_make();
    snprintf(pattern, sizeof pattern, "%s_%%p_%%p%%", file.path);
    snprintf(written, sizeof written, "%s_%ld_%ld%%", file.path, (long)getpid(), (long)getpid());
    setenv("SMX_LOG_LEVEL", "error", 1);
    setenv("SMX_LOG_FILE", pattern, 1);
    one_call_and_one_failure();
    session_count_comparison();
    ck_assert_int_eq(rename(written, file.path), 0);
    place_read(&file);
    expect_count(file.text, "\n", 1);
}
END_TEST

static void several_calls(void) {
    for (int i = 0; i < 3; i++) one_call_and_one_failure();
}

START_TEST(a_wrong_level_is_reported_once) {
    static const char *const wrong[] = {"verbose", "4", "-1", "11", "Plan", "plan ", " "};
    char report[60];
    place file = place_make();
    setenv("SMX_LOG_LEVEL", wrong[_i], 1);
    snprintf(report, sizeof report, "smx: SMX_LOG_LEVEL is '%s'; allowed are ", wrong[_i]);
    with_stderr(&file, several_calls);
    expect_count(file.text, "\n", 1);
    expect_count(file.text, report, 1);
    expect_count(file.text, "off, error, plan, call or 0, 1, 2, 3", 1);
}
END_TEST

START_TEST(a_wrong_file_is_reported_once) {
    place file = place_make();
    char long_name[6000];
    memset(long_name, 'x', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';
    setenv("SMX_LOG_LEVEL", "error", 1);
    setenv("SMX_LOG_FILE", _i == 0 ? "/nowhere/to be found/%p" : long_name, 1);
    with_stderr(&file, several_calls);
    expect_count(file.text, "\n", 4); /* and three errors, for want of the file */
    expect_count(file.text, "SMX_LOG_FILE is '", 1);
    expect_count(file.text, "the path of a file to append to", 1);
    expect_count(file.text, "] error: ", 3);
}
END_TEST

/* ---- the callback ---- */

START_TEST(levels_of_the_callback) {
    for (int level = SMX_LOG_OFF; level <= SMX_LOG_CALL; level++) {
        listener *l = listen_from((smxLogLevel_t)level);
        one_call_and_one_failure();
        session_count_comparison();
        ck_assert_int_eq(l->count, level == SMX_LOG_OFF ? 0 : level == SMX_LOG_ERROR ? 1 : level == SMX_LOG_PLAN ? 2 : 4);
        require_success(smxSetLogCallback(NULL, l, SMX_LOG_CALL), "smxSetLogCallback");
        const int count = l->count;
        one_call_and_one_failure();
        ck_assert_int_eq(l->count, count);
        free(l);
    }
}
END_TEST

START_TEST(callback_and_environment_have_their_own_levels) {
    place file = place_make();
    setenv("SMX_LOG_LEVEL", "plan", 1);
    setenv("SMX_LOG_FILE", file.path, 1);
    listener *l = listen_from(SMX_LOG_ERROR);
    one_call_and_one_failure();
    require_success(smxSetLogCallback(listen, l, SMX_LOG_CALL), "smxSetLogCallback");
    one_call_and_one_failure();
    require_success(smxSetLogCallback(NULL, NULL, SMX_LOG_OFF), "smxSetLogCallback");
    one_call_and_one_failure();
    ck_assert_int_eq(l->count, 1 + 4);
    place_read(&file);
    expect_count(file.text, "\n", 6);
    expect_count(file.text, "] call: ", 0);
    free(l);
}
END_TEST

static void replace_itself(smxLogLevel_t level, const char *line, void *user) {
    smxStatus_t *status = user;
    (void)level;
    (void)line;
    *status = smxSetLogCallback(NULL, NULL, SMX_LOG_OFF);
}

START_TEST(callbacks_are_refused) {
    smxStatus_t status = SMX_STATUS_SUCCESS;
    session_count_comparison();
    ck_assert_int_eq(smxSetLogCallback(listen, NULL, (smxLogLevel_t)4), SMX_STATUS_INVALID_VALUE);
    ck_assert_str_eq(smxGetLastErrorMessage(), "smxSetLogCallback: level 4 is unknown");
    require_success(smxSetLogCallback(replace_itself, &status, SMX_LOG_PLAN), "smxSetLogCallback");
    one_call_and_one_failure();
    ck_assert_int_eq(status, SMX_STATUS_INVALID_VALUE);
    ck_assert_ptr_nonnull(strstr(smxGetLastErrorMessage(), "smxSetLogCallback"));
}
END_TEST

typedef struct caller {
    smxHandle_t handle;
    int calls;
} caller;

static void call_again(smxLogLevel_t level, const char *line, void *user) {
    caller *c = user;
    (void)level;
    (void)line;
    c->calls++;
    be_refused(c->handle); /* would be logged, and so on for ever */
}

START_TEST(a_callback_may_call) {
    caller c = {.handle = create()};
    require_success(smxSetLogCallback(call_again, &c, SMX_LOG_CALL), "smxSetLogCallback");
    be_refused(c.handle);
    require_success(smxSetLogCallback(NULL, NULL, SMX_LOG_OFF), "smxSetLogCallback");
    session_count_comparison();
    ck_assert_int_eq(c.calls, 2);
    require_success(smxDestroy(c.handle), "smxDestroy");
}
END_TEST

/* ---- what the lines say ---- */

START_TEST(an_error_is_the_message) {
    listener *l = listen_from(SMX_LOG_ERROR);
    smxLayout_t layout;
    ck_assert_int_eq(smxSynchronize(NULL), SMX_STATUS_NOT_INITIALIZED);
    expect_line(l, 0, SMX_LOG_ERROR, smxGetLastErrorMessage());
    ck_assert_int_eq(smxAlongAxis(SMX_R_32F, 0, NULL, 0, &layout), SMX_STATUS_INVALID_VALUE);
    expect_line(l, 1, SMX_LOG_ERROR, smxGetLastErrorMessage());
    smx_log(SMX_LOG_ERROR, "two\nlines\r\n");
    expect_line(l, 2, SMX_LOG_ERROR, "two lines  ");
    free(l);
}
END_TEST

START_TEST(a_plan_is_its_description) {
    smxHandle_t handle = create();
    job j;
    char text[500];
    job_prepare(&j, _i);
    listener *l = listen_from(SMX_LOG_PLAN);
    run(handle, &j);
    ck_assert_int_eq(l->count, 1);
    require_success(smxDescribePlan(handle, j.op, &j.layout, text, sizeof text), "smxDescribePlan");
    expect_line(l, 0, SMX_LOG_PLAN, text);
    job_release(&j);
    require_success(smxDestroy(handle), "smxDestroy");
    free(l);
}
END_TEST

START_TEST(a_call_is_its_arguments) {
    smxHandle_t handle = create();
    void *block = NULL;
    job j;
    char text[2000], stream[40];
    cudaStream_t s;
    job_prepare(&j, SMX_OP_CROSS_ENTROPY_FORWARD_BACKWARD + 2 * JOB_OPERATIONS); /* bf16 */
    j.loss.labelSmoothing = 0.25f;
    j.loss.reduction = SMX_REDUCTION_SUM;
    j.loss.zLoss = 0.5f;
    j.loss.algorithm = SMX_ALGORITHM_ONLINE;
    require_success(smxMalloc(handle, &block, j.bytes), "smxMalloc");
    require_success(smxMemcpyAsync(handle, block, j.before, j.bytes), "smxMemcpyAsync");
    require_success(smxGetStream(handle, &s), "smxGetStream");
    snprintf(stream, sizeof stream, s == NULL ? "NULL" : "%p", (void *)s);
    unsigned char *b = block;
    listener *l = listen_from(SMX_LOG_CALL);
    require_success(job_call(handle, &j, b), "the job");
    snprintf(text, sizeof text,
             "smxCrossEntropyForwardBackward: handle %p, stream %s, x %p bf16 outer 5 (stride 33) cols 33 (stride 1) inner 1, dx %p bf16 "
             "outer 5 (stride 33) cols 33 (stride 1) inner 1, targets %p int64, loss %p, lse %p, gradLoss %p, reduction sum, ignoreIndex "
             "-100, labelSmoothing 0.25, zLoss 0.5, softcap 0, logitScale 1, classWeights NULL, deviceDivisor NULL, emptyMean nan, "
             "algorithm online",
             (void *)handle, stream, (void *)(b + j.x), (void *)(b + j.out), (void *)(b + j.targets), (void *)(b + j.losses),
             (void *)(b + j.lse), (void *)(b + j.grad_loss));
    expect_line(l, 0, SMX_LOG_CALL, text);

    l->count = 0; /* a call that is refused has its line too, and unknown numbers are shown as they are */
    const smxSoftmaxOptions_t options = {sizeof options, 2.5f, (smxAlgorithm_t)9, SMX_EMPTY_ROW_ZERO};
    ck_assert_int_eq(smxLogSumExp(handle, &options, &j.layout, b + j.x, NULL), SMX_STATUS_INVALID_VALUE);
    snprintf(text, sizeof text,
             "smxLogSumExp: handle %p, stream %s, x %p bf16 outer 5 (stride 33) cols 33 (stride 1) inner 1, lse NULL, scale 2.5, emptyRow "
             "zero, algorithm 9",
             (void *)handle, stream, (void *)(b + j.x));
    expect_line(l, 0, SMX_LOG_CALL, text);
    expect_line(l, 1, SMX_LOG_ERROR, smxGetLastErrorMessage());
    require_success(smxSetLogCallback(NULL, NULL, SMX_LOG_OFF), "smxSetLogCallback");
    require_success(smxFree(handle, block), "smxFree");
    job_release(&j);
    require_success(smxDestroy(handle), "smxDestroy");
    free(l);
}
END_TEST

START_TEST(a_choice_is_its_arguments) {
    smxHandle_t handle = create();
    job j;
    char text[2000], stream[40];
    cudaStream_t s;
    float *numbers = NULL;
    smxSampleOptions_t options = SMX_SAMPLE_OPTIONS_INIT;
    job_prepare(&j, SMX_OP_SAMPLE + JOB_OPERATIONS); /* fp16 */
    require_success(smxGetStream(handle, &s), "smxGetStream");
    snprintf(stream, sizeof stream, s == NULL ? "NULL" : "%p", (void *)s);
    options.temperature = 0.5f;
    options.topK = 7;
    options.topP = 0.25f;
    options.seed = UINT64_MAX;
    options.offset = 12;
    listener *l = listen_from(SMX_LOG_CALL);
    j.layout.outer = 0;
    require_success(smxSample(handle, &options, &j.layout, NULL, SMX_R_32I, NULL, numbers), "smxSample");
    snprintf(text, sizeof text,
             "smxSample: handle %p, stream %s, x NULL fp16 outer 0 (stride 33) cols 33 (stride 1) inner 1, indices NULL int32, "
             "logProbabilities NULL, temperature 0.5, deviceTemperature NULL, topK 7, topP 0.25, minP 0, seed 18446744073709551615, offset "
             "12, deviceSeedOffset NULL, deviceRowSeeds NULL, deviceRowOffsets NULL, deviceRowKeys NULL, algorithm auto",
             (void *)handle, stream);
    expect_line(l, 0, SMX_LOG_CALL, text);

    l->count = 0;
    require_success(smxArgmax(handle, &j.layout, NULL, SMX_R_64I, NULL), "smxArgmax");
    snprintf(text, sizeof text,
             "smxArgmax: handle %p, stream %s, x NULL fp16 outer 0 (stride 33) cols 33 (stride 1) inner 1, indices NULL int64, algorithm "
             "auto",
             (void *)handle, stream);
    expect_line(l, 0, SMX_LOG_CALL, text);

    l->count = 0;
    require_success(smxTopK(handle, NULL, &j.layout, NULL, 3, NULL, SMX_R_32I, NULL), "smxTopK");
    snprintf(text, sizeof text,
             "smxTopK: handle %p, stream %s, x NULL fp16 outer 0 (stride 33) cols 33 (stride 1) inner 1, indices NULL int32, k 3, "
             "probabilities NULL, scale 1, emptyRow nan, algorithm auto",
             (void *)handle, stream);
    expect_line(l, 0, SMX_LOG_CALL, text);

    l->count = 0;
    require_success(smxMultinomial(handle, NULL, &j.layout, NULL, 40, SMX_R_32I, NULL), "smxMultinomial");
    snprintf(text, sizeof text,
             "smxMultinomial: handle %p, stream %s, x NULL fp16 outer 0 (stride 33) cols 33 (stride 1) inner 1, indices NULL int32, draws "
             "40, input logits, withReplacement 1, temperature 1, seed 0, offset 0, deviceSeedOffset NULL, deviceRowSeeds NULL, "
             "deviceRowOffsets NULL, deviceRowKeys NULL, algorithm auto",
             (void *)handle, stream);
    expect_line(l, 0, SMX_LOG_CALL, text);
    require_success(smxSetLogCallback(NULL, NULL, SMX_LOG_OFF), "smxSetLogCallback");
    job_release(&j);
    require_success(smxDestroy(handle), "smxDestroy");
    free(l);
}
END_TEST

/* Without a device smxCreate goes on to the CPU: no failure of the call, and not one for the log. */
START_TEST(an_attempt_is_no_failure) {
    smxHandle_t handle = NULL;
    smx_attempt attempt;
    listener *l = listen_from(SMX_LOG_ERROR);
    ck_assert_int_eq(smxSynchronize(NULL), SMX_STATUS_NOT_INITIALIZED);
    expect_line(l, 0, SMX_LOG_ERROR, "smxSynchronize: the handle is NULL");
    l->count = 0;
    require_success(smxCreate(&handle), "smxCreate");
    smx_begin_attempt(&attempt);
    smx_fail(SMX_STATUS_NOT_SUPPORTED, "first");
    smx_end_attempt(&attempt, false);
    ck_assert_int_eq(l->count, 0);
    ck_assert_str_eq(smxGetLastErrorMessage(), "smxSynchronize: the handle is NULL");
    smx_begin_attempt(&attempt);
    smx_fail(SMX_STATUS_ALLOC_FAILED, "second");
    smx_end_attempt(&attempt, true);
    expect_line(l, 0, SMX_LOG_ERROR, "second");
    ck_assert_int_eq(l->count, 1);
    ck_assert_str_eq(smxGetLastErrorMessage(), "second");
    require_success(smxDestroy(handle), "smxDestroy");
    free(l);
}
END_TEST

/* ---- nobody listens ---- */

/* The CPU backend alone: the emulator formats and allocates for itself. */
START_TEST(no_work_without_a_listener) {
    smxHandle_t handle = create();
    smx_call question = {.handle = handle, .rows = 1, .cols = 1};
    void *block = NULL;
    job j;
    job_prepare(&j, _i);
    require_success(smxMalloc(handle, &block, j.bytes), "smxMalloc");
    require_success(smxMemcpyAsync(handle, block, j.before, j.bytes), "smxMemcpyAsync");
    require_success(job_call(handle, &j, block), "the job"); /* grows the workspace */
    ck_assert_int_eq(atomic_load(&smx_log_most), SMX_LOG_OFF);
    ck_assert(!smx_open_range(&question));

    const long formats_before = wraps_formats(), allocations_before = wraps_allocations();
    for (int i = 0; i < 10; i++) job_call(handle, &j, block);
    const long formats_then = wraps_formats(), allocations_then = wraps_allocations();
    session_count_comparison();
    if (session_backend() == SMX_BACKEND_CPU) {
        ck_assert_int_eq(formats_then, formats_before);
        ck_assert_int_eq(allocations_then, allocations_before);
    }

    listener *l = listen_from(SMX_LOG_PLAN); /* the same count sees what is formatted now */
    require_success(job_call(handle, &j, block), "the job");
    ck_assert_int_gt(wraps_formats(), formats_then);
    require_success(smxSetLogCallback(NULL, NULL, SMX_LOG_OFF), "smxSetLogCallback");
    require_success(smxFree(handle, block), "smxFree");
    job_release(&j);
    require_success(smxDestroy(handle), "smxDestroy");
    free(l);
}
END_TEST

Suite *suite_log(void) {
    Suite *suite = suite_create("log");
    TCase *tcase = tcase_create("log");
    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, levels_of_the_environment, 0, SPELLINGS);
    tcase_add_test(tcase, standard_error_otherwise);
    tcase_add_test(tcase, the_file_may_have_the_process_in_its_name);
    tcase_add_loop_test(tcase, a_wrong_level_is_reported_once, 0, 7);
    tcase_add_loop_test(tcase, a_wrong_file_is_reported_once, 0, 2);
    tcase_add_test(tcase, levels_of_the_callback);
    tcase_add_test(tcase, callback_and_environment_have_their_own_levels);
    tcase_add_test(tcase, callbacks_are_refused);
    tcase_add_test(tcase, a_callback_may_call);
    tcase_add_test(tcase, an_error_is_the_message);
    tcase_add_loop_test(tcase, a_plan_is_its_description, 0, JOB_OPERATIONS);
    tcase_add_test(tcase, a_call_is_its_arguments);
    tcase_add_test(tcase, a_choice_is_its_arguments);
    tcase_add_test(tcase, an_attempt_is_no_failure);
    tcase_add_loop_test(tcase, no_work_without_a_listener, 0, JOB_OPERATIONS);
    suite_add_tcase(suite, tcase);
    return suite;
}
