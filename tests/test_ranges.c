/* Ranges for profilers: what a tool receives of the calls. The tool is nvtx_recorder.c. */
#define _DEFAULT_SOURCE /* setenv */

#include <dlfcn.h>
#include <nvtx3/nvToolsExt.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "check_jobs.h"
#include "check_session.h"
#include "nvtx_recorder.h"
#include "process.h"
#include "ranges.h"

static recorder_function recorder;

/* Before the first call: NVTX loads its tool once. */
static smxHandle_t attach_and_create(void) {
    smxHandle_t handle = NULL;
    setenv("NVTX_INJECTION64_PATH", NVTX_RECORDER, 1);
    void *library = dlopen(NVTX_RECORDER, RTLD_NOW); /* the same one that NVTX will open */
    ck_assert_msg(library != NULL, "%s", dlerror());
    *(void **)&recorder = dlsym(library, RECORDER_FUNCTION);
    ck_assert(recorder != NULL);
    require_success(smxCreateWithBackend(&handle, session_backend()), "smxCreateWithBackend");
    return handle;
}

static void run(smxHandle_t handle, const job *j) {
    unsigned char *after = malloc(j->bytes);
    ck_assert_ptr_nonnull(after);
    require_success(job_run(handle, j, after), "the job");
    free(after);
}

static void expect_push(const recorded_event *e, const char *domain, const char *text, uint64_t payload) {
    session_count_comparison();
    ck_assert(e->push);
    ck_assert_str_eq(e->domain, domain);
    ck_assert_str_eq(e->text, text);
    ck_assert_uint_eq(e->payload, payload);
}

static void expect_pop(const recorded_event *e, const char *domain) {
    session_count_comparison();
    ck_assert(!e->push);
    ck_assert_str_eq(e->domain, domain);
}

START_TEST(a_range_is_the_plan_of_its_call) {
    smxHandle_t handle = attach_and_create();
    const recorded_event *events;
    char text[500];
    for (int i = 0; i < JOB_OPERATIONS * JOB_TYPES; i++) {
        job j;
        job_prepare(&j, i);
        run(handle, &j);
        require_success(smxDescribePlan(handle, j.op, &j.layout, text, sizeof text), "smxDescribePlan");
        ck_assert_int_eq(recorder(&events), 2 * (i + 1));
        expect_push(&events[2 * i], "smx", text, 5 * 33);
        expect_pop(&events[2 * i + 1], "smx");
        job_release(&j);
    }
    ck_assert_ptr_nonnull(strstr(events[0].text, "softmax forward, 5 x 33 fp32: "));
    require_success(smxDestroy(handle), "smxDestroy");
}
END_TEST

/* The program's own ranges close around those of its calls. */
START_TEST(ranges_nest) {
    smxHandle_t handle = attach_and_create();
    const nvtxDomainHandle_t app = nvtxDomainCreateA("app");
    nvtxEventAttributes_t range = {
        .version = NVTX_VERSION, .size = NVTX_EVENT_ATTRIB_STRUCT_SIZE, .messageType = NVTX_MESSAGE_TYPE_ASCII, .message.ascii = "step"};
    const recorded_event *e;
    job first, second;
    job_prepare(&first, SMX_OP_LOG_SOFTMAX_FORWARD);
    job_prepare(&second, SMX_OP_NLL_LOSS_FORWARD);
    nvtxDomainRangePushEx(app, &range);
    run(handle, &first);
    nvtxDomainRangePushEx(app, &range);
    run(handle, &second);
    nvtxDomainRangePop(app);
    nvtxDomainRangePop(app);
    static const struct {
        bool push;
        const char *domain, *text;
    } expected[] = {{true, "app", "step"},
                    {true, "smx", "log-softmax forward, 5 x 33"},
                    {false, "smx", ""},
                    {true, "app", "step"},
                    {true, "smx", "NLL loss forward, 5 x 33"},
                    {false, "smx", ""},
                    {false, "app", ""},
                    {false, "app", ""}};
    ck_assert_int_eq(recorder(&e), 8);
    for (int i = 0; i < 8; i++) {
        session_count_comparison();
        ck_assert_int_eq(e[i].push, expected[i].push);
        ck_assert_str_eq(e[i].domain, expected[i].domain);
        ck_assert_msg(strncmp(e[i].text, expected[i].text, strlen(expected[i].text)) == 0, "'%s'", e[i].text);
    }
    job_release(&first);
    job_release(&second);
    require_success(smxDestroy(handle), "smxDestroy");
}
END_TEST

static smxStatus_t fail_softmax(const smx_call *call) { return smx_fail(SMX_STATUS_EXECUTION_FAILED, "%s: on purpose", call->name); }

START_TEST(failures_leave_no_range_open) {
    smxHandle_t handle = attach_and_create();
    const smxLayout_t four = smxRowMajor(SMX_R_32F, 1, 4), five = smxRowMajor(SMX_R_32F, 1, 5), none = smxRowMajor(SMX_R_32F, 0, 4);
    const recorded_event *e;
    float x[4] = {0}, y[5];
    ck_assert_int_eq(smxSoftmaxForward(handle, NULL, &four, x, &five, y), SMX_STATUS_INVALID_VALUE); /* refused: it has no plan */
    ck_assert_int_eq(recorder(&e), 0);
    require_success(smxSoftmaxForward(handle, NULL, &none, NULL, &none, NULL), "softmax of no rows");
    ck_assert_int_eq(recorder(&e), 2);
    expect_pop(&e[1], "smx");

    smx_backend broken = *handle->backend;
    const smx_backend *whole = handle->backend;
    broken.softmax = fail_softmax;
    handle->backend = &broken;
    ck_assert_int_eq(smxSoftmaxForward(handle, NULL, &four, x, &four, y), SMX_STATUS_EXECUTION_FAILED);
    handle->backend = whole;
    ck_assert_int_eq(recorder(&e), 4);
    ck_assert(e[2].push);
    expect_pop(&e[3], "smx");
    require_success(smxDestroy(handle), "smxDestroy");
}
END_TEST

#ifndef SMX_TEST_ONE_THREAD
enum { THREADS = 4, CALLS = 50 };

static void *make_calls(void *argument) {
    const job *j = argument;
    smxHandle_t handle = NULL;
    unsigned char *after = malloc(j->bytes);
    bool good = after != NULL && smxCreateWithBackend(&handle, session_backend()) == SMX_STATUS_SUCCESS;
    for (int i = 0; i < CALLS && good; i++) good = job_run(handle, j, after) == SMX_STATUS_SUCCESS;
    free(after);
    return smxDestroy(handle) == SMX_STATUS_SUCCESS && good ? argument : NULL;
}

/* The threads' first calls are also a race for who creates the domain. */
START_TEST(ranges_nest_in_every_thread) {
    pthread_t threads[THREADS];
    job jobs[THREADS];
    int open[THREADS + 1] = {0};
    const recorded_event *e;
    require_success(smxDestroy(attach_and_create()), "smxDestroy");
    for (int i = 0; i < THREADS; i++) job_prepare(&jobs[i], i);
    for (int i = 0; i < THREADS; i++) ck_assert_int_eq(pthread_create(&threads[i], NULL, make_calls, &jobs[i]), 0);
    for (int i = 0; i < THREADS; i++) {
        void *result = NULL;
        ck_assert_int_eq(pthread_join(threads[i], &result), 0);
        ck_assert_ptr_eq(result, &jobs[i]);
        job_release(&jobs[i]);
    }
    const long count = recorder(&e);
    ck_assert_int_eq(count, THREADS * CALLS * 2);
    for (long i = 0; i < count; i++) {
        session_count_comparison();
        ck_assert(e[i].thread >= 1 && e[i].thread <= THREADS);
        ck_assert_str_eq(e[i].domain, "smx");
        ck_assert_int_eq(open[e[i].thread], e[i].push ? 0 : 1);
        open[e[i].thread] = e[i].push ? 1 : 0;
    }
}
END_TEST
#endif

/* Without a tool, or with one that cannot be loaded, calls are as ever. */
START_TEST(no_tool) {
    smxHandle_t handle = NULL;
    job j;
    unsetenv("NVTX_INJECTION64_PATH");
    if (_i == 1) setenv("NVTX_INJECTION64_PATH", "/nowhere/libtool.so", 1);
    require_success(smxCreateWithBackend(&handle, session_backend()), "smxCreateWithBackend");
    job_prepare(&j, SMX_OP_SOFTMAX_FORWARD);
    run(handle, &j);
    const smx_call call = {.handle = handle, .rows = 1, .cols = 1};
    session_count_comparison();
    ck_assert(!smx_open_range(&call));
    job_release(&j);
    require_success(smxDestroy(handle), "smxDestroy");
}
END_TEST

Suite *suite_ranges(void) {
    Suite *suite = suite_create("ranges");
    TCase *tcase = tcase_create("ranges");
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, a_range_is_the_plan_of_its_call);
    tcase_add_test(tcase, ranges_nest);
    tcase_add_test(tcase, failures_leave_no_range_open);
#ifndef SMX_TEST_ONE_THREAD
    tcase_add_test(tcase, ranges_nest_in_every_thread);
#endif
    tcase_add_loop_test(tcase, no_tool, 0, 2);
    suite_add_tcase(suite, tcase);
    return suite;
}
