// Runs the blocks of a launch, one cluster after the other, every thread on a fiber.
#include "machine.hpp"

#include <cstdarg>
#include <cstdlib>
#include <numeric>

uint3 threadIdx, blockIdx;
dim3 blockDim, gridDim;

namespace simt {

__thread Thread *self = nullptr;
Machine machine;
Hooks hooks;

namespace {

unsigned volume(dim3 d) { return d.x * d.y * d.z; }

// Every fiber runs this. A thread that ends leaves its stack to the next one that has not begun: a kernel without barriers
// is a plain loop over its threads.
void run_threads() {
    for (;;) {
        Thread &thread = *self;
        Fiber &fiber = *thread.fiber;
        Block &block = *thread.block;
        (*machine.body)();
        thread.state = Thread::Exited;
        block.live--;
        machine.cluster_live--;
        Warp &warp = block.warps[thread.warp];
        warp.exited |= 1u << thread.lane;
        if (warp.group_count) check_groups(block, warp);
        check_block_barrier(block);
        check_cluster_barrier();
        if (!block.live) close_shared_memory(block);

        thread.fiber = nullptr;
        Thread *next = machine.ready.pop();
        if (next && !next->fiber) {
            next->fiber = &fiber;
            self = next;
            threadIdx = next->index;
            blockIdx = next->block->index;
        } else {
            give_fiber_back(&fiber);
            switch_to(fiber, &fiber.resume, next);
        }
    }
}

// What stays the same for all clusters of a launch.
void prepare_blocks(unsigned count, unsigned threads) {
    machine.blocks.resize(count);
    for (unsigned b = 0; b < count; b++) {
        Block &block = machine.blocks[b];
        block.cluster_rank = b;
        block.threads.assign(threads, Thread{});
        block.warps.resize((threads + 31) / 32);
        for (Warp &warp : block.warps) warp.present = 0;
        for (unsigned rank = 0; rank < threads; rank++) {
            Thread &thread = block.threads[rank];
            thread.index = {rank % blockDim.x, rank / blockDim.x % blockDim.y, rank / (blockDim.x * blockDim.y)};
            thread.warp = static_cast<uint8_t>(rank / 32);
            thread.lane = static_cast<uint8_t>(rank % 32);
            thread.cluster_rank = b * threads + rank;
            thread.block = &block;
            block.warps[thread.warp].present |= 1u << thread.lane;
        }
    }
}

void begin_block(Block &block, dim3 first, dim3 cluster) {
    const unsigned rank = block.cluster_rank;
    block.index = {first.x + rank % cluster.x, first.y + rank / cluster.x % cluster.y, first.z + rank / (cluster.x * cluster.y)};
    block.live = static_cast<unsigned>(block.threads.size());
    block.arrived = 0;
    block.count = 0;
    for (Warp &warp : block.warps) warp.exited = warp.group_count = 0;
    open_shared_memory(block);
    for (Thread &thread : block.threads) {
        thread.op = Op::None;
        machine.ready.push(&thread);
    }
}

void run_cluster(dim3 first, dim3 cluster) {
    const unsigned threads = static_cast<unsigned>(machine.blocks.size() * machine.blocks[0].threads.size());
    machine.cluster_live = threads;
    machine.cluster_arrived = machine.cluster_phase = 0;
    machine.ready.clear();
    if (hooks.begin_cluster) hooks.begin_cluster(threads);
    for (Block &block : machine.blocks) begin_block(block, first, cluster);
    switch_to(host_fiber, &machine.host_stack_pointer, machine.ready.pop()); // back when nobody can go on, or on failure
    self = nullptr;
    if (machine.failed || !machine.cluster_live) return;
    machine.error = describe_deadlock();
    machine.failed = true;
}

// Numbers 0 .. count-1 in order, or, with a seed, each once in another order: i -> (i * step + start) mod count.
class Order {
  public:
    Order(uint64_t count, bool random) : count_(count) {
        if (!random || count < 2) return;
        start_ = machine.ready.draw() % count;
        do step_ = 1 + machine.ready.draw() % (count - 1);
        while (std::gcd(step_, count) != 1);
    }
    uint64_t operator[](uint64_t i) const { return static_cast<uint64_t>((static_cast<unsigned __int128>(i) * step_ + start_) % count_); }

  private:
    uint64_t count_, start_ = 0, step_ = 1;
};

} // namespace

void yield_thread() {
    Thread &thread = *self;
    machine.ready.push(&thread);
    thread.op = Op::Yield;
    Thread *next = machine.ready.pop();
    if (next != &thread) switch_to(*thread.fiber, &thread.stack_pointer, next);
}

void fail(Site site, const char *format, ...) {
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    std::string at = site.file ? std::string(" at ") + site.file + ":" + std::to_string(site.line) : "";
    if (!self) {
        fprintf(stderr, "simt: %s%s\n", text, at.c_str());
        abort();
    }
    Thread &thread = *self;
    thread.op = Op::None; // it does not wait
    machine.error = describe(thread) + ": " + text + at;
    machine.failed = true;
    switch_to(*thread.fiber, &thread.stack_pointer, nullptr); // the launch is abandoned; nothing on the fibers is unwound
    abort();
}

cudaError_t run(const Launch &launch) {
    gridDim = launch.grid;
    blockDim = launch.block;
    const unsigned cluster_size = volume(launch.cluster), threads = volume(launch.block);
    machine.body = &launch.body;
    machine.failed = false;
    machine.ready.start(cluster_size * threads, options().seed ? options().seed * 0x9E3779B97F4A7C15ull | 1 : 0);
    prepare_blocks(cluster_size, threads);
    start_shared_memory(launch.dynamic_shared, cluster_size);
    start_fibers_with(run_threads);
    if (hooks.begin_launch) hooks.begin_launch(launch.programmatic);

    const dim3 size = launch.cluster;
    const uint64_t x = launch.grid.x / size.x, y = launch.grid.y / size.y, z = launch.grid.z / size.z;
    const Order order(x * y * z, options().seed != 0);
    for (uint64_t i = 0; i < x * y * z && !machine.failed; i++) {
        const uint64_t c = order[i];
        run_cluster(dim3(static_cast<unsigned>(c % x) * size.x, static_cast<unsigned>(c / x % y) * size.y,
                         static_cast<unsigned>(c / (x * y)) * size.z),
                    size);
    }
    if (!machine.failed) return cudaSuccess;
    abandon_fibers();
    for (Block &block : machine.blocks) close_shared_memory(block);
    fprintf(stderr, "simt: %s\n", machine.error.c_str());
    return cudaErrorLaunchFailure;
}

} // namespace simt
