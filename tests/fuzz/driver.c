/* A small stand-in for libFuzzer, for the CUDA backend on the emulator. That one is built by the compiler of the other tests, without
 * libFuzzer's instrumentation, and takes minutes to compile: so its library is taken as it is, and inputs are mutated blindly, from a
 * corpus that reaches every operation.
 *
 *     smx_fuzz_simt FILE...                       runs these inputs
 *     smx_fuzz_simt -SECONDS LAST FILE...         then mutates them for so long; LAST: where the input being run is written
 *
 * SMX_FUZZ_SEED=n makes other mutations. */
#define _DEFAULT_SOURCE /* clock_gettime, ftruncate */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "data.h"
#include "target.h"

enum { MOST_BYTES = 256 };

typedef struct input {
    uint8_t bytes[MOST_BYTES];
    size_t size;
} input;

static input read_input(const char *path) {
    input in = {.size = 0};
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        exit(EXIT_FAILURE);
    }
    in.size = fread(in.bytes, 1, MOST_BYTES, file);
    fclose(file);
    return in;
}

static void mutate(input *in, const input *other, generator *g) {
    for (int64_t times = 1 + next_below(g, 6); times > 0; times--) {
        const size_t at = in->size > 0 ? (size_t)next_below(g, (int64_t)in->size) : 0;
        switch (next_below(g, 6)) {
        case 0: /* cut */
            if (in->size > 1) in->size = at + 1;
            break;
        case 1: /* insert */
            if (in->size == MOST_BYTES) break;
            memmove(in->bytes + at + 1, in->bytes + at, in->size - at);
            in->bytes[at] = (uint8_t)next_bits(g);
            in->size++;
            break;
        case 2: /* go on like another input */
            if (at < other->size) {
                memcpy(in->bytes + at, other->bytes + at, other->size - at);
                in->size = other->size;
            }
            break;
        case 3: in->bytes[at] ^= (uint8_t)(1u << next_below(g, 8)); break;
        default: in->bytes[at] = (uint8_t)next_bits(g); break;
        }
    }
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void write_down(int file, const input *in) {
    if (pwrite(file, in->bytes, in->size, 0) != (ssize_t)in->size || ftruncate(file, (off_t)in->size) != 0) perror("the last input");
}

int main(int argc, char **argv) {
    const double seconds = argc > 2 && argv[1][0] == '-' ? atof(argv[1] + 1) : 0.0;
    const int first = seconds > 0 ? 3 : 1, count = argc - first;
    const char *seed = getenv("SMX_FUZZ_SEED");
    generator g = generator_of(seed != NULL ? strtoull(seed, NULL, 0) : 1);
    const double begin = now();
    long runs = 0;

    if (count < 1) {
        fprintf(stderr, "usage: %s [-SECONDS LAST] FILE...\n", argv[0]);
        return EXIT_FAILURE;
    }
    input *corpus = malloc((size_t)count * sizeof *corpus);
    if (corpus == NULL) abort();
    for (int i = 0; i < count; i++) corpus[i] = read_input(argv[first + i]);
    FILE *last = seconds > 0 ? fopen(argv[2], "wb") : NULL;
    if (seconds > 0 && last == NULL) {
        perror(argv[2]);
        return EXIT_FAILURE;
    }
    for (int i = 0; i < count; i++, runs++) {
        if (last != NULL) write_down(fileno(last), &corpus[i]);
        fuzz_one_input(corpus[i].bytes, corpus[i].size);
    }
    for (; now() - begin < seconds; runs++) {
        input in = corpus[next_below(&g, count)];
        mutate(&in, &corpus[next_below(&g, count)], &g);
        write_down(fileno(last), &in);
        fuzz_one_input(in.bytes, in.size);
    }
    if (last != NULL) fclose(last);
    free(corpus);
    printf("fuzz: %ld calls in %.0f s, nothing found\n", runs, now() - begin);
    return EXIT_SUCCESS;
}
