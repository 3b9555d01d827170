#include <smx/smx.h>

#include <cstdio>
#include <vector>

int main() {
    smxHandle_t handle = nullptr;
    if (smxCreateWithBackend(&handle, SMX_BACKEND_CPU) != SMX_STATUS_SUCCESS) return 1;
    const std::vector<float> x = {1.2f, -0.5f, 0.8f, 2.1f};
    const std::vector<int> target = {2};
    float loss = 0;
    const smxLayout_t layout = smxRowMajor(SMX_R_32F, 1, 4);
    const smxTargets_t targets = smxIndexTargets(SMX_R_32I, target.data());
    const smxCrossEntropyOptions_t options = SMX_CROSS_ENTROPY_OPTIONS_INIT;
    const smxStatus_t status = smxCrossEntropyForward(handle, &options, &layout, x.data(), &targets, &loss, nullptr);
    std::printf("C++ consumer: smx %d, loss %.7f\n", smxGetVersion(), static_cast<double>(loss));
    smxDestroy(handle);
    return status == SMX_STATUS_SUCCESS && loss > 1.861542f && loss < 1.861543f ? 0 : 1;
}
