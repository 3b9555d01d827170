/* Whether the words that were just written were drawn as they should; the program fails where they were not. */
#ifndef SAMPLES_WRITER_CHECK_H
#define SAMPLES_WRITER_CHECK_H

#include "writer.h"

/* All draws again, in one call and in another order, give the same symbols: a draw is a matter of its logits, its seed and its offset. */
void check_shuffled(const writer *w, const setting *s);
/* So do draws of one word in one step, each by a call of its own. */
void check_alone(const writer *w, const setting *s);
/* What was drawn passes the filters of the setting, and where there are none the log-probabilities are those of smxLogSoftmaxForward. */
void check_probabilities(const writer *w, const setting *s);

#endif
