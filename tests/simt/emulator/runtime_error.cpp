// Errors: what the last one was, what it means, and what the emulator has to say about it.
#include <cstdarg>

#include "runtime.hpp"

namespace simt {

Counters counters;

namespace {

thread_local cudaError_t last_error = cudaSuccess;
cudaError_t broken = cudaSuccess; // a kernel has failed: the context is of no more use
cudaError_t reason_code = cudaSuccess;
std::string reason;

struct ErrorText {
    cudaError_t code;
    const char *name, *text;
};
const ErrorText error_texts[] = {
    {cudaSuccess, "cudaSuccess", "no error"},
    {cudaErrorInvalidValue, "cudaErrorInvalidValue", "invalid argument"},
    {cudaErrorMemoryAllocation, "cudaErrorMemoryAllocation", "out of memory"},
    {cudaErrorInvalidConfiguration, "cudaErrorInvalidConfiguration", "invalid configuration argument"},
    {cudaErrorInvalidDevicePointer, "cudaErrorInvalidDevicePointer", "invalid device pointer"},
    {cudaErrorInvalidMemcpyDirection, "cudaErrorInvalidMemcpyDirection", "invalid copy direction for memcpy"},
    {cudaErrorInsufficientDriver, "cudaErrorInsufficientDriver", "CUDA driver version is insufficient for CUDA runtime version"},
    {cudaErrorNoDevice, "cudaErrorNoDevice", "no CUDA-capable device is detected"},
    {cudaErrorInvalidDevice, "cudaErrorInvalidDevice", "invalid device ordinal"},
    {cudaErrorInvalidResourceHandle, "cudaErrorInvalidResourceHandle", "invalid resource handle"},
    {cudaErrorNotReady, "cudaErrorNotReady", "device not ready"},
    {cudaErrorIllegalAddress, "cudaErrorIllegalAddress", "an illegal memory access was encountered"},
    {cudaErrorLaunchFailure, "cudaErrorLaunchFailure", "unspecified launch failure"},
    {cudaErrorInvalidClusterSize, "cudaErrorInvalidClusterSize", "invalid cluster size"},
    {cudaErrorNotSupported, "cudaErrorNotSupported", "operation not supported"},
    {cudaErrorStreamCaptureUnsupported, "cudaErrorStreamCaptureUnsupported", "operation not permitted when stream is capturing"},
    {cudaErrorStreamCaptureInvalidated, "cudaErrorStreamCaptureInvalidated", "operation failed due to a previous error during capture"},
    {cudaErrorStreamCaptureUnmatched, "cudaErrorStreamCaptureUnmatched", "capture was not initiated in this stream"},
    {cudaErrorStreamCaptureIsolation, "cudaErrorStreamCaptureIsolation", "dependency created on uncaptured work in another stream"},
    {cudaErrorStreamCaptureImplicit, "cudaErrorStreamCaptureImplicit",
     "operation would make the legacy stream depend on a capturing blocking stream"},
    {cudaErrorIllegalState, "cudaErrorIllegalState", "the operation cannot be performed in the present state"},
    {cudaErrorUnknown, "cudaErrorUnknown", "unknown error"},
};
const ErrorText *find(cudaError_t error) {
    for (const ErrorText &e : error_texts)
        if (e.code == error) return &e;
    return nullptr;
}

} // namespace

cudaError_t note(cudaError_t error) {
    if (error != cudaSuccess) last_error = error;
    return error;
}

cudaError_t refuse(cudaError_t error, const char *format, ...) {
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    fprintf(stderr, "simt: %s\n", text);
    reason_code = error;
    reason = text;
    return error;
}

cudaError_t device_error() {
    if (!options().driver) return cudaErrorInsufficientDriver;
    if (options().devices < 1) return cudaErrorNoDevice;
    return broken;
}
void break_device(cudaError_t error) {
    broken = error;
    reason_code = error;
    reason = machine.error;
}

} // namespace simt

using namespace simt;

extern "C" {

cudaError_t cudaPeekAtLastError(void) {
    const std::lock_guard<std::recursive_mutex> lock(machine.mutex);
    return broken != cudaSuccess ? broken : last_error;
}
cudaError_t cudaGetLastError(void) {
    const cudaError_t error = cudaPeekAtLastError();
    last_error = cudaSuccess;
    return error;
}
const char *cudaGetErrorName(cudaError_t error) {
    const ErrorText *e = find(error);
    return e ? e->name : "unrecognized error code";
}
const char *cudaGetErrorString(cudaError_t error) {
    const std::lock_guard<std::recursive_mutex> lock(machine.mutex);
    const ErrorText *e = find(error);
    if (!e) return "unrecognized error code";
    if (error == cudaSuccess || error != reason_code) return e->text;
    static thread_local std::string text; // a test that fails shows the emulator's reason, not just the number
    text = std::string(e->text) + " (" + reason + ")";
    return text.c_str();
}

const char *simt_last_error(void) { return reason.c_str(); }
void simt_clear_error(void) {
    const std::lock_guard<std::recursive_mutex> lock(machine.mutex);
    broken = last_error = reason_code = cudaSuccess;
    reason.clear();
}
long simt_launches(void) { return counters.launches; }
long simt_copies(void) { return counters.copies; }
long simt_allocations(void) { return counters.allocations; }
long simt_synchronizations(void) { return counters.synchronizations; }

} // extern "C"
