// The C++ half of the runtime's API: launches, and the typed forms of calls whose C form takes void pointers.
#pragma once
#include <functional>
#include <initializer_list>
#include <type_traits>
#include <utility>

#include "language.hpp"

namespace simt {

// Checks the launch and its pointer arguments as a device would, then runs it, or records it while its stream is captured.
cudaError_t launch(const cudaLaunchConfig_t &config, const void *kernel, std::initializer_list<const void *> pointers,
                   std::function<void()> body);

template <class T> const void *pointer_in(const T &argument) { // NULL: nothing to check
    if constexpr (std::is_pointer_v<T> && !std::is_function_v<std::remove_pointer_t<T>>)
        return argument;
    else
        return (void)argument, nullptr;
}

template <class F> const void *entry(F *kernel) { return reinterpret_cast<const void *>(kernel); }

} // namespace simt

template <class... Parameters, class... Arguments>
cudaError_t cudaLaunchKernelEx(const cudaLaunchConfig_t *config, void (*kernel)(Parameters...), Arguments &&...arguments) {
    const auto launch = [&](Parameters... values) {
        return simt::launch(*config, simt::entry(kernel), {simt::pointer_in(values)...}, [=] { kernel(values...); });
    };
    return launch(std::forward<Arguments>(arguments)...);
}

template <class T> cudaError_t cudaMalloc(T **p, size_t bytes) { return ::cudaMalloc(reinterpret_cast<void **>(p), bytes); }
template <class T> cudaError_t cudaMallocAsync(T **p, size_t bytes, cudaStream_t stream) {
    return ::cudaMallocAsync(reinterpret_cast<void **>(p), bytes, stream);
}
template <class T> cudaError_t cudaMallocHost(T **p, size_t bytes, unsigned flags = 0) {
    return ::cudaHostAlloc(reinterpret_cast<void **>(p), bytes, flags);
}
template <class T> cudaError_t cudaHostAlloc(T **p, size_t bytes, unsigned flags) {
    return ::cudaHostAlloc(reinterpret_cast<void **>(p), bytes, flags);
}
template <class F> cudaError_t cudaFuncSetAttribute(F *kernel, cudaFuncAttribute attribute, int value) {
    return ::cudaFuncSetAttribute(simt::entry(kernel), attribute, value);
}
template <class F> cudaError_t cudaFuncGetAttributes(cudaFuncAttributes *attributes, F *kernel) {
    return ::cudaFuncGetAttributes(attributes, simt::entry(kernel));
}
template <class F> cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks, F *kernel, int threads, size_t dynamic_shared) {
    return ::cudaOccupancyMaxActiveBlocksPerMultiprocessor(blocks, simt::entry(kernel), threads, dynamic_shared);
}
template <class F> cudaError_t cudaOccupancyMaxActiveClusters(int *clusters, F *kernel, const cudaLaunchConfig_t *config) {
    return ::cudaOccupancyMaxActiveClusters(clusters, simt::entry(kernel), config);
}
