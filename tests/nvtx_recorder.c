#include "nvtx_recorder.h"

#include <nvtx3/nvToolsExt.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define EXPORTED __attribute__((visibility("default")))

enum { DOMAINS = 8 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static recorded_event events[RECORDER_CAPACITY];
static long count;
static char domains[DOMAINS][16];
static int domain_count;
static unsigned thread_count;
static _Thread_local unsigned thread;

EXPORTED long recorder_events(const recorded_event **first);
EXPORTED int InitializeInjectionNvtx2(NvtxGetExportTableFunc_t get_table);

long recorder_events(const recorded_event **first) {
    pthread_mutex_lock(&lock);
    const long n = count;
    pthread_mutex_unlock(&lock);
    *first = events;
    return n;
}

static nvtxDomainHandle_t create_domain(const char *name) {
    pthread_mutex_lock(&lock);
    if (domain_count == DOMAINS) abort();
    char *place = domains[domain_count++];
    snprintf(place, sizeof domains[0], "%s", name);
    pthread_mutex_unlock(&lock);
    return (nvtxDomainHandle_t)place;
}

static void record(bool push, nvtxDomainHandle_t domain, const nvtxEventAttributes_t *range) {
    pthread_mutex_lock(&lock);
    if (count == RECORDER_CAPACITY) abort();
    recorded_event *e = &events[count++];
    if (thread == 0) thread = ++thread_count;
    e->push = push;
    e->thread = thread;
    snprintf(e->domain, sizeof e->domain, "%s", (const char *)domain);
    if (range != NULL) {
        if (range->messageType != NVTX_MESSAGE_TYPE_ASCII) abort();
        snprintf(e->text, sizeof e->text, "%s", range->message.ascii);
        if (range->payloadType == NVTX_PAYLOAD_TYPE_UNSIGNED_INT64) e->payload = range->payload.ullValue;
    }
    pthread_mutex_unlock(&lock);
}

static int push(nvtxDomainHandle_t domain, const nvtxEventAttributes_t *range) {
    record(true, domain, range);
    return 0;
}

static int pop(nvtxDomainHandle_t domain) {
    record(false, domain, NULL);
    return 0;
}

int InitializeInjectionNvtx2(NvtxGetExportTableFunc_t get_table) {
    const NvtxExportTableCallbacks *callbacks = get_table(NVTX_ETID_CALLBACKS);
    NvtxFunctionTable table = NULL;
    unsigned size = 0;
    if (callbacks == NULL || !callbacks->GetModuleFunctionTable(NVTX_CB_MODULE_CORE2, &table, &size)) return 0;
    if (size <= NVTX_CBID_CORE2_DomainCreateA) return 0;
    *table[NVTX_CBID_CORE2_DomainCreateA] = (NvtxFunctionPointer)create_domain;
    *table[NVTX_CBID_CORE2_DomainRangePushEx] = (NvtxFunctionPointer)push;
    *table[NVTX_CBID_CORE2_DomainRangePop] = (NvtxFunctionPointer)pop;
    return 1;
}
