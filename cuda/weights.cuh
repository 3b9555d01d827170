// The weights by which tokens are drawn, integers as the public header specifies them (host/draw.h has what both backends share).
#pragma once
#include "draw.h"
#include "row_state.cuh"

namespace smx {

// Every operation rounded for itself.
__device__ __forceinline__ float product_of_difference(float x, float y, float factor) { return __fmul_rn(__fsub_rn(x, y), factor); }
__device__ __forceinline__ double product_of_difference(double x, double y, double factor) { return __dmul_rn(__dsub_rn(x, y), factor); }

template <class R> __device__ __forceinline__ R exponent_factor(float temperature) {
    const R factor = static_cast<R>(SMX_LOG2_E_IN_EXPONENTS) / static_cast<R>(temperature);
    return factor < largest<R> ? factor : largest<R>;
}

// Of logits, none of them NaN, with a finite maximum.
template <class R> struct logit_weights {
    R max, factor;
    int missing_bits;

    __device__ __forceinline__ int32_t exponent(R x) const {
        return static_cast<int32_t>(larger(product_of_difference(x, max, factor), static_cast<R>(SMX_LEAST_EXPONENT)));
    }
    __device__ __forceinline__ uint64_t of(R x) const {
        const int32_t e = exponent(x);
        const float f = static_cast<float>(e & ((1 << SMX_EXPONENT_BITS) - 1)) * (1.0f / (1 << SMX_EXPONENT_BITS));
        float power = fmaf(SMX_EXP2_C5, f, SMX_EXP2_C4);
        power = fmaf(power, f, SMX_EXP2_C3);
        power = fmaf(power, f, SMX_EXP2_C2);
        power = fmaf(power, f, SMX_EXP2_C1);
        power = fmaf(power, f, 1.0f);
        return smx_weight_of(e, __float_as_uint(power), missing_bits);
    }
};

// A finite number >= 0 as mantissa * 2^(exponent - bits of the fraction); of denormals the least exponent.
struct unpacked {
    uint64_t mantissa;
    int exponent;
};
template <class R> constexpr int fraction_bits = sizeof(R) == sizeof(float) ? 23 : 52;

__device__ __forceinline__ unpacked unpack(float x) {
    const unsigned bits = __float_as_uint(x) & 0x7fffffffu, biased = bits >> 23;
    return {biased == 0 ? bits : (bits & 0x7fffffu) | 0x800000u, static_cast<int>(biased == 0 ? 1 : biased) - 127};
}
__device__ __forceinline__ unpacked unpack(double x) {
    const uint64_t bits = static_cast<uint64_t>(__double_as_longlong(x)) & INT64_MAX, biased = bits >> 52, hidden = uint64_t(1) << 52;
    return {biased == 0 ? bits : (bits & (hidden - 1)) | hidden, static_cast<int>(biased == 0 ? 1 : biased) - 1023};
}

// Of probabilities, none of them negative, infinite or NaN, with a maximum above 0.
template <class R> struct probability_weights {
    int shift; // to the right, of a mantissa with exponent 0

    __device__ static probability_weights of_maximum(R max, int missing_bits) {
        const unpacked m = unpack(max);
        const int floor_of_log2 = m.exponent + 63 - __clzll(static_cast<long long>(m.mantissa)) - fraction_bits<R>;
        return {floor_of_log2 + fraction_bits<R> - SMX_WEIGHT_BITS + missing_bits};
    }
    __device__ __forceinline__ uint64_t of(R x) const {
        const unpacked u = unpack(x);
        const int right = shift - u.exponent;
        return right > 63 ? 0 : right >= 0 ? u.mantissa >> right : u.mantissa << -right;
    }
};

} // namespace smx
