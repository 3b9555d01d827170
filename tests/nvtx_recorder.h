/* A tool for NVTX that remembers ranges, to be loaded in the place of a profiler (NVTX_INJECTION64_PATH). Tests ask it through dlsym. */
#ifndef NVTX_RECORDER_H
#define NVTX_RECORDER_H

#include <stdbool.h>
#include <stdint.h>

typedef struct recorded_event {
    bool push;       /* else pop, which has no text */
    unsigned thread; /* in the order of their first events, from 1 */
    char domain[16], text[512];
    uint64_t payload;
} recorded_event;

/* The name of the function, its type, and the most events that are kept. Answers the number of events so far. */
#define RECORDER_FUNCTION "recorder_events"
typedef long (*recorder_function)(const recorded_event **events);
enum { RECORDER_CAPACITY = 4000 };

#endif
