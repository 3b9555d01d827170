/* What the program prints beside the progress of its training. */
#ifndef SAMPLES_REPORT_H
#define SAMPLES_REPORT_H

#include "writer.h"

void report_list(const char *path, const word_list *list, const corpus *train, const corpus *test);
void report_losses(double loss, double unigram, double bigram);

/* The words that were just written, and how many of them there are. */
void report_words(const writer *w, const setting *s, const word_list *list);

#endif
