#include "check_wraps.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

static atomic_long formats, allocations, live;
static atomic_int fail_after;

long wraps_formats(void) { return atomic_load(&formats); }
long wraps_allocations(void) { return atomic_load(&allocations); }
long wraps_live(void) { return atomic_load(&live); }
void wraps_fail_allocation_after(int n) { atomic_store(&fail_after, n); }
bool wraps_failure_is_due(void) { return atomic_load(&fail_after) > 0; }

int __real_vsnprintf(char *text, size_t capacity, const char *format, va_list arguments);
int __wrap_vsnprintf(char *text, size_t capacity, const char *format, va_list arguments);
int __wrap_snprintf(char *text, size_t capacity, const char *format, ...);
int __wrap___vsnprintf_chk(char *text, size_t capacity, int flag, size_t size, const char *format, va_list arguments);
int __wrap___snprintf_chk(char *text, size_t capacity, int flag, size_t size, const char *format, ...);
void *__real_malloc(size_t bytes);
void *__wrap_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);
void *__real_realloc(void *memory, size_t bytes);
void *__wrap_realloc(void *memory, size_t bytes);
void *__real_aligned_alloc(size_t alignment, size_t bytes);
void *__wrap_aligned_alloc(size_t alignment, size_t bytes);
void __real_free(void *memory);
void __wrap_free(void *memory);

int __wrap_vsnprintf(char *text, size_t capacity, const char *format, va_list arguments) {
    atomic_fetch_add(&formats, 1);
    return __real_vsnprintf(text, capacity, format, arguments);
}

int __wrap_snprintf(char *text, size_t capacity, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const int length = __wrap_vsnprintf(text, capacity, format, arguments);
    va_end(arguments);
    return length;
}

int __wrap___vsnprintf_chk(char *text, size_t capacity, int flag, size_t size, const char *format, va_list arguments) {
    (void)flag;
    (void)size;
    return __wrap_vsnprintf(text, capacity, format, arguments);
}

int __wrap___snprintf_chk(char *text, size_t capacity, int flag, size_t size, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const int length = __wrap___vsnprintf_chk(text, capacity, flag, size, format, arguments);
    va_end(arguments);
    return length;
}

/* Counts a request; true: it has to fail. */
static bool fails(void) {
    atomic_fetch_add(&allocations, 1);
    return atomic_load(&fail_after) > 0 && atomic_fetch_sub(&fail_after, 1) == 1;
}

static void *made(void *memory) {
    if (memory != NULL) atomic_fetch_add(&live, 1);
    return memory;
}

void *__wrap_malloc(size_t bytes) { return fails() ? NULL : made(__real_malloc(bytes)); }
void *__wrap_calloc(size_t count, size_t bytes) { return fails() ? NULL : made(__real_calloc(count, bytes)); }
void *__wrap_aligned_alloc(size_t alignment, size_t bytes) { return fails() ? NULL : made(__real_aligned_alloc(alignment, bytes)); }

void *__wrap_realloc(void *memory, size_t bytes) {
    if (fails()) return NULL;
    void *moved = __real_realloc(memory, bytes);
    return memory == NULL ? made(moved) : moved;
}

void __wrap_free(void *memory) {
    if (memory != NULL) atomic_fetch_sub(&live, 1);
    __real_free(memory);
}
