/* Every allocation of a long session fails in its turn: the call says so, and when the handle is gone nothing is left behind. */
#include <string.h>

#include "check_jobs.h"
#include "check_session.h"
#include "check_wraps.h"
#include "process.h"

/* Where the backend is the emulator: memory of the device, and pinned memory. */
__attribute__((weak)) void simt_fail_allocation_after(int n);
__attribute__((weak)) long simt_live_allocations(void);
/* Where the program is built with LeakSanitizer: not 0 if memory was lost. */
__attribute__((weak)) int __lsan_do_recoverable_leak_check(void);

enum { ROWS = 300, COLS = 40, PROBLEMS = 4, MOST_BYTES = ROWS * COLS * 4 };

static float host_x[ROWS * COLS], host_y[ROWS * COLS];
static int32_t host_targets[ROWS];
static job one_job;
static unsigned char after[1 << 20];

/* ---- the session: everything that may allocate. Nothing of Check, whose own allocations count like the library's ---- */

/* What is freed has to be freed whatever came before; the first failure counts. */
static smxStatus_t first_of(smxStatus_t first, smxStatus_t second) { return first != SMX_STATUS_SUCCESS ? first : second; }

static smxStatus_t run_batched(smxHandle_t handle, float *x, int32_t *targets, float *loss) {
    smxLayout_t layouts[PROBLEMS];
    smxTargets_t of_problem[PROBLEMS];
    const void *xs[PROBLEMS];
    void *losses[PROBLEMS], *dxs[PROBLEMS];
    for (int i = 0; i < PROBLEMS; i++) {
        layouts[i] = smxRowMajor(SMX_R_32F, ROWS / PROBLEMS, COLS - i);
        of_problem[i] = smxIndexTargets(SMX_R_32I, targets + i * (ROWS / PROBLEMS));
        xs[i] = dxs[i] = x + i * (ROWS / PROBLEMS) * COLS;
        losses[i] = loss + i;
    }
    return smxCrossEntropyForwardBackwardBatched(handle, NULL, PROBLEMS, layouts, xs, of_problem, NULL, losses, NULL, layouts, dxs);
}

static smxStatus_t run_on_memory(smxHandle_t handle, char *memory) {
    float *x = (float *)(void *)memory;
    int32_t *targets = (int32_t *)(void *)(memory + MOST_BYTES);
    const smxLayout_t layout = smxRowMajor(SMX_R_32F, ROWS, COLS);
    const smxTargets_t all = smxIndexTargets(SMX_R_32I, targets);
    float *loss = (float *)(void *)(memory + MOST_BYTES + sizeof host_targets);
    SMX_TRY(smxMemcpyAsync(handle, x, host_x, sizeof host_x));
    SMX_TRY(smxMemcpyAsync(handle, targets, host_targets, sizeof host_targets));
    SMX_TRY(smxCrossEntropyForward(handle, NULL, &layout, x, &all, loss, NULL)); /* grows the workspace */
    SMX_TRY(run_batched(handle, x, targets, loss));                              /* again, and takes staging memory */
    SMX_TRY(smxReserveWorkspace(handle, (size_t)1 << 20));
    return smxSynchronize(handle);
}

static smxStatus_t run_with_handle(smxHandle_t handle) {
    const smxLayout_t layout = smxRowMajor(SMX_R_32F, ROWS, COLS);
    const smxTargets_t targets = smxIndexTargets(SMX_R_32I, host_targets);
    void *memory = NULL, *pinned = NULL;
    float loss;
    smxStatus_t status = job_run(handle, &one_job, after);
    if (status == SMX_STATUS_SUCCESS) status = smxMalloc(handle, &memory, MOST_BYTES + sizeof host_targets + PROBLEMS * sizeof(float));
    if (status == SMX_STATUS_SUCCESS) status = run_on_memory(handle, memory);
    if (status == SMX_STATUS_SUCCESS) status = smxMallocHost(handle, &pinned, 1000);
    if (status == SMX_STATUS_SUCCESS) status = smxSoftmaxForwardHost(handle, NULL, NULL, &layout, host_x, &layout, host_y);
    if (status == SMX_STATUS_SUCCESS) status = smxCrossEntropyForwardHost(handle, NULL, NULL, &layout, host_x, &targets, &loss, NULL);
    if (memory != NULL) status = first_of(status, smxFree(handle, memory));
    return pinned == NULL ? status : first_of(status, smxFreeHost(handle, pinned));
}

static int handles; /* created so far: the memory of the last 64 is kept when they are destroyed */

static smxStatus_t run_session(void) {
    smxHandle_t handle;
    SMX_TRY(smxCreateWithBackend(&handle, session_backend()));
    handles++;
    const smxStatus_t status = run_with_handle(handle);
    return first_of(status, smxDestroy(handle));
}

/* ---- the failures ---- */

/* Sessions until one has all the memory that it asks for: how many failed. Rows on the CPU do without the memory that makes them faster, so
 * that a session may succeed before. */
static int count_failures(void (*fail_allocation_after)(int)) {
    int failures = 0;
    for (int refused = 1;; refused++) {
        const long live = wraps_live() - handles, live_there = simt_live_allocations != NULL ? simt_live_allocations() : 0;
        fail_allocation_after(refused);
        const smxStatus_t status = run_session();
        const bool had_all = fail_allocation_after != wraps_fail_allocation_after || wraps_failure_is_due();
        fail_allocation_after(0);
        const long live_now = wraps_live() - handles;
        session_count_comparison();
        if (session_backend() == SMX_BACKEND_CPU) ck_assert_int_eq(live_now, live); /* the emulator takes memory by ways of its own */
        if (simt_live_allocations != NULL) ck_assert_int_eq(simt_live_allocations(), live_there);
        if (status == SMX_STATUS_SUCCESS && had_all) return failures;
        ck_assert_int_lt(refused, 50);
        if (status == SMX_STATUS_SUCCESS) continue;
        failures++;
        const char *message = smxGetLastErrorMessage();
        ck_assert_msg(status == SMX_STATUS_ALLOC_FAILED, "allocation %d: %s (%s)", refused, smxGetStatusString(status), message);
        ck_assert_msg(strstr(message, "bytes") != NULL && strncmp(message, "smx", 3) == 0, "allocation %d: '%s'", refused, message);
    }
}

/* A first session, after which the C library and OpenMP have what they keep for themselves. */
static void begin(void) {
    for (int i = 0; i < ROWS; i++) host_targets[i] = i % COLS / 2;
    job_prepare(&one_job, JOBS / 2);
    ck_assert_uint_le(one_job.bytes, sizeof after);
    require_success(run_session(), "a session with enough memory");
}

static void end(void) {
    job_release(&one_job);
    if (__lsan_do_recoverable_leak_check != NULL) ck_assert_int_eq(__lsan_do_recoverable_leak_check(), 0);
}

START_TEST(of_the_host) {
    begin();
    const int failures = count_failures(wraps_fail_allocation_after);
    ck_assert_int_ge(failures, session_backend() == SMX_BACKEND_CPU ? 6 : 2);
    end();
}
END_TEST

START_TEST(of_the_device) {
    if (simt_fail_allocation_after == NULL) return;
    begin();
    ck_assert_int_ge(count_failures(simt_fail_allocation_after), 6);
    end();
}
END_TEST

Suite *suite_allocation(void) {
    Suite *suite = suite_create("allocation");
    TCase *tcase = tcase_create("allocation");

    tcase_set_timeout(tcase, 0);
    tcase_add_test(tcase, of_the_host);
    tcase_add_test(tcase, of_the_device);
    suite_add_tcase(suite, tcase);
    return suite;
}
