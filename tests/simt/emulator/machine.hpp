// The inside of the emulator: the blocks of the cluster that runs, who can go on, and the hooks of the race checker.
// Device code does not see this header.
#pragma once
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "fiber.hpp"
#include "options.hpp"
#include "threads.hpp"

namespace simt {

struct Group { // a warp collective that some of its lanes have reached
    Op op = Op::None;
    unsigned mask = 0, arrived = 0;
    Site site{};
};
struct Warp {
    unsigned present = 0, exited = 0;
    unsigned group_count = 0;
    Group groups[32];
    uint64_t in[32], out[32]; // a lane is in one collective at a time
    int source[32];
};
struct Block {
    uint3 index{};
    unsigned cluster_rank = 0;
    unsigned live = 0;     // threads that have not exited
    char *arena = nullptr; // its shared memory
    std::vector<Thread> threads;
    std::vector<Warp> warps;
    // __syncthreads and its relatives
    unsigned arrived = 0;
    int count = 0;  // of non-zero predicates among the arrived
    int result = 0; // of the last barrier
    Op op = Op::None;
    Site site{};
};

// Threads that can go on: first come, first served, or drawn at random.
class ReadyQueue {
  public:
    void start(unsigned threads, uint64_t seed) {
        unsigned size = 1;
        while (size < threads) size *= 2;
        ring_.assign(size, nullptr);
        mask_ = size - 1;
        first_ = last_ = 0;
        random_ = seed;
    }
    void clear() { first_ = last_ = 0; }
    void push(Thread *thread) { // a thread is here at most once: the ring cannot overflow
        thread->state = Thread::Ready;
        ring_[last_++ & mask_] = thread;
    }
    Thread *pop() { // NULL: nobody
        if (first_ == last_) return nullptr;
        Thread *&front = ring_[first_++ & mask_];
        if (random_) std::swap(front, ring_[(first_ - 1 + draw() % (last_ - first_ + 1)) & mask_]);
        return front;
    }
    uint64_t draw() { // xorshift
        random_ ^= random_ << 13;
        random_ ^= random_ >> 7;
        return random_ ^= random_ << 17;
    }

  private:
    std::vector<Thread *> ring_;
    unsigned mask_ = 0;
    unsigned first_ = 0, last_ = 0; // count up for ever; only their difference and low bits matter
    uint64_t random_ = 0;           // 0: no random order
};

struct Launch {
    dim3 grid, block, cluster;
    size_t dynamic_shared = 0;
    bool programmatic = false; // it may begin before the kernel in front of it in the stream has ended
    std::function<void()> body;
};

struct Machine {
    std::recursive_mutex mutex; // held by every call of the runtime, and so by every launch
    std::vector<Block> blocks;  // of the cluster that runs
    ReadyQueue ready;
    const std::function<void()> *body = nullptr;
    unsigned cluster_live = 0, cluster_arrived = 0, cluster_phase = 0;
    void *host_stack_pointer = nullptr;
    bool failed = false;
    std::string error; // why the last launch failed
};
extern Machine machine;

cudaError_t run(const Launch &launch);

// Hands the processor over, to the OS thread if next is NULL; returns when the thread that `save` belongs to is resumed.
// Inlined, with what follows, for the sake of switch_stack().
__attribute__((always_inline)) inline void switch_to(Fiber &here, void **save, Thread *next) {
    Fiber *there = &host_fiber;
    void *load = machine.host_stack_pointer;
    self = next;
    if (next) {
        if (!next->fiber) {
            next->fiber = take_fiber();
            next->stack_pointer = next->fiber->resume;
        }
        there = next->fiber;
        load = next->stack_pointer;
        threadIdx = next->index;
        blockIdx = next->block->index;
    }
    before_switch(here, *there);
    switch_stack(save, load);
    after_switch(here.fake_stack);
}
__attribute__((always_inline)) inline void wait_in(Op op, Site site) {
    Thread &thread = *self;
    thread.state = Thread::Waiting;
    thread.op = op;
    thread.file = site.file;
    thread.line = site.line;
    switch_to(*thread.fiber, &thread.stack_pointer, machine.ready.pop());
}

void check_groups(Block &block, Warp &warp); // a lane has exited: others may have waited for it alone
void check_block_barrier(Block &block);
void check_cluster_barrier();

std::string describe(const Thread &thread);
std::string describe_deadlock();
const char *op_name(Op op);

// ---- shared memory
void start_shared_memory(size_t dynamic_bytes, unsigned blocks); // of a launch; hands out the arenas
void open_shared_memory(Block &block);                           // a block begins: every byte is new
void close_shared_memory(Block &block);                          // it has ended: access from other blocks is an error

// ---- the race checker, in builds that have one
enum class Memory { Forget, Uninitialised, Initialised, OffLimits, SharedUninitialised };
enum class Access { Read, ReadNonCoherent, Write, Atomic };
struct Hooks {
    void (*begin_launch)(bool programmatic) = nullptr;
    void (*begin_cluster)(unsigned threads) = nullptr;
    void (*synchronised)(Thread *const *threads, unsigned count) = nullptr; // these threads, so that memory is ordered
    void (*memory)(const void *p, size_t n, Memory what) = nullptr;
    // Atomics and accesses with a cache hint; of the others the compiler tells the checker.
    void (*access)(const void *p, size_t n, Access what, const void *caller) = nullptr;
    void (*fence)() = nullptr;
    void (*grid_dependency)() = nullptr;
};
extern Hooks hooks;

} // namespace simt
