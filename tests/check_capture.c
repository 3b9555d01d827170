#include "check_capture.h"

#include "check_session.h"

#ifdef SMX_TEST_CUDA_RUNTIME
#include <cuda_runtime_api.h>

static void require_cuda(cudaError_t error, const char *what) {
    ck_assert_msg(error == cudaSuccess, "%s: %s", what, cudaGetErrorString(error));
}

bool capture_possible(void) {
    if (session_backend() == SMX_BACKEND_CUDA) return true;
    session_count_omission();
    return false;
}

void capture_and_replay(void (*call)(void *data), void (*changed)(void *data), void *data) {
    cudaStream_t stream = NULL;
    cudaGraph_t graph = NULL;
    cudaGraphExec_t exec = NULL;
    require_cuda(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "cudaStreamCreateWithFlags");
    require_success(smxSetStream(session_handle(), stream), "smxSetStream");
    require_cuda(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal), "cudaStreamBeginCapture"); /* the strictest */
    call(data);
    require_cuda(cudaStreamEndCapture(stream, &graph), "cudaStreamEndCapture");
    require_cuda(cudaGraphInstantiate(&exec, graph, 0), "cudaGraphInstantiate");
    require_cuda(cudaGraphDestroy(graph), "cudaGraphDestroy");
    changed(data);
    require_success(smxSynchronize(session_handle()), "smxSynchronize");
    require_cuda(cudaGraphLaunch(exec, stream), "cudaGraphLaunch");
    require_cuda(cudaStreamSynchronize(stream), "cudaStreamSynchronize");
    require_cuda(cudaGraphExecDestroy(exec), "cudaGraphExecDestroy");
    require_success(smxSetStream(session_handle(), NULL), "smxSetStream");
    require_cuda(cudaStreamDestroy(stream), "cudaStreamDestroy");
}
#else
bool capture_possible(void) {
    session_count_omission();
    return false;
}

void capture_and_replay(void (*call)(void *data), void (*changed)(void *data), void *data) {
    (void)call;
    (void)changed;
    (void)data;
}
#endif
