// Row programs of softmax and log-softmax.
#pragma once
#include "operations.cuh"

namespace smx {

template <class T, bool logarithm> struct forward_program : reads_logits<T, !logarithm> {
    using typename reads_logits<T, !logarithm>::real;
    static constexpr bool writes = true;
    bool empty_row_is_zero;

    struct line {
        static constexpr bool skip = false;
        static constexpr int64_t target = -1;
    };
    struct result {
        static constexpr bool zero = false;
        distribution<real> d;
    };
    __device__ no_key key(int64_t) const { return {}; }
    __device__ line begin(no_key, int64_t, bool) const { return {}; }
    template <class At> __device__ void own(line &, int64_t, bool, At) const {}
    __device__ result finish(line, row_state<real> s, int64_t, bool) const {
        result r{distribution<real>::of(s, this->scale)};
        if (empty_row_is_zero && s.sum == real(0)) r.d.normalizer = r.d.ln_sum = real(0); // probability 0, its logarithm -inf
        return r;
    }
    __device__ real output(const result &r, real value, real, bool) const {
        if constexpr (logarithm)
            return r.d.log_probability(value, this->scale);
        else
            return value;
    }
};
template <class T> struct softmax_program : forward_program<T, false> {};
template <class T> struct log_softmax_program : forward_program<T, true> {};

template <class P> P program_of(const smx_call &call) {
    P program;
    program.rows = operands_of(call);
    program.scale = static_cast<typename P::real>(call.scale);
    program.empty_row_is_zero = call.empty_row == SMX_EMPTY_ROW_ZERO;
    return program;
}

// f(tag of the program)
template <class F> smxStatus_t with_program(const smx_call &call, F f) {
    return with_type(call.in.layout.type, [&](auto tag) {
        using T = typename decltype(tag)::type;
        return call.op == SMX_OP_SOFTMAX_FORWARD ? f(type_tag<softmax_program<T>>{}) : f(type_tag<log_softmax_program<T>>{});
    });
}

} // namespace smx
