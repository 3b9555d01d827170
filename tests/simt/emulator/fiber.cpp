#include "fiber.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <vector>

#include "options.hpp"

#if SIMT_ASAN
#include <sanitizer/common_interface_defs.h>
#endif
#if !defined(__x86_64__)
#include <ucontext.h>
#endif

namespace simt {

Fiber host_fiber;

namespace {

std::vector<std::unique_ptr<Fiber>> all_fibers;
std::vector<Fiber *> free_fibers; // the last one used first: its stack is in the cache
void (*entry_function)() = nullptr;

void enter() {
    after_switch(nullptr);
    entry_function();
    abort();
}

// The same frame of many fibers must not fall into the same cache set.
size_t colour_of(size_t index) { return index % 32 * 128; }

#if defined(__x86_64__)
void prepare(Fiber &fiber, size_t colour) {
    void **top = reinterpret_cast<void **>(fiber.stack + fiber.size - colour);
    *--top = nullptr; // keeps the ABI's alignment: enter() sees a stack pointer that is 8 modulo 16
    *--top = reinterpret_cast<void *>(enter);
    fiber.resume = top;
}
#else // ucontext: slower, same behaviour
void prepare(Fiber &fiber, size_t colour) {
    auto *context = new (fiber.stack) ucontext_t;
    getcontext(context);
    context->uc_stack.ss_sp = fiber.stack + sizeof *context;
    context->uc_stack.ss_size = fiber.size - sizeof *context - colour;
    context->uc_link = nullptr;
    makecontext(context, enter, 0);
    fiber.resume = context;
}
#endif

Fiber *new_fiber() {
    const size_t guard = static_cast<size_t>(sysconf(_SC_PAGESIZE)), size = options().stack;
    void *memory = mmap(nullptr, size + guard, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED || mprotect(memory, guard, PROT_NONE)) {
        perror("simt: a stack for a CUDA thread");
        abort();
    }
    auto fiber = std::make_unique<Fiber>();
    fiber->stack = static_cast<char *>(memory) + guard;
    fiber->size = size;
    prepare(*fiber, colour_of(all_fibers.size()));
    all_fibers.push_back(std::move(fiber));
    return all_fibers.back().get();
}

} // namespace

#if !defined(__x86_64__)
void switch_stack(void **save, void *load) {
    ucontext_t here; // lives on the stack that is left, until it is resumed
    *save = &here;
    swapcontext(&here, static_cast<ucontext_t *>(load));
}
#endif

#if SIMT_ASAN
static const Fiber *left = nullptr;

void before_switch(Fiber &from, const Fiber &to) {
    left = &from;
    __sanitizer_start_switch_fiber(&from.fake_stack, to.stack, to.size);
}
void after_switch(void *fake_stack_here) {
    const void *stack = nullptr;
    size_t size = 0;
    __sanitizer_finish_switch_fiber(fake_stack_here, &stack, &size);
    if (left != &host_fiber) return;
    host_fiber.stack = static_cast<char *>(const_cast<void *>(stack)); // only ASan knows the bounds of the host's stack
    host_fiber.size = size;
}
#endif

Fiber *take_fiber() {
    if (free_fibers.empty()) return new_fiber();
    Fiber *fiber = free_fibers.back();
    free_fibers.pop_back();
    return fiber;
}
void give_fiber_back(Fiber *fiber) { free_fibers.push_back(fiber); }
void start_fibers_with(void (*entry)()) { entry_function = entry; }

void abandon_fibers() {
    free_fibers.clear();
    for (size_t i = all_fibers.size(); i-- > 0;) {
        Fiber &fiber = *all_fibers[i];
        unpoison(fiber.stack, fiber.size);
        fiber.fake_stack = nullptr;
        prepare(fiber, colour_of(i));
        free_fibers.push_back(&fiber);
    }
}

} // namespace simt
