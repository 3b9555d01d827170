// The numbers that every contestant works on, in memory that all of them share: aligned to 64 bytes, and touched first by all threads in
// turns, so that it lies on all memory nodes, whichever part of it a shape uses.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "cases.hpp"

namespace bench {

struct free_memory {
    void operator()(void *memory) const;
};
using buffer = std::unique_ptr<void, free_memory>;

buffer allocate(size_t bytes); // aligned and touched

// Like normal numbers, always the same of a seed.
buffer normals(const element_facts &type, int64_t count, uint64_t seed, float deviation);
constexpr uint64_t SEED_OF_LOGITS = 1, SEED_OF_GRADIENT = uint64_t{1} << 40;
constexpr float DEVIATION_OF_LOGITS = 2, DEVIATION_OF_GRADIENT = 1;

void fill_targets(int64_t *targets, int64_t rows, int64_t cols); // always the same of a shape

class data {
  public:
    explicit data(const std::vector<problem> &problems); // memory for the largest of them

    const void *logits(const element_facts &type);    // like normal numbers, always the same
    const void *gradient(const element_facts &type);  // likewise, others
    void *forward_result() { return of_elements(y); } // what a backward call starts from
    void *result() { return of_elements(out); }
    float *logsumexp();
    const int64_t *targets(int64_t rows, int64_t cols); // always the same of a shape

  private:
    struct inputs {
        buffer logits, gradient;
    };
    const inputs &of(const element_facts &type);
    void *of_elements(buffer &memory); // of any type

    int64_t count = 0, rows = 0;
    inputs by_type[3];
    buffer y, out, lse, indices;
};

} // namespace bench
