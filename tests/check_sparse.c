#define _DEFAULT_SOURCE /* MAP_ANONYMOUS, mincore, madvise */

#include "check_sparse.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { PAGE = 4096 };

static const size_t scanned_at_once = (size_t)1 << 30;

bool sparse_possible(void) { return session_backend() == SMX_BACKEND_CPU || session_emulated(); }

sparse sparse_open(size_t bytes) {
    sparse s = {.bytes = (bytes + PAGE - 1) / PAGE * PAGE};

    if (session_backend() == SMX_BACKEND_CPU) {
        s.allocation = mmap(NULL, s.bytes + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        ck_assert_msg(s.allocation != MAP_FAILED, "no address space for %zu bytes", s.bytes);
    } else { /* the emulator does the same, and knows the memory as its own */
        require_success(smxMalloc(session_handle(), &s.allocation, s.bytes + PAGE), "smxMalloc");
    }
    s.first = (unsigned char *)s.allocation + (PAGE - (uintptr_t)s.allocation % PAGE) % PAGE;
    madvise(s.first, s.bytes, MADV_NOHUGEPAGE); /* fails where there are no huge pages */
    return s;
}

void sparse_close(sparse *s) {
    if (session_backend() == SMX_BACKEND_CPU)
        munmap(s->allocation, s->bytes + PAGE);
    else
        require_success(smxFree(session_handle(), s->allocation), "smxFree");
    free(s->pages);
    free(s->contents);
    *s = (sparse){0};
}

void sparse_forget(sparse *s) {
    ck_assert_int_eq(madvise(s->first, s->bytes, MADV_DONTNEED), 0);
    s->count = 0;
}

static void note_page(sparse *s, size_t page) {
    if (s->count > 0 && s->pages[s->count - 1] == page) return;
    if (s->count == s->capacity) {
        s->capacity = s->capacity * 2 + 64;
        s->pages = realloc(s->pages, s->capacity * sizeof *s->pages);
        ck_assert_ptr_nonnull(s->pages);
    }
    s->pages[s->count++] = page;
}

void sparse_write(sparse *s, size_t at, const void *bytes, size_t count) {
    /* The assertions of Check write a line even when they hold, and elements come one by one. */
    if (at + count > s->bytes) ck_abort_msg("byte %zu of %zu", at + count, s->bytes);
    for (size_t page = at / PAGE; page <= (at + count - 1) / PAGE; page++) note_page(s, page);
    const smxStatus_t status = smxMemcpyAsync(session_handle(), s->first + at, bytes, count);
    if (status != SMX_STATUS_SUCCESS) require_success(status, "smxMemcpyAsync");
}

static int compare_pages(const void *a, const void *b) {
    const size_t x = *(const size_t *)a, y = *(const size_t *)b;
    return x < y ? -1 : x > y;
}

void sparse_remember(sparse *s) {
    size_t distinct = 0;

    require_success(smxSynchronize(session_handle()), "smxSynchronize");
    qsort(s->pages, s->count, sizeof *s->pages, compare_pages);
    for (size_t i = 0; i < s->count; i++)
        if (distinct == 0 || s->pages[i] != s->pages[distinct - 1]) s->pages[distinct++] = s->pages[i];
    s->count = distinct;
    s->contents = realloc(s->contents, s->count * PAGE);
    ck_assert_ptr_nonnull(s->contents);
    for (size_t i = 0; i < s->count; i++) memcpy(s->contents + i * PAGE, s->first + s->pages[i] * PAGE, PAGE);
}

static bool is_expected(const sparse *s, size_t page) { return bsearch(&page, s->pages, s->count, sizeof page, compare_pages) != NULL; }

void sparse_require_untouched(const sparse *s, const char *what) {
    unsigned char *resident = malloc(scanned_at_once / PAGE);
    uint64_t eight;

    ck_assert_ptr_nonnull(resident);
    for (size_t from = 0; from < s->bytes; from += scanned_at_once) {
        const size_t bytes = s->bytes - from < scanned_at_once ? s->bytes - from : scanned_at_once, pages = bytes / PAGE;
        ck_assert_int_eq(mincore(s->first + from, bytes, resident), 0);
        for (size_t i = 0; i < pages; i++) {
            if (i % sizeof eight == 0 && i + sizeof eight <= pages) { /* nearly all are absent */
                memcpy(&eight, resident + i, sizeof eight);
                if (eight == 0) {
                    i += sizeof eight - 1;
                    continue;
                }
            }
            if ((resident[i] & 1) != 0 && !is_expected(s, from / PAGE + i))
                ck_abort_msg("%s: bytes [%zu, %zu) of the memory were touched", what, from + i * PAGE, from + (i + 1) * PAGE);
        }
    }
    for (size_t i = 0; i < s->count; i++) {
        size_t k = 0;
        if (memcmp(s->first + s->pages[i] * PAGE, s->contents + i * PAGE, PAGE) == 0) continue;
        while (s->first[s->pages[i] * PAGE + k] == s->contents[i * PAGE + k]) k++;
        ck_abort_msg("%s: byte %zu of the memory has changed", what, s->pages[i] * PAGE + k);
    }
    free(resident);
}
