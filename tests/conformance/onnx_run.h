/* One test case of ONNX through smx's public calls. */
#ifndef ONNX_RUN_H
#define ONNX_RUN_H

#include "onnx_cases.h"

/* Runs every data set of the case on the session's handle; a wrong answer fails the test. */
void onnx_run(const onnx_case *c);

#endif
