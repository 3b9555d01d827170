// Memory of the device and of the host, as the backend's functions of smx_backend (memory.cu).
#pragma once
#include "internal.h"

namespace smx {

smxStatus_t open_pool(const char *call, smxHandle_t handle); // none where the device has no memory pools
void close_pool(smxHandle_t handle);

smxStatus_t allocate_in_order(const char *call, smxHandle_t handle, void **pointer, size_t bytes);
smxStatus_t release_in_order(const char *call, smxHandle_t handle, void *pointer);
smxStatus_t allocate(const char *call, smxHandle_t handle, void **pointer, size_t bytes);
smxStatus_t release(const char *call, smxHandle_t handle, void *pointer);
smxStatus_t allocate_host(const char *call, smxHandle_t handle, void **pointer, size_t bytes);
smxStatus_t release_host(const char *call, smxHandle_t handle, void *pointer);
smxStatus_t copy(const char *call, smxHandle_t handle, void *destination, const void *source, size_t bytes);

} // namespace smx
