/* Ranges for profilers, by NVTX 3: headers alone, which load the tool that the environment names when they are first used. A build
 * without them has no ranges. */
#include "ranges.h"

#ifdef SMX_WITH_NVTX
#include <nvtx3/nvToolsExt.h>
#include <pthread.h>

static nvtxDomainHandle_t domain; /* NULL where no tool is attached: then no text is put together */

static void create_domain(void) { domain = nvtxDomainCreateA("smx"); }

bool smx_open_range(const smx_call *call) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, create_domain);
    if (domain == NULL) return false;

    char text[512];
    call->handle->backend->describe(call, text, sizeof text);
    nvtxEventAttributes_t range = {.version = NVTX_VERSION,
                                   .size = NVTX_EVENT_ATTRIB_STRUCT_SIZE,
                                   .payloadType = NVTX_PAYLOAD_TYPE_UNSIGNED_INT64,
                                   .payload.ullValue = (uint64_t)call->rows * (uint64_t)call->cols,
                                   .messageType = NVTX_MESSAGE_TYPE_ASCII,
                                   .message.ascii = text};
    nvtxDomainRangePushEx(domain, &range);
    return true;
}

void smx_close_range(void) { nvtxDomainRangePop(domain); }

#else

bool smx_open_range(const smx_call *call) {
    (void)call;
    return false;
}

void smx_close_range(void) {}

#endif
