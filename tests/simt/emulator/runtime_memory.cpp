// Allocation, copies, memset.
#include <sys/mman.h>

#include <cstdlib>
#include <map>
#include <set>

#include "runtime.hpp"

namespace simt {

namespace {

struct Allocation {
    size_t size;
    int device;
    bool on_host; // pinned
};
std::map<const char *, Allocation> allocations; // by first byte
std::set<cudaMemPool_t> pools;
size_t in_use = 0;  // bytes of device memory
int fail_after = 0; // allocations until the one that fails; 0: none does
int access_depth = 0;

// Tests of 64-bit indices allocate many gigabytes and touch few of them: those pages had better not come into being, nor be promised.
constexpr size_t huge = size_t{256} << 20;

void *take(size_t n) {
    void *p = nullptr;
    if (n < huge) return posix_memalign(&p, 256, n) ? nullptr : p;
    p = mmap(nullptr, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return p == MAP_FAILED ? nullptr : p;
}
void give_back(void *p, size_t n) {
    if (n < huge)
        free(p);
    else
        munmap(p, n);
}

size_t padding() { return hooks.memory ? 256 : 0; } // the race checker's red zones; ASan brings its own

using Entry = std::pair<const char *const, Allocation>;
void protect(const Entry &a) {
    if (a.second.size < huge && !a.second.on_host) poison(a.first, a.second.size);
}
void unprotect(const Entry &a) {
    if (a.second.size < huge && !a.second.on_host) unpoison(a.first, a.second.size);
}

const Entry *find(const void *p) {
    auto next = allocations.upper_bound(static_cast<const char *>(p));
    if (next == allocations.begin()) return nullptr;
    --next;
    return static_cast<const char *>(p) <= next->first + next->second.size ? &*next : nullptr; // one past the end is still a name for it
}

cudaError_t allocate(void **p, size_t n, bool on_host) {
    counters.allocations++;
    *p = nullptr;
    if (fail_after > 0 && --fail_after == 0) return cudaErrorMemoryAllocation;
    if (n == 0) return cudaSuccess;
    if (!on_host && n > options().memory - in_use) return cudaErrorMemoryAllocation;
    *p = take(n + 2 * padding());
    if (!*p) return cudaErrorMemoryAllocation;
    char *first = static_cast<char *>(*p) + padding();
    if (n < huge) memset(first, 0xFF, n); // NaN or -1: output that nobody wrote shows
    if (hooks.memory) {
        hooks.memory(*p, n + 2 * padding(), Memory::OffLimits);
        hooks.memory(first, n, Memory::Uninitialised);
        if (on_host) hooks.memory(first, n, Memory::Initialised); // the host may write it at any time
    }
    const auto made = allocations.emplace(first, Allocation{n, current_device(), on_host}).first;
    if (!on_host) in_use += n;
    protect(*made);
    *p = first;
    return cudaSuccess;
}

cudaError_t release(void *p, bool on_host) {
    if (!p) return cudaSuccess;
    const auto found = allocations.find(static_cast<char *>(p));
    if (found == allocations.end() || found->second.on_host != on_host)
        return refuse(cudaErrorInvalidValue, "free: %p is not the beginning of %s memory", p, on_host ? "pinned host" : "device");
    unprotect(*found);
    if (!on_host) in_use -= found->second.size;
    char *first = static_cast<char *>(p) - padding();
    const size_t bytes = found->second.size + 2 * padding();
    if (hooks.memory) hooks.memory(first, bytes, Memory::Forget);
    allocations.erase(found);
    give_back(first, bytes);
    return cudaSuccess;
}

enum class Place { Host, Device, OutOfBounds };
Place place_of(const void *p, size_t n) {
    const auto *a = find(p);
    if (!a || (n && p == a->first + a->second.size)) return Place::Host;
    if (static_cast<const char *>(p) + n > a->first + a->second.size) return Place::OutOfBounds;
    return a->second.on_host ? Place::Host : Place::Device;
}

// n: bytes from the first to the last one that are read; the same of what is written, if that is another number.
cudaError_t check_copy(const void *to, const void *from, size_t n, cudaMemcpyKind kind, size_t written = 0) {
    const Place target = place_of(to, written ? written : n), source = place_of(from, n);
    if (target == Place::OutOfBounds) return refuse(cudaErrorInvalidValue, "copy of %zu bytes over the end of its destination", n);
    if (source == Place::OutOfBounds) return refuse(cudaErrorInvalidValue, "copy of %zu bytes over the end of its source", n);
    const bool to_device = target == Place::Device, from_device = source == Place::Device;
    const auto is = [&](cudaMemcpyKind k, bool d, bool s) { return kind == k && to_device == d && from_device == s; };
    if (kind == cudaMemcpyDefault || is(cudaMemcpyHostToHost, false, false) || is(cudaMemcpyHostToDevice, true, false) ||
        is(cudaMemcpyDeviceToHost, false, true) || is(cudaMemcpyDeviceToDevice, true, true))
        return cudaSuccess;
    return refuse(cudaErrorInvalidValue, "copy of kind %d from %s to %s memory", static_cast<int>(kind), from_device ? "device" : "host",
                  to_device ? "device" : "host");
}

Work copy_work(void *to, const void *from, size_t n) {
    return {Work::Copy, [=] {
                const DeviceMemoryAccess access;
                counters.copies++;
                memmove(to, from, n);
                if (hooks.memory) hooks.memory(to, n, Memory::Initialised);
                return cudaSuccess;
            }};
}
Work plane_work(void *to, size_t to_pitch, const void *from, size_t from_pitch, size_t width, size_t height) {
    return {Work::Copy, [=] {
                const DeviceMemoryAccess access;
                counters.copies++;
                for (size_t row = 0; row < height; row++) {
                    char *target = static_cast<char *>(to) + row * to_pitch;
                    memmove(target, static_cast<const char *>(from) + row * from_pitch, width);
                    if (hooks.memory) hooks.memory(target, width, Memory::Initialised);
                }
                return cudaSuccess;
            }};
}
Work fill_work(void *p, int value, size_t n) {
    return {Work::Copy, [=] {
                const DeviceMemoryAccess access;
                counters.copies++;
                memset(p, value, n);
                if (hooks.memory) hooks.memory(p, n, Memory::Initialised);
                return cudaSuccess;
            }};
}
cudaError_t check_fill(const void *p, size_t n) {
    const Place place = place_of(p, n);
    if (place == Place::Device) return cudaSuccess;
    return refuse(cudaErrorInvalidValue, "memset of %zu bytes %s", n, place == Place::Host ? "of host memory" : "over the end");
}

// Calls that end only when the device has done everything.
cudaError_t enqueue_and_wait(const char *function, Work work) {
    counters.synchronizations++;
    const cudaError_t error = forbidden_while_capturing(function);
    return error != cudaSuccess ? error : enqueue(cudaStreamLegacy, std::move(work));
}

} // namespace

DeviceMemoryAccess::DeviceMemoryAccess() {
    if (SIMT_ASAN && access_depth++ == 0)
        for (const auto &a : allocations) unprotect(a);
}
DeviceMemoryAccess::~DeviceMemoryAccess() {
    if (!SIMT_ASAN || --access_depth) return;
    for (const auto &a : allocations) protect(a);
}

const char *bad_kernel_pointer(const void *p) {
    if (!p) return nullptr;
    const auto *a = find(p);
    if (!a) return "ordinary host memory";
    return a->second.on_host || a->second.device == current_device() ? nullptr : "memory of another device";
}

} // namespace simt

using namespace simt;

extern "C" {

cudaError_t cudaMalloc(void **p, size_t n) {
    return call([&] {
        const cudaError_t error = forbidden_while_capturing("cudaMalloc");
        return error != cudaSuccess ? error : allocate(p, n, false);
    });
}
cudaError_t cudaFree(void *p) {
    return call([&] {
        counters.synchronizations += p != nullptr;
        cudaError_t error = p ? forbidden_while_capturing("cudaFree") : cudaSuccess;
        if (p && error == cudaSuccess) error = catch_up_all(false);
        return error != cudaSuccess ? error : release(p, false);
    });
}
cudaError_t cudaMallocAsync(void **p, size_t n, cudaStream_t stream) {
    return call([&] {
        const cudaError_t error = forbidden_on_captured(stream, "cudaMallocAsync"); // CUDA can; the emulator's graphs cannot
        return error != cudaSuccess ? error : allocate(p, n, false);
    });
}
cudaError_t cudaFreeAsync(void *p, cudaStream_t stream) {
    return call([&] {
        const cudaError_t error = forbidden_on_captured(stream, "cudaFreeAsync");
        return error != cudaSuccess ? error : enqueue(stream, {Work::Free, [=] { return release(p, false); }});
    });
}
// All pools are one: what they differ in, the memory they keep, does not exist here.
cudaError_t cudaMemPoolCreate(cudaMemPool_t *pool, const cudaMemPoolProps *properties) {
    return call([&] {
        if (!options().pools) return refuse(cudaErrorNotSupported, "memory pools are not supported");
        if (properties->allocType != cudaMemAllocationTypePinned || properties->location.type != cudaMemLocationTypeDevice)
            return refuse(cudaErrorInvalidValue, "a pool of anything but device memory");
        *pool = reinterpret_cast<cudaMemPool_t>(new char);
        pools.insert(*pool);
        return cudaSuccess;
    });
}
cudaError_t cudaMemPoolSetAttribute(cudaMemPool_t pool, cudaMemPoolAttr, void *) {
    return call([&] { return pools.count(pool) ? cudaSuccess : cudaErrorInvalidValue; });
}
cudaError_t cudaMemPoolDestroy(cudaMemPool_t pool) {
    return call([&] {
        if (!pools.erase(pool)) return refuse(cudaErrorInvalidValue, "%p is not a memory pool", static_cast<void *>(pool));
        delete reinterpret_cast<char *>(pool);
        return cudaSuccess;
    });
}
cudaError_t cudaMallocFromPoolAsync(void **p, size_t n, cudaMemPool_t pool, cudaStream_t stream) {
    return call([&] { return pools.count(pool) ? cudaMallocAsync(p, n, stream) : cudaErrorInvalidValue; });
}
cudaError_t cudaHostAlloc(void **p, size_t n, unsigned) {
    return call([&] {
        const cudaError_t error = forbidden_while_capturing("cudaHostAlloc");
        return error != cudaSuccess ? error : allocate(p, n, true);
    });
}
cudaError_t cudaMallocHost(void **p, size_t n) { return cudaHostAlloc(p, n, 0); }
cudaError_t cudaFreeHost(void *p) {
    return call([&] {
        const cudaError_t error = p ? forbidden_while_capturing("cudaFreeHost") : cudaSuccess;
        return error != cudaSuccess ? error : release(p, true);
    });
}
cudaError_t cudaMemGetInfo(size_t *available, size_t *total) {
    return call([&] {
        *total = options().memory;
        *available = options().memory - in_use;
        return cudaSuccess;
    });
}

cudaError_t cudaMemcpy(void *to, const void *from, size_t n, cudaMemcpyKind kind) {
    return call([&] {
        const cudaError_t error = check_copy(to, from, n, kind);
        return error != cudaSuccess ? error : enqueue_and_wait("cudaMemcpy", copy_work(to, from, n));
    });
}
cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t n, cudaMemcpyKind kind, cudaStream_t stream) {
    return call([&] {
        const cudaError_t error = check_copy(to, from, n, kind);
        return error != cudaSuccess ? error : enqueue(stream, copy_work(to, from, n));
    });
}
cudaError_t cudaMemcpy2DAsync(void *to, size_t to_pitch, const void *from, size_t from_pitch, size_t width, size_t height,
                              cudaMemcpyKind kind, cudaStream_t stream) {
    return call([&] {
        if (width > to_pitch || width > from_pitch || to_pitch > INT32_MAX || from_pitch > INT32_MAX)
            return refuse(cudaErrorInvalidPitchValue, "copy of rows of %zu bytes at pitches of %zu and %zu bytes", width, to_pitch,
                          from_pitch);
        if (width == 0 || height == 0) return cudaSuccess;
        const cudaError_t error = check_copy(to, from, (height - 1) * from_pitch + width, kind, (height - 1) * to_pitch + width);
        return error != cudaSuccess ? error : enqueue(stream, plane_work(to, to_pitch, from, from_pitch, width, height));
    });
}
cudaError_t cudaMemset(void *p, int value, size_t n) {
    return call([&] {
        const cudaError_t error = check_fill(p, n);
        return error != cudaSuccess ? error : enqueue_and_wait("cudaMemset", fill_work(p, value, n));
    });
}
cudaError_t cudaMemsetAsync(void *p, int value, size_t n, cudaStream_t stream) {
    return call([&] {
        const cudaError_t error = check_fill(p, n);
        return error != cudaSuccess ? error : enqueue(stream, fill_work(p, value, n));
    });
}

cudaError_t cudaPointerGetAttributes(cudaPointerAttributes *attributes, const void *p) {
    return call([&] {
        memset(attributes, 0, sizeof *attributes);
        const auto *a = find(p);
        attributes->type = !a ? cudaMemoryTypeUnregistered : a->second.on_host ? cudaMemoryTypeHost : cudaMemoryTypeDevice;
        attributes->device = a ? a->second.device : cudaInvalidDeviceId;
        attributes->devicePointer = a ? const_cast<void *>(p) : nullptr;
        attributes->hostPointer = a && !a->second.on_host ? nullptr : const_cast<void *>(p);
        return cudaSuccess;
    });
}

void simt_fail_allocation_after(int n) {
    const std::lock_guard<std::recursive_mutex> lock(machine.mutex);
    fail_after = n;
}
long simt_live_allocations(void) { return static_cast<long>(allocations.size()); }
size_t simt_memory_in_use(void) { return in_use; }

} // extern "C"
