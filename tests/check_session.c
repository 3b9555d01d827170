#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */

#include "check_session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static struct {
    smxBackend_t backend;
    bool small, large;
    const char *label;
    struct counts {
        long comparisons, omissions;
    } * counts; /* shared with forked children */
    smxHandle_t handle;
} session;

static const char *environment(const char *name, const char *otherwise) {
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0' ? value : otherwise;
}

bool session_begin(void) {
    const char *backend = environment("SMX_TEST_BACKEND", "cpu");
    const char *size = environment("SMX_TEST_SIZE", "full");

    if (strcmp(backend, "cpu") != 0 && strcmp(backend, "cuda") != 0) {
        fprintf(stderr, "SMX_TEST_BACKEND is %s, must be cpu or cuda\n", backend);
        return false;
    }
    if (strcmp(size, "full") != 0 && strcmp(size, "small") != 0 && strcmp(size, "large") != 0) {
        fprintf(stderr, "SMX_TEST_SIZE is %s, must be small, full or large\n", size);
        return false;
    }
    session.backend = strcmp(backend, "cuda") == 0 ? SMX_BACKEND_CUDA : SMX_BACKEND_CPU;
    session.small = strcmp(size, "small") == 0;
    session.large = strcmp(size, "large") == 0;
    session.label = environment("SMX_TEST_LABEL", backend);
    session.counts = mmap(NULL, sizeof *session.counts, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (session.counts == MAP_FAILED) {
        perror("mmap");
        return false;
    }
    *session.counts = (struct counts){0, 0};
    return true;
}

smxBackend_t session_backend(void) { return session.backend; }

/* The CPU always does; asking would start threads in a process that is about to fork. */
bool session_backend_exists(void) {
    smxHandle_t handle = NULL;
    if (session.backend == SMX_BACKEND_CPU) return true;
    const smxStatus_t status = smxCreateWithBackend(&handle, session.backend);
    if (status == SMX_STATUS_SUCCESS) smxDestroy(handle);
    return status != SMX_STATUS_NOT_SUPPORTED;
}

/* A function of the emulator, if the program is linked with it. */
long simt_launches(void) __attribute__((weak));
bool session_emulated(void) { return session.backend == SMX_BACKEND_CUDA && simt_launches != NULL; }

bool session_small(void) { return session.small; }

bool session_large(void) { return session.large; }

const char *session_label(void) { return session.label; }

void session_count_comparison(void) { __atomic_add_fetch(&session.counts->comparisons, 1, __ATOMIC_RELAXED); }

long session_comparisons(void) { return __atomic_load_n(&session.counts->comparisons, __ATOMIC_RELAXED); }

void session_count_omission(void) { __atomic_add_fetch(&session.counts->omissions, 1, __ATOMIC_RELAXED); }

long session_omissions(void) { return __atomic_load_n(&session.counts->omissions, __ATOMIC_RELAXED); }

smxHandle_t session_handle(void) { return session.handle; }

static void open_handle(void) { require_success(smxCreateWithBackend(&session.handle, session.backend), "smxCreateWithBackend"); }

static void close_handle(void) {
    smxHandle_t handle = session.handle;
    session.handle = NULL;
    require_success(smxDestroy(handle), "smxDestroy");
}

TCase *session_case(const char *name) {
    TCase *tcase = tcase_create(name);
    tcase_add_checked_fixture(tcase, open_handle, close_handle);
    tcase_set_timeout(tcase, 900);
    return tcase;
}

void require_success(smxStatus_t status, const char *what) {
    ck_assert_msg(status == SMX_STATUS_SUCCESS, "%s: status %d (%s): %s", what, (int)status, smxGetStatusString(status),
                  smxGetLastErrorMessage());
}
