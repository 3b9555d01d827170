#include <smx/smx.h>
#include <stdio.h>

int main(void) {
    smxHandle_t handle;
    if (smxCreateWithBackend(&handle, SMX_BACKEND_CPU) != SMX_STATUS_SUCCESS) return 1;
    const float x[3] = {2.0f, 1.0f, 0.1f};
    float y[3] = {0};
    const smxLayout_t layout = smxRowMajor(SMX_R_32F, 1, 3);
    const smxStatus_t status = smxSoftmaxForward(handle, NULL, &layout, x, &layout, y);
    printf("C consumer: smx %d, softmax %.4f %.4f %.4f\n", smxGetVersion(), (double)y[0], (double)y[1], (double)y[2]);
    smxDestroy(handle);
    return status == SMX_STATUS_SUCCESS && y[0] > 0.6590f && y[0] < 0.6591f ? 0 : 1;
}
