#include "backend.h"

#include "fail.h"

void backend_open(engine *e, smxBackend_t wanted) {
    smxHandle_t handle;
    smxBackend_t backend;
    check(smxCreateWithBackend(&handle, wanted));
    check(smxGetBackend(handle, &backend));
#ifdef SMX_WITH_CUDA
    if (backend == SMX_BACKEND_CUDA) {
        engine_open_cuda(e, handle);
        return;
    }
#endif
    engine_open_cpu(e, handle);
}

void backend_close(engine *e) {
    const smxHandle_t handle = e->smx;
    e->close(e);
    check(smxDestroy(handle));
}

void *backend_memory(const engine *e, const void *source, size_t bytes) {
    void *memory;
    check(smxMalloc(e->smx, &memory, bytes));
    if (source != NULL) check(smxMemcpyAsync(e->smx, memory, source, bytes));
    return memory;
}

void backend_read(const engine *e, void *host, const void *source, size_t bytes) {
    check(smxMemcpyAsync(e->smx, host, source, bytes));
    check(smxSynchronize(e->smx));
}

void backend_print_plan(const engine *e, const char *title, smxOp_t op, int rows, int cols) {
    const smxLayout_t layout = smxRowMajor(SMX_R_32F, rows, cols);
    char plan[256];
    check(smxDescribePlan(e->smx, op, &layout, plan, sizeof plan));
    printf("%-9s%s\n", title, plan);
}
