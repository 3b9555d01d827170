// A handle of the CPU backend, and failures as exceptions.
#pragma once
#include <stdexcept>

#include "smx/smx.h"

namespace bench {

inline void check(smxStatus_t status) {
    if (status != SMX_STATUS_SUCCESS) throw std::runtime_error(smxGetLastErrorMessage());
}

class smx_handle {
  public:
    smx_handle() { check(smxCreateWithBackend(&handle, SMX_BACKEND_CPU)); }
    smx_handle(const smx_handle &) = delete;
    smx_handle &operator=(const smx_handle &) = delete;
    ~smx_handle() { smxDestroy(handle); }
    operator smxHandle_t() const { return handle; }

  private:
    smxHandle_t handle = nullptr;
};

} // namespace bench
