/* The engine on CUDA: matrix products by cuBLAS, the rest in small kernels, one thread for each element. */
#include <cublas_v2.h>
#include <cuda_runtime.h>

#include "engine.h"
#include "fail.h"

/* The engine's own stream, which smx and cuBLAS use as well. */
struct cuda_state {
    cudaStream_t stream;
    cublasHandle_t blas;
};

static const cuda_state *state_of(const engine *self) { return static_cast<const cuda_state *>(self->own); }

static void check_cuda(cudaError_t error, const char *what) {
    if (error != cudaSuccess) fail("%s: %s", what, cudaGetErrorString(error));
}

static void check_blas(cublasStatus_t status, const char *what) {
    if (status != CUBLAS_STATUS_SUCCESS) fail("%s: %s", what, cublasGetStatusString(status));
}

static const int BLOCK = 256;

static unsigned blocks_for(int elements) { return (unsigned)((elements + BLOCK - 1) / BLOCK); }

static __device__ int element() { return (int)(blockIdx.x * blockDim.x + threadIdx.x); }

/* ---- kernels ---- */

static __global__ void load_images_kernel(const uint8_t *images, const uint8_t *labels, const int32_t *order, matrix pixels,
                                          uint8_t *batch_labels) {
    const int i = element();
    if (i >= pixels.rows * pixels.cols) return;
    const int row = i / pixels.cols, col = i % pixels.cols;
    const int source = order != nullptr ? order[row] : row;
    pixels.data[i] = ((float)images[(size_t)source * pixels.cols + col] - PIXEL_MEAN) * (1.0f / PIXEL_DEVIATION);
    if (col == 0) batch_labels[row] = labels[source];
}

static __global__ void load_contexts_kernel(const uint8_t *text, const int32_t *positions, int kinds, matrix one_hots,
                                            uint8_t *batch_labels) {
    const int i = element();
    if (i >= one_hots.rows * one_hots.cols) return;
    const int row = i / one_hots.cols, col = i % one_hots.cols, length = one_hots.cols / kinds;
    const uint8_t *symbols = text + positions[row] - length;
    one_hots.data[i] = symbols[col / kinds] == col % kinds ? 1.0f : 0.0f;
    if (col == 0) batch_labels[row] = symbols[length];
}

static __global__ void store_symbols_kernel(const int32_t *symbols, const int32_t *positions, int count, uint8_t *text) {
    const int i = element();
    if (i < count) text[positions[i]] = (uint8_t)symbols[i];
}

static __global__ void add_bias_kernel(matrix x, const float *bias, bool relu) {
    const int i = element();
    if (i >= x.rows * x.cols) return;
    const float sum = x.data[i] + bias[i % x.cols];
    x.data[i] = relu && !(sum > 0) ? 0.0f : sum;
}

static __global__ void relu_backward_kernel(matrix y, matrix gradient) {
    const int i = element();
    if (i < y.rows * y.cols && !(y.data[i] > 0)) gradient.data[i] = 0.0f;
}

static __global__ void update_kernel(float *parameters, float *velocity, const float *gradient, int count, float rate, float momentum) {
    const int i = element();
    if (i >= count) return;
    velocity[i] = momentum * velocity[i] + gradient[i];
    parameters[i] -= rate * velocity[i];
}

/* ---- the engine's calls ---- */

static void load_images(const engine *self, const uint8_t *images, const uint8_t *labels, const int32_t *order, matrix pixels,
                        uint8_t *batch_labels) {
    load_images_kernel<<<blocks_for(pixels.rows * pixels.cols), BLOCK, 0, state_of(self)->stream>>>(images, labels, order, pixels,
                                                                                                    batch_labels);
    check_cuda(cudaGetLastError(), "load_images_kernel");
}

static void load_contexts(const engine *self, const uint8_t *text, const int32_t *positions, int kinds, matrix one_hots,
                          uint8_t *batch_labels) {
    load_contexts_kernel<<<blocks_for(one_hots.rows * one_hots.cols), BLOCK, 0, state_of(self)->stream>>>(text, positions, kinds, one_hots,
                                                                                                          batch_labels);
    check_cuda(cudaGetLastError(), "load_contexts_kernel");
}

static void store_symbols(const engine *self, const int32_t *symbols, const int32_t *positions, int count, uint8_t *text) {
    store_symbols_kernel<<<blocks_for(count), BLOCK, 0, state_of(self)->stream>>>(symbols, positions, count, text);
    check_cuda(cudaGetLastError(), "store_symbols_kernel");
}

/* cuBLAS is column-major: there, our row-major c is its transpose, and c' = (a b)' = b' a'. So b goes first, and every leading
 * dimension is the row length of the matrix as it is stored. */
static void multiply(const engine *self, matrix a, bool transpose_a, matrix b, bool transpose_b, matrix c) {
    const float one = 1.0f, zero = 0.0f;
    const int depth = transpose_a ? a.rows : a.cols;
    check_blas(cublasSgemm(state_of(self)->blas, transpose_b ? CUBLAS_OP_T : CUBLAS_OP_N, transpose_a ? CUBLAS_OP_T : CUBLAS_OP_N, c.cols,
                           c.rows, depth, &one, b.data, b.cols, a.data, a.cols, &zero, c.data, c.cols),
               "cublasSgemm");
}

static void add_bias(const engine *self, matrix x, const float *bias, bool relu) {
    add_bias_kernel<<<blocks_for(x.rows * x.cols), BLOCK, 0, state_of(self)->stream>>>(x, bias, relu);
    check_cuda(cudaGetLastError(), "add_bias_kernel");
}

static void relu_backward(const engine *self, matrix y, matrix gradient) {
    relu_backward_kernel<<<blocks_for(y.rows * y.cols), BLOCK, 0, state_of(self)->stream>>>(y, gradient);
    check_cuda(cudaGetLastError(), "relu_backward_kernel");
}

static void update(const engine *self, float *parameters, float *velocity, const float *gradient, int count, float rate, float momentum) {
    update_kernel<<<blocks_for(count), BLOCK, 0, state_of(self)->stream>>>(parameters, velocity, gradient, count, rate, momentum);
    check_cuda(cudaGetLastError(), "update_kernel");
}

static void close_cuda(engine *self) {
    cuda_state *state = static_cast<cuda_state *>(self->own);
    check(smxSynchronize(self->smx));
    check(smxSetStream(self->smx, nullptr));
    check_blas(cublasDestroy(state->blas), "cublasDestroy");
    check_cuda(cudaStreamDestroy(state->stream), "cudaStreamDestroy");
    free(state);
}

void engine_open_cuda(engine *self, smxHandle_t smx) {
    cuda_state *state = static_cast<cuda_state *>(allocate_host(sizeof(cuda_state)));
    check_cuda(cudaStreamCreateWithFlags(&state->stream, cudaStreamNonBlocking), "cudaStreamCreateWithFlags");
    check_blas(cublasCreate(&state->blas), "cublasCreate");
    check_blas(cublasSetStream(state->blas, state->stream), "cublasSetStream");
    check(smxSetStream(smx, state->stream));

    int device = 0;
    cudaDeviceProp properties;
    check_cuda(cudaGetDevice(&device), "cudaGetDevice");
    check_cuda(cudaGetDeviceProperties(&properties, device), "cudaGetDeviceProperties");

    *self = engine{};
    self->smx = smx;
    self->own = state;
    self->load_images = load_images;
    self->load_contexts = load_contexts;
    self->store_symbols = store_symbols;
    self->multiply = multiply;
    self->add_bias = add_bias;
    self->relu_backward = relu_backward;
    self->update = update;
    self->close = close_cuda;
    snprintf(self->name, sizeof self->name, "%.80s, matrix products by cuBLAS", properties.name);
}
