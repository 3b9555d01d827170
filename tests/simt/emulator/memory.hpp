// Loads and stores with cache hints, wide accesses, fences, atomics.
#pragma once
#include "threads.hpp"

#define SIMT_INLINE __attribute__((always_inline)) inline

namespace simt {

// The checks of an access that the compiler's own instrumentation cannot be trusted with: it may narrow a vector load to
// the fields that are used. Inlined, so that a message of the race checker names the kernel.
void check_load(const void *p, size_t size, bool non_coherent);
void check_store(const void *p, size_t size);

// What cuda/ptx.cuh and other wrappers call: one access of the whole width, which must be aligned. load_nc is for
// instructions that go through the read-only cache (ld.global.nc): the kernel must not write that memory.
template <class T> SIMT_INLINE void check_alignment(const T *p, const char *what, Site site) {
    if (reinterpret_cast<uintptr_t>(p) % sizeof(T)) fail(site, "misaligned %zu-byte %s", sizeof(T), what);
}
template <class T> SIMT_INLINE T load(const T *p, SIMT_AT) {
    check_alignment(p, "load", SIMT_SITE);
    check_load(p, sizeof(T), false);
    return *p;
}
template <class T> SIMT_INLINE T load_nc(const T *p, SIMT_AT) {
    check_alignment(p, "load", SIMT_SITE);
    check_load(p, sizeof(T), true);
    return *p;
}
template <class T> SIMT_INLINE void store(T *p, const Same<T> &value, SIMT_AT) {
    check_alignment(p, "store", SIMT_SITE);
    check_store(p, sizeof(T));
    *p = value;
}

} // namespace simt

#define SIMT_LOAD(name, how) \
    template <class T> SIMT_INLINE T name(const T *p, SIMT_AT) { return simt::how(p, file_, line_); }
SIMT_LOAD(__ldg, load_nc)
SIMT_LOAD(__ldca, load)
SIMT_LOAD(__ldcg, load)
SIMT_LOAD(__ldcs, load)
SIMT_LOAD(__ldlu, load)
SIMT_LOAD(__ldcv, load)
#undef SIMT_LOAD
#define SIMT_STORE(name) \
    template <class T> SIMT_INLINE void name(T *p, simt::Same<T> v, SIMT_AT) { simt::store(p, v, file_, line_); }
SIMT_STORE(__stcg)
SIMT_STORE(__stcs)
SIMT_STORE(__stwb)
SIMT_STORE(__stwt)
#undef SIMT_STORE

// ---- fences and waiting

namespace simt {

void fence();
void before_atomic(const void *p, size_t size, const void *caller);

} // namespace simt

inline void __threadfence() { simt::fence(); }
inline void __threadfence_system() { simt::fence(); }
inline void __threadfence_block() {}
inline void __nanosleep(unsigned) { simt::yield_thread(); }

// ---- atomics: plain operations, since no other thread runs in between

namespace simt {

// A function of its own: the race checker must not see the plain accesses, and the caller's address is the kernel's.
template <class T, class F> __attribute__((noinline, no_sanitize("thread"))) T atomic_update(T *p, F f) {
    before_atomic(p, sizeof(T), __builtin_return_address(0));
    const T old = *p;
    *p = f(old);
    return old;
}

} // namespace simt

template <class T> SIMT_INLINE T atomicAdd(T *p, simt::Same<T> v) {
    return simt::atomic_update(p, [v](T old) { return static_cast<T>(old + v); });
}
template <class T> SIMT_INLINE T atomicSub(T *p, simt::Same<T> v) {
    return simt::atomic_update(p, [v](T old) { return static_cast<T>(old - v); });
}
template <class T> SIMT_INLINE T atomicExch(T *p, simt::Same<T> v) {
    return simt::atomic_update(p, [v](T) { return v; });
}
template <class T> SIMT_INLINE T atomicMax(T *p, simt::Same<T> v) {
    return simt::atomic_update(p, [v](T old) { return old < v ? v : old; });
}
template <class T> SIMT_INLINE T atomicMin(T *p, simt::Same<T> v) {
    return simt::atomic_update(p, [v](T old) { return v < old ? v : old; });
}
template <class T> SIMT_INLINE T atomicAnd(T *p, simt::Same<T> v) {
    return simt::atomic_update(p, [v](T old) { return static_cast<T>(old & v); });
}
template <class T> SIMT_INLINE T atomicOr(T *p, simt::Same<T> v) {
    return simt::atomic_update(p, [v](T old) { return static_cast<T>(old | v); });
}
template <class T> SIMT_INLINE T atomicXor(T *p, simt::Same<T> v) {
    return simt::atomic_update(p, [v](T old) { return static_cast<T>(old ^ v); });
}
SIMT_INLINE unsigned atomicInc(unsigned *p, unsigned most) {
    return simt::atomic_update(p, [most](unsigned old) { return old >= most ? 0 : old + 1; });
}
SIMT_INLINE unsigned atomicDec(unsigned *p, unsigned most) {
    return simt::atomic_update(p, [most](unsigned old) { return old == 0 || old > most ? most : old - 1; });
}
template <class T> SIMT_INLINE T atomicCAS(T *p, simt::Same<T> expected, simt::Same<T> v) {
    return simt::atomic_update(p, [expected, v](T old) { return old == expected ? v : old; });
}
