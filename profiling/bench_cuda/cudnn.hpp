// cuDNN's softmax, if there is a libcudnn to load: through its C API, declared here as far as it is needed, so that no header is.
#pragma once
#include <cuda_runtime_api.h>
#include <memory>
#include <string>

#include "../bench/cases.hpp"
#include "../bench/smx_call.hpp"

namespace bench {

class cudnn {
  public:
    explicit cudnn(cudaStream_t stream); // looks in SMX_CUDNN_LIBRARY first, then where libraries are
    cudnn(const cudnn &) = delete;
    cudnn &operator=(const cudnn &) = delete;
    ~cudnn();
    bool available() const { return handle != nullptr; }
    const std::string &note() const { return said; } // its version, or why it is not here

    static bool can(const problem &p); // has it such an operation at all?
    call call_of(const problem &p, const operands &o) const;

  private:
    struct functions;
    std::unique_ptr<functions> api;
    void *handle = nullptr;
    std::string said;
};

} // namespace bench
