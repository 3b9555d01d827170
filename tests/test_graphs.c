/* CUDA graphs: what a call captured, replayed later on other data in the same buffers, gives the bits that the call itself would have
 * given. Runs where the test program is linked with the CUDA runtime, or with the emulator, which has the same API. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check_choice_sweeps.h"
#include "check_refusal.h"
#include "check_variants.h"
#include "suites.h"

#ifdef SMX_TEST_CUDA_RUNTIME
#include <cuda_runtime_api.h>

static cudaStream_t stream;

static void require_cuda(cudaError_t error, const char *what) {
    ck_assert_msg(error == cudaSuccess, "%s: %s", what, cudaGetErrorString(error));
}

/* The handle of the test on a stream that can be captured; false: this backend has none. */
static bool begin(void) {
    if (session_backend() != SMX_BACKEND_CUDA) {
        session_count_omission();
        return false;
    }
    require_cuda(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "cudaStreamCreateWithFlags");
    require_success(smxSetStream(session_handle(), stream), "smxSetStream");
    return true;
}

static void end(void) {
    require_success(smxSynchronize(session_handle()), "smxSynchronize");
    require_success(smxSetStream(session_handle(), NULL), "smxSetStream");
    require_cuda(cudaStreamDestroy(stream), "cudaStreamDestroy");
}

static void begin_capture(void) {
    require_cuda(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal), "cudaStreamBeginCapture"); /* the strictest */
}

static void require_capturing(void) {
    enum cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
    require_cuda(cudaStreamIsCapturing(stream, &status), "cudaStreamIsCapturing");
    ck_assert_int_eq(status, cudaStreamCaptureStatusActive);
}

static cudaGraphExec_t end_capture(size_t expected_nodes) {
    cudaGraph_t graph = NULL;
    cudaGraphExec_t exec = NULL;
    size_t nodes = 0;

    require_cuda(cudaStreamEndCapture(stream, &graph), "cudaStreamEndCapture");
    require_cuda(cudaGraphGetNodes(graph, NULL, &nodes), "cudaGraphGetNodes");
    if (expected_nodes != 0) ck_assert_uint_eq(nodes, expected_nodes);
    ck_assert_uint_gt(nodes, 0);
    require_cuda(cudaGraphInstantiate(&exec, graph, 0), "cudaGraphInstantiate");
    require_cuda(cudaGraphDestroy(graph), "cudaGraphDestroy");
    return exec;
}

static void replay(cudaGraphExec_t graph) { require_cuda(cudaGraphLaunch(graph, stream), "cudaGraphLaunch"); }

static void destroy(cudaGraphExec_t graph) { require_cuda(cudaGraphExecDestroy(graph), "cudaGraphExecDestroy"); }

static void prepare_reserved(trial_run *run, const trial *t) {
    size_t bytes = 0;

    trial_prepare(run, t);
    require_success(smxGetWorkspaceSize(session_handle(), t->op, &t->x.layout, &bytes), "smxGetWorkspaceSize");
    require_success(smxReserveWorkspace(session_handle(), bytes), "smxReserveWorkspace");
}

static void download(trial_run *run) {
    buffer *all[TRIAL_BUFFERS];

    trial_buffers(run, all);
    for (size_t i = 0; i < TRIAL_BUFFERS; i++)
        if (all[i]->before != NULL) buffer_download(all[i]);
}

/* Gives the buffers of `run` the contents that those of `source`, of the same shape, had before its call. */
static void load(trial_run *run, trial_run *source) {
    buffer *to[TRIAL_BUFFERS], *from[TRIAL_BUFFERS];

    trial_buffers(run, to);
    trial_buffers(source, from);
    for (size_t i = 0; i < TRIAL_BUFFERS; i++) {
        ck_assert_uint_eq(to[i]->bytes, from[i]->bytes);
        if (to[i]->bytes > 0)
            require_success(smxMemcpyAsync(session_handle(), to[i]->device, from[i]->before, to[i]->bytes), "smxMemcpyAsync");
    }
}

/* Every byte of every buffer as it was read back, guards and inputs included. */
static bool same_bits(trial_run *a, trial_run *b) {
    buffer *of_a[TRIAL_BUFFERS], *of_b[TRIAL_BUFFERS];

    session_count_comparison();
    trial_buffers(a, of_a);
    trial_buffers(b, of_b);
    for (size_t i = 0; i < TRIAL_BUFFERS; i++)
        if (of_a[i]->before != NULL && memcmp(of_a[i]->after, of_b[i]->after, of_a[i]->bytes) != 0) return false;
    return true;
}

static void check_replays(const trial *t) {
    trial other = *t;
    trial_run first, second;

    other.seed = 2;
    other.divisor = t->divisor + 4.0f;
    prepare_reserved(&first, t);
    trial_prepare(&second, &other);
    require_success(trial_execute(&first), op_function(t->op));
    trial_compare(&first);
    require_success(trial_execute(&second), op_function(t->op));
    trial_compare(&second);
    trial_run direct = first; /* its results, while the buffers of `first` are used again */
    buffer *kept[TRIAL_BUFFERS], *reused[TRIAL_BUFFERS];
    trial_buffers(&direct, kept);
    trial_buffers(&first, reused);
    for (size_t i = 0; i < TRIAL_BUFFERS; i++) {
        if (reused[i]->before == NULL) continue;
        reused[i]->after = malloc(reused[i]->bytes + 1);
        ck_assert_ptr_nonnull(reused[i]->after);
    }

    load(&first, &first);
    begin_capture();
    require_success(make_call(&first.call), op_function(t->op));
    const cudaGraphExec_t graph = end_capture(0);
    download(&first);
    trial_require_nothing_written(&first); /* it was recorded, it did not run */

    trial_run *const sources[] = {&second, &direct, &second};
    for (size_t i = 0; i < sizeof sources / sizeof sources[0]; i++) {
        load(&first, sources[i]);
        replay(graph);
        download(&first);
        if (!same_bits(&first, sources[i])) fail_trial(sources[i], "a replayed graph gives other bits than the call itself");
    }

    destroy(graph);
    for (size_t i = 0; i < TRIAL_BUFFERS; i++) {
        free(reused[i]->after);
        reused[i]->after = kept[i]->after;
    }
    trial_release(&first);
    trial_release(&second);
}

START_TEST(every_call_replays) {
    trial list[MAX_VARIANTS];

    if (!begin()) return;
    const size_t count = variants_of_calls(list);
    for (size_t i = 0; i < count; i++) {
        check_replays(&list[i]);
        if (!op_reads_elements(list[i].op) || !op_writes_elements(list[i].op)) continue;
        list[i].placement = OVER_X;
        check_replays(&list[i]);
    }
    end();
}
END_TEST

/* Refused, each with its words, and the capture goes on: what was recorded before and after is the graph. */
START_TEST(too_little_workspace) {
    static const smxOp_t needing[] = {SMX_OP_CROSS_ENTROPY_FORWARD, SMX_OP_CROSS_ENTROPY_BACKWARD, SMX_OP_CROSS_ENTROPY_FORWARD_BACKWARD,
                                      SMX_OP_NLL_LOSS_FORWARD, SMX_OP_NLL_LOSS_BACKWARD};
    smxHandle_t h = session_handle();
    trial softmax = trial_of(SMX_OP_SOFTMAX_FORWARD, SMX_R_32F, 9, 30);

    if (!begin()) return;
    for (size_t i = 0; i < sizeof needing / sizeof needing[0]; i++) {
        const trial t = trial_of(needing[i], SMX_R_32F, 9, 30);
        trial_run spoilt, good;
        void *small = NULL;
        size_t bytes = 0;
        char needed[40];

        trial_prepare(&spoilt, &t);
        trial_prepare(&good, &softmax);
        require_success(smxGetWorkspaceSize(h, t.op, &t.x.layout, &bytes), "smxGetWorkspaceSize");
        snprintf(needed, sizeof needed, "needs %zu bytes", bytes);
        require_success(smxMalloc(h, &small, bytes), "smxMalloc");

        begin_capture(); /* of the handle's own workspace there is nothing yet */
        expect_message(make_call(&spoilt.call), SMX_STATUS_WORKSPACE_TOO_SMALL, op_function(t.op), needed, "has 0", "captured",
                       "smxReserveWorkspace", NULL);
        expect_message(smxReserveWorkspace(h, bytes), SMX_STATUS_WORKSPACE_TOO_SMALL, "smxReserveWorkspace", "captured", NULL);
        expect_message(smxGetBadTargets(h, NULL, NULL), SMX_STATUS_INVALID_VALUE, "smxGetBadTargets", "captured", NULL);
        require_capturing();
        require_success(make_call(&good.call), "smxSoftmaxForward");
        require_success(smxSetWorkspace(h, small, 256), "smxSetWorkspace");
        expect_message(make_call(&spoilt.call), SMX_STATUS_WORKSPACE_TOO_SMALL, op_function(t.op), needed, "the caller's has 256", NULL);
        require_capturing();
        const cudaGraphExec_t graph = end_capture(1);

        replay(graph);
        download(&spoilt);
        trial_require_nothing_written(&spoilt);
        download(&good);
        trial_compare(&good);

        require_success(smxSetWorkspace(h, small, bytes), "smxSetWorkspace");
        require_success(trial_execute(&spoilt), op_function(t.op));
        trial_compare(&spoilt);
        require_success(smxSetWorkspace(h, NULL, 0), "smxSetWorkspace");
        require_success(smxFree(h, small), "smxFree");
        destroy(graph);
        trial_release(&spoilt);
        trial_release(&good);
    }
    end();
}
END_TEST

/* A workspace that is outgrown is kept for the graphs that use it. */
START_TEST(workspace_grows_after_the_capture) {
    const trial small = trial_of(SMX_OP_CROSS_ENTROPY_FORWARD, SMX_R_32F, 40, 11);
    const trial large = trial_of(SMX_OP_CROSS_ENTROPY_FORWARD, SMX_R_64F, 30000, 3);
    trial_run run, outgrowing;
    buffer others[8]; /* they would get memory that was freed */
    size_t bytes = 0;

    if (!begin()) return;
    prepare_reserved(&run, &small);
    require_success(smxGetWorkspaceSize(session_handle(), small.op, &small.x.layout, &bytes), "smxGetWorkspaceSize");
    begin_capture();
    require_success(make_call(&run.call), "smxCrossEntropyForward");
    const cudaGraphExec_t graph = end_capture(2);
    trial_prepare(&outgrowing, &large);
    require_success(trial_execute(&outgrowing), "smxCrossEntropyForward");
    trial_compare(&outgrowing);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        others[i] = buffer_make(BUFFER_INPUT, 0, bytes);
        buffer_upload(&others[i]);
    }
    replay(graph);
    download(&run);
    trial_compare(&run);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        int64_t byte;
        buffer_download(&others[i]);
        session_count_comparison();
        ck_assert_msg(!buffer_changed(&others[i], &byte), "a replayed graph wrote into memory that is not its workspace");
        buffer_free(&others[i]);
    }
    destroy(graph);
    trial_release(&outgrowing);
    trial_release(&run);
    end();
}
END_TEST

/* Bad targets are counted when a graph runs, each time. */
START_TEST(replays_count_bad_targets) {
    enum { ROWS = 20, REPLAYS = 3 };
    trial t = trial_of(SMX_OP_CROSS_ENTROPY_FORWARD_BACKWARD, SMX_R_32F, ROWS, 6);
    int64_t count = -7, first = -7;
    trial_run run;

    if (!begin()) return;
    t.targets = TARGETS_ALL_BAD;
    prepare_reserved(&run, &t);
    begin_capture();
    require_success(make_call(&run.call), op_function(t.op));
    const cudaGraphExec_t graph = end_capture(3);
    session_count_comparison();
    require_success(smxGetBadTargets(session_handle(), &count, &first), "smxGetBadTargets");
    ck_assert_int_eq(count, 0);
    for (int i = 0; i < REPLAYS; i++) replay(graph);
    require_success(smxGetBadTargets(session_handle(), &count, &first), "smxGetBadTargets");
    ck_assert_int_eq(count, ROWS * REPLAYS);
    ck_assert_int_eq(first, 0);
    replay(graph);
    download(&run);
    trial_compare(&run);
    destroy(graph);
    trial_release(&run);
    end();
}
END_TEST

/* Seed and offset are read when a graph runs: other ones give other tokens, those of the oracle. */
START_TEST(replays_draw_with_other_random_bits) {
    enum { REPLAYS = 4 };
    choice c = choice_of((smxOp_t)(FIRST_CHOICE + _i), SMX_R_32F, 40, 300);
    size_t bytes = 0;
    choice_run run;

    if (!begin()) return;
    c.top_p = 0.95f;
    c.top_k = 100;
    c.per_row = c.op == SMX_OP_TOP_K || c.op == SMX_OP_MULTINOMIAL ? 5 : 1;
    c.without_replacement = true;
    c.given = GIVEN_ALL;
    choice_prepare(&run, &c);
    require_success(smxGetWorkspaceSize(session_handle(), c.op, &c.layout, &bytes), "smxGetWorkspaceSize");
    require_success(smxReserveWorkspace(session_handle(), bytes), "smxReserveWorkspace");
    require_success(smxSynchronize(session_handle()), "smxSynchronize");
    begin_capture();
    require_success(choice_call(&run), choice_name(c.op));
    const cudaGraphExec_t graph = end_capture(0);
    choice_download(&run);
    choice_require_nothing_written(&run); /* it was recorded, it did not run */
    for (uint64_t i = 0; i < REPLAYS; i++) {
        if (run.seed_offset.before != NULL) {
            choice_store_number64(&run.seed_offset, 0, 1000 * i + 3);
            choice_store_number64(&run.seed_offset, 1, UINT64_MAX - i);
            buffer_upload(&run.seed_offset);
        }
        buffer_upload(&run.indices);
        replay(graph);
        choice_download(&run);
        choice_compare(&run);
    }
    destroy(graph);
    choice_release(&run);
    end();
}
END_TEST

#else
START_TEST(no_cuda_runtime) { session_count_omission(); }
END_TEST
#endif

Suite *suite_graphs(void) {
    Suite *suite = suite_create("graphs");
    TCase *tcase = session_case("graphs");

#ifdef SMX_TEST_CUDA_RUNTIME
    tcase_add_test(tcase, every_call_replays);
    tcase_add_test(tcase, too_little_workspace);
    tcase_add_test(tcase, workspace_grows_after_the_capture);
    tcase_add_test(tcase, replays_count_bad_targets);
    tcase_add_loop_test(tcase, replays_draw_with_other_random_bits, 0, CHOICES);
#else
    tcase_add_test(tcase, no_cuda_runtime);
#endif
    suite_add_tcase(suite, tcase);
    return suite;
}
