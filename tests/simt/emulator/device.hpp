// The device that is pretended: SIMT_CC, SIMT_SMS, SIMT_MEMORY.
#pragma once
#include <cstddef>

namespace simt {

struct Device {
    int capability;
    size_t shared_optin; // per block, with cudaFuncAttributeMaxDynamicSharedMemorySize
    size_t shared_per_sm;
    size_t shared_static;   // per block, without it
    size_t shared_reserved; // taken by the system for every block
    int threads_per_sm, blocks_per_sm;
    size_t l2;
    bool clusters; // and programmatic dependent launch
};

const Device &device();

} // namespace simt
