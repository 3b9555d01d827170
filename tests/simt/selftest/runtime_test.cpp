// The stand-in runtime: device, memory, streams, capture, graphs, errors. What is expected follows the same environment
// variables as the emulator itself.
#include "portable.cuh"

#include <cstdlib>
#include <cstring>
#include <thread>
#include <vector>

#include "../simt_runtime.h"
#include "device_array.hpp"
#include "expect.hpp"

namespace {

int environment(const char *name, int otherwise) {
    const char *text = getenv(name);
    return text ? atoi(text) : otherwise;
}
const int capability = environment("SIMT_CC", 90), devices = environment("SIMT_DEVICES", 1);

__global__ void add_one(int *p) { atomicAdd(p, 1); }
__global__ void use_dynamic(int *p) {
    SHARED_DYNAMIC(int, s);
    s[threadIdx.x] = 7;
    if (threadIdx.x == 0) atomicAdd(p, s[0]);
}
__global__ void deadlock(int *p) {
    if (threadIdx.x < 16)
        __shfl_sync(0xffffffffu, *p, 0);
    else
        __syncthreads();
}

int attribute(cudaDeviceAttr a) {
    int value = -1;
    EXPECT(cudaDeviceGetAttribute(&value, a, 0) == cudaSuccess);
    return value;
}
Shape single(cudaStream_t stream = nullptr) { return Shape{dim3(1), dim3(1), 0, 1, stream}; }
int value_of(const int *device_pointer) {
    int value = -1;
    EXPECT(cudaMemcpy(&value, device_pointer, sizeof value, cudaMemcpyDeviceToHost) == cudaSuccess);
    return value;
}
bool last_error_was(cudaError_t error) {
    return cudaPeekAtLastError() == error && cudaGetLastError() == error && cudaGetLastError() == cudaSuccess;
}

void test_without_device(cudaError_t expected) {
    int count = 77, version = -1;
    void *p = nullptr;
    EXPECT(cudaDriverGetVersion(&version) == cudaSuccess);
    EXPECT((version == 0) == (expected == cudaErrorInsufficientDriver));
    EXPECT(cudaGetDeviceCount(&count) == expected);
    EXPECT(count == (expected == cudaErrorNoDevice ? 0 : 77));
    EXPECT(cudaMalloc(&p, 16) == expected);
}

void test_device() {
    int count = 0, version = 0;
    EXPECT(cudaGetDeviceCount(&count) == cudaSuccess && count == devices);
    EXPECT(cudaRuntimeGetVersion(&version) == cudaSuccess && version >= 12000);
    EXPECT(attribute(cudaDevAttrComputeCapabilityMajor) * 10 + attribute(cudaDevAttrComputeCapabilityMinor) == capability);
    EXPECT(attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin) == (capability == 75 ? 64 : capability == 80 ? 163 : 227) * 1024);
    EXPECT(attribute(cudaDevAttrClusterLaunch) == (capability >= 90));
    cudaDeviceProp properties;
    EXPECT(cudaGetDeviceProperties(&properties, 0) == cudaSuccess && properties.major == capability / 10 && properties.warpSize == 32);
    EXPECT(cudaSetDevice(devices) == cudaErrorInvalidDevice && last_error_was(cudaErrorInvalidDevice));
    int blocks = 0;
    EXPECT(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, add_one, 256, 0) == cudaSuccess && blocks == (capability == 75 ? 4 : 8));
}

void test_two_devices() {
    if (devices < 2) return;
    DeviceArray<int> on_first(std::vector<int>{0});
    cudaStream_t stream = nullptr;
    EXPECT(cudaStreamCreate(&stream) == cudaSuccess);
    EXPECT(cudaSetDevice(1) == cudaSuccess);
    EXPECT(launch(add_one, single(), on_first.data()) == cudaErrorIllegalAddress);
    int *on_second = nullptr;
    EXPECT(cudaMalloc(&on_second, sizeof(int)) == cudaSuccess);
    EXPECT(launch(add_one, single(stream), on_second) == cudaErrorInvalidResourceHandle);
    EXPECT(launch(add_one, single(), on_second) == cudaSuccess);
    std::thread([] {
        int ordinal = -1;
        EXPECT(cudaGetDevice(&ordinal) == cudaSuccess && ordinal == 0); // every thread begins with the first
    }).join();
    EXPECT(cudaFree(on_second) == cudaSuccess && cudaSetDevice(0) == cudaSuccess && cudaStreamDestroy(stream) == cudaSuccess);
    cudaGetLastError();
}

void test_launch_rules() {
    DeviceArray<int> n(std::vector<int>{0});
    const auto outcome = [&](Shape shape) {
        const cudaError_t error = launch(use_dynamic, shape, n.data());
        cudaGetLastError();
        return error;
    };
    const int optin = attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin);
    EXPECT(outcome(Shape{dim3(1), dim3(1025)}) == cudaErrorInvalidConfiguration);
    EXPECT(outcome(Shape{dim3(0), dim3(1)}) == cudaErrorInvalidConfiguration);
    EXPECT(outcome(Shape{dim3(1, 65536), dim3(1)}) == cudaErrorInvalidConfiguration);
    EXPECT(outcome(Shape{dim3(1), dim3(32), 48 * 1024}) == cudaSuccess);
    EXPECT(outcome(Shape{dim3(1), dim3(32), 48 * 1024 + 4}) == cudaErrorInvalidValue);
    EXPECT(cudaFuncSetAttribute(use_dynamic, cudaFuncAttributeMaxDynamicSharedMemorySize, optin + 1) == cudaErrorInvalidValue);
    EXPECT(cudaFuncSetAttribute(use_dynamic, cudaFuncAttributeMaxDynamicSharedMemorySize, optin) == cudaSuccess);
    EXPECT(outcome(Shape{dim3(1), dim3(32), static_cast<size_t>(optin)}) == cudaSuccess);
    EXPECT(outcome(Shape{dim3(8), dim3(32), 128, 8}) == (capability >= 90 ? cudaSuccess : cudaErrorNotSupported));
    if (capability < 90) return;
    EXPECT(outcome(Shape{dim3(9), dim3(32), 128, 8}) == cudaErrorInvalidConfiguration);
    EXPECT(outcome(Shape{dim3(16), dim3(32), 128, 16}) == cudaErrorInvalidClusterSize);
    EXPECT(cudaFuncSetAttribute(use_dynamic, cudaFuncAttributeNonPortableClusterSizeAllowed, 1) == cudaSuccess);
    EXPECT(outcome(Shape{dim3(16), dim3(32), 128, 16}) == cudaSuccess);
}

void test_memory() {
    const long live = simt_live_allocations();
    const size_t used = simt_memory_in_use();
    void *p = nullptr, *pinned = nullptr;
    EXPECT(cudaMalloc(&p, 0) == cudaSuccess && p == nullptr && cudaFree(p) == cudaSuccess);
    EXPECT(cudaMalloc(&p, 100) == cudaSuccess && reinterpret_cast<uintptr_t>(p) % 256 == 0);
    EXPECT(cudaMallocHost(&pinned, 100) == cudaSuccess);
    EXPECT(simt_live_allocations() == live + 2 && simt_memory_in_use() == used + 100);
    cudaPointerAttributes attributes;
    EXPECT(cudaPointerGetAttributes(&attributes, static_cast<char *>(p) + 50) == cudaSuccess && attributes.type == cudaMemoryTypeDevice);
    EXPECT(cudaPointerGetAttributes(&attributes, pinned) == cudaSuccess && attributes.type == cudaMemoryTypeHost);
    EXPECT(cudaPointerGetAttributes(&attributes, &used) == cudaSuccess && attributes.type == cudaMemoryTypeUnregistered);

    char host[101];
    memset(host, 5, sizeof host);
    memset(pinned, 0, 100);
    EXPECT(cudaMemcpy(p, host, 100, cudaMemcpyHostToDevice) == cudaSuccess);
    EXPECT(cudaMemsetAsync(p, 6, 50, nullptr) == cudaSuccess);
    EXPECT(cudaMemcpyAsync(pinned, p, 100, cudaMemcpyDefault, nullptr) == cudaSuccess && cudaStreamSynchronize(nullptr) == cudaSuccess);
    EXPECT(static_cast<char *>(pinned)[49] == 6 && static_cast<char *>(pinned)[50] == 5);
    EXPECT(cudaMemcpy(p, host, 101, cudaMemcpyDefault) == cudaErrorInvalidValue);
    EXPECT(cudaMemcpy(p, host, 100, cudaMemcpyDeviceToHost) == cudaErrorInvalidValue);
    EXPECT(cudaMemset(host, 0, 1) == cudaErrorInvalidValue);

    char plane[40];
    memset(plane, 1, sizeof plane);
    EXPECT(cudaMemcpy2DAsync(plane, 20, p, 50, 3, 2, cudaMemcpyDefault, nullptr) == cudaSuccess);
    EXPECT(plane[2] == 6 && plane[3] == 1 && plane[19] == 1 && plane[20] == 5 && plane[22] == 5 && plane[23] == 1);
    EXPECT(cudaMemcpy2DAsync(plane, 2, p, 50, 3, 2, cudaMemcpyDefault, nullptr) == cudaErrorInvalidPitchValue);
    EXPECT(cudaMemcpy2DAsync(plane, 20, p, 98, 3, 2, cudaMemcpyDefault, nullptr) == cudaErrorInvalidValue);

    cudaStream_t stream = nullptr;
    const long streams = simt_live_streams();
    EXPECT(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking) == cudaSuccess && simt_live_streams() == streams + 1);
    simt_defer_streams(1);
    EXPECT(cudaMemsetAsync(p, 7, 100, stream) == cudaSuccess);
    EXPECT(cudaMemcpyAsync(pinned, p, 100, cudaMemcpyDefault, stream) == cudaSuccess && static_cast<char *>(pinned)[0] == 6);
    EXPECT(cudaStreamSynchronize(nullptr) == cudaSuccess && static_cast<char *>(pinned)[0] == 6);
    EXPECT(cudaStreamSynchronize(stream) == cudaSuccess && static_cast<char *>(pinned)[0] == 7);
    simt_defer_streams(0);
    EXPECT(cudaStreamDestroy(stream) == cudaSuccess && simt_live_streams() == streams);

    EXPECT(cudaFree(pinned) == cudaErrorInvalidValue && cudaFreeHost(pinned) == cudaSuccess);
    EXPECT(cudaFree(static_cast<char *>(p) + 1) == cudaErrorInvalidValue && cudaFreeAsync(p, nullptr) == cudaSuccess);
    EXPECT(cudaFree(p) == cudaErrorInvalidValue);
    EXPECT(simt_live_allocations() == live && simt_memory_in_use() == used);
    cudaGetLastError();
}

void test_failing_allocations() {
    size_t available = 0, total = 0;
    EXPECT(cudaMemGetInfo(&available, &total) == cudaSuccess && available <= total);
    void *p = &total, *q = nullptr;
    EXPECT(cudaMalloc(&p, total + 1) == cudaErrorMemoryAllocation && p == nullptr);
    EXPECT(last_error_was(cudaErrorMemoryAllocation));
    simt_fail_allocation_after(2);
    EXPECT(cudaMalloc(&p, 16) == cudaSuccess);
    EXPECT(cudaMallocHost(&q, 16) == cudaErrorMemoryAllocation && q == nullptr);
    EXPECT(cudaMalloc(&q, 16) == cudaSuccess);
    EXPECT(cudaFree(p) == cudaSuccess && cudaFree(q) == cudaSuccess);
    simt_fail_allocation_after(1);
    simt_fail_allocation_after(-1);
    EXPECT(cudaMalloc(&p, 16) == cudaSuccess && cudaFree(p) == cudaSuccess);
    cudaGetLastError();
}

void test_capture() {
    DeviceArray<int> n(std::vector<int>{10});
    cudaStream_t stream = nullptr, other = nullptr;
    cudaEvent_t event = nullptr;
    cudaGraph_t graph = nullptr;
    cudaGraphExec_t exec = nullptr;
    cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
    int back = -1;
    size_t nodes = 0;
    EXPECT(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking) == cudaSuccess && cudaStreamCreate(&other) == cudaSuccess);
    EXPECT(cudaEventCreateWithFlags(&event, cudaEventDisableTiming) == cudaSuccess);

    EXPECT(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal) == cudaSuccess);
    EXPECT(cudaStreamIsCapturing(stream, &status) == cudaSuccess && status == cudaStreamCaptureStatusActive);
    const long launches = simt_launches(), copies = simt_copies();
    EXPECT(launch(add_one, single(stream), n.data()) == cudaSuccess);
    EXPECT(cudaEventRecord(event, stream) == cudaSuccess && cudaStreamWaitEvent(other, event, 0) == cudaSuccess);
    EXPECT(launch(add_one, single(other), n.data()) == cudaSuccess);
    EXPECT(cudaEventRecord(event, other) == cudaSuccess && cudaStreamWaitEvent(stream, event, 0) == cudaSuccess);
    EXPECT(cudaMemcpyAsync(&back, n.data(), sizeof back, cudaMemcpyDeviceToHost, stream) == cudaSuccess);
    EXPECT(cudaMemsetAsync(n.data(), 0, sizeof(int), stream) == cudaSuccess);
    EXPECT(cudaStreamEndCapture(stream, &graph) == cudaSuccess && graph);
    EXPECT(simt_launches() == launches && simt_copies() == copies && back == -1); // nothing ran yet
    EXPECT(cudaGraphGetNodes(graph, nullptr, &nodes) == cudaSuccess && nodes == 4);
    EXPECT(cudaGraphInstantiate(&exec, graph, 0) == cudaSuccess && cudaGraphDestroy(graph) == cudaSuccess);
    EXPECT(cudaGraphLaunch(exec, stream) == cudaSuccess && back == 12);
    EXPECT(cudaGraphLaunch(exec, stream) == cudaSuccess && back == 2 && value_of(n.data()) == 0);
    EXPECT(simt_launches() == launches + 4);
    EXPECT(cudaStreamIsCapturing(other, &status) == cudaSuccess && status == cudaStreamCaptureStatusNone);
    EXPECT(cudaGraphExecDestroy(exec) == cudaSuccess);
    EXPECT(cudaEventDestroy(event) == cudaSuccess && cudaStreamDestroy(stream) == cudaSuccess && cudaStreamDestroy(other) == cudaSuccess);
    EXPECT(cudaStreamSynchronize(stream) == cudaErrorInvalidResourceHandle);
    cudaGetLastError();
}

// Each call that a capture forbids makes it invalid.
template <class F> void expect_forbidden(cudaError_t error, F forbidden) {
    cudaStream_t stream = nullptr;
    cudaGraph_t graph = nullptr;
    cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
    EXPECT(cudaStreamCreate(&stream) == cudaSuccess && cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal) == cudaSuccess);
    EXPECT(forbidden(stream) == error);
    EXPECT(cudaStreamIsCapturing(stream, &status) == cudaSuccess && status == cudaStreamCaptureStatusInvalidated);
    EXPECT(cudaStreamEndCapture(stream, &graph) == cudaErrorStreamCaptureInvalidated && !graph);
    EXPECT(cudaStreamDestroy(stream) == cudaSuccess);
    cudaGetLastError();
}
void test_forbidden_in_capture() {
    DeviceArray<int> n(std::vector<int>{0});
    void *p = nullptr;
    int value = 0;
    const cudaError_t unsupported = cudaErrorStreamCaptureUnsupported;
    expect_forbidden(unsupported, [&](cudaStream_t) { return cudaMalloc(&p, 16); });
    expect_forbidden(unsupported, [&](cudaStream_t) { return cudaFree(n.data()); });
    expect_forbidden(unsupported, [&](cudaStream_t) { return cudaMemcpy(&value, n.data(), 4, cudaMemcpyDefault); });
    expect_forbidden(unsupported, [&](cudaStream_t) { return cudaDeviceSynchronize(); });
    expect_forbidden(unsupported, [&](cudaStream_t stream) { return cudaStreamSynchronize(stream); });
    expect_forbidden(unsupported, [&](cudaStream_t stream) { return cudaStreamQuery(stream); });
    expect_forbidden(cudaErrorStreamCaptureImplicit, [&](cudaStream_t) { return launch(add_one, single(), n.data()); });
    EXPECT(cudaStreamBeginCapture(nullptr, cudaStreamCaptureModeGlobal) == unsupported);
    cudaGetLastError();
}

void test_events() {
    cudaEvent_t first = nullptr, second = nullptr;
    float ms = -1;
    EXPECT(cudaEventCreate(&first) == cudaSuccess && cudaEventCreate(&second) == cudaSuccess);
    EXPECT(cudaEventElapsedTime(&ms, first, second) == cudaErrorInvalidResourceHandle);
    EXPECT(cudaEventRecord(first, nullptr) == cudaSuccess && cudaEventRecord(second, nullptr) == cudaSuccess);
    EXPECT(cudaEventSynchronize(second) == cudaSuccess && cudaEventQuery(second) == cudaSuccess);
    EXPECT(cudaEventElapsedTime(&ms, first, second) == cudaSuccess && ms >= 0);
    EXPECT(cudaEventDestroy(first) == cudaSuccess && cudaEventDestroy(second) == cudaSuccess);
    EXPECT(cudaEventRecord(first, nullptr) == cudaErrorInvalidResourceHandle);
    cudaGetLastError();
}

void test_counters() {
    DeviceArray<int> n(std::vector<int>{0});
    const long launches = simt_launches(), copies = simt_copies(), allocations = simt_allocations(), waits = simt_synchronizations();
    EXPECT(launch(add_one, single(), n.data()) == cudaSuccess && cudaMemsetAsync(n.data(), 0, 4, nullptr) == cudaSuccess);
    EXPECT(simt_launches() == launches + 1 && simt_copies() == copies + 1);
    EXPECT(simt_allocations() == allocations && simt_synchronizations() == waits);
    value_of(n.data());
    EXPECT(simt_synchronizations() == waits + 1);
}

// A kernel that fails: the device is broken until the test repairs it, and works again then.
void test_failing_kernel() {
    DeviceArray<int> n(std::vector<int>{0});
    EXPECT(launch(deadlock, Shape{dim3(1), dim3(32)}, n.data()) == cudaErrorLaunchFailure);
    EXPECT(strstr(simt_last_error(), "deadlock") != nullptr);
    EXPECT(strstr(cudaGetErrorString(cudaErrorLaunchFailure), "runtime_test.cpp") != nullptr);
    EXPECT(cudaGetLastError() == cudaErrorLaunchFailure && cudaGetLastError() == cudaErrorLaunchFailure);
    EXPECT(cudaDeviceSynchronize() == cudaErrorLaunchFailure);
    simt_clear_error();
    EXPECT(cudaGetLastError() == cudaSuccess && launch(add_one, Shape{dim3(4), dim3(64)}, n.data()) == cudaSuccess);
    EXPECT(value_of(n.data()) == 256);
}

void test_pinned_and_host_threads() {
    int *pinned = nullptr;
    EXPECT(cudaMallocHost(&pinned, sizeof(int)) == cudaSuccess);
    *pinned = 0;
    std::vector<std::thread> workers;
    for (int i = 0; i < 4; i++)
        workers.emplace_back([=] {
            for (int k = 0; k < 50; k++) launch(add_one, Shape{dim3(2), dim3(32)}, pinned);
        });
    for (std::thread &worker : workers) worker.join();
    EXPECT(*pinned == 4 * 50 * 64);
    EXPECT(cudaFreeHost(pinned) == cudaSuccess);
}

} // namespace

int main() {
    if (!environment("SIMT_DRIVER", 1)) {
        test_without_device(cudaErrorInsufficientDriver);
    } else if (devices == 0) {
        test_without_device(cudaErrorNoDevice);
    } else {
        test_device();
        test_two_devices();
        test_launch_rules();
        test_memory();
        test_failing_allocations();
        test_capture();
        test_forbidden_in_capture();
        test_events();
        test_counters();
        test_failing_kernel();
        test_pinned_and_host_threads();
    }
    return report("runtime");
}
