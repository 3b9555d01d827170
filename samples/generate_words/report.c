#include "report.h"

#include <stdio.h>
#include <string.h>

void report_list(const char *path, const word_list *list, const corpus *train, const corpus *test) {
    printf("%-9s%s: %d lines; left out: %d with other characters than letters and apostrophe, %d repeated\n", "words", path, list->lines,
           list->left_out, list->repeated);
    printf("%-9s%d words of %d characters to learn from, %d words of %d characters held out; the end of a word is a character\n", "",
           train->words, train->count, test->words, test->count);
}

void report_losses(double loss, double unigram, double bigram) {
    printf("\nheld-out loss in nats per character\n");
    printf("  unigram  %.4f  characters by how often they occur\n", unigram);
    printf("  bigram   %.4f  characters by how often they follow the one before\n", bigram);
    printf("  network  %.4f  characters by the %d before\n", loss, CONTEXT);
}

/* ---- words ---- */

typedef struct tally {
    int learnt, held_out, invented, unfinished;
} tally;

/* Where the word comes from is counted, and said in a mark behind it. */
static const char *classify(tally *t, const word_list *list, const char *word, bool finished) {
    if (!finished) {
        t->unfinished++;
        return "-";
    }
    if (!word_list_contains(list, word)) {
        t->invented++;
        return "";
    }
    if (word_is_held_out(word)) {
        t->held_out++;
        return "*";
    }
    t->learnt++;
    return "=";
}

void report_words(const writer *w, const setting *s, const word_list *list) {
    enum { WIDTH = 100, INDENT = 2 };
    tally t = {0};
    int column = 0;
    printf("\n%s\n", s->name);
    for (int i = 0; i < w->words; i++) {
        char word[MAX_LETTERS + 1];
        const bool finished = writer_word(w, i, word);
        const char *mark = classify(&t, list, word, finished);
        const int width = INDENT + (int)(strlen(word) + strlen(mark));
        if (column > 0 && column + width > WIDTH) {
            putchar('\n');
            column = 0;
        }
        printf("%*s%s%s", INDENT, "", word, mark);
        column += width;
    }
    printf("\n  in the list: %d that it learnt from (=), %d held out (*); new: %d", t.learnt, t.held_out, t.invented);
    if (t.unfinished > 0) printf("; cut off after %d letters: %d (-)", MAX_LETTERS, t.unfinished);
    putchar('\n');
    fflush(stdout);
}
