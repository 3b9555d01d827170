#include "corpus.h"

#include <limits.h>
#include <string.h>

#include "fail.h"

uint8_t symbol_of(char letter) { return (uint8_t)(letter == '\'' ? APOSTROPHE : letter - 'a' + 1); }

char letter_of(uint8_t symbol) {
    if (symbol == BOUNDARY) return '\0';
    return symbol == APOSTROPHE ? '\'' : (char)('a' + symbol - 1);
}

static void append_word(corpus *c, const char *word) {
    for (; *word != '\0'; word++) {
        c->positions[c->count++] = c->length;
        c->text[c->length++] = symbol_of(*word);
    }
    c->positions[c->count++] = c->length; /* the first boundary that follows */
    memset(c->text + c->length, BOUNDARY, CONTEXT);
    c->length += CONTEXT;
}

corpus corpus_create(const word_list *list, bool held_out) {
    corpus c = {0};
    size_t letters = 0;
    for (int i = 0; i < list->count; i++) {
        if (word_is_held_out(list->words[i]) != held_out) continue;
        c.words++;
        letters += strlen(list->words[i]);
    }
    if (c.words == 0) fail("the list has no words %s", held_out ? "to be tested on" : "to learn from");
    const size_t places = letters + (size_t)c.words, length = CONTEXT + letters + (size_t)c.words * CONTEXT;
    if (length > INT_MAX) fail("the list has more than %d letters and boundaries", INT_MAX);

    c.text = allocate_host(length);
    c.positions = allocate_host(places * sizeof *c.positions);
    memset(c.text, BOUNDARY, CONTEXT);
    c.length = CONTEXT;
    for (int i = 0; i < list->count; i++)
        if (word_is_held_out(list->words[i]) == held_out) append_word(&c, list->words[i]);
    return c;
}

void corpus_free(corpus *c) {
    free(c->text);
    free(c->positions);
    *c = (corpus){0};
}
