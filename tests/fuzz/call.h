/* A call of the library that was read from bytes: what is passed, where it lies, and what it should come to. */
#ifndef FUZZ_CALL_H
#define FUZZ_CALL_H

#include <stdbool.h>

#include "bytes.h"
#include "check_call.h"
#include "memory.h"

/* Everything in memory of the backend that a call may be given. */
typedef enum operand_name {
    OPERAND_X,      /* y of a softmax backward call */
    OPERAND_SECOND, /* dy, or target probabilities */
    OPERAND_OUT,
    OPERAND_TARGETS,
    OPERAND_LOSS,
    OPERAND_LSE,
    OPERAND_GRAD_LOSS,
    OPERAND_WEIGHTS,
    OPERAND_DIVISOR,
    OPERANDS
} operand_name;

typedef struct operand {
    bool taken; /* by the operation, as these options are */
    bool is_null;
    bool written;
    bool plain;         /* a layout whose strides nest: it has to be accepted */
    smxLayout_t layout; /* of a vector: one row */
    int piece;          /* the memory that it lies in, its own one unless operands are to overlap */
    size_t at;          /* its first byte there */
} operand;

typedef enum values {
    VALUES_ORDINARY,
    VALUES_MASKED, /* some -inf */
    VALUES_LARGE,
    VALUES_OFFSET,
    VALUES_DENORMAL,
    VALUES_HARD, /* everything, NaN included */
    VALUES_KINDS
} values;

typedef struct fuzz_call {
    library_call call; /* all but the pointers */
    operand operands[OPERANDS];
    bool without_handle;
    int plan_row;       /* pinned; -1: none */
    unsigned handle;    /* which of the handles there are */
    int workspace_less; /* bytes less than smxGetWorkspaceSize says; -1: the handle's own workspace */
    values values;
    int64_t ignore_index;
    piece pieces[OPERANDS]; /* made when the verdict is known */
} fuzz_call;

/* Reads a call; what is left of the bytes are its data. `most_elements`: of an operand that may have to be worked on. */
fuzz_call call_of_bytes(byte_source *b, int64_t most_elements);

/* Rows and columns as the layout of x says; -1 where that is beyond what memory is made for. */
int64_t call_rows(const fuzz_call *f);
bool has_probabilities(const fuzz_call *f);
bool type_is_floating(smxDataType_t type);
bool type_is_index(smxDataType_t type);

/* Bytes from the first element to one past the last; false: too many to have them, or no number at all. */
bool layout_extent(const smxLayout_t *layout, size_t *bytes);
/* Byte of an element, counted from the first one. */
size_t layout_place(const smxLayout_t *layout, int64_t row, int64_t col);

/* ---- the verdict (rules.c): written from the rules in smx.h, not from the library ---- */

typedef enum verdict { MUST_SUCCEED, MAY_BE_REFUSED, MUST_BE_REFUSED } verdict;

typedef struct judgement {
    verdict verdict;
    const char *reason;
    bool too_large; /* right, maybe, but not to be made here */
} judgement;

judgement judge(const fuzz_call *f, bool on_cpu);

/* ---- data and comparison ---- */

void fill_operands(fuzz_call *f, byte_source *b);
/* What the forward call gives for these logits, or for these and some more columns. */
void fill_given_lse(fuzz_call *f, unsigned byte);
void compare_results(const fuzz_call *f); /* with the oracle */

#endif
