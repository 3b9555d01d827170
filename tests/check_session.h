/* What one run of the test program is about: the backend under test, the size of the lists, the count of comparisons. */
#ifndef CHECK_SESSION_H
#define CHECK_SESSION_H

#include <check.h>
#include <stdbool.h>
#include <stdint.h>

#include "internal.h"

/* Environment: SMX_TEST_BACKEND=cpu|cuda, SMX_TEST_SIZE=small|full|large, SMX_TEST_LABEL=text. False: one of them is wrong. */
bool session_begin(void);
smxBackend_t session_backend(void);
bool session_backend_exists(void);
bool session_emulated(void);     /* the backend is CUDA on the emulator */
bool session_small(void);        /* reduced lists, for slow builds */
bool session_large(void);        /* also tensors of many gigabytes */
const char *session_label(void); /* names the run in the last line */

/* Comparisons made so far, in this process and in the children that Check forks. */
void session_count_comparison(void);
long session_comparisons(void);
/* Tests that could not be made on this backend. */
void session_count_omission(void);
long session_omissions(void);

/* A handle of the backend under test; every test case of session_case has its own. */
smxHandle_t session_handle(void);
TCase *session_case(const char *name);

/* Fails the test, with the library's last message, unless the status is success. */
void require_success(smxStatus_t status, const char *what);

#endif
