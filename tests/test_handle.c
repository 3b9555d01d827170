/* Handles, streams, memory, workspace, statuses and messages. */
#include <pthread.h>
#include <string.h>

#include "check_refusal.h"
#include "suites.h"

#ifdef SMX_TEST_CUDA_RUNTIME
#include <cuda_runtime_api.h>
#endif

#define INVALID SMX_STATUS_INVALID_VALUE
#define NO_HANDLE SMX_STATUS_NOT_INITIALIZED

/* ---- create and destroy ---- */

START_TEST(create_picks_a_backend) {
    smxHandle_t handle = NULL;
    smxBackend_t backend = SMX_BACKEND_AUTO;

    session_count_comparison();
    require_success(smxCreate(&handle), "smxCreate");
    ck_assert_ptr_nonnull(handle);
    require_success(smxGetBackend(handle, &backend), "smxGetBackend");
    ck_assert(backend == SMX_BACKEND_CPU || backend == SMX_BACKEND_CUDA);
    if (session_backend() == SMX_BACKEND_CUDA) /* it could be created, so it is there */
        ck_assert_int_eq(backend, SMX_BACKEND_CUDA);
    require_success(smxDestroy(handle), "smxDestroy");

    require_success(smxCreateWithBackend(&handle, SMX_BACKEND_AUTO), "smxCreateWithBackend");
    smxBackend_t again = SMX_BACKEND_AUTO;
    require_success(smxGetBackend(handle, &again), "smxGetBackend");
    ck_assert_int_eq(again, backend);
    require_success(smxDestroy(handle), "smxDestroy");
}
END_TEST

START_TEST(create_insists_on_a_backend) {
    smxHandle_t handle = NULL;
    smxBackend_t backend = SMX_BACKEND_AUTO;

    session_count_comparison();
    require_success(smxCreateWithBackend(&handle, SMX_BACKEND_CPU), "smxCreateWithBackend");
    require_success(smxGetBackend(handle, &backend), "smxGetBackend");
    ck_assert_int_eq(backend, SMX_BACKEND_CPU);
    require_success(smxDestroy(handle), "smxDestroy");

    handle = (smxHandle_t)&backend; /* must be overwritten */
    const smxStatus_t status = smxCreateWithBackend(&handle, SMX_BACKEND_CUDA);
    if (status == SMX_STATUS_SUCCESS) {
        require_success(smxGetBackend(handle, &backend), "smxGetBackend");
        ck_assert_int_eq(backend, SMX_BACKEND_CUDA);
        require_success(smxDestroy(handle), "smxDestroy");
    } else {
        expect_message(status, SMX_STATUS_NOT_SUPPORTED, "smxCreateWithBackend", "CUDA", NULL);
        ck_assert_ptr_null(handle);
        ck_assert_msg(session_backend() != SMX_BACKEND_CUDA, "the backend under test could be created before");
    }
}
END_TEST

START_TEST(create_refuses) {
    smxHandle_t handle = NULL;

    expect_message(smxCreate(NULL), INVALID, "smxCreate", "handle", "NULL", NULL);
    expect_message(smxCreateWithBackend(NULL, SMX_BACKEND_CPU), INVALID, "smxCreateWithBackend", "handle", "NULL", NULL);
    expect_message(smxCreateWithBackend(&handle, (smxBackend_t)17), INVALID, "smxCreateWithBackend", "17", NULL);
    ck_assert_ptr_null(handle);
}
END_TEST

START_TEST(destroy_null) {
    session_count_comparison();
    require_success(smxDestroy(NULL), "smxDestroy");
}
END_TEST

/* Every handle has a stream, a workspace and bad targets of its own. */
START_TEST(handles_are_independent) {
    trial t = trial_of(SMX_OP_CROSS_ENTROPY_FORWARD, SMX_R_32F, 20, 6);
    smxHandle_t other = NULL;
    int64_t count = -7;
    trial_run run;

    require_success(smxCreateWithBackend(&other, session_backend()), "smxCreateWithBackend");
    t.targets = TARGETS_ALL_BAD;
    trial_prepare(&run, &t);
    require_success(trial_execute(&run), "smxCrossEntropyForward");
    session_count_comparison();
    require_success(smxGetBadTargets(other, &count, NULL), "smxGetBadTargets");
    ck_assert_int_eq(count, 0);
    require_success(smxDestroy(other), "smxDestroy");
    trial_compare(&run); /* 20 bad targets on the first */
    trial_release(&run);
}
END_TEST

START_TEST(calls_without_a_handle) {
    smxBackend_t backend;
    cudaStream_t stream;
    void *pointer = NULL;
    int64_t count;
    int threads;

    expect_message(smxGetBackend(NULL, &backend), NO_HANDLE, "smxGetBackend", "handle", NULL);
    expect_message(smxSetStream(NULL, NULL), NO_HANDLE, "smxSetStream", "handle", NULL);
    expect_message(smxGetStream(NULL, &stream), NO_HANDLE, "smxGetStream", "handle", NULL);
    expect_message(smxSetThreads(NULL, 1), NO_HANDLE, "smxSetThreads", "handle", NULL);
    expect_message(smxGetThreads(NULL, &threads), NO_HANDLE, "smxGetThreads", "handle", NULL);
    expect_message(smxSynchronize(NULL), NO_HANDLE, "smxSynchronize", "handle", NULL);
    expect_message(smxMalloc(NULL, &pointer, 8), NO_HANDLE, "smxMalloc", "handle", NULL);
    expect_message(smxFree(NULL, NULL), NO_HANDLE, "smxFree", "handle", NULL);
    expect_message(smxMallocHost(NULL, &pointer, 8), NO_HANDLE, "smxMallocHost", "handle", NULL);
    expect_message(smxFreeHost(NULL, NULL), NO_HANDLE, "smxFreeHost", "handle", NULL);
    expect_message(smxMemcpyAsync(NULL, &backend, &stream, 1), NO_HANDLE, "smxMemcpyAsync", "handle", NULL);
    expect_message(smxReserveWorkspace(NULL, 8), NO_HANDLE, "smxReserveWorkspace", "handle", NULL);
    expect_message(smxSetWorkspace(NULL, NULL, 0), NO_HANDLE, "smxSetWorkspace", "handle", NULL);
    expect_message(smxGetBadTargets(NULL, &count, NULL), NO_HANDLE, "smxGetBadTargets", "handle", NULL);
    expect_message(smxGetBackend(session_handle(), NULL), INVALID, "smxGetBackend", "backend", "NULL", NULL);
    expect_message(smxGetStream(session_handle(), NULL), INVALID, "smxGetStream", "stream", "NULL", NULL);
}
END_TEST

/* Nothing is called with it any more, and nobody is surprised by that. */
START_TEST(destroyed_handle) {
    smxHandle_t h, later;
    smxBackend_t backend;
    void *pointer = NULL;
    float x[3] = {1, 2, 3};
    const smxLayout_t layout = smxRowMajor(SMX_R_32F, 1, 3);
    require_success(smxCreateWithBackend(&h, session_backend()), "smxCreateWithBackend");
    require_success(smxDestroy(h), "smxDestroy");
    require_success(smxCreateWithBackend(&later, session_backend()), "smxCreateWithBackend"); /* not in its place */
    expect_message(smxSoftmaxForward(h, NULL, &layout, x, &layout, x), NO_HANDLE, "smxSoftmaxForward", "destroyed", NULL);
    expect_message(smxMalloc(h, &pointer, 8), NO_HANDLE, "smxMalloc", "destroyed", NULL);
    expect_message(smxSynchronize(h), NO_HANDLE, "smxSynchronize", "destroyed", NULL);
    expect_message(smxGetBackend(h, &backend), NO_HANDLE, "smxGetBackend", "destroyed", NULL);
    expect_message(smxDestroy(h), NO_HANDLE, "smxDestroy", "destroyed", NULL);
    ck_assert(x[0] == 1 && pointer == NULL);
    require_success(smxDestroy(later), "smxDestroy");
    for (int i = 0; i < 200; i++) { /* their memory does not pile up: LeakSanitizer would not see that, a profile would */
        require_success(smxCreateWithBackend(&h, session_backend()), "smxCreateWithBackend");
        require_success(smxDestroy(h), "smxDestroy");
    }
}
END_TEST

#ifdef SMX_TEST_CUDA_RUNTIME
START_TEST(stream_of_another_device) {
    smxHandle_t h = session_handle();
    cudaStream_t stream, kept;
    int devices = 0;
    if (session_backend() != SMX_BACKEND_CUDA) return;
    ck_assert_int_eq(cudaGetDeviceCount(&devices), cudaSuccess);
    if (devices < 2) {
        session_count_omission();
        return;
    }
    ck_assert_int_eq(cudaSetDevice(1), cudaSuccess);
    ck_assert_int_eq(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), cudaSuccess);
    ck_assert_int_eq(cudaSetDevice(0), cudaSuccess);
    expect_message(smxSetStream(h, stream), INVALID, "smxSetStream", "the stream belongs to device 1", "the handle to device 0", NULL);
    require_success(smxGetStream(h, &kept), "smxGetStream");
    ck_assert_ptr_null(kept);
    ck_assert_int_eq(cudaSetDevice(1), cudaSuccess);
    expect_message(smxSynchronize(h), INVALID, "smxSynchronize", "belongs to device 0", "device 1 is current", NULL);
    ck_assert_int_eq(cudaSetDevice(0), cudaSuccess);
    ck_assert_int_eq(cudaStreamDestroy(stream), cudaSuccess);
    trial t = trial_of(SMX_OP_SOFTMAX_FORWARD, SMX_R_32F, 3, 4);
    check_trial(&t);
}
END_TEST
#endif

/* The CPU remembers any stream; on CUDA there is only the default one to set without CUDA's own header. */
START_TEST(streams) {
    smxHandle_t h = session_handle();
    cudaStream_t stream = (cudaStream_t)h; /* must be overwritten */

    session_count_comparison();
    require_success(smxGetStream(h, &stream), "smxGetStream");
    ck_assert_ptr_null(stream);
    if (session_backend() == SMX_BACKEND_CPU) {
        require_success(smxSetStream(h, (cudaStream_t)h), "smxSetStream");
        require_success(smxGetStream(h, &stream), "smxGetStream");
        ck_assert_ptr_eq(stream, (cudaStream_t)h);
        trial t = trial_of(SMX_OP_SOFTMAX_FORWARD, SMX_R_32F, 3, 4);
        check_trial(&t);
    }
    require_success(smxSetStream(h, NULL), "smxSetStream");
    require_success(smxGetStream(h, &stream), "smxGetStream");
    ck_assert_ptr_null(stream);
    require_success(smxSynchronize(h), "smxSynchronize");
}
END_TEST

/* What a call uses follows the number; results do not. */
START_TEST(number_of_threads) {
    smxHandle_t h = session_handle();
    const smxLayout_t layout = smxRowMajor(SMX_R_32F, 4096, 1000);
    int kept = -1;
    char plan[256];
    session_count_comparison();
    require_success(smxGetThreads(h, &kept), "smxGetThreads");
    ck_assert_int_eq(kept, 0);
    expect_message(smxGetThreads(h, NULL), INVALID, "smxGetThreads", "threads", "NULL", NULL);
    expect_message(smxSetThreads(h, -3), INVALID, "smxSetThreads", "threads", "-3", NULL);
    require_success(smxSetThreads(h, 1), "smxSetThreads");
    require_success(smxGetThreads(h, &kept), "smxGetThreads");
    ck_assert_int_eq(kept, 1);
    require_success(smxDescribePlan(h, SMX_OP_SOFTMAX_FORWARD, &layout, plan, sizeof plan), "smxDescribePlan");
    if (session_backend() == SMX_BACKEND_CPU) ck_assert_msg(strstr(plan, "up to 1 thread") != NULL, "the plan is: %s", plan);
    trial t = trial_of(SMX_OP_SOFTMAX_FORWARD, SMX_R_32F, 100, 1000);
    check_trial(&t);
    require_success(smxSetThreads(h, INT32_MAX), "smxSetThreads"); /* as many as there are processors */
    check_trial(&t);
    require_success(smxSetThreads(h, 0), "smxSetThreads");
}
END_TEST

/* ---- memory ---- */

START_TEST(memory) {
    static const size_t sizes[] = {1, 2, 255, 256, 257, 4097, 1000003};
    enum { SIZES = sizeof sizes / sizeof sizes[0] };
    void *pointers[SIZES];
    void *pointer = &pointer;

    session_count_comparison();
    require_success(smxMalloc(session_handle(), &pointer, 0), "smxMalloc");
    ck_assert_ptr_null(pointer);
    require_success(smxFree(session_handle(), NULL), "smxFree");
    for (size_t i = 0; i < SIZES; i++) {
        require_success(smxMalloc(session_handle(), &pointers[i], sizes[i]), "smxMalloc");
        ck_assert_ptr_nonnull(pointers[i]);
        ck_assert_msg((uintptr_t)pointers[i] % 256 == 0, "%zu bytes at %p, not aligned to 256 bytes", sizes[i], pointers[i]);
    }
    for (size_t i = 0; i < SIZES; i++) require_success(smxFree(session_handle(), pointers[i]), "smxFree");
}
END_TEST

START_TEST(too_much_memory) {
    void *pointer = &pointer;

    expect_message(smxMalloc(session_handle(), &pointer, (size_t)1 << 60), SMX_STATUS_ALLOC_FAILED, "smxMalloc", "1152921504606846976",
                   NULL);
    ck_assert_ptr_null(pointer);
    expect_message(smxMalloc(session_handle(), NULL, 8), INVALID, "smxMalloc", "pointer", "NULL", NULL);
    expect_message(smxReserveWorkspace(session_handle(), (size_t)1 << 60), SMX_STATUS_ALLOC_FAILED, "smxReserveWorkspace",
                   "1152921504606846976", NULL);
    trial t = trial_of(SMX_OP_CROSS_ENTROPY_FORWARD, SMX_R_32F, 3, 4); /* the handle is none the worse for it */
    check_trial(&t);
}
END_TEST

/* Sizes that wrap around when they are rounded up. */
START_TEST(impossible_amounts_of_memory) {
    for (size_t less = 0; less < 600; less += 100) {
        void *pointer = &pointer;
        session_count_comparison();
        ck_assert_int_eq(smxMalloc(session_handle(), &pointer, SIZE_MAX - less), SMX_STATUS_ALLOC_FAILED);
        ck_assert_ptr_null(pointer);
    }
}
END_TEST

START_TEST(host_memory_and_copies) {
    enum { BYTES = 100003 };
    unsigned char *from = NULL, *to = NULL;
    void *host = NULL, *first = NULL, *second = NULL, *nothing = &host;
    smxHandle_t h = session_handle();

    session_count_comparison();
    require_success(smxMallocHost(h, &nothing, 0), "smxMallocHost");
    ck_assert_ptr_null(nothing);
    require_success(smxFreeHost(h, NULL), "smxFreeHost");
    require_success(smxMallocHost(h, &host, BYTES), "smxMallocHost");
    from = host;
    require_success(smxMallocHost(h, &host, BYTES), "smxMallocHost");
    to = host;
    require_success(smxMalloc(h, &first, BYTES), "smxMalloc");
    require_success(smxMalloc(h, &second, BYTES), "smxMalloc");
    for (size_t i = 0; i < BYTES; i++) from[i] = (unsigned char)(i * 7 + i / 256);
    memset(to, 0, BYTES);
    require_success(smxMemcpyAsync(h, first, from, BYTES), "to the backend");
    require_success(smxMemcpyAsync(h, second, first, BYTES), "within the backend");
    require_success(smxMemcpyAsync(h, to, second, BYTES), "from the backend");
    require_success(smxSynchronize(h), "smxSynchronize");
    ck_assert_mem_eq(from, to, BYTES);
    memset(to, 0, BYTES);
    require_success(smxMemcpyAsync(h, to + 5, from + 3, 1000), "from host to host");
    require_success(smxMemcpyAsync(h, to, from, 0), "of nothing");
    require_success(smxMemcpyAsync(h, NULL, NULL, 0), "of nothing");
    require_success(smxSynchronize(h), "smxSynchronize");
    ck_assert_mem_eq(from + 3, to + 5, 1000);
    ck_assert_uint_eq(to[4] + to[1005], 0);
    expect_message(smxMemcpyAsync(h, NULL, from, 17), INVALID, "smxMemcpyAsync", "destination", "NULL", "17", NULL);
    expect_message(smxMemcpyAsync(h, to, NULL, 18), INVALID, "smxMemcpyAsync", "source", "NULL", "18", NULL);
    expect_message(smxMallocHost(h, NULL, 18), INVALID, "smxMallocHost", "pointer", "NULL", NULL);
    require_success(smxFree(h, first), "smxFree");
    require_success(smxFree(h, second), "smxFree");
    require_success(smxFreeHost(h, from), "smxFreeHost");
    require_success(smxFreeHost(h, to), "smxFreeHost");
}
END_TEST

/* ---- workspace ---- */

START_TEST(reserved_workspace) {
    trial t = trial_of(SMX_OP_CROSS_ENTROPY_FORWARD, SMX_R_32F, 700, 4);
    size_t bytes = 0;

    require_success(smxGetWorkspaceSize(session_handle(), t.op, &t.x.layout, &bytes), "smxGetWorkspaceSize");
    require_success(smxReserveWorkspace(session_handle(), bytes), "smxReserveWorkspace");
    check_trial(&t);
    require_success(smxReserveWorkspace(session_handle(), 0), "smxReserveWorkspace");
    require_success(smxReserveWorkspace(session_handle(), 1), "smxReserveWorkspace"); /* never shrinks */
    check_trial(&t);
    t = trial_of(SMX_OP_CROSS_ENTROPY_FORWARD_BACKWARD, SMX_R_64F, 9000, 3); /* grows when it has to */
    check_trial(&t);
}
END_TEST

START_TEST(callers_workspace) {
    smxHandle_t h = session_handle();
    const smxLayout_t layout = smxRowMajor(SMX_R_32F, 100, 7);
    size_t bytes = 0;
    void *workspace = NULL;

    require_success(smxGetWorkspaceSize(h, SMX_OP_CROSS_ENTROPY_FORWARD, &layout, &bytes), "smxGetWorkspaceSize");
    require_success(smxMalloc(h, &workspace, bytes + 512), "smxMalloc");
    expect_message(smxSetWorkspace(h, (char *)workspace + 128, bytes), INVALID, "smxSetWorkspace", "workspace", "256", NULL);
    expect_message(smxSetWorkspace(h, NULL, 777), INVALID, "smxSetWorkspace", "workspace", "777", NULL);
    require_success(smxSetWorkspace(h, (char *)workspace + 256, bytes), "smxSetWorkspace");
    trial t = trial_of(SMX_OP_CROSS_ENTROPY_FORWARD, SMX_R_32F, 100, 7);
    check_trial(&t);
    if (bytes > 0) { /* a request for more than the caller gave cannot be met */
        expect_message(smxReserveWorkspace(h, bytes + 1024), SMX_STATUS_WORKSPACE_TOO_SMALL, "smxReserveWorkspace", NULL);
        check_trial(&t);
    }
    require_success(smxSetWorkspace(h, NULL, 0), "smxSetWorkspace");
    require_success(smxSetWorkspace(h, NULL, 0), "smxSetWorkspace");
    require_success(smxFree(h, workspace), "smxFree");
    check_trial(&t);
}
END_TEST

/* ---- version, statuses, messages ---- */

START_TEST(version) {
    session_count_comparison();
    ck_assert_int_eq(smxGetVersion(), SMX_VERSION);
    ck_assert_int_eq(SMX_VERSION, SMX_VERSION_MAJOR * 10000 + SMX_VERSION_MINOR * 100 + SMX_VERSION_PATCH);
}
END_TEST

START_TEST(status_strings) {
    for (int i = -2; i < 12; i++) {
        const char *text = smxGetStatusString((smxStatus_t)i);
        session_count_comparison();
        ck_assert_msg(text != NULL && text[0] != '\0', "status %d has no name", i);
        for (int k = 0; k < i && i <= SMX_STATUS_CANCELLED; k++) ck_assert_str_ne(text, smxGetStatusString((smxStatus_t)k));
    }
}
END_TEST

static void *fail_elsewhere(void *before) {
    const char *message = smxGetLastErrorMessage();
    strncpy(before, message != NULL ? message : "NULL", 99);
    smxDestroy(NULL);
    smxCreate(NULL);
    return strstr(smxGetLastErrorMessage(), "smxCreate") != NULL ? before : NULL;
}

/* A thread sees its own failures only, and none at first; a success leaves the last message alone. */
START_TEST(messages_belong_to_threads) {
    pthread_t thread;
    char before[100] = "untouched";
    void *result = NULL;

    expect_message(smxSynchronize(NULL), NO_HANDLE, "smxSynchronize", "handle", NULL);
    ck_assert_int_eq(pthread_create(&thread, NULL, fail_elsewhere, before), 0);
    ck_assert_int_eq(pthread_join(thread, &result), 0);
    session_count_comparison();
    ck_assert_str_eq(before, "");
    ck_assert_ptr_nonnull(result);
    ck_assert_msg(strstr(smxGetLastErrorMessage(), "smxSynchronize") != NULL, "'%s'", smxGetLastErrorMessage());
    require_success(smxSynchronize(session_handle()), "smxSynchronize");
    ck_assert_msg(strstr(smxGetLastErrorMessage(), "smxSynchronize") != NULL, "'%s'", smxGetLastErrorMessage());
}
END_TEST

static void *use_own_handle(void *argument) {
    const float x[3] = {1.0f, 2.0f, 3.0f};
    const smxLayout_t layout = smxRowMajor(SMX_R_32F, 1, 3);
    smxHandle_t handle = NULL;
    float y[3];

    if (smxCreateWithBackend(&handle, SMX_BACKEND_CPU) != SMX_STATUS_SUCCESS) return NULL;
    for (int i = 0; i < 1000; i++) {
        if (smxSoftmaxForward(handle, NULL, &layout, x, &layout, y) != SMX_STATUS_SUCCESS || y[2] < 0.6652f || y[2] > 0.6653f) return NULL;
    }
    return smxDestroy(handle) == SMX_STATUS_SUCCESS ? argument : NULL;
}

START_TEST(handles_in_different_threads) {
    enum { THREADS = 4 };
    pthread_t threads[THREADS];
    int arguments[THREADS];

    session_count_comparison();
    for (size_t i = 0; i < THREADS; i++) ck_assert_int_eq(pthread_create(&threads[i], NULL, use_own_handle, &arguments[i]), 0);
    for (size_t i = 0; i < THREADS; i++) {
        void *result = NULL;
        ck_assert_int_eq(pthread_join(threads[i], &result), 0);
        ck_assert_ptr_eq(result, &arguments[i]);
    }
}
END_TEST

Suite *suite_handle(void) {
    Suite *suite = suite_create("handle");
    TCase *tcase = session_case("handle");

    tcase_add_test(tcase, create_picks_a_backend);
    tcase_add_test(tcase, create_insists_on_a_backend);
    tcase_add_test(tcase, create_refuses);
    tcase_add_test(tcase, destroy_null);
    tcase_add_test(tcase, handles_are_independent);
    tcase_add_test(tcase, calls_without_a_handle);
    tcase_add_test(tcase, streams);
    tcase_add_test(tcase, number_of_threads);
    tcase_add_test(tcase, destroyed_handle);
#ifdef SMX_TEST_CUDA_RUNTIME
    tcase_add_test(tcase, stream_of_another_device);
#endif
    tcase_add_test(tcase, memory);
    tcase_add_test(tcase, too_much_memory);
    tcase_add_test(tcase, impossible_amounts_of_memory);
    tcase_add_test(tcase, host_memory_and_copies);
    tcase_add_test(tcase, reserved_workspace);
    tcase_add_test(tcase, callers_workspace);
    tcase_add_test(tcase, version);
    tcase_add_test(tcase, status_strings);
    tcase_add_test(tcase, messages_belong_to_threads);
    tcase_add_test(tcase, handles_in_different_threads);
    suite_add_tcase(suite, tcase);
    return suite;
}
