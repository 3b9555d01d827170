#include "check_memory.h"

#include <stdlib.h>
#include <string.h>

#include "check_session.h"

static void *on_host(size_t bytes) {
    void *memory = malloc(bytes + 1);
    ck_assert_ptr_nonnull(memory);
    return memory;
}

static void copy(void *to, const void *from, size_t bytes) {
    require_success(smxMemcpyAsync(session_handle(), to, from, bytes), "smxMemcpyAsync");
    require_success(smxSynchronize(session_handle()), "smxSynchronize");
}

void *memory_make(size_t bytes) {
    void *memory;
    require_success(smxMalloc(session_handle(), &memory, bytes + 1), "smxMalloc");
    return memory;
}

void *memory_upload(const void *from, size_t bytes) {
    void *memory = memory_make(bytes);
    copy(memory, from, bytes);
    return memory;
}

void memory_read(void *to, const void *from, size_t bytes) { copy(to, from, bytes); }

void memory_write(void *memory, const void *from, size_t bytes) { copy(memory, from, bytes); }

unsigned char *memory_download(const void *from, size_t bytes) {
    unsigned char *host = on_host(bytes);
    copy(host, from, bytes);
    return host;
}

void memory_fill(void *memory, unsigned char byte, size_t bytes) {
    void *pattern = on_host(bytes);
    memset(pattern, byte, bytes);
    copy(memory, pattern, bytes);
    free(pattern);
}

void memory_release(void *memory) { require_success(smxFree(session_handle(), memory), "smxFree"); }
