// The numbers of a problem on the device, several times over: in slots that take turns, so that none of them is still in the second-level
// cache when its turn comes again. Memory is allocated once, for the largest problem.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "../bench/cases.hpp"
#include "../bench/smx_call.hpp"
#include "probes.hpp"

namespace bench {

class device_memory {
  public:
    explicit device_memory(int64_t bytes);
    device_memory(const device_memory &) = delete;
    device_memory &operator=(const device_memory &) = delete;
    ~device_memory();
    char *at(int64_t bytes) const { return memory + bytes; }

  private:
    char *memory = nullptr;
};

// How many slots a problem has, and the bytes of each, multiples of 256.
struct slot_sizes {
    int64_t slots;
    int64_t input, output, per_row; // per_row: of 8 bytes for every row
    bool exceed_cache;              // all together twice the cache; else each may be used but once after the cache was emptied
};

class device_data {
  public:
    device_data(const std::vector<problem> &problems, int64_t cache_bytes);

    // Fills the slots with what the problem's calls start from.
    void prepare(const problem &p, smxHandle_t handle);
    const slot_sizes &sizes() const { return now; }
    operands slot(int64_t i) const;
    probe_buffers probe_slot(int64_t i) const;
    // Fills the cache with other things, by reading them, so that nothing is left that has to be written back.
    void empty_cache(cudaStream_t stream) const;

  private:
    slot_sizes sizes_of(const problem &p) const;

    int64_t cache_bytes;
    slot_sizes most, now = {};
    device_memory first, second, output, lse, targets, loss, others;
    device_memory logits[3], gradient[3]; // some numbers of each type, which are repeated
    std::vector<int64_t> host_targets;
    int64_t target_rows = 0, target_cols = 0;
};

} // namespace bench
