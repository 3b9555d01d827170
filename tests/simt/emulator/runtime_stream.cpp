// Streams and events. Work runs when it is enqueued, so everything that waits has nothing to wait for.
#include <memory>
#include <set>

#include "stream.hpp"

namespace simt {

namespace {

std::set<CUstream_st *> streams;
std::set<CUevent_st *> events;
CUstream_st legacy_stream, per_thread_stream;
int deferring = 0;

bool is_known(cudaEvent_t event) { return events.count(event) != 0; }

// What was deferred, in order.
cudaError_t run_pending(CUstream_st *stream) {
    std::vector<Work> pending;
    pending.swap(stream->pending);
    for (const Work &work : pending) {
        const cudaError_t error = work.run();
        if (error != cudaSuccess) return error;
    }
    return cudaSuccess;
}

cudaError_t catch_up(CUstream_st *stream) {
    for (CUstream_st *other : streams) {
        const cudaError_t error = deferring == 2 && other != stream ? run_pending(other) : cudaSuccess;
        if (error != cudaSuccess) return error;
    }
    return run_pending(stream);
}

} // namespace

cudaError_t catch_up_all(bool blocking_only) {
    for (CUstream_st *stream : streams) {
        const cudaError_t error = blocking_only && !stream->blocking ? cudaSuccess : run_pending(stream);
        if (error != cudaSuccess) return error;
    }
    return cudaSuccess;
}

CUstream_st *find_stream(cudaStream_t stream) {
    if (!stream || stream == cudaStreamLegacy) return &legacy_stream;
    if (stream == cudaStreamPerThread) return &per_thread_stream;
    return streams.count(stream) ? stream : nullptr;
}

cudaError_t enqueue(cudaStream_t handle, Work work) {
    CUstream_st *stream = find_stream(handle);
    if (!stream) return refuse(cudaErrorInvalidResourceHandle, "%p is not a stream", static_cast<void *>(handle));
    if (stream == &legacy_stream) {
        const cudaError_t error = forbidden_on_legacy_stream();
        if (error != cudaSuccess) return error;
    } else if (stream != &per_thread_stream && stream->device != current_device()) {
        return refuse(cudaErrorInvalidResourceHandle, "the stream belongs to device %d, current is %d", stream->device, current_device());
    }
    stream->last = work.kind;
    if (!stream->capture) {
        if (deferring && streams.count(stream)) {
            stream->pending.push_back(std::move(work));
            return cudaSuccess;
        }
        const cudaError_t error = stream == &legacy_stream ? catch_up_all(true) : cudaSuccess;
        return error != cudaSuccess ? error : work.run();
    }
    if (!stream->capture->valid) return cudaErrorStreamCaptureInvalidated;
    stream->capture->work.push_back(std::move(work));
    return cudaSuccess;
}
Work::Kind last_work(cudaStream_t handle) {
    const CUstream_st *stream = find_stream(handle);
    return stream ? stream->last : Work::None;
}

void leave_capture(const Capture *capture) {
    for (CUstream_st *stream : streams)
        if (stream->capture == capture) stream->capture = nullptr;
    if (per_thread_stream.capture == capture) per_thread_stream.capture = nullptr;
    for (CUevent_st *event : events)
        if (event->capture == capture) event->capture = nullptr;
}

} // namespace simt

using namespace simt;

extern "C" {

// ---- streams

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned flags) {
    return call([&] {
        *stream = new CUstream_st;
        (*stream)->device = current_device();
        (*stream)->blocking = !(flags & cudaStreamNonBlocking);
        streams.insert(*stream);
        return cudaSuccess;
    });
}
cudaError_t cudaStreamCreate(cudaStream_t *stream) { return cudaStreamCreateWithFlags(stream, cudaStreamDefault); }
cudaError_t cudaStreamCreateWithPriority(cudaStream_t *stream, unsigned flags, int) { return cudaStreamCreateWithFlags(stream, flags); }
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
    return call([&] {
        if (!streams.count(stream)) return cudaErrorInvalidResourceHandle;
        if (stream->capture) end_capture(stream->capture);
        const cudaError_t error = catch_up(stream);
        streams.erase(stream);
        delete stream;
        return error;
    });
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
    return call([&] {
        counters.synchronizations++;
        if (!find_stream(stream)) return cudaErrorInvalidResourceHandle;
        const cudaError_t error = forbidden_on_captured(stream, "cudaStreamSynchronize");
        if (error != cudaSuccess) return error;
        return find_stream(stream) == &legacy_stream ? catch_up_all(true) : catch_up(find_stream(stream));
    });
}
cudaError_t cudaStreamQuery(cudaStream_t stream) {
    return call([&] { return find_stream(stream) ? forbidden_on_captured(stream, "cudaStreamQuery") : cudaErrorInvalidResourceHandle; });
}
cudaError_t cudaStreamGetDevice(cudaStream_t handle, int *ordinal) {
    return call([&] {
        const CUstream_st *stream = find_stream(handle);
        if (!stream) return cudaErrorInvalidResourceHandle;
        *ordinal = streams.count(handle) ? stream->device : current_device();
        return cudaSuccess;
    });
}
cudaError_t cudaDeviceSynchronize(void) {
    return call([] {
        counters.synchronizations++;
        const cudaError_t error = forbidden_while_capturing("cudaDeviceSynchronize");
        return error != cudaSuccess ? error : catch_up_all(false);
    });
}
cudaError_t cudaLaunchHostFunc(cudaStream_t stream, cudaHostFn_t function, void *data) {
    return call([&] {
        return enqueue(stream, {Work::HostFunction, [=] {
                                    function(data);
                                    return cudaSuccess;
                                }});
    });
}

// ---- events

cudaError_t cudaEventCreateWithFlags(cudaEvent_t *event, unsigned flags) {
    return call([&] {
        *event = new CUevent_st;
        (*event)->timing = !(flags & cudaEventDisableTiming);
        events.insert(*event);
        return cudaSuccess;
    });
}
cudaError_t cudaEventCreate(cudaEvent_t *event) { return cudaEventCreateWithFlags(event, cudaEventDefault); }
cudaError_t cudaEventDestroy(cudaEvent_t event) {
    return call([&] {
        if (!is_known(event)) return cudaErrorInvalidResourceHandle;
        events.erase(event);
        delete event;
        return cudaSuccess;
    });
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t handle) {
    return call([&] {
        CUstream_st *stream = find_stream(handle);
        if (!is_known(event) || !stream) return cudaErrorInvalidResourceHandle;
        event->capture = stream->capture;
        if (stream->capture) return stream->capture->valid ? cudaSuccess : cudaErrorStreamCaptureInvalidated;
        return enqueue(handle, {Work::Event, [=] {
                                    event->recorded = true;
                                    event->time = std::chrono::steady_clock::now();
                                    return cudaSuccess;
                                }});
    });
}
cudaError_t cudaStreamWaitEvent(cudaStream_t handle, cudaEvent_t event, unsigned) {
    return call([&] {
        CUstream_st *stream = find_stream(handle);
        if (!is_known(event) || !stream) return cudaErrorInvalidResourceHandle;
        if (event->capture && !stream->capture) stream->capture = event->capture;                          // the capture forks
        if (event->capture == stream->capture) return stream->capture ? cudaSuccess : catch_up_all(false); // all work stays in order
        stream->capture->valid = false;
        return refuse(cudaErrorStreamCaptureIsolation, "a captured stream waits for an event that was not recorded in its capture");
    });
}
cudaError_t cudaEventSynchronize(cudaEvent_t event) {
    return call([&] {
        counters.synchronizations++;
        if (!is_known(event)) return cudaErrorInvalidResourceHandle;
        return event->capture ? refuse(cudaErrorStreamCaptureUnsupported, "cudaEventSynchronize on a captured event") : catch_up_all(false);
    });
}
cudaError_t cudaEventQuery(cudaEvent_t event) {
    return call([&] { return is_known(event) ? forbidden_while_capturing("cudaEventQuery") : cudaErrorInvalidResourceHandle; });
}
cudaError_t cudaEventElapsedTime(float *ms, cudaEvent_t from, cudaEvent_t to) {
    return call([&] {
        if (!is_known(from) || !is_known(to)) return cudaErrorInvalidResourceHandle;
        if (!from->recorded || !to->recorded || !from->timing || !to->timing) return cudaErrorInvalidResourceHandle;
        *ms = std::chrono::duration<float, std::milli>(to->time - from->time).count();
        return cudaSuccess;
    });
}

void simt_defer_streams(int mode) {
    const std::lock_guard<std::recursive_mutex> lock(machine.mutex);
    deferring = mode;
}
long simt_live_streams(void) { return static_cast<long>(streams.size()); }

} // extern "C"
