/* How the fuzzer says that something is wrong: what and in which call, then it aborts, which the driver takes for a finding. */
#ifndef FUZZ_FINDING_H
#define FUZZ_FINDING_H

#include "call.h"

_Noreturn void finding(const fuzz_call *call, const char *format, ...) __attribute__((format(printf, 2, 3)));
void describe(const fuzz_call *call); /* on stderr */

#endif
