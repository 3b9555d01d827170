/* The shapes that the tests share. */
#ifndef SHAPES_H
#define SHAPES_H

#include <stddef.h>
#include <stdint.h>

#include "smx/smx.h"

typedef struct column_list {
    int64_t at[256];
    size_t count;
} column_list;

column_list shapes_short(void);      /* 1..40 */
column_list shapes_boundaries(void); /* around the ends of every row of the plan table, without duplicates */
column_list shapes_long(void);       /* 1000, around 1024, 4096, and vocabularies up to 262144 */
/* Around the ends of one row of the plan table, and something within. */
column_list shapes_of_plan_row(int index);

/* Rows to go with so many columns: few where rows are long. */
int64_t shapes_rows(int64_t cols);

extern const int64_t shapes_row_counts[]; /* 1, 2, 3, 31..33: with short rows */
extern const size_t shapes_row_count_count;

/* The element types of logits. */
enum { FLOATING_TYPES = 4 };
extern const smxDataType_t floating_types[FLOATING_TYPES];

#endif
