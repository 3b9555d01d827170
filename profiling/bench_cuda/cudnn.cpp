#include "cudnn.hpp"

#include <cstdlib>
#include <dlfcn.h>
#include <stdexcept>
#include <vector>

namespace bench {

// The values and prototypes of cudnn_graph.h and cudnn_ops.h, versions 8 and 9.
using status = int;
enum { CUDNN_DATA_FLOAT = 0, CUDNN_DATA_HALF = 2, CUDNN_DATA_BFLOAT16 = 9 };
enum { CUDNN_SOFTMAX_ACCURATE = 1, CUDNN_SOFTMAX_LOG = 2 };
enum { CUDNN_SOFTMAX_MODE_INSTANCE = 0, CUDNN_SOFTMAX_MODE_CHANNEL = 1 };

struct cudnn::functions {
    void *library = nullptr;
    status (*cudnnCreate)(void **) = nullptr;
    status (*cudnnDestroy)(void *) = nullptr;
    status (*cudnnSetStream)(void *, cudaStream_t) = nullptr;
    size_t (*cudnnGetVersion)() = nullptr;
    const char *(*cudnnGetErrorString)(status) = nullptr;
    status (*cudnnCreateTensorDescriptor)(void **) = nullptr;
    status (*cudnnDestroyTensorDescriptor)(void *) = nullptr;
    status (*cudnnSetTensor4dDescriptor)(void *, int format, int type, int n, int c, int h, int w) = nullptr;
    status (*cudnnSoftmaxForward)(void *, int algorithm, int mode, const void *alpha, void *x_tensor, const void *x, const void *beta,
                                  void *y_tensor, void *y) = nullptr;
    status (*cudnnSoftmaxBackward)(void *, int algorithm, int mode, const void *alpha, void *y_tensor, const void *y, void *dy_tensor,
                                   const void *dy, const void *beta, void *dx_tensor, void *dx) = nullptr;

    template <class F> bool find(F &function, const char *name) {
        function = reinterpret_cast<F>(dlsym(library, name));
        return function != nullptr;
    }
    bool load() {
        std::vector<const char *> names = {"libcudnn.so.9", "libcudnn.so.8", "libcudnn.so"};
        if (const char *given = std::getenv("SMX_CUDNN_LIBRARY"); given && *given) names.insert(names.begin(), given);
        for (size_t i = 0; i < names.size() && !library; i++) library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
        return library && find(cudnnCreate, "cudnnCreate") && find(cudnnDestroy, "cudnnDestroy") &&
               find(cudnnSetStream, "cudnnSetStream") && find(cudnnGetVersion, "cudnnGetVersion") &&
               find(cudnnGetErrorString, "cudnnGetErrorString") && find(cudnnCreateTensorDescriptor, "cudnnCreateTensorDescriptor") &&
               find(cudnnDestroyTensorDescriptor, "cudnnDestroyTensorDescriptor") &&
               find(cudnnSetTensor4dDescriptor, "cudnnSetTensor4dDescriptor") && find(cudnnSoftmaxForward, "cudnnSoftmaxForward") &&
               find(cudnnSoftmaxBackward, "cudnnSoftmaxBackward");
    }
    void check(status found) const {
        if (found != 0) throw std::runtime_error(std::string("cuDNN: ") + cudnnGetErrorString(found));
    }
};

cudnn::cudnn(cudaStream_t stream) : api(std::make_unique<functions>()) {
    if (!api->load()) {
        const char *why = dlerror();
        said = std::string("not loaded: ") + (why ? why : "a function is missing");
        return;
    }
    const status found = api->cudnnCreate(&handle);
    if (found != 0) {
        said = std::string("not usable: ") + api->cudnnGetErrorString(found);
        handle = nullptr;
        return;
    }
    api->check(api->cudnnSetStream(handle, stream));
    said = "version " + std::to_string(api->cudnnGetVersion());
}

cudnn::~cudnn() {
    if (handle) api->cudnnDestroy(handle);
}

bool cudnn::can(const problem &p) {
    const op id = p.operation->id;
    return id == op::softmax_forward || id == op::log_softmax_forward || id == op::softmax_backward || id == op::log_softmax_backward;
}

call cudnn::call_of(const problem &p, const operands &o) const {
    const int type = p.element->type == SMX_R_32F ? CUDNN_DATA_FLOAT : p.element->type == SMX_R_16F ? CUDNN_DATA_HALF : CUDNN_DATA_BFLOAT16;
    const op id = p.operation->id;
    const int algorithm = id == op::softmax_forward || id == op::softmax_backward ? CUDNN_SOFTMAX_ACCURATE : CUDNN_SOFTMAX_LOG;
    const int mode = p.inner == 1 ? CUDNN_SOFTMAX_MODE_INSTANCE : CUDNN_SOFTMAX_MODE_CHANNEL;
    void *made = nullptr;
    api->check(api->cudnnCreateTensorDescriptor(&made));
    const functions *f = api.get();
    const std::shared_ptr<void> tensor(made, [f](void *descriptor) { f->cudnnDestroyTensorDescriptor(descriptor); });
    const int format = 0; // NCHW
    api->check(api->cudnnSetTensor4dDescriptor(made, format, type, static_cast<int>(p.rows / p.inner), static_cast<int>(p.cols),
                                               static_cast<int>(p.inner), 1));
    void *cudnn_handle = handle;
    if (id == op::softmax_forward || id == op::log_softmax_forward)
        return [=] {
            const float one = 1, zero = 0;
            f->check(f->cudnnSoftmaxForward(cudnn_handle, algorithm, mode, &one, tensor.get(), o.x, &zero, tensor.get(), o.out));
        };
    return [=] {
        const float one = 1, zero = 0;
        f->check(f->cudnnSoftmaxBackward(cudnn_handle, algorithm, mode, &one, tensor.get(), o.y, tensor.get(), o.dy, &zero, tensor.get(),
                                         o.out));
    };
}

} // namespace bench
