/* Calls captured as a CUDA graph, where the test program has the CUDA runtime or the emulator's. */
#ifndef CHECK_CAPTURE_H
#define CHECK_CAPTURE_H

#include <stdbool.h>

/* False, and an omission is counted: this backend has no graphs. */
bool capture_possible(void);
/* call(data) is captured on a stream of its own, with the handle of the test; then changed(data) puts other numbers where the call reads,
 * and the graph is replayed. Both run when their work is done. */
void capture_and_replay(void (*call)(void *data), void (*changed)(void *data), void *data);

#endif
