#include "memory.hpp"

#include "machine.hpp"

namespace simt {

#if SIMT_ASAN
static void check_bounds(const void *p, size_t size, const char *what) {
    if (__asan_region_is_poisoned(const_cast<void *>(p), size)) fail({}, "%zu-byte %s out of bounds at %p", size, what, p);
}
#else
static void check_bounds(const void *, size_t, const char *) {}
#endif

void check_load(const void *p, size_t size, bool non_coherent) {
    if (!self) return; // host code that shares a helper
    check_bounds(p, size, "load");
    if (hooks.access) hooks.access(p, size, non_coherent ? Access::ReadNonCoherent : Access::Read, __builtin_return_address(0));
}
void check_store(const void *p, size_t size) {
    if (!self) return;
    check_bounds(p, size, "store");
    if (hooks.access) hooks.access(p, size, Access::Write, __builtin_return_address(0));
}

void fence() {
    if (hooks.fence) hooks.fence();
}
void before_atomic(const void *p, size_t size, const void *caller) {
    if (self && hooks.access) hooks.access(p, size, Access::Atomic, caller);
}

} // namespace simt
