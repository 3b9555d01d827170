/* A choice: one call of smxArgmax, smxTopK, smxSample or smxMultinomial on data described by a few fields, compared with the oracle.
 *
 *     choice c = choice_of(SMX_OP_SAMPLE, SMX_R_16BF, 100, 1000);
 *     c.top_k = 50;
 *     check_choice(&c);
 *
 * Indices have to be exactly the oracle's, so backends that pass give the same tokens; numbers have to lie within bounds; unchanged have to
 * be inputs, guards around the outputs and padding. */
#ifndef CHECK_CHOICE_H
#define CHECK_CHOICE_H

#include "check_call.h"
#include "check_session.h"
#include "check_tensor.h"
#include "check_values.h"

enum { /* arrays that are given beside the numbers of the options */
       GIVEN_SEED_OFFSET = 1,
       GIVEN_TEMPERATURES = 2,
       GIVEN_ROW_SEEDS = 4,
       GIVEN_ROW_OFFSETS = 8,
       GIVEN_ROW_KEYS = 16,
       GIVEN_ALL = 31
};

enum { FIRST_CHOICE = SMX_OP_ARGMAX, CHOICES = SMX_OP_MULTINOMIAL - SMX_OP_ARGMAX + 1 };

typedef struct choice choice;
/* One row, not yet rounded to the type. */
typedef void (*choice_filler)(const choice *c, int64_t row, double *x);

struct choice {
    smxOp_t op;
    smxLayout_t layout;
    int64_t offset; /* of x, elements from a 256-byte boundary */
    choice_filler fill;
    values values; /* what fill_values takes */
    uint64_t data_seed;
    smxDataType_t index_type;
    int64_t vector_offset; /* elements from a 256-byte boundary: whatever is not x */
    bool without_options, without_log_probabilities;
    int plan_row;    /* pinned row of the plan table, or -1 */
    int64_t per_row; /* k, or draws */
    float scale;     /* of top-k */
    smxEmptyRow_t empty_row;
    smxAlgorithm_t algorithm;
    float temperature;
    int64_t top_k;
    float top_p, min_p;
    bool from_probabilities, without_replacement;
    uint64_t seed, offset_of_bits;
    unsigned given;                    /* GIVEN_... */
    const float *special_temperatures; /* NULL, or what deviceTemperature repeats, FILL_TEMPERATURES of them */
};
enum { SPECIAL_TEMPERATURES = 8 };

choice choice_of(smxOp_t op, smxDataType_t type, int64_t rows, int64_t cols);
const char *choice_name(smxOp_t op); /* the public function */

/* Fillers. */
void fill_values(const choice *c, int64_t row, double *x);             /* fill_logits of c->values */
void fill_ties(const choice *c, int64_t row, double *x);               /* few different values, -0 and +0 and -inf among them */
void fill_weights_of_row(const choice *c, int64_t row, double *x);     /* probabilities, some 0, whose sum is anything */
void fill_hard_probabilities(const choice *c, int64_t row, double *x); /* rows that have no distribution among rows that have one */

/* Rows, fp64 alone, whose weights are made for their random bits: by whole numbers the draw is the last one of a token, or the first one of
 * the next. No arrays may be given. */
void fill_around_the_draw(const choice *c, int64_t row, double *x);
/* The same, fp32 too, with random logits before that point: a weight that is off by one in its last place gives another token. */
void fill_up_to_the_draw(const choice *c, int64_t row, double *x);

/* The call must succeed and agree with the oracle. */
void check_choice(const choice *c);
/* Both succeed and agree with the oracle, and the first index of every row is the same. A sample beside argmax has to be certain: the
 * logarithm of its probability is 0. */
void check_same_first_index(const choice *c, const choice *other);

/* ---- the steps, for tests that need them one by one ---- */

typedef struct choice_run {
    choice spec;
    int64_t rows, cols;
    tensor x, numbers, temperatures;
    buffer indices, seed_offset, row_seeds, row_offsets, row_keys;
    smxHandle_t handle;
    smxSoftmaxOptions_t softmax;
    smxSampleOptions_t sample;
    smxMultinomialOptions_t multinomial;
    /* Arguments as they are passed: tests may change them. */
    bool without_layout;
    smxLayout_t layout;
    const void *x_data;
    void *index_data;
    float *number_data;
    smxDataType_t index_type;
    int64_t per_row;
} choice_run;

void choice_prepare(choice_run *run, const choice *c);
smxStatus_t choice_call(const choice_run *run); /* enqueues */
smxStatus_t choice_execute(choice_run *run);    /* call, wait, read back */
void choice_download(choice_run *run);
void choice_compare(choice_run *run); /* with the oracle, the count of bad rows included */
void choice_require_nothing_written(choice_run *run);
void choice_release(choice_run *run);

int64_t choice_index(const choice_run *run, int64_t row, int64_t i); /* as it was read back */
float choice_number(const choice_run *run, int64_t row, int64_t i);
void choice_store_number64(buffer *b, int64_t i, uint64_t value); /* before the upload */

enum { CHOICE_BUFFERS = 8 };
void choice_buffers(choice_run *run, buffer *list[CHOICE_BUFFERS]);

/* Fails with everything that is known about the choice. */
_Noreturn void fail_choice(const choice_run *run, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
