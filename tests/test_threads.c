/* Many threads, each with a handle of its own: the same bits as on one thread, messages of their own, one log. Run under ThreadSanitizer
 * too. Workers never fail a Check test themselves; they leave a sentence for the thread that started them. */
#define _DEFAULT_SOURCE /* setenv, mkstemp */

#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check_jobs.h"
#include "check_session.h"
#include "process.h"

enum { THREADS = 8 };

typedef struct worker {
    pthread_t thread;
    int number;
    char failure[400]; /* "" if all went well */
    char message[400]; /* the last one of this thread */
} worker;

static pthread_barrier_t start;
static job jobs[JOBS];
static unsigned char *expected[JOBS]; /* what one thread got */
static size_t most_bytes;

/* ---- workers ---- */

__attribute__((format(printf, 2, 3))) static void note(worker *w, const char *format, ...) {
    va_list arguments;
    if (w->failure[0] != '\0') return; /* the first one is the one to know */
    va_start(arguments, format);
    vsnprintf(w->failure, sizeof w->failure, format, arguments);
    va_end(arguments);
}

static bool succeeded(worker *w, smxStatus_t status, const char *what) {
    if (status != SMX_STATUS_SUCCESS) note(w, "%s: %s: %s", what, smxGetStatusString(status), smxGetLastErrorMessage());
    return status == SMX_STATUS_SUCCESS;
}

/* Runs `work` in all threads at once, in each with its number, and fails the test with the first worker's complaint. */
static void run_workers(worker *workers, void *(*work)(void *)) {
    ck_assert_int_eq(pthread_barrier_init(&start, NULL, THREADS), 0);
    for (int i = 0; i < THREADS; i++) {
        workers[i] = (worker){.number = i};
        ck_assert_int_eq(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) ck_assert_int_eq(pthread_join(workers[i].thread, NULL), 0);
    for (int i = 0; i < THREADS; i++) {
        session_count_comparison();
        ck_assert_msg(workers[i].failure[0] == '\0', "thread %d: %s", i, workers[i].failure);
    }
    pthread_barrier_destroy(&start);
}

static void prepare_jobs(void) {
    smxHandle_t handle = NULL;
    require_success(smxCreateWithBackend(&handle, session_backend()), "smxCreateWithBackend");
    for (int i = 0; i < JOBS; i++) {
        job_prepare(&jobs[i], i);
        most_bytes = jobs[i].bytes > most_bytes ? jobs[i].bytes : most_bytes;
        expected[i] = malloc(jobs[i].bytes);
        ck_assert_ptr_nonnull(expected[i]);
        require_success(job_run(handle, &jobs[i], expected[i]), "the job on one thread");
        ck_assert(memcmp(expected[i], jobs[i].before, jobs[i].bytes) != 0);
    }
    require_success(smxDestroy(handle), "smxDestroy");
}

static void release_jobs(void) {
    for (int i = 0; i < JOBS; i++) {
        free(expected[i]);
        job_release(&jobs[i]);
    }
}

/* ---- the same bits ---- */

static void run_job(worker *w, smxHandle_t handle, int i, unsigned char *after) {
    if (!succeeded(w, job_run(handle, &jobs[i], after), "job")) return;
    for (size_t byte = 0; byte < jobs[i].bytes; byte++)
        if (after[byte] != expected[i][byte]) {
            note(w, "job %d, operation %d: byte %zu of %zu differs from that of one thread", i, (int)jobs[i].op, byte, jobs[i].bytes);
            return;
        }
}

/* Fails with numbers that no other thread uses; the message must have them, and the one before must have stayed until now. */
static void fail_on_purpose(worker *w, smxHandle_t handle, int i) {
    const smxLayout_t layout = smxRowMajor(SMX_R_32F, 1 + w->number, 1000 + i), other = smxRowMajor(SMX_R_32F, 1 + w->number, 5000 + i);
    float x, y;
    char words[2][40];
    if (strcmp(smxGetLastErrorMessage(), w->message) != 0) note(w, "'%s' has become '%s'", w->message, smxGetLastErrorMessage());
    snprintf(words[0], sizeof words[0], "outer %d, cols %d,", 1 + w->number, 1000 + i);
    snprintf(words[1], sizeof words[1], "outer %d, cols %d,", 1 + w->number, 5000 + i);
    const smxStatus_t status = smxSoftmaxForward(handle, NULL, &layout, &x, &other, &y);
    const char *message = smxGetLastErrorMessage();
    if (status != SMX_STATUS_INVALID_VALUE || strstr(message, words[0]) == NULL || strstr(message, words[1]) == NULL)
        note(w, "status %d, message '%s' instead of one with '%s' and '%s'", (int)status, message, words[0], words[1]);
    snprintf(w->message, sizeof w->message, "%s", message);
}

/* All jobs in an order of its own, failing in between, with a new handle every round. */
static void *do_all_jobs(void *argument) {
    worker *w = argument;
    unsigned char *after = malloc(most_bytes);
    const int rounds = session_small() ? 1 : 4;
    pthread_barrier_wait(&start);
    for (int round = 0; round < rounds && after != NULL; round++) {
        smxHandle_t handle = NULL;
        if (!succeeded(w, smxCreateWithBackend(&handle, session_backend()), "smxCreateWithBackend")) break;
        for (int k = 0; k < JOBS; k++) {
            run_job(w, handle, (7 * k + 13 * w->number + round) % JOBS, after);
            if (k % 5 == w->number % 5) fail_on_purpose(w, handle, k);
        }
        succeeded(w, smxDestroy(handle), "smxDestroy");
    }
    free(after);
    return NULL;
}

START_TEST(same_bits_on_every_thread) {
    worker workers[THREADS];
    prepare_jobs();
    ck_assert_int_eq(smxSynchronize(NULL), SMX_STATUS_NOT_INITIALIZED); /* the other threads begin without a message all the same */
    run_workers(workers, do_all_jobs);
    ck_assert_str_eq(smxGetLastErrorMessage(), "smxSynchronize: the handle is NULL");
    release_jobs();
}
END_TEST

/* ---- handles come and go ---- */

static void *create_and_destroy(void *argument) {
    worker *w = argument;
    const int times = session_small() ? 50 : 400;
    job j;
    job_prepare(&j, w->number);
    unsigned char *after = malloc(j.bytes);
    pthread_barrier_wait(&start);
    for (int i = 0; i < times && after != NULL; i++) {
        smxHandle_t first = NULL, second = NULL;
        if (!succeeded(w, smxCreate(&first), "smxCreate")) break;
        succeeded(w, smxCreateWithBackend(&second, session_backend()), "smxCreateWithBackend");
        succeeded(w, smxDestroy(first), "smxDestroy");
        succeeded(w, job_run(second, &j, after), "job");
        succeeded(w, smxDestroy(second), "smxDestroy");
    }
    free(after);
    job_release(&j);
    return NULL;
}

START_TEST(handles_come_and_go) {
    worker workers[THREADS];
    run_workers(workers, create_and_destroy);
}
END_TEST

/* ---- one log ---- */

typedef struct listener {
    int running; /* not atomic: the library promises one line at a time */
    long lines[SMX_LOG_CALL + 1];
    char unexpected[200];
} listener;

static void listen(smxLogLevel_t level, const char *line, void *user) {
    listener *l = user;
    if (l->running++ != 0) snprintf(l->unexpected, sizeof l->unexpected, "two lines at a time");
    sched_yield(); /* an invitation to the other threads */
    if (strchr(line, '\n') != NULL || strlen(line) < 20) snprintf(l->unexpected, sizeof l->unexpected, "line '%.150s'", line);
    l->lines[level]++;
    l->running--;
}

enum { LOGGED_CALLS = 60, LOGGED_FAILURES = 20 };

static void *make_logged_calls(void *argument) {
    worker *w = argument;
    smxHandle_t handle = NULL;
    job j;
    job_prepare(&j, w->number);
    unsigned char *after = malloc(j.bytes);
    pthread_barrier_wait(&start);
    if (after != NULL && succeeded(w, smxCreateWithBackend(&handle, session_backend()), "smxCreateWithBackend")) {
        for (int i = 0; i < LOGGED_CALLS; i++) succeeded(w, job_run(handle, &j, after), "job");
        for (int i = 0; i < LOGGED_FAILURES; i++) fail_on_purpose(w, handle, i);
        succeeded(w, smxDestroy(handle), "smxDestroy");
    }
    free(after);
    job_release(&j);
    return NULL;
}

START_TEST(one_callback_for_all_threads) {
    worker workers[THREADS];
    listener l = {.running = 0};
    require_success(smxSetLogCallback(listen, &l, SMX_LOG_CALL), "smxSetLogCallback");
    run_workers(workers, make_logged_calls);
    require_success(smxSetLogCallback(NULL, NULL, SMX_LOG_OFF), "smxSetLogCallback");
    ck_assert_str_eq(l.unexpected, "");
    ck_assert_int_eq(l.lines[SMX_LOG_ERROR], THREADS * LOGGED_FAILURES);
    ck_assert_int_eq(l.lines[SMX_LOG_PLAN], THREADS * LOGGED_CALLS);
    ck_assert_int_eq(l.lines[SMX_LOG_CALL], THREADS * (LOGGED_CALLS + LOGGED_FAILURES));
}
END_TEST

START_TEST(one_file_for_all_threads) {
    worker workers[THREADS];
    char path[] = "/tmp/smx_log_XXXXXX", line[2200], level[10];
    long lines = 0, process, thread;
    const int made = mkstemp(path);
    ck_assert_int_ge(made, 0);
    close(made);
    setenv("SMX_LOG_LEVEL", "call", 1);
    setenv("SMX_LOG_FILE", path, 1);
    run_workers(workers, make_logged_calls);
    FILE *file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    for (; fgets(line, sizeof line, file) != NULL; lines++) {
        ck_assert_msg(sscanf(line, "smx[%ld.%ld] %9[a-z]: ", &process, &thread, level) == 3, "line '%s'", line);
        ck_assert_int_eq(process, getpid());
        ck_assert(thread >= 1 && thread <= THREADS);
    }
    fclose(file);
    unlink(path);
    ck_assert_int_eq(lines, THREADS * 2 * (LOGGED_CALLS + LOGGED_FAILURES));
}
END_TEST

static atomic_bool all_done;

/* A listener that has been replaced may be freed. */
static void *change_listeners(void *argument) {
    worker *w = argument;
    while (!atomic_load(&all_done)) {
        listener *l = calloc(1, sizeof *l);
        if (l == NULL) break;
        succeeded(w, smxSetLogCallback(listen, l, SMX_LOG_CALL), "smxSetLogCallback");
        usleep(200);
        succeeded(w, smxSetLogCallback(NULL, NULL, SMX_LOG_OFF), "smxSetLogCallback");
        if (l->unexpected[0] != '\0') note(w, "%s", l->unexpected);
        free(l);
    }
    return NULL;
}

START_TEST(callbacks_change_while_threads_log) {
    worker workers[THREADS], changer = {.number = THREADS};
    ck_assert_int_eq(pthread_create(&changer.thread, NULL, change_listeners, &changer), 0);
    run_workers(workers, make_logged_calls);
    atomic_store(&all_done, true);
    ck_assert_int_eq(pthread_join(changer.thread, NULL), 0);
    ck_assert_str_eq(changer.failure, "");
}
END_TEST

Suite *suite_threads(void) {
    Suite *suite = suite_create("threads");
    TCase *tcase = tcase_create("threads");
    tcase_set_timeout(tcase, 900);
    tcase_add_test(tcase, same_bits_on_every_thread);
    tcase_add_test(tcase, handles_come_and_go);
    tcase_add_test(tcase, one_callback_for_all_threads);
    tcase_add_test(tcase, one_file_for_all_threads);
    tcase_add_test(tcase, callbacks_change_while_threads_log);
    suite_add_tcase(suite, tcase);
    return suite;
}
