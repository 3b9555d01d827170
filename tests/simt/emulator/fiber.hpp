// Fibers: stacks that one OS thread switches between. Every running CUDA thread has one.
#pragma once
#include <cstddef>

#if SIMT_ASAN // the build is linked with AddressSanitizer; the emulator itself is not instrumented
#include <sanitizer/asan_interface.h>
#else
#define SIMT_ASAN 0
#endif

namespace simt {

// Memory that instrumented code must not touch for a while.
#if SIMT_ASAN
inline void poison(const void *p, size_t n) { __asan_poison_memory_region(p, n); }
inline void unpoison(const void *p, size_t n) { __asan_unpoison_memory_region(p, n); }
#else
inline void poison(const void *, size_t) {}
inline void unpoison(const void *, size_t) {}
#endif

struct Fiber {
    char *stack = nullptr; // lowest address
    size_t size = 0;
    void *resume = nullptr;     // the stack pointer to load when it is taken out of the pool
    void *fake_stack = nullptr; // AddressSanitizer's
};

extern Fiber host_fiber; // the OS thread's own stack, while a launch runs

// A fiber out of the pool. Resumed for the first time it runs what start_fibers_with() named, which must never return; who runs
// on it gives it back, and is resumed as somebody else.
Fiber *take_fiber();
void give_fiber_back(Fiber *fiber);
void start_fibers_with(void (*entry)());
void abandon_fibers(); // all of them, whatever they were doing: after a failed launch

// ASan has to be told of every switch, before and after it.
#if SIMT_ASAN
void before_switch(Fiber &from, const Fiber &to);
void after_switch(void *fake_stack_here);
#else
inline void before_switch(Fiber &, const Fiber &) {}
inline void after_switch(void *) {}
#endif

// Saves the stack pointer and loads another. Inlined: the compiler saves just the registers it needs, and the fewer cache
// lines a waiting thread occupies, the faster hundreds of them take turns.
#if defined(__x86_64__)
__attribute__((always_inline)) inline void switch_stack(void **save, void *load) {
    asm volatile("leaq -128(%%rsp), %%rsp\n\t" // the red zone may be in use
                 "pushq %%rbp\n\t"
                 "leaq 1f(%%rip), %%rax\n\t"
                 "pushq %%rax\n\t"
                 "movq %%rsp, (%0)\n\t"
                 "movq %1, %%rsp\n\t"
                 "popq %%rax\n\t"
                 "jmp *%%rax\n"
                 "1:\n\t"
                 "popq %%rbp\n\t"
                 "leaq 128(%%rsp), %%rsp"
                 : "+D"(save), "+S"(load)
                 :
                 : "rax", "rbx", "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4",
                   "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15", "memory", "cc");
}
#else
void switch_stack(void **save, void *load);
#endif

} // namespace simt
