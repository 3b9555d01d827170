// A CUDA thread as the emulator sees it, and what device code asks the scheduler for.
#pragma once
#include "language.hpp"

namespace simt {

struct Block;
struct Fiber;

enum class Op : uint8_t { // what a thread waits in
    None,
    Yield,
    SyncThreads,
    SyncCount,
    SyncAnd,
    SyncOr,
    ClusterWait,
    SyncWarp,
    Shfl,
    ShflUp,
    ShflDown,
    ShflXor,
    Ballot,
    Any,
    All,
    MatchAny,
    MatchAll,
    ReduceAdd,
    ReduceMinUnsigned,
    ReduceMaxUnsigned,
    ReduceMinSigned,
    ReduceMaxSigned,
    ReduceAnd,
    ReduceOr,
    ReduceXor
};

struct alignas(64) Thread { // one cache line: hundreds of them take turns
    enum State : uint8_t { Ready, Waiting, Exited };
    uint3 index{};
    uint8_t warp = 0, lane = 0; // in the block
    State state = Ready;
    Op op = Op::None;           // what it waits in, or last waited in
    unsigned cluster_rank = 0;  // linear in the cluster
    unsigned mask = 0;          // of the warp collective it waits in
    unsigned cluster_phase = 0; // of the cluster barrier when it arrived there
    int line = 0;               // where it waits
    const char *file = nullptr;
    Block *block = nullptr;
    Fiber *fiber = nullptr; // while it runs or waits
    void *stack_pointer = nullptr;

    unsigned rank() const { return warp * 32u + lane; } // linear in the block
};

// The CUDA thread that runs on this OS thread; NULL in host code. Launches of several OS threads take turns.
extern __thread Thread *self __attribute__((tls_model("initial-exec")));

int block_sync(Op op, int predicate, Site site);
uint64_t warp_collective(Op op, unsigned mask, int source_lane, uint64_t value, Site site);
unsigned active_lanes();
void yield_thread(); // lets every other thread that can run go first

void cluster_arrive(SIMT_AT);
void cluster_wait(SIMT_AT);
unsigned cluster_blocks();
unsigned cluster_rank();                                        // of the running block
void *cluster_map(const void *pointer, unsigned rank, SIMT_AT); // the same variable in another block's shared memory

void grid_dependency_synchronize();

// Ends the launch with an error that names the running thread.
[[noreturn]] void fail(Site site, const char *format, ...) __attribute__((format(printf, 2, 3)));

} // namespace simt
