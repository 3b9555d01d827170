// Row programs of the gradients of softmax and log-softmax.
#include "operations.cuh"

namespace smx {

// dx = scale * y * (dy - sum y dy)
template <class T> struct softmax_gradient_program : reads_gradient<T, softmax_gradient_program<T>> {
    using real = real_of<T>;
    using typename reads_gradient<T, softmax_gradient_program<T>>::result;
    __device__ static real term(real y, real dy) { return y * dy; }
    __device__ real output(const result &dot, real y, real dy, bool) const { return this->scale * y * (dy - dot.sum); }
};

// dx = scale * (dy - exp(y) * sum dy)
template <class T> struct log_softmax_gradient_program : reads_gradient<T, log_softmax_gradient_program<T>> {
    using real = real_of<T>;
    using typename reads_gradient<T, log_softmax_gradient_program<T>>::result;
    __device__ static real term(real, real dy) { return dy; }
    __device__ real output(const result &total, real y, real dy, bool) const {
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
