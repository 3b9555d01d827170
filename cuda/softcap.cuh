// Softcap: logits bent smoothly into (-cap, cap).
#pragma once
#include "row_state.cuh"

namespace smx {

// tanh(z), relative error below 3e-7, +-1 for +-inf. Near 0 an odd polynomial whose own error is 2e-8 (Chebyshev interpolation of
// (tanh(z) / z - 1) / z^2 in z^2, degree 4); further out 1 - 2 / (exp(2 |z|) + 1).
__device__ __forceinline__ float tanh_fast(float z) {
    const float w = z * z;
    float p = -0x1.8c2d0ap-8f;
    p = p * w + 0x1.576e30p-6f;
    p = p * w - 0x1.b91582p-5f;
    p = p * w + 0x1.110dd8p-3f;
    p = p * w - 0x1.555552p-2f;
    const float far = 1.0f - divide_fast(2.0f, exp2_fast(fabsf(z) * (2.0f * log2_e<float>)) + 1.0f);
    return fabsf(z) < 0.63f ? z + z * w * p : copysignf(far, z);
}
__device__ __forceinline__ double tanh_fast(double z) { return tanh(z); }

template <class R> struct soft_cap {
    R cap, steepness; // cap * tanh(steepness * x), steepness = scale / cap; cap 0: none
    R scale;          // without a cap: logits are scale * x

    __host__ static soft_cap of(double cap, double scale) {
        const double steepness = cap > 0 ? scale / cap : 0;
        return {static_cast<R>(cap), steepness < largest<R> ? static_cast<R>(steepness) : largest<R>, static_cast<R>(scale)};
    }
    // What is computed with: the logits but for this factor.
    __device__ R scale_of_logits() const { return cap > R(0) ? R(1) : scale; }
    __device__ R logit(R x) const { return cap > R(0) ? cap * tanh_fast(x * steepness) : x; }
    // du/dx at logit u
    __device__ R slope(R u) const {
        if (!(cap > R(0))) return scale;
        const R t = u / cap;
        return scale * (R(1) - t) * (R(1) + t);
    }
};

} // namespace smx
