// What the compiler calls in code compiled with -fsanitize=thread, in the place of libtsan.
#include "check.hpp"

using simt::Access;
using simt::check::access;

namespace {

struct Install {
    Install() {
        simt::hooks.begin_launch = simt::check::begin_launch;
        simt::hooks.begin_cluster = simt::check::begin_cluster;
        simt::hooks.synchronised = simt::check::synchronised;
        simt::hooks.memory = simt::check::memory;
        simt::hooks.fence = simt::check::fence;
        simt::hooks.grid_dependency = simt::check::grid_dependency;
        simt::hooks.access = [](const void *p, size_t n, Access what, const void *caller) { access(p, n, what, caller); };
    }
} install;

} // namespace

#define CALLER __builtin_return_address(0)

extern "C" {

#define ACCESSES(n)                                                                      \
    void __tsan_read##n(void *p) { access(p, n, Access::Read, CALLER); }                 \
    void __tsan_write##n(void *p) { access(p, n, Access::Write, CALLER); }               \
    void __tsan_volatile_read##n(void *p) { access(p, n, Access::Read, CALLER); }        \
    void __tsan_volatile_write##n(void *p) { access(p, n, Access::Write, CALLER); }      \
    void __tsan_unaligned_read##n(void *p) { access(p, n, Access::Read, CALLER, true); } \
    void __tsan_unaligned_write##n(void *p) { access(p, n, Access::Write, CALLER, true); }
ACCESSES(1)
ACCESSES(2)
ACCESSES(4)
ACCESSES(8)
ACCESSES(16)

void __tsan_read_range(void *p, unsigned long n) { access(p, n, Access::Read, CALLER, true); }
void __tsan_write_range(void *p, unsigned long n) { access(p, n, Access::Write, CALLER, true); }
void *__tsan_memset(void *p, int value, unsigned long n) {
    access(p, n, Access::Write, CALLER, true);
    return memset(p, value, n);
}
void *__tsan_memcpy(void *to, const void *from, unsigned long n) {
    access(from, n, Access::Read, CALLER, true);
    access(to, n, Access::Write, CALLER, true);
    return memcpy(to, from, n);
}
void *__tsan_memmove(void *to, const void *from, unsigned long n) {
    access(from, n, Access::Read, CALLER, true);
    access(to, n, Access::Write, CALLER, true);
    return memmove(to, from, n);
}

void __tsan_init() {}
void __tsan_func_entry(void *) {}
void __tsan_func_exit() {}
void __tsan_vptr_update(void **, void *) {}
void __tsan_vptr_read(void **) {}

// std::atomic in host code of the same files, and the guards of static variables. One OS thread at a time is in there.
#define ATOMICS(bits, T)                                                                                              \
    T __tsan_atomic##bits##_load(const volatile T *p, int) { return *p; }                                             \
    void __tsan_atomic##bits##_store(volatile T *p, T v, int) { *p = v; }                                             \
    T __tsan_atomic##bits##_exchange(volatile T *p, T v, int) { return __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST); } \
    T __tsan_atomic##bits##_fetch_add(volatile T *p, T v, int) { return __atomic_fetch_add(p, v, __ATOMIC_SEQ_CST); } \
    T __tsan_atomic##bits##_fetch_sub(volatile T *p, T v, int) { return __atomic_fetch_sub(p, v, __ATOMIC_SEQ_CST); } \
    int __tsan_atomic##bits##_compare_exchange_strong(volatile T *p, T *expected, T v, int, int) {                    \
        return __atomic_compare_exchange_n(p, expected, v, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);                \
    }
ATOMICS(8, char)
ATOMICS(32, int)
ATOMICS(64, long)

} // extern "C"
