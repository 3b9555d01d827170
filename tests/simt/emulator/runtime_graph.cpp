// Stream capture and graphs: while a stream is captured its work is recorded and does not run; a graph runs it in the order
// of the recording. The rules of what a capture forbids follow the CUDA programming guide.
#include <algorithm>
#include <memory>

#include "stream.hpp"

namespace simt {

namespace {

std::vector<std::unique_ptr<Capture>> captures; // that go on
thread_local cudaStreamCaptureMode thread_mode = cudaStreamCaptureModeGlobal;

Capture *capture_of(cudaStream_t handle) {
    const CUstream_st *stream = find_stream(handle);
    return stream ? stream->capture : nullptr;
}

// Does this capture keep this OS thread from calls that might disturb it?
bool keeps_from_unsafe_calls(const Capture &capture) {
    if (thread_mode == cudaStreamCaptureModeRelaxed || capture.mode == cudaStreamCaptureModeRelaxed) return false;
    if (capture.owner == std::this_thread::get_id()) return true;
    return capture.mode == cudaStreamCaptureModeGlobal && thread_mode == cudaStreamCaptureModeGlobal;
}

} // namespace

cudaError_t forbidden_while_capturing(const char *function) {
    bool forbidden = false;
    for (const auto &capture : captures)
        if (keeps_from_unsafe_calls(*capture)) {
            capture->valid = false;
            forbidden = true;
        }
    return forbidden ? refuse(cudaErrorStreamCaptureUnsupported, "%s while a stream is being captured", function) : cudaSuccess;
}
cudaError_t forbidden_on_captured(cudaStream_t stream, const char *function) {
    if (find_stream(stream) == find_stream(cudaStreamLegacy)) return forbidden_on_legacy_stream();
    Capture *capture = capture_of(stream);
    if (!capture) return cudaSuccess;
    capture->valid = false;
    return refuse(cudaErrorStreamCaptureUnsupported, "%s on a stream that is being captured", function);
}
cudaError_t forbidden_on_legacy_stream() {
    bool forbidden = false;
    for (const auto &capture : captures)
        if (capture->origin->blocking) {
            capture->valid = false;
            forbidden = true;
        }
    return forbidden ? refuse(cudaErrorStreamCaptureImplicit, "the default stream is used while a blocking stream is being captured")
                     : cudaSuccess;
}

void end_capture(const Capture *capture) {
    leave_capture(capture);
    captures.erase(std::find_if(captures.begin(), captures.end(), [&](const auto &c) { return c.get() == capture; }));
}

} // namespace simt

using namespace simt;

extern "C" {

cudaError_t cudaStreamBeginCapture(cudaStream_t handle, cudaStreamCaptureMode mode) {
    return call([&] {
        CUstream_st *stream = find_stream(handle);
        if (!stream) return cudaErrorInvalidResourceHandle;
        if (!handle || handle == cudaStreamLegacy)
            return refuse(cudaErrorStreamCaptureUnsupported, "the default stream cannot be captured");
        if (stream->capture) return cudaErrorIllegalState;
        captures.push_back(std::make_unique<Capture>(Capture{mode, std::this_thread::get_id(), stream, true, {}}));
        stream->capture = captures.back().get();
        stream->last = Work::None;
        return cudaSuccess;
    });
}
cudaError_t cudaStreamEndCapture(cudaStream_t handle, cudaGraph_t *graph) {
    return call([&] {
        *graph = nullptr;
        const CUstream_st *stream = find_stream(handle);
        if (!stream) return cudaErrorInvalidResourceHandle;
        const Capture *capture = stream->capture;
        if (!capture) return cudaErrorIllegalState;
        if (capture->origin != stream) return cudaErrorStreamCaptureUnmatched;
        if (capture->valid) *graph = new CUgraph_st{capture->work};
        end_capture(capture);
        return *graph ? cudaSuccess : cudaErrorStreamCaptureInvalidated;
    });
}
cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus *status) {
    return call([&] {
        if (!find_stream(stream)) return cudaErrorInvalidResourceHandle;
        const Capture *capture = capture_of(stream);
        *status = !capture         ? cudaStreamCaptureStatusNone
                  : capture->valid ? cudaStreamCaptureStatusActive
                                   : cudaStreamCaptureStatusInvalidated;
        const bool blocked = std::any_of(captures.begin(), captures.end(), [](const auto &c) { return c->origin->blocking; });
        return blocked && find_stream(stream) == find_stream(cudaStreamLegacy) ? cudaErrorStreamCaptureImplicit : cudaSuccess;
    });
}
cudaError_t cudaThreadExchangeStreamCaptureMode(cudaStreamCaptureMode *mode) {
    return call([&] {
        std::swap(*mode, thread_mode);
        return cudaSuccess;
    });
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t *exec, cudaGraph_t graph, unsigned long long) {
    return call([&] {
        if (!graph) return cudaErrorInvalidValue;
        *exec = new CUgraphExec_st{graph->work};
        return cudaSuccess;
    });
}
cudaError_t cudaGraphInstantiateWithFlags(cudaGraphExec_t *exec, cudaGraph_t graph, unsigned long long flags) {
    return cudaGraphInstantiate(exec, graph, flags);
}
cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream) {
    return call([&] {
        if (!exec) return cudaErrorInvalidValue;
        cudaError_t error = cudaSuccess;
        for (size_t i = 0; i < exec->work.size() && error == cudaSuccess; i++) error = enqueue(stream, exec->work[i]);
        return error;
    });
}
cudaError_t cudaGraphGetNodes(cudaGraph_t graph, cudaGraphNode_t *nodes, size_t *count) {
    return call([&] {
        if (nodes) return refuse(cudaErrorNotSupported, "the emulator only counts the nodes of a graph");
        *count = graph->work.size();
        return cudaSuccess;
    });
}
cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
    return call([&] {
        delete graph;
        return cudaSuccess;
    });
}
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec) {
    return call([&] {
        delete exec;
        return cudaSuccess;
    });
}

} // extern "C"
