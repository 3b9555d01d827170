/* Memory past the cache: prefetching what will be read, and streaming what will not be read soon. */
#ifndef SMX_CPU_CACHE_H
#define SMX_CPU_CACHE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#if defined(__SSE2__)
#include <immintrin.h>
#endif

#include "tuning.h"

enum { CACHE_LINE = 64 };

/* Elements that will be read next, of `each` bytes. Asked for one by one while others are computed with, they are there in time: what
 * the processor fetches ahead by itself does not reach from row to row. */
typedef struct upcoming {
    const char *at;
    size_t each;
    bool far; /* to the second-level cache, else to the first */
} upcoming;

/* The same for a loop of its own if u is far, and one if not: a branch on that in the loop would take a tenth of its time. */
static inline __attribute__((always_inline)) upcoming upcoming_if(bool far, upcoming u) { return (upcoming){u.at, u.each, far}; }

static inline __attribute__((always_inline)) void fetch_upcoming(upcoming u, int i) {
    if (u.far)
        __builtin_prefetch(u.at + (size_t)i * u.each, 0, 2);
    else
        __builtin_prefetch(u.at + (size_t)i * u.each);
}

#if defined(__AVX512F__)
#define STREAM_BYTES 64
static inline void stream_vector(char *to, const void *from) { _mm512_stream_si512((void *)to, _mm512_loadu_si512(from)); }
#elif defined(__AVX__)
#define STREAM_BYTES 32
static inline void stream_vector(char *to, const void *from) {
    _mm256_stream_si256((__m256i *)(void *)to, _mm256_loadu_si256((const __m256i *)from));
}
#elif defined(__SSE2__)
#define STREAM_BYTES 16
static inline void stream_vector(char *to, const void *from) {
    _mm_stream_si128((__m128i *)(void *)to, _mm_loadu_si128((const __m128i *)from));
}
#else
#define STREAM_BYTES 16 /* by ordinary stores: there are no others */
static inline void stream_vector(char *to, const void *from) { memcpy(to, from, STREAM_BYTES); }
#endif

/* Thirty-two bytes. */
static inline void stream_words(char *to, const void *from) {
#if defined(__AVX__)
    _mm256_stream_si256((__m256i *)(void *)to, _mm256_loadu_si256(from));
#else
    for (size_t part = 0; part < 32; part += STREAM_BYTES) stream_vector(to + part, (const char *)from + part);
#endif
}

static inline void stream_line(char *to, const char *from) {
    for (size_t part = 0; part < CACHE_LINE; part += STREAM_BYTES) stream_vector(to + part, from + part);
}

/* A copy whose lines do not enter the cache, as far as it fills whole ones. */
static inline void stream_copy(void *destination, const void *source, size_t bytes) {
    char *to = destination;
    const char *from = source;
    const size_t head = (size_t)(-(uintptr_t)to % CACHE_LINE);
    if (head < bytes) {
        memcpy(to, from, head);
        size_t at = head;
        for (; at + CACHE_LINE <= bytes; at += CACHE_LINE) stream_line(to + at, from + at);
        to += at;
        from += at;
        bytes -= at;
    }
    memcpy(to, from, bytes);
}

/* Results that go past the cache leave in whole lines: a line that is written in parts costs as much as many that are not. Where one
 * stretch of results ends within a line and the next one goes on there, the part waits for the rest. */
typedef struct open_line {
    char *at;                                        /* where the line belongs, NULL if no part waits */
    int begin, end;                                  /* the bytes of it that are here */
    _Alignas(CACHE_LINE) char bytes[3 * CACHE_LINE]; /* what is written here may reach beyond the line, by sixteen doubles at most */
} open_line;

static inline void flush_line(open_line *l) {
    if (l->at != NULL) memcpy(l->at + l->begin, l->bytes + l->begin, (size_t)(l->end - l->begin));
    l->at = NULL;
}

/* Where to write the next bytes, those that belong to `to`. */
static inline char *part_of_line(open_line *l, char *to) {
    const int offset = (int)((uintptr_t)to % CACHE_LINE);
    if (l->at != to - offset || l->end != offset) {
        flush_line(l);
        l->at = to - offset;
        l->begin = l->end = offset;
    }
    return l->bytes + offset;
}

/* So many have been written there. */
static inline void add_to_line(open_line *l, int bytes) {
    l->end += bytes;
    if (l->end < CACHE_LINE) return;
    if (l->begin > 0) {
        flush_line(l);
        return;
    }
    stream_line(l->at, l->bytes);
    l->at = NULL;
}

/* After a thread's last streaming copy: other threads may look. */
static inline void stream_fence(void) {
#if defined(__SSE2__)
    _mm_sfence();
#endif
}

#endif
