#include "word_list.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "fail.h"

enum { MAX_BYTES = 1 << 28 };

/* The whole file with a zero behind it. */
static char *read_file(const char *path) {
    FILE *file = fopen(path, "rb");
    if (file == NULL) fail("%s: %s: install Debian's package wamerican, or name another list with --data", path, strerror(errno));
    if (fseek(file, 0, SEEK_END) != 0) fail("%s: %s", path, strerror(errno));
    const long bytes = ftell(file);
    if (bytes < 0 || bytes > MAX_BYTES) fail("%s: %ld bytes; at most %d can be a word list", path, bytes, (int)MAX_BYTES);
    rewind(file);
    char *text = allocate_host((size_t)bytes + 1);
    if (fread(text, 1, (size_t)bytes, file) != (size_t)bytes) fail("%s: could not read its %ld bytes", path, bytes);
    fclose(file);
    text[bytes] = '\0';
    return text;
}

static int count_lines(const char *text) {
    int lines = 0;
    for (const char *end = text; (end = strchr(end, '\n')) != NULL; end++) lines++;
    return lines + 1; /* the last line may lack its end */
}

/* Turns A to Z into a to z; false if that leaves anything but letters and apostrophes, or nothing. */
static bool make_plain(char *word) {
    if (*word == '\0') return false;
    for (; *word != '\0'; word++) {
        if (*word >= 'A' && *word <= 'Z') *word = (char)(*word - 'A' + 'a');
        if ((*word < 'a' || *word > 'z') && *word != '\'') return false;
    }
    return true;
}

static int compare_words(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

/* Of equal words in a row one stays. */
static void remove_repeated(word_list *list) {
    int kept = 0;
    for (int i = 0; i < list->count; i++)
        if (kept == 0 || strcmp(list->words[kept - 1], list->words[i]) != 0) list->words[kept++] = list->words[i];
    list->repeated = list->count - kept;
    list->count = kept;
}

word_list word_list_read(const char *path) {
    word_list list = {.text = read_file(path)};
    list.words = allocate_host((size_t)count_lines(list.text) * sizeof *list.words);
    for (char *line = list.text, *next; *line != '\0'; line = next) {
        char *end = strchr(line, '\n');
        next = end != NULL ? end + 1 : line + strlen(line);
        if (end != NULL) *end = '\0';
        list.lines++;
        if (make_plain(line))
            list.words[list.count++] = line;
        else
            list.left_out++;
    }
    qsort(list.words, (size_t)list.count, sizeof *list.words, compare_words);
    remove_repeated(&list);
    return list;
}

void word_list_free(word_list *list) {
    free(list->words);
    free(list->text);
    *list = (word_list){0};
}

bool word_list_contains(const word_list *list, const char *word) {
    return bsearch(&word, list->words, (size_t)list->count, sizeof *list->words, compare_words) != NULL;
}

/* FNV-1a (Fowler, Noll, Vo). Its low bits alone would tell little of the first letters, so the remainder is taken of all of them. */
bool word_is_held_out(const char *word) {
    uint64_t hash = 0xCBF29CE484222325u;
    for (; *word != '\0' && *word != '\''; word++) hash = (hash ^ (uint8_t)*word) * 0x100000001B3u;
    return hash % 10 == 0;
}
