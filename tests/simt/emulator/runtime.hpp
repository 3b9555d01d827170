// What the files of the stand-in runtime share.
#pragma once
#include "../simt_runtime.h"
#include "device.hpp"
#include "machine.hpp"

namespace simt {

struct Counters {
    long launches = 0, copies = 0, allocations = 0, synchronizations = 0;
};
extern Counters counters;

// ---- errors (runtime_error.cpp)

cudaError_t note(cudaError_t error); // remembers it as this OS thread's last error
// Says why on stderr and for cudaGetErrorString; returns the error.
cudaError_t refuse(cudaError_t error, const char *format, ...) __attribute__((format(printf, 2, 3)));
cudaError_t device_error(); // why no call can succeed: no device, no driver, or a kernel that failed; cudaSuccess: none
void break_device(cudaError_t error);

// Every function of the API: one OS thread at a time, and nothing works on a broken device.
template <class F> cudaError_t call(F function) {
    const std::lock_guard<std::recursive_mutex> lock(machine.mutex);
    const cudaError_t error = device_error();
    return note(error != cudaSuccess ? error : function());
}

// ---- streams (runtime_stream.cpp)

int current_device();

struct Work { // what a stream or a graph carries out
    enum Kind { None, Kernel, Copy, Event, HostFunction, Free } kind = None;
    std::function<cudaError_t()> run;
};
// Runs the work at once, or records it if the stream is being captured.
cudaError_t enqueue(cudaStream_t stream, Work work);
Work::Kind last_work(cudaStream_t stream);
cudaError_t catch_up_all(bool blocking_only); // runs what the streams have deferred

// ---- capture (runtime_graph.cpp)

// Calls that CUDA forbids while a capture goes on, which they make invalid.
cudaError_t forbidden_while_capturing(const char *function);
cudaError_t forbidden_on_captured(cudaStream_t stream, const char *function);
cudaError_t forbidden_on_legacy_stream();

// ---- memory (runtime_memory.cpp)

// NULL: fine as a kernel argument; else what is wrong with it.
const char *bad_kernel_pointer(const void *p);

// While it lives, device memory may be touched; in the asan build host code may not, as on a real system.
class DeviceMemoryAccess {
  public:
    DeviceMemoryAccess();
    ~DeviceMemoryAccess();
    DeviceMemoryAccess(const DeviceMemoryAccess &) = delete;
    DeviceMemoryAccess &operator=(const DeviceMemoryAccess &) = delete;
};

} // namespace simt
