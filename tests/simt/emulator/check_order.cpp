#include <map>
#include <memory>

#include "check.hpp"

namespace simt::check {

namespace {

using Clocks = std::vector<uint32_t>; // per thread of one cluster: up to where its doings are known
using Known = std::shared_ptr<const Clocks>;
using OtherClusters = std::map<uint32_t, Known>;

uint32_t this_cluster = 0, this_launch = 1, launch_before = 1; // the latter two: their first cluster
bool may_overlap = false;                                      // with the launch before

// Per thread of the running cluster:
std::vector<uint32_t> clock_of;
std::vector<Known> known;
std::vector<uint32_t> past; // everything from clusters before this one is known: grids run in order
std::vector<OtherClusters> others;
std::vector<OtherClusters> fenced; // everything known at the thread's last fence
bool others_in_use = false;
std::map<const void *, OtherClusters> released; // per atomic variable

void join(Known &into, const Known &from) {
    if (!from || into == from) return;
    if (!into) {
        into = from;
        return;
    }
    auto both = std::make_shared<Clocks>(*into);
    for (size_t i = 0; i < both->size(); i++) (*both)[i] = std::max((*both)[i], (*from)[i]);
    into = both;
}
void join(OtherClusters &into, const OtherClusters &from) {
    for (const auto &[cluster, clocks] : from) join(into[cluster], clocks);
}

} // namespace

Stamp now() { return {this_cluster, clock_of[self->cluster_rank]}; }
bool in_this_launch(Stamp stamp) { return stamp.cluster >= this_launch; }
bool in_this_cluster(Stamp stamp) { return stamp.cluster == this_cluster; }

bool ordered_before_now(Stamp stamp, unsigned thread) {
    const unsigned me = self->cluster_rank;
    if (stamp.cluster < past[me]) return true;
    if (stamp.cluster == this_cluster) return thread == me || (*known[me])[thread] >= stamp.clock;
    if (!in_this_launch(stamp)) return false; // a kernel that may still run
    const auto found = others[me].find(stamp.cluster);
    return found != others[me].end() && (*found->second)[thread] >= stamp.clock;
}

void begin_launch(bool programmatic) {
    launch_before = this_launch;
    this_launch = this_cluster + 1;
    may_overlap = programmatic;
    released.clear();
}

void begin_cluster(unsigned threads) {
    this_cluster++;
    clock_of.assign(threads, 1);
    known.assign(threads, std::make_shared<const Clocks>(threads, 0));
    past.assign(threads, may_overlap ? launch_before : this_launch);
    if (others_in_use || others.size() != threads) {
        others.assign(threads, {});
        fenced.assign(threads, {});
        others_in_use = false;
    }
}

void grid_dependency() { past[self->cluster_rank] = this_launch; }

void synchronised(Thread *const *threads, unsigned count) {
    const auto rank = [&](unsigned i) { return threads[i]->cluster_rank; };
    auto all = std::make_shared<Clocks>(*known[rank(0)]);
    const Clocks *last = known[rank(0)].get();
    uint32_t past_of_all = 0;
    for (unsigned i = 0; i < count; i++) {
        past_of_all = std::max(past_of_all, past[rank(i)]);
        const Clocks *one = known[rank(i)].get();
        if (one == last) continue; // mostly they know the same
        last = one;
        for (size_t j = 0; j < all->size(); j++) (*all)[j] = std::max((*all)[j], (*one)[j]);
    }
    for (unsigned i = 0; i < count; i++) (*all)[rank(i)] = clock_of[rank(i)]++;
    for (unsigned i = 0; i < count; i++) {
        known[rank(i)] = all;
        past[rank(i)] = past_of_all;
    }
    if (!others_in_use) return;
    OtherClusters others_of_all;
    for (unsigned i = 0; i < count; i++) join(others_of_all, others[rank(i)]);
    for (unsigned i = 0; i < count; i++) others[rank(i)] = others_of_all;
}

// A fence, then an atomic by one thread, and an atomic on the same variable by another that comes later: "last block"
// counters, tickets, locks.
void fence() {
    const unsigned me = self->cluster_rank;
    auto mine = std::make_shared<Clocks>(*known[me]);
    (*mine)[me] = clock_of[me]++;
    fenced[me] = others[me];
    fenced[me][this_cluster] = mine;
    others_in_use = true;
}
void order_atomic(const void *p) {
    const unsigned me = self->cluster_rank;
    OtherClusters &before = released[p];
    for (const auto &[cluster, clocks] : before) {
        others_in_use = true;
        join(cluster == this_cluster ? known[me] : others[me][cluster], clocks);
    }
    join(before, fenced[me]);
}

} // namespace simt::check
