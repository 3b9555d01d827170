#include <cstdlib>

#include "machine.hpp"

namespace simt {

namespace {

[[gnu::noinline]] void different_sites(Site first, Site second, Op op) {
    if (options().lax || (first.line == second.line && !strcmp(first.file, second.file))) return;
    fail(second, "threads meet in %s at different source lines: here and %s:%d", op_name(op), first.file, first.line);
}
void check_site(Site first, Site second, Op op) {
    if (first.line != second.line || first.file != second.file) different_sites(first, second, op);
}

template <class F> void for_lanes(unsigned lanes, F f) {
    for (; lanes; lanes &= lanes - 1) f(static_cast<unsigned>(__builtin_ctz(lanes)));
}

void shuffle_lanes(Warp &warp, const Group &group) {
    for_lanes(group.arrived, [&](unsigned lane) {
        const int source = warp.source[lane];
        if (source < 0 || source > 31 || !(group.arrived >> source & 1))
            fail(group.site, "%s(mask=0x%08x): lane %u reads lane %d, which is not taking part", op_name(group.op), group.mask, lane,
                 source);
        warp.out[lane] = warp.in[source];
    });
}

void match_lanes(Warp &warp, const Group &group) {
    for_lanes(group.arrived, [&](unsigned lane) {
        unsigned equal = 0;
        for_lanes(group.arrived, [&](unsigned other) { equal |= unsigned{warp.in[other] == warp.in[lane]} << other; });
        warp.out[lane] = group.op == Op::MatchAny || equal == group.arrived ? equal : 0;
    });
}

// The votes and reductions: the same answer for every lane.
unsigned combine(Op op, unsigned a, unsigned b) {
    const int signed_a = static_cast<int>(a), signed_b = static_cast<int>(b);
    switch (op) {
    case Op::Any:
    case Op::ReduceOr: return a | b;
    case Op::All:
    case Op::ReduceAnd: return a & b;
    case Op::ReduceAdd: return a + b;
    case Op::ReduceXor: return a ^ b;
    case Op::ReduceMinUnsigned: return a < b ? a : b;
    case Op::ReduceMaxUnsigned: return a > b ? a : b;
    case Op::ReduceMinSigned: return signed_a < signed_b ? a : b;
    case Op::ReduceMaxSigned: return signed_a > signed_b ? a : b;
    default: abort();
    }
}
void reduce_lanes(Warp &warp, const Group &group) {
    const unsigned first = static_cast<unsigned>(__builtin_ctz(group.arrived));
    unsigned result = 0;
    if (group.op == Op::Ballot) {
        for_lanes(group.arrived, [&](unsigned lane) { result |= static_cast<unsigned>(warp.in[lane]) << lane; });
    } else {
        result = static_cast<unsigned>(warp.in[first]);
        for_lanes(group.arrived & (group.arrived - 1),
                  [&](unsigned lane) { result = combine(group.op, result, static_cast<unsigned>(warp.in[lane])); });
    }
    for_lanes(group.arrived, [&](unsigned lane) { warp.out[lane] = result; });
}

// All lanes named in the mask that still exist have arrived: exchanges their values and wakes them.
void complete(Block &block, Warp &warp, Group &group) {
    Thread *threads = &block.threads[static_cast<size_t>(&warp - block.warps.data()) * 32];
    switch (group.op) {
    case Op::SyncWarp: break;
    case Op::Shfl:
    case Op::ShflUp:
    case Op::ShflDown:
    case Op::ShflXor: shuffle_lanes(warp, group); break;
    case Op::MatchAny:
    case Op::MatchAll: match_lanes(warp, group); break;
    default: reduce_lanes(warp, group);
    }
    if (hooks.synchronised && group.op == Op::SyncWarp) { // shuffles and votes order no memory
        Thread *part[32];
        unsigned count = 0;
        for_lanes(group.arrived, [&](unsigned lane) { part[count++] = threads + lane; });
        hooks.synchronised(part, count);
    }
    for_lanes(group.arrived, [&](unsigned lane) {
        if (threads[lane].state == Thread::Waiting) machine.ready.push(threads + lane);
    });
    group = warp.groups[--warp.group_count];
}

unsigned expected(const Warp &warp, unsigned mask) { return mask & warp.present & ~warp.exited; }

Group &find_group(Warp &warp, Op op, unsigned mask, Site site) {
    for (unsigned i = 0; i < warp.group_count; i++) {
        Group &group = warp.groups[i];
        if (group.op != op || group.mask != mask) continue;
        check_site(group.site, site, op);
        return group;
    }
    return warp.groups[warp.group_count++] = Group{op, mask, 0, site};
}

} // namespace

uint64_t warp_collective(Op op, unsigned mask, int source_lane, uint64_t value, Site site) {
    Thread &thread = *self;
    Warp &warp = thread.block->warps[thread.warp];
    if (!(mask >> thread.lane & 1)) fail(site, "%s(mask=0x%08x): the calling lane %u is not in the mask", op_name(op), mask, thread.lane);
    warp.in[thread.lane] = value;
    warp.source[thread.lane] = source_lane;
    thread.mask = mask;
    Group &group = find_group(warp, op, mask, site);
    group.arrived |= 1u << thread.lane;
    if (group.arrived == expected(warp, mask))
        complete(*thread.block, warp, group);
    else
        wait_in(op, site);
    return warp.out[thread.lane];
}

void check_groups(Block &block, Warp &warp) {
    for (unsigned i = 0; i < warp.group_count;) {
        Group &group = warp.groups[i];
        if (group.arrived == expected(warp, group.mask))
            complete(block, warp, group); // puts another group in its place
        else
            i++;
    }
}

unsigned active_lanes() {
    const Warp &warp = self->block->warps[self->warp];
    return warp.present & ~warp.exited;
}

// ---- __syncthreads

void check_block_barrier(Block &block) {
    if (!block.arrived || block.arrived != block.live) return; // threads that have exited do not count, as on the device
    block.result = block.op == Op::SyncCount ? block.count
                   : block.op == Op::SyncAnd ? block.count == static_cast<int>(block.arrived)
                                             : block.count != 0;
    block.arrived = 0;
    block.count = 0;
    if (hooks.synchronised) {
        static std::vector<Thread *> part;
        part.clear();
        for (Thread &thread : block.threads)
            if (thread.state != Thread::Exited) part.push_back(&thread);
        hooks.synchronised(part.data(), static_cast<unsigned>(part.size()));
    }
    for (Thread &thread : block.threads)
        if (thread.state == Thread::Waiting) machine.ready.push(&thread);
}

int block_sync(Op op, int predicate, Site site) {
    Block &block = *self->block;
    if (!block.arrived) {
        block.op = op;
        block.site = site;
    } else if (block.op != op) {
        fail(site, "%s while other threads of the block wait in %s at %s:%d", op_name(op), op_name(block.op), block.site.file,
             block.site.line);
    } else {
        check_site(block.site, site, op);
    }
    block.arrived++;
    block.count += predicate != 0;
    if (block.arrived == block.live)
        check_block_barrier(block);
    else
        wait_in(op, site);
    return block.result; // the next barrier cannot end before this thread has arrived there
}

// ---- clusters

void check_cluster_barrier() {
    if (!machine.cluster_arrived || machine.cluster_arrived != machine.cluster_live) return;
    machine.cluster_phase++;
    machine.cluster_arrived = 0;
    if (hooks.synchronised) {
        std::vector<Thread *> part;
        for (Block &block : machine.blocks)
            for (Thread &thread : block.threads)
                if (thread.state != Thread::Exited) part.push_back(&thread);
        hooks.synchronised(part.data(), static_cast<unsigned>(part.size()));
    }
    for (Block &block : machine.blocks)
        for (Thread &thread : block.threads)
            if (thread.state == Thread::Waiting && thread.op == Op::ClusterWait) machine.ready.push(&thread);
}
void cluster_arrive(const char *, int) {
    self->cluster_phase = machine.cluster_phase;
    machine.cluster_arrived++;
    check_cluster_barrier();
}
void cluster_wait(const char *file_, int line_) {
    while (machine.cluster_phase == self->cluster_phase) wait_in(Op::ClusterWait, SIMT_SITE);
}
unsigned cluster_blocks() { return static_cast<unsigned>(machine.blocks.size()); }
unsigned cluster_rank() { return self->block->cluster_rank; }

void grid_dependency_synchronize() {
    if (hooks.grid_dependency) hooks.grid_dependency();
}

} // namespace simt
