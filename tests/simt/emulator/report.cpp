// Words for what went wrong.
#include "machine.hpp"

namespace simt {

const char *op_name(Op op) {
    switch (op) {
    case Op::None: return "nothing";
    case Op::Yield: return "__nanosleep";
    case Op::SyncThreads: return "__syncthreads";
    case Op::SyncCount: return "__syncthreads_count";
    case Op::SyncAnd: return "__syncthreads_and";
    case Op::SyncOr: return "__syncthreads_or";
    case Op::ClusterWait: return "the cluster barrier";
    case Op::SyncWarp: return "__syncwarp";
    case Op::Shfl: return "__shfl_sync";
    case Op::ShflUp: return "__shfl_up_sync";
    case Op::ShflDown: return "__shfl_down_sync";
    case Op::ShflXor: return "__shfl_xor_sync";
    case Op::Ballot: return "__ballot_sync";
    case Op::Any: return "__any_sync";
    case Op::All: return "__all_sync";
    case Op::MatchAny: return "__match_any_sync";
    case Op::MatchAll: return "__match_all_sync";
    case Op::ReduceAdd: return "__reduce_add_sync";
    case Op::ReduceMinUnsigned: return "__reduce_min_sync(unsigned)";
    case Op::ReduceMaxUnsigned: return "__reduce_max_sync(unsigned)";
    case Op::ReduceMinSigned: return "__reduce_min_sync(int)";
    case Op::ReduceMaxSigned: return "__reduce_max_sync(int)";
    case Op::ReduceAnd: return "__reduce_and_sync";
    case Op::ReduceOr: return "__reduce_or_sync";
    case Op::ReduceXor: return "__reduce_xor_sync";
    }
    return "?";
}

std::string describe(const Thread &thread) {
    const uint3 b = thread.block->index, t = thread.index;
    char text[512];
    int n = snprintf(text, sizeof text, "block (%u,%u,%u) thread (%u,%u,%u) [warp %u lane %u]", b.x, b.y, b.z, t.x, t.y, t.z, thread.warp,
                     thread.lane);
    const auto more = [&](auto... arguments) { n += snprintf(text + n, sizeof text - static_cast<size_t>(n), arguments...); };
    if (thread.state == Thread::Exited) {
        more("%s", " has exited");
    } else if (thread.op != Op::None) {
        more(" waits in %s", op_name(thread.op));
        if (thread.op >= Op::SyncWarp) more("(mask=0x%08x)", thread.mask);
        if (thread.file) more(" at %.200s:%d", thread.file, thread.line);
    }
    return text;
}

// One line per run of threads in the same place.
std::string describe_deadlock() {
    const auto same_place = [](const Thread &a, const Thread &b) {
        return a.block == b.block && a.state == b.state && a.op == b.op && a.mask == b.mask && a.line == b.line;
    };
    constexpr int most_lines = 12;
    std::string text = "deadlock: no thread can go on";
    const Thread *shown = nullptr;
    unsigned lines = 0, skipped = 0;
    const auto end_run = [&] {
        if (skipped) text += "\n      ... and " + std::to_string(skipped) + " after it in the same place";
        skipped = 0;
    };
    for (const Block &block : machine.blocks)
        for (const Thread &thread : block.threads) {
            if (shown && same_place(*shown, thread)) {
                skipped++;
                continue;
            }
            end_run();
            if (++lines > most_lines) return text + "\n      ... and others";
            text += "\n    " + describe(thread);
            shown = &thread;
        }
    end_run();
    return text;
}

} // namespace simt
