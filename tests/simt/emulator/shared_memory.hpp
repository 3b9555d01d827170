// Shared memory: one arena per block, filled with 0xFF when a block begins (NaN, or -1), red zones between the variables.
#pragma once
#include "threads.hpp"

namespace simt {

void *shared_variable(const void *key, const char *name, size_t size, size_t align);
void *dynamic_shared_memory();

} // namespace simt

#define SHARED_ARRAY(T, name, ...) SIMT_SHARED(name, T[__VA_ARGS__])
#define SHARED_VAR(T, name) SIMT_SHARED(name, T)
// A static variable per use and template instance is the key by which the threads of a block find the same memory.
#define SIMT_SHARED(name, ...)                                                            \
    static const char name##_simt_key = 0;                                                \
    using name##_simt_type = ::simt::Identity<__VA_ARGS__>;                               \
    auto &name = *static_cast<typename name##_simt_type::type *>(::simt::shared_variable( \
        &name##_simt_key, #name, sizeof(typename name##_simt_type::type), alignof(typename name##_simt_type::type)))
#define SHARED_DYNAMIC(T, name) T *const name = static_cast<T *>(::simt::dynamic_shared_memory())
