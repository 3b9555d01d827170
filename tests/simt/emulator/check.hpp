// The race and initialisation checker: what compute-sanitizer's racecheck, initcheck and memcheck do on a GPU.
// Exact happens-before with vector clocks over __syncthreads, __syncwarp and cluster barriers, and over fence + atomic;
// shuffles and votes order no memory. The device code is compiled with -fsanitize=thread and linked without it, so that the
// compiler's calls at every access end in check_compiler.cpp.
#pragma once
#include "machine.hpp"

namespace simt::check {

// ---- who knows of whose doings (check_order.cpp)

struct Stamp {            // a moment in the life of a thread
    uint32_t cluster = 0; // number of the cluster since the program began; 0: never
    uint32_t clock = 0;   // counts the thread's synchronisations
};
Stamp now();
bool ordered_before_now(Stamp stamp, unsigned thread); // does the running thread know of it?
bool in_this_launch(Stamp stamp);
bool in_this_cluster(Stamp stamp);
void order_atomic(const void *p); // atomics on one variable pass on what came before the fence

void begin_launch(bool programmatic);
void begin_cluster(unsigned threads);
void synchronised(Thread *const *threads, unsigned count);
void fence();
void grid_dependency();

// ---- what was done to every byte (check_memory.cpp)

void memory(const void *p, size_t n, Memory what);
void access(const void *p, size_t n, Access what, const void *caller, bool may_be_misaligned = false);

} // namespace simt::check
