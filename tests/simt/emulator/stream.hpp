// Streams, events, graphs and captures from the inside.
#pragma once
#include <chrono>
#include <thread>

#include "runtime.hpp"

namespace simt {

struct Capture {
    cudaStreamCaptureMode mode;
    std::thread::id owner;
    CUstream_st *origin; // the stream that began it
    bool valid = true;
    std::vector<Work> work;
};

CUstream_st *find_stream(cudaStream_t stream); // NULL: no such stream
void leave_capture(const Capture *capture);    // every stream and event that takes part
void end_capture(const Capture *capture);

} // namespace simt

struct CUstream_st {
    int device = 0;
    bool blocking = true; // waits for the legacy default stream
    simt::Capture *capture = nullptr;
    simt::Work::Kind last = simt::Work::None; // what it did last
    std::vector<simt::Work> pending;          // deferred, see simt_defer_streams
};
struct CUevent_st {
    bool timing = true, recorded = false;
    std::chrono::steady_clock::time_point time{};
    simt::Capture *capture = nullptr; // that it was recorded in
};
struct CUgraph_st {
    std::vector<simt::Work> work;
};
struct CUgraphExec_st {
    std::vector<simt::Work> work;
};
