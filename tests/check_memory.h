/* Plain pieces of the backend's memory, for tests whose calls are not trials. */
#ifndef CHECK_MEMORY_H
#define CHECK_MEMORY_H

#include <stddef.h>

void *memory_make(size_t bytes);
void *memory_upload(const void *from, size_t bytes);
unsigned char *memory_download(const void *from, size_t bytes); /* to be freed with free() */
void memory_read(void *to, const void *from, size_t bytes);
void memory_write(void *memory, const void *from, size_t bytes);
void memory_fill(void *memory, unsigned char byte, size_t bytes);
void memory_release(void *memory);

#endif
