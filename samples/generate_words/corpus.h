/* Words as symbols, for the model to learn or be tested on. */
#ifndef SAMPLES_CORPUS_H
#define SAMPLES_CORPUS_H

#include <stdint.h>

#include "word_list.h"

/* The symbols: the boundary, which ends every word and stands for everything before it; a to z; the apostrophe. */
enum { BOUNDARY = 0, APOSTROPHE = 27, SYMBOLS = 28 };

/* A symbol is predicted from this many before it. */
enum { CONTEXT = 6 };

typedef struct corpus {
    int words;
    uint8_t *text;      /* the words, CONTEXT boundaries before each of them, and a boundary after the last */
    int length;         /* of the text */
    int32_t *positions; /* in the text: of all symbols to predict, which are those of the words and the boundary after each */
    int count;          /* of the positions */
} corpus;

/* The words that are held out, or those that are not. */
corpus corpus_create(const word_list *list, bool held_out);
void corpus_free(corpus *c);

uint8_t symbol_of(char letter);
char letter_of(uint8_t symbol); /* '\0' for the boundary */

#endif
