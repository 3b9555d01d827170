// The pretended device: how many, which, what it can do.
#include <algorithm>

#include "runtime.hpp"

namespace simt {

namespace {

thread_local int chosen_device = 0;

bool no_such_device(int ordinal) { return ordinal < 0 || ordinal >= options().devices; }
int as_int(size_t n) { return static_cast<int>(n); }

} // namespace

int current_device() { return chosen_device; }

} // namespace simt

using namespace simt;

extern "C" {

cudaError_t cudaDriverGetVersion(int *version) {
    *version = options().driver ? CUDART_VERSION : 0;
    return cudaSuccess;
}
cudaError_t cudaRuntimeGetVersion(int *version) {
    *version = CUDART_VERSION;
    return cudaSuccess;
}
cudaError_t cudaGetDeviceCount(int *count) {
    if (options().driver) *count = std::max(options().devices, 0); // without a driver it is left alone
    return call([] { return cudaSuccess; });
}
cudaError_t cudaGetDevice(int *ordinal) {
    return call([&] {
        *ordinal = chosen_device;
        return cudaSuccess;
    });
}
cudaError_t cudaSetDevice(int ordinal) {
    return call([&] {
        if (no_such_device(ordinal)) return cudaErrorInvalidDevice;
        chosen_device = ordinal;
        return cudaSuccess;
    });
}

cudaError_t cudaDeviceGetAttribute(int *value, cudaDeviceAttr attribute, int ordinal) {
    return call([&] {
        if (no_such_device(ordinal)) return cudaErrorInvalidDevice;
        const Device &d = device();
        switch (attribute) {
        case cudaDevAttrComputeCapabilityMajor: *value = d.capability / 10; break;
        case cudaDevAttrComputeCapabilityMinor: *value = d.capability % 10; break;
        case cudaDevAttrMultiProcessorCount: *value = options().multiprocessors; break;
        case cudaDevAttrMaxSharedMemoryPerBlock: *value = as_int(d.shared_static); break;
        case cudaDevAttrMaxSharedMemoryPerBlockOptin: *value = as_int(d.shared_optin); break;
        case cudaDevAttrMaxSharedMemoryPerMultiprocessor: *value = as_int(d.shared_per_sm); break;
        case cudaDevAttrReservedSharedMemoryPerBlock: *value = as_int(d.shared_reserved); break;
        case cudaDevAttrL2CacheSize: *value = as_int(d.l2); break;
        case cudaDevAttrMaxThreadsPerBlock: *value = 1024; break;
        case cudaDevAttrMaxBlockDimX:
        case cudaDevAttrMaxBlockDimY: *value = 1024; break;
        case cudaDevAttrMaxBlockDimZ: *value = 64; break;
        case cudaDevAttrMaxGridDimX: *value = 0x7fffffff; break;
        case cudaDevAttrMaxGridDimY:
        case cudaDevAttrMaxGridDimZ: *value = 65535; break;
        case cudaDevAttrMaxThreadsPerMultiProcessor: *value = d.threads_per_sm; break;
        case cudaDevAttrMaxBlocksPerMultiprocessor: *value = d.blocks_per_sm; break;
        case cudaDevAttrMaxRegistersPerBlock:
        case cudaDevAttrMaxRegistersPerMultiprocessor: *value = 65536; break;
        case cudaDevAttrWarpSize: *value = 32; break;
        case cudaDevAttrClockRate: *value = 1755000; break;
        case cudaDevAttrMemoryClockRate: *value = 2619000; break; // as an H100 has them
        case cudaDevAttrGlobalMemoryBusWidth: *value = 5120; break;
        case cudaDevAttrClusterLaunch: *value = d.clusters; break;
        case cudaDevAttrCooperativeLaunch: *value = 0; break; // the emulator runs one block after the other
        case cudaDevAttrMemoryPoolsSupported: *value = options().pools; break;
        case cudaDevAttrUnifiedAddressing: *value = 1; break;
        case cudaDevAttrConcurrentManagedAccess:
        case cudaDevAttrManagedMemory: *value = 0; break;
        default: return refuse(cudaErrorInvalidValue, "cudaDeviceGetAttribute: attribute %d is not modelled", static_cast<int>(attribute));
        }
        return cudaSuccess;
    });
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp *p, int ordinal) {
    return call([&] {
        if (no_such_device(ordinal)) return cudaErrorInvalidDevice;
        const Device &d = device();
        memset(p, 0, sizeof *p);
        snprintf(p->name, sizeof p->name, "emulated sm_%d", d.capability);
        p->major = d.capability / 10;
        p->minor = d.capability % 10;
        p->totalGlobalMem = options().memory;
        p->multiProcessorCount = options().multiprocessors;
        p->sharedMemPerBlock = d.shared_static;
        p->sharedMemPerBlockOptin = d.shared_optin;
        p->sharedMemPerMultiprocessor = d.shared_per_sm;
        p->reservedSharedMemPerBlock = d.shared_reserved;
        p->l2CacheSize = as_int(d.l2);
        p->regsPerBlock = p->regsPerMultiprocessor = 65536;
        p->warpSize = 32;
        p->maxThreadsPerBlock = p->maxThreadsDim[0] = p->maxThreadsDim[1] = 1024;
        p->maxThreadsDim[2] = 64;
        p->maxThreadsPerMultiProcessor = d.threads_per_sm;
        p->maxBlocksPerMultiProcessor = d.blocks_per_sm;
        p->maxGridSize[0] = 0x7fffffff;
        p->maxGridSize[1] = p->maxGridSize[2] = 65535;
        p->clusterLaunch = d.clusters;
        p->unifiedAddressing = p->memoryPoolsSupported = 1;
        return cudaSuccess;
    });
}

cudaError_t cudaDeviceGetPCIBusId(char *text, int capacity, int ordinal) {
    return call([&] {
        if (no_such_device(ordinal)) return cudaErrorInvalidDevice;
        snprintf(text, static_cast<size_t>(capacity), "0000:%02x:00.0", static_cast<unsigned>(ordinal));
        return cudaSuccess;
    });
}

} // extern "C"
