/* The data of a call: the first ones are the bytes of the input, the others follow from them. */
#include <math.h>

#include "data_stream.h"
#include "oracle.h"

data_stream data_stream_of(byte_source *b) {
    data_stream s = {b, {0x9e3779b97f4a7c15u}};
    for (size_t i = 0; i < b->left; i++) s.g = generator_of(s.g.state ^ b->next[i]);
    return s;
}

unsigned next_datum(data_stream *s) { return s->b->left > 0 ? take_byte(s->b) : (unsigned)(next_bits(&s->g) >> 40 & 0xff); }

static double ordinary(unsigned byte) { return ((double)byte - 128.0) / 24.0; }

static double special(unsigned which, smxDataType_t type) {
    const double most = type_max(type), least = type_smallest(type);
    const double all[] = {
        (double)-INFINITY, (double)INFINITY, (double)NAN, most, -most, least, -least, 0.0, -0.0, 1e4, -1e4, -200.0, 88.5, -87.5, 60.0};
    return all[which % (sizeof all / sizeof all[0])];
}

double value_of(unsigned byte, values kind, smxDataType_t type) {
    switch (kind) {
    case VALUES_MASKED: return byte < 176 ? ordinary(byte) : (double)-INFINITY;
    case VALUES_LARGE: return ((double)byte - 128.0) * 80.0;
    case VALUES_OFFSET: return 1000.0 + ordinary(byte);
    case VALUES_DENORMAL: return ((double)byte - 128.0) * type_smallest(type);
    case VALUES_HARD: return byte < 192 ? ordinary(byte) : special(byte, type);
    default: return ordinary(byte);
    }
}

static unsigned char *place_of(fuzz_call *f, const operand *o, int64_t row, int64_t col) {
    return f->pieces[o->piece].before + o->at + layout_place(&o->layout, row, col);
}

typedef double (*make_value)(const fuzz_call *f, data_stream *s, smxDataType_t type);

static void fill(fuzz_call *f, data_stream *s, operand_name name, make_value make) {
    const operand *o = &f->operands[name];
    if (!o->taken || o->is_null) return;
    for (int64_t r = 0; r < o->layout.outer * o->layout.inner; r++)
        for (int64_t c = 0; c < o->layout.cols; c++) store_element(o->layout.type, place_of(f, o, r, c), make(f, s, o->layout.type));
}

static double a_logit(const fuzz_call *f, data_stream *s, smxDataType_t type) { return value_of(next_datum(s), f->values, type); }

/* The derivatives are meant for what the forward calls give. */
static double a_probability(const fuzz_call *f, data_stream *s, smxDataType_t type) {
    const unsigned byte = next_datum(s);
    (void)type;
    if (f->values == VALUES_HARD && byte >= 250) return byte % 2 == 0 ? 0.0 : (double)NAN;
    return byte < 64 ? 0.0 : (double)(byte - 63) / 192.0;
}

static double a_log_probability(const fuzz_call *f, data_stream *s, smxDataType_t type) {
    const unsigned byte = next_datum(s);
    (void)type;
    if (f->values == VALUES_HARD && byte >= 240) return byte % 3 == 0 ? (double)NAN : (double)-INFINITY;
    return -(double)byte / 12.0;
}

static double a_gradient(const fuzz_call *f, data_stream *s, smxDataType_t type) {
    const unsigned byte = next_datum(s);
    (void)type;
    return f->values == VALUES_HARD && byte == 255 ? (double)NAN : ordinary(byte) / 4.0;
}

static double a_weight(const fuzz_call *f, data_stream *s, smxDataType_t type) {
    (void)f;
    (void)type;
    return (double)(next_datum(s) % 7) / 3.0;
}

static double a_divisor(const fuzz_call *f, data_stream *s, smxDataType_t type) {
    static const double divisors[] = {1.0, 7.0, 0.5, -2.0, 0.0, 300.0};
    (void)f;
    (void)type;
    return divisors[next_datum(s) % 6];
}

static int64_t a_target(data_stream *s, int64_t cols, int64_t ignore_index) {
    const unsigned byte = next_datum(s);
    const int64_t bad[] = {cols, -1, ((int64_t)1 << 32), INT64_MIN, INT64_MAX, -cols, ((int64_t)1 << 32) + cols / 2, 255};
    if (byte < 176) return (int64_t)(byte * 2654435761u % (uint64_t)cols);
    return byte < 216 ? ignore_index : bad[byte % 8];
}

static void fill_indices(fuzz_call *f, data_stream *s) {
    const operand *o = &f->operands[OPERAND_TARGETS];
    if (!o->taken || o->is_null) return;
    for (int64_t r = 0; r < o->layout.outer * o->layout.cols; r++)
        store_index(o->layout.type, f->pieces[o->piece].before + o->at + (size_t)r * element_bytes(o->layout.type),
                    a_target(s, f->operands[OPERAND_X].layout.cols, f->call.cross_entropy.ignoreIndex));
}

void fill_operands(fuzz_call *f, byte_source *b) {
    data_stream s = data_stream_of(b);
    const smxOp_t op = f->call.op;

    fill_indices(f, &s);
    fill(f, &s, OPERAND_DIVISOR, a_divisor);
    fill(f, &s, OPERAND_GRAD_LOSS, a_gradient);
    if (op_reads_elements(op))
        fill(f, &s, OPERAND_X,
             op == SMX_OP_SOFTMAX_BACKWARD       ? a_probability
             : op == SMX_OP_LOG_SOFTMAX_BACKWARD ? a_log_probability
                                                 : a_logit);
    fill(f, &s, OPERAND_SECOND, has_probabilities(f) ? a_probability : a_gradient);
    fill(f, &s, OPERAND_WEIGHTS, a_weight);
    if (op == SMX_OP_CROSS_ENTROPY_BACKWARD && f->operands[OPERAND_LSE].taken) fill_given_lse(f, next_datum(&s));
}
