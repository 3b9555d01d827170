/* The words of a list with one word on each line, such as Debian's package wamerican installs. */
#ifndef SAMPLES_WORD_LIST_H
#define SAMPLES_WORD_LIST_H

#include <stdbool.h>

#define DEFAULT_WORD_LIST "/usr/share/dict/american-english"

typedef struct word_list {
    char **words; /* in the order of strcmp, each once; only the letters a to z and the apostrophe */
    int count;
    int lines;    /* of the file */
    int left_out; /* lines that are empty or have other characters (after turning A to Z into a to z) */
    int repeated; /* lines that give a word again: "Polish", "polish" */
    char *text;   /* what the words point into */
} word_list;

word_list word_list_read(const char *path);
void word_list_free(word_list *list);
bool word_list_contains(const word_list *list, const char *word);

/* Whether a word is kept from training, which depends on nothing but the word: about every tenth is. What comes before the apostrophe
 * decides, so that "abbey" and "abbey's" are never on different sides. */
bool word_is_held_out(const char *word);

#endif
