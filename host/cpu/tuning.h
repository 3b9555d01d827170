/* Every number that decides how the CPU backend goes about a call, in one place. profiling/run --cpu shows what they are worth. */
#ifndef SMX_CPU_TUNING_H
#define SMX_CPU_TUNING_H

#include "../internal.h"

enum {
    /* Of a row, this much is held between passes: half of a first-level cache. Longer rows are read twice. */
    SMX_CPU_BLOCK_BYTES = 16 << 10,

    /* The exponentials of longer rows are kept up to this size, in memory of the thread's own if their results do not stay in a cache, and
     * are not computed twice: with 32000 to 262144 columns that takes 0.55 to 0.75 of the time, in second-level caches of 512 KiB and past
     * them. */
    SMX_CPU_ROW_BYTES = 1 << 20,

    /* Of rows that are short beside this, as many are taken together as there are lanes: half as much where their max has to be found
     * before, so that they are in the first-level cache for both passes. */
    SMX_CPU_AT_ONCE_BYTES = 16 << 10,
    SMX_CPU_AT_ONCE_BYTES_BY_MAX = 8 << 10,
    SMX_CPU_AT_ONCE_BYTES_STREAMED = 8 << 10, /* of operands whose results go past the cache: with two threads up to 1.1 times as fast */
    SMX_CPU_AT_ONCE_BYTES_OF_TWO = 2 << 10,   /* where there are two operands, of which as much again is on its way to the cache */

    /* Rows up to so long are taken in groups, one per lane: reductions need no steps across a vector then. Rows that
     * lie side by side are, as long as so many of them fill no more than half of a first-level cache. */
    SMX_CPU_GROUP_COLS = 32,
    SMX_CPU_GROUP_BYTES = 16 << 10,

    /* A thread pays from so many elements on. */
    SMX_CPU_ELEMENTS_PER_THREAD = 8 << 10,

    /* Results of so many bytes do not stay in a cache: they go past it, which spares reading the lines that are overwritten. */
    SMX_CPU_STREAM_BYTES = 16 << 20,

    /* From so many results on, vectors that fill a line begin with one in a cache too: across two lines they take as long as two (softmax
     * gradients of rows of 1000 floats in a second-level cache, every other one of which begins within a line: 1.1 times as fast). */
    SMX_CPU_ALIGNED_ELEMENTS = 256,

    /* Elements that are converted at a time. */
    SMX_CPU_PIECE = 256,

    /* Elements are asked for as far ahead as they are computed with at once, but so far at least. */
    SMX_CPU_FETCH_BYTES = 2 << 10,

    /* Those of an operand of so many bytes come from memory, and go to the second-level cache: what the first one can wait for at a time
     * is too little beside results on their way out (1.1 to 1.3 times as fast). Of smaller operands they are in the second already. */
    SMX_CPU_FAR_BYTES = 512 << 10,

    /* From memory they are asked for further ahead: of short rows so far, of blocks so much further; but of two operands they are not. */
    SMX_CPU_FETCH_BYTES_OF_SHORT_ROWS = 8 << 10,
    SMX_CPU_FETCH_BYTES_BEHIND_BLOCK = 4 << 10,

    /* But for rows that are longer than the least distance, if exponentials are computed meanwhile: so much further then (768 to 1500
     * columns: 1.05 to 1.2 times as fast, others as fast as before). */
    SMX_CPU_FETCH_BYTES_BESIDE_EXPONENTIALS = 2 << 10,

    /* Nor are they beside so many bytes of exponentials of two rows, which have no room in a second-level cache themselves. */
    SMX_CPU_CROWDED_BYTES = 768 << 10,
};

/* smx_type_bytes() of a floating type, without a call: single rows are short. */
static inline size_t smx_cpu_element_bytes(smxDataType_t type) { return type == SMX_R_32F ? 4 : type == SMX_R_64F ? 8 : 2; }

/* In place the lines have been read anyway. */
static inline bool smx_cpu_streams(const smx_call *call) {
    return call->rows * call->cols * (int64_t)smx_cpu_element_bytes(call->out.layout.type) >= SMX_CPU_STREAM_BYTES &&
           call->out.data != call->in.data && call->out.data != call->second.data;
}

#endif
