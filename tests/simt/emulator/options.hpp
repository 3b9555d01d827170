// What the environment asks for, read once. README.md lists the variables.
#pragma once
#include <cstddef>
#include <cstdint>

namespace simt {

struct Options {
    uint64_t seed = 0;                 // SIMT_SEED: 0 first come, first served; else a random order of threads and blocks
    size_t stack = 0;                  // SIMT_STACK: bytes per CUDA thread
    bool lax = false;                  // SIMT_LAX=1: one collective may be reached from different source lines
    unsigned preempt = 0;              // SIMT_PREEMPT: check build, switch threads at about one memory access in so many
    int capability = 90;               // SIMT_CC
    int multiprocessors = 4;           // SIMT_SMS
    int devices = 1;                   // SIMT_DEVICES
    bool driver = true;                // SIMT_DRIVER=0: as on a machine without one
    bool pools = true;                 // SIMT_POOLS=0: memory pools are not supported
    size_t memory = size_t{256} << 30; // SIMT_MEMORY: bytes of a device
};

const Options &options();

} // namespace simt
