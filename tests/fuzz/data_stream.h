/* Where the data of a call come from: bytes of the input as long as there are any, then numbers that follow from them. */
#ifndef FUZZ_DATA_STREAM_H
#define FUZZ_DATA_STREAM_H

#include "call.h"
#include "data.h"

typedef struct data_stream {
    byte_source *b;
    generator g;
} data_stream;

data_stream data_stream_of(byte_source *b);
unsigned next_datum(data_stream *s);                              /* 0 to 255 */
double value_of(unsigned datum, values kind, smxDataType_t type); /* a logit */

#endif
