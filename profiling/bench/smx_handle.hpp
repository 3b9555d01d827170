// A handle, of the CPU backend unless it is said otherwise, and failures as exceptions.
#pragma once
#include <stdexcept>

#include "smx/smx.h"

namespace bench {

inline void check(smxStatus_t status) {
    if (status != SMX_STATUS_SUCCESS) throw std::runtime_error(smxGetLastErrorMessage());
}

class smx_handle {
  public:
    explicit smx_handle(smxBackend_t backend = SMX_BACKEND_CPU) { check(smxCreateWithBackend(&handle, backend)); }
    smx_handle(const smx_handle &) = delete;
    smx_handle &operator=(const smx_handle &) = delete;
    ~smx_handle() { smxDestroy(handle); }
    operator smxHandle_t() const { return handle; }

  private:
    smxHandle_t handle = nullptr;
};

} // namespace bench
