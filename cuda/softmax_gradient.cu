// Row programs of the gradients of softmax and log-softmax.
#include "operations.cuh"

namespace smx {

// dx = scale * y * (dy - sum y dy)
template <class T> struct softmax_gradient_program : reads_gradient<T> {
    using typename reads_gradient<T>::real;

    template <int n> __device__ __forceinline__ void accumulate(row_sum<real> &r, const real (&y)[n], const real (&dy)[n]) const {
        real part[2] = {real(0), real(0)};
#pragma unroll
        for (int j = 0; j < n; j++) part[j % 2] += y[j] * dy[j];
        r.sum += part[0] + part[1];
    }
    template <class Lanes, int n> __device__ __forceinline__ row_sum<real> reduce(const real (&y)[n], const real (&dy)[n]) const {
        row_sum<real> r = row_sum<real>::empty();
        accumulate(r, y, dy);
        return Lanes::merge(r, real(1));
    }
    __device__ real output(row_sum<real> dot, real y, real dy, int64_t) const { return this->scale * y * (dy - dot.sum); }
};

// dx = scale * (dy - exp(y) * sum dy)
template <class T> struct log_softmax_gradient_program : reads_gradient<T> {
    using typename reads_gradient<T>::real;

    template <int n> __device__ __forceinline__ void accumulate(row_sum<real> &r, const real (&)[n], const real (&dy)[n]) const {
        real part[2] = {real(0), real(0)};
#pragma unroll
        for (int j = 0; j < n; j++) part[j % 2] += dy[j];
        r.sum += part[0] + part[1];
    }
    template <class Lanes, int n> __device__ __forceinline__ row_sum<real> reduce(const real (&y)[n], const real (&dy)[n]) const {
        row_sum<real> r = row_sum<real>::empty();
        accumulate(r, y, dy);
        return Lanes::merge(r, real(1));
    }
    __device__ real output(row_sum<real> total, real y, real dy, int64_t) const {
        return this->scale * (dy - exponential(y, real(0), log2_e<real>) * total.sum);
    }
};

template <template <class> class Program> smxStatus_t run_gradient(const smx_call &call) {
    return with_type(call.in.layout.type, [&](auto tag) {
        using P = Program<typename decltype(tag)::type>;
        P program;
        program.rows = operands_of(call);
        program.scale = static_cast<typename P::real>(call.scale);
        return run_in_family(call, program);
    });
}

} // namespace smx

smxStatus_t smx_cuda_softmax_gradient(const smx_call &call) {
    return call.op == SMX_OP_SOFTMAX_BACKWARD ? smx::run_gradient<smx::softmax_gradient_program>(call)
                                              : smx::run_gradient<smx::log_softmax_gradient_program>(call);
}
