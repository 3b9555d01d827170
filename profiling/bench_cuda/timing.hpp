// Times of calls on a stream, by its own events: many calls are recorded in a graph, so that they follow each other without the host.
#pragma once
#include <cstdint>
#include <cuda_runtime_api.h>
#include <functional>
#include <vector>

#include "../bench/smx_call.hpp"
#include "device_data.hpp"

namespace bench {

class stream {
  public:
    stream();
    stream(const stream &) = delete;
    stream &operator=(const stream &) = delete;
    ~stream();
    operator cudaStream_t() const { return made; }
    void start() const { cudaEventRecord(begin, made); }
    double stop() const; // microseconds since start(), when everything is done

  private:
    cudaStream_t made = nullptr;
    cudaEvent_t begin = nullptr, end = nullptr;
};

// One contestant's calls on a problem: one per slot, repeated in turns as often as a sample takes.
class series {
  public:
    // Throws what the calls throw.
    series(const stream &on, const device_data &data, std::vector<call> per_slot);
    series(series &&other) noexcept;
    series(const series &) = delete;
    series &operator=(const series &) = delete;
    ~series();
    double sample() const; // microseconds of one call, with a cold cache
    int64_t calls() const { return count; }
    bool captured() const { return graph != nullptr; }

  private:
    void run() const;
    bool capture();

    const stream *on;
    const device_data *data;
    std::vector<call> per_slot;
    int64_t count = 1;
    cudaGraphExec_t graph = nullptr;
};

} // namespace bench
