// What is measured: the operations, types and shapes, once for all contestants, and the bytes that each has to move.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "smx/smx.h"

namespace bench {

enum class op {
    softmax_forward,
    log_softmax_forward,
    softmax_backward,
    log_softmax_backward,
    logsumexp,
    cross_entropy_forward,
    cross_entropy_backward, // from the forward's logsumexp
    cross_entropy_fused,    // loss and gradient in one call
    argmax,
    top_k,        // the 50 most probable
    sample,       // from the whole distribution
    sample_top_k, // from the 50 most probable
    sample_top_p  // from nine tenths of the probability
};
constexpr int64_t KEPT_TOKENS = 50;
constexpr float KEPT_SHARE = 0.9f;

struct operation_facts {
    op id;
    const char *name;
    int reads, writes;     // matrices that have to be read and written, at least
    int64_t bytes_per_row; // beside them: targets and indices are int64, a logsumexp is fp32
    bool chooses;          // a few elements of every row; such operations have shapes of their own
};

struct element_facts {
    smxDataType_t type;
    const char *name;
    int64_t bytes;
};

struct problem {
    const operation_facts *operation;
    const element_facts *element;
    int64_t rows, cols;
    int64_t inner = 1; // elements of a row are so many apart: the tensor is rows / inner x cols x inner, its rows lie along the second axis

    int64_t count() const { return rows * cols; }
    int64_t bytes() const; // the least traffic
    smxLayout_t layout() const;
    std::string name(const std::string &contestant) const;
};

// What is measured on the CPU: every operation on every type and shape; few shapes if `quick`.
std::vector<problem> problems(bool quick);

// What is measured on a GPU: shapes of at least 64 MiB of traffic for every number of columns, and few rows. `tiny` is for trying out the
// program where there is none: every operation on every type, on shapes of a few thousand elements.
enum class scope { full, quick, tiny };
std::vector<problem> cuda_problems(scope wanted);

// They as TSV with a header, for those who measure in another process; with what `plan` says of them, if it is given.
std::string list_of(const std::vector<problem> &problems, const std::function<std::string(const problem &)> &plan = {});

} // namespace bench
