// The rules of a launch, and what can be asked and set for a kernel.
#include <algorithm>
#include <map>

#include "launch.hpp"
#include "runtime.hpp"

namespace simt {

namespace {

struct KernelAttributes {
    size_t dynamic_shared = device().shared_static; // most that a launch may ask for
    bool big_clusters = false;
};
std::map<const void *, KernelAttributes> kernel_attributes;

constexpr unsigned portable_cluster = 8, biggest_cluster = 16;

unsigned long long volume(dim3 d) { return 1ull * d.x * d.y * d.z; }

size_t dynamic_limit(const void *kernel) { return kernel_attributes[kernel].dynamic_shared; }

cudaError_t read_attributes(const cudaLaunchConfig_t &config, Launch &launch) {
    for (unsigned i = 0; i < config.numAttrs; i++) {
        const cudaLaunchAttribute &attribute = config.attrs[i];
        switch (attribute.id) {
        case cudaLaunchAttributeClusterDimension:
            launch.cluster = dim3(attribute.val.clusterDim.x, attribute.val.clusterDim.y, attribute.val.clusterDim.z);
            if (!device().clusters) return refuse(cudaErrorNotSupported, "compute capability %d has no clusters", device().capability);
            break;
        case cudaLaunchAttributeProgrammaticStreamSerialization:
            launch.programmatic = attribute.val.programmaticStreamSerializationAllowed != 0;
            if (launch.programmatic && !device().clusters)
                return refuse(cudaErrorNotSupported, "compute capability %d has no programmatic dependent launch", device().capability);
            break;
        case cudaLaunchAttributeCooperative:
            if (attribute.val.cooperative) return refuse(cudaErrorNotSupported, "the emulator has no cooperative launches");
            break;
        default: break; // hints
        }
    }
    return cudaSuccess;
}

cudaError_t check_sizes(const Launch &launch, const void *kernel) {
    const dim3 grid = launch.grid, block = launch.block, cluster = launch.cluster;
    const cudaError_t bad = cudaErrorInvalidConfiguration;
    if (volume(block) == 0 || volume(block) > 1024 || block.z > 64)
        return refuse(bad, "a block of %u x %u x %u threads", block.x, block.y, block.z);
    if (volume(grid) == 0 || grid.x > 0x7fffffffu || grid.y > 65535 || grid.z > 65535)
        return refuse(bad, "a grid of %u x %u x %u blocks", grid.x, grid.y, grid.z);
    const unsigned most = kernel_attributes[kernel].big_clusters ? biggest_cluster : portable_cluster;
    if (volume(cluster) == 0 || volume(cluster) > most)
        return refuse(cudaErrorInvalidClusterSize, "a cluster of %u x %u x %u blocks", cluster.x, cluster.y, cluster.z);
    if (grid.x % cluster.x || grid.y % cluster.y || grid.z % cluster.z) return refuse(bad, "the grid is not a multiple of the cluster");
    if (launch.dynamic_shared > dynamic_limit(kernel))
        return refuse(cudaErrorInvalidValue, "%zu bytes of dynamic shared memory, the kernel may use %zu (cudaFuncSetAttribute?)",
                      launch.dynamic_shared, dynamic_limit(kernel));
    return cudaSuccess;
}

cudaError_t run_kernel(const Launch &launch) {
    const DeviceMemoryAccess access;
    counters.launches++;
    const cudaError_t error = run(launch);
    if (error != cudaSuccess) break_device(error);
    return error;
}

} // namespace

cudaError_t launch(const cudaLaunchConfig_t &config, const void *kernel, std::initializer_list<const void *> pointers,
                   std::function<void()> body) {
    return call([&] {
        Launch launch{config.gridDim, config.blockDim, dim3(1), config.dynamicSmemBytes, false, std::move(body)};
        cudaError_t error = read_attributes(config, launch);
        if (error == cudaSuccess) error = check_sizes(launch, kernel);
        if (error != cudaSuccess) return error;
        size_t number = 0;
        for (const void *p : pointers) {
            const char *wrong = bad_kernel_pointer(p);
            if (wrong) return refuse(cudaErrorIllegalAddress, "kernel argument %zu points to %s", number, wrong);
            number++;
        }
        launch.programmatic = launch.programmatic && last_work(config.stream) == Work::Kernel;
        return enqueue(config.stream, {Work::Kernel, [launch] { return run_kernel(launch); }});
    });
}

} // namespace simt

using namespace simt;

extern "C" {

cudaError_t cudaFuncSetAttribute(const void *kernel, cudaFuncAttribute attribute, int value) {
    return call([&] {
        KernelAttributes &attributes = kernel_attributes[kernel];
        switch (attribute) {
        case cudaFuncAttributeMaxDynamicSharedMemorySize:
            if (value < 0 || static_cast<size_t>(value) > device().shared_optin)
                return refuse(cudaErrorInvalidValue, "%d bytes of dynamic shared memory, compute capability %d has %zu", value,
                              device().capability, device().shared_optin);
            attributes.dynamic_shared = static_cast<size_t>(value);
            break;
        case cudaFuncAttributeNonPortableClusterSizeAllowed:
            if (value && !device().clusters)
                return refuse(cudaErrorNotSupported, "compute capability %d has no clusters", device().capability);
            attributes.big_clusters = value != 0;
            break;
        default: break; // hints
        }
        return cudaSuccess;
    });
}

cudaError_t cudaFuncGetAttributes(cudaFuncAttributes *attributes, const void *kernel) {
    return call([&] {
        memset(attributes, 0, sizeof *attributes);
        attributes->maxThreadsPerBlock = 1024;
        attributes->numRegs = 32;
        attributes->binaryVersion = attributes->ptxVersion = device().capability;
        attributes->maxDynamicSharedSizeBytes = static_cast<int>(dynamic_limit(kernel));
        return cudaSuccess;
    });
}

// Threads, blocks and dynamic shared memory; registers and static shared memory are not known here.
cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks, const void *kernel, int threads, size_t dynamic_shared) {
    return call([&] {
        if (threads < 1 || threads > 1024) return cudaErrorInvalidValue;
        const Device &d = device();
        const int by_threads = std::min(d.threads_per_sm / ((threads + 31) / 32 * 32), d.blocks_per_sm);
        const size_t per_block = dynamic_shared + d.shared_reserved;
        const int by_shared = per_block ? static_cast<int>(d.shared_per_sm / per_block) : by_threads;
        *blocks = dynamic_shared > dynamic_limit(kernel) ? 0 : std::min(by_threads, by_shared);
        return cudaSuccess;
    });
}
cudaError_t cudaOccupancyMaxActiveClusters(int *clusters, const void *kernel, const cudaLaunchConfig_t *config) {
    return call([&] {
        Launch launch{config->gridDim, config->blockDim, dim3(1), config->dynamicSmemBytes, false, {}};
        cudaError_t error = read_attributes(*config, launch);
        if (error == cudaSuccess) error = check_sizes(launch, kernel);
        if (error != cudaSuccess) return error;
        int blocks = 0;
        error =
            cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, kernel, static_cast<int>(volume(launch.block)), launch.dynamic_shared);
        // At least one, even if the few multiprocessors that are pretended could not hold it.
        *clusters = blocks ? std::max(1, blocks * options().multiprocessors / static_cast<int>(volume(launch.cluster))) : 0;
        return error;
    });
}

} // extern "C"
