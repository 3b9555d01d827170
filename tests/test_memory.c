/* Memory in stream order: it may be given back while work on it is still to come, and nobody waits for that. */
#include <stdlib.h>
#include <string.h>

#include "check_refusal.h"
#include "suites.h"

#ifdef SMX_TEST_CUDA_RUNTIME
#include <cuda_runtime_api.h>
#endif

/* Where the backend is the emulator. */
__attribute__((weak)) void simt_defer_streams(int mode);
__attribute__((weak)) long simt_synchronizations(void);
__attribute__((weak)) long simt_live_allocations(void);

enum { ROWS = 5, COLS = 200, ELEMENTS = ROWS * COLS, TURNS = 6 };

static float x[TURNS][ELEMENTS], y[TURNS][ELEMENTS], expected[TURNS][ELEMENTS];
static const smxLayout_t *layout(void) {
    static smxLayout_t l;
    l = smxRowMajor(SMX_R_32F, ROWS, COLS);
    return &l;
}

static void make_logits(void) {
    for (int turn = 0; turn < TURNS; turn++)
        for (int i = 0; i < ELEMENTS; i++) x[turn][i] = (float)((i * 37 + turn * 11) % 129) / 16.0f;
    memset(y, 0, sizeof y);
}

/* Memory for each turn alone: taken, used and given back before any of it need have happened. */
static void enqueue_turn(smxHandle_t h, int turn, float *result) {
    void *memory = NULL;
    require_success(smxMalloc(h, &memory, sizeof x[turn]), "smxMalloc");
    require_success(smxMemcpyAsync(h, memory, x[turn], sizeof x[turn]), "smxMemcpyAsync");
    require_success(smxSoftmaxForward(h, NULL, layout(), memory, layout(), memory), "smxSoftmaxForward");
    require_success(smxMemcpyAsync(h, result, memory, sizeof x[turn]), "smxMemcpyAsync");
    require_success(smxFree(h, memory), "smxFree");
}

static void expect_results(void) {
    for (int turn = 0; turn < TURNS; turn++) {
        session_count_comparison();
        ck_assert_msg(memcmp(y[turn], expected[turn], sizeof y[turn]) == 0, "turn %d differs", turn);
    }
}

START_TEST(given_back_before_it_is_used) {
    smxHandle_t h = session_handle();
    make_logits();
    for (int turn = 0; turn < TURNS; turn++) {
        enqueue_turn(h, turn, expected[turn]);
        require_success(smxSynchronize(h), "smxSynchronize");
    }
    for (int turn = 0; turn < TURNS; turn++) enqueue_turn(h, turn, y[turn]);
    require_success(smxSynchronize(h), "smxSynchronize");
    expect_results();
}
END_TEST

#ifdef SMX_TEST_CUDA_RUNTIME
/* On streams whose work comes as late as it can: 1, and after that of other streams: 2. */
START_TEST(on_late_streams) {
    smxHandle_t h = session_handle(), other;
    cudaStream_t stream, second;
    if (session_backend() != SMX_BACKEND_CUDA) return;
    make_logits();
    for (int turn = 0; turn < TURNS; turn++) enqueue_turn(h, turn, expected[turn]);
    require_success(smxSynchronize(h), "smxSynchronize");

    require_success(smxCreateWithBackend(&other, SMX_BACKEND_CUDA), "smxCreateWithBackend");
    ck_assert_int_eq(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), cudaSuccess);
    ck_assert_int_eq(cudaStreamCreateWithFlags(&second, cudaStreamNonBlocking), cudaSuccess);
    require_success(smxSetStream(h, stream), "smxSetStream");
    require_success(smxSetStream(other, second), "smxSetStream");
    const long waits = session_emulated() ? simt_synchronizations() : 0, live = session_emulated() ? simt_live_allocations() : 0;
    if (session_emulated()) simt_defer_streams(_i);
    for (int turn = 0; turn < TURNS; turn++) enqueue_turn(turn % 2 == 0 ? h : other, turn, y[turn]);
    if (session_emulated() && getenv("SIMT_POOLS") == NULL) ck_assert_int_eq(simt_synchronizations(), waits);
    require_success(smxSynchronize(h), "smxSynchronize");
    require_success(smxSynchronize(other), "smxSynchronize");
    if (session_emulated()) {
        simt_defer_streams(0);
        ck_assert_int_eq(simt_live_allocations(), live);
    }
    expect_results();
    require_success(smxDestroy(other), "smxDestroy");
    require_success(smxSetStream(h, NULL), "smxSetStream");
    ck_assert_int_eq(cudaStreamDestroy(stream), cudaSuccess);
    ck_assert_int_eq(cudaStreamDestroy(second), cudaSuccess);
}
END_TEST

/* Calls that no graph can hold say so, and the capture goes on. */
START_TEST(while_a_stream_is_captured) {
    smxHandle_t h = session_handle(), apart;
    cudaStream_t stream;
    cudaGraph_t graph = NULL;
    void *memory = NULL, *host = NULL, *none = NULL;
    const smxStatus_t refused = SMX_STATUS_INVALID_VALUE;
    if (session_backend() != SMX_BACKEND_CUDA) return;
    require_success(smxMalloc(h, &memory, 1000), "smxMalloc");
    require_success(smxMallocHost(h, &host, 1000), "smxMallocHost");
    ck_assert_int_eq(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), cudaSuccess);
    require_success(smxSetStream(h, stream), "smxSetStream");
    ck_assert_int_eq(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal), cudaSuccess); /* the strictest */
    expect_message(smxMalloc(h, &none, 8), refused, "smxMalloc", "allocates or frees memory", "captured", NULL);
    expect_message(smxFree(h, memory), refused, "smxFree", "allocates or frees memory", "captured", NULL);
    expect_message(smxMallocHost(h, &none, 8), refused, "smxMallocHost", "captured", NULL);
    expect_message(smxFreeHost(h, host), refused, "smxFreeHost", "captured", NULL);
    expect_message(smxSynchronize(h), refused, "smxSynchronize", "synchronises", "captured", NULL);
    expect_message(smxDestroy(h), refused, "smxDestroy", "synchronises", "captured", NULL);
    ck_assert_ptr_null(none);
    require_success(smxMemcpyAsync(h, memory, host, 1000), "smxMemcpyAsync");
    ck_assert_int_eq(cudaStreamEndCapture(stream, &graph), cudaSuccess);
    ck_assert_int_eq(cudaGraphDestroy(graph), cudaSuccess);

    /* A handle on another stream goes its own way meanwhile. */
    require_success(smxCreateWithBackend(&apart, SMX_BACKEND_CUDA), "smxCreateWithBackend");
    cudaStream_t free_stream;
    ck_assert_int_eq(cudaStreamCreateWithFlags(&free_stream, cudaStreamNonBlocking), cudaSuccess);
    require_success(smxSetStream(apart, free_stream), "smxSetStream");
    ck_assert_int_eq(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal), cudaSuccess);
    require_success(smxMemcpyAsync(h, memory, host, 1000), "smxMemcpyAsync");
    require_success(smxMalloc(apart, &none, 1000), "smxMalloc");
    require_success(smxFree(apart, none), "smxFree");
    require_success(smxMallocHost(apart, &none, 1000), "smxMallocHost");
    require_success(smxFreeHost(apart, none), "smxFreeHost");
    require_success(smxReserveWorkspace(apart, 100000), "smxReserveWorkspace");
    ck_assert_int_eq(cudaStreamEndCapture(stream, &graph), cudaSuccess);
    ck_assert_int_eq(cudaGraphDestroy(graph), cudaSuccess);

    require_success(smxDestroy(apart), "smxDestroy");
    require_success(smxSetStream(h, NULL), "smxSetStream");
    require_success(smxFree(h, memory), "smxFree");
    require_success(smxFreeHost(h, host), "smxFreeHost");
    ck_assert_int_eq(cudaStreamDestroy(stream), cudaSuccess);
    ck_assert_int_eq(cudaStreamDestroy(free_stream), cudaSuccess);
    session_count_comparison();
}
END_TEST
#endif

/* What a handle gave is another's to free, also when the first is gone. */
START_TEST(longer_than_its_handle) {
    smxHandle_t h = session_handle(), first;
    void *memory = NULL;
    make_logits();
    require_success(smxCreateWithBackend(&first, session_backend()), "smxCreateWithBackend");
    require_success(smxMalloc(first, &memory, sizeof x[0]), "smxMalloc");
    require_success(smxDestroy(first), "smxDestroy");
    require_success(smxMemcpyAsync(h, memory, x[0], sizeof x[0]), "smxMemcpyAsync");
    require_success(smxMemcpyAsync(h, y[0], memory, sizeof x[0]), "smxMemcpyAsync");
    require_success(smxFree(h, memory), "smxFree");
    require_success(smxSynchronize(h), "smxSynchronize");
    ck_assert(memcmp(x[0], y[0], sizeof x[0]) == 0);
    session_count_comparison();
}
END_TEST

Suite *suite_memory(void) {
    Suite *suite = suite_create("memory");
    TCase *tcase = session_case("memory");

    tcase_add_test(tcase, given_back_before_it_is_used);
    tcase_add_test(tcase, longer_than_its_handle);
#ifdef SMX_TEST_CUDA_RUNTIME
    tcase_add_loop_test(tcase, on_late_streams, 1, 3);
    tcase_add_test(tcase, while_a_stream_is_captured);
#endif
    suite_add_tcase(suite, tcase);
    return suite;
}
