/* Tokens drawn from a row: one from its filtered distribution, or several. Included once per REAL. */
#include "bad_rows.h"
#include "choice.h"

static inline void R(use_logits)(R(urn) * u, REAL max, float temperature) {
    const REAL most = sizeof(REAL) == sizeof(float) ? (REAL)FLT_MAX : (REAL)DBL_MAX;
    const REAL factor = (REAL)SMX_LOG2_E_IN_EXPONENTS / (REAL)temperature;
    u->max = max;
    u->factor = factor < most ? factor : most;
}

/* ---- one token ---- */

static inline void R(filter)(R(urn) * u) {
    const smx_choice *c = &u->call->choice;
    if (c->top_k > 0) R(keep_largest)(u, c->top_k);
    if (c->top_p < 1) R(keep_share)(u, c->top_p);
    if (c->min_p > 0) {
        u->least_weight = smx_least_weight(c->min_p, u->missing_bits);
        u->filtered = true;
    }
}

/* -1: there is none to be drawn. */
static inline int64_t R(sampled)(const smx_call *call, int64_t row, float *log_probability) {
    const smx_choice *c = &call->choice;
    const float temperature = c->temperatures != NULL ? c->temperatures[row] : c->temperature;
    const R(largest) found = R(largest_of_row)(call, row);
    *log_probability = 0;
    if (found.nan || !(temperature >= 0 && temperature < INFINITY)) return -1;
    if (temperature == 0 || found.column < 0) return found.column;
    if (found.max == (REAL)INFINITY) return -1;
    R(urn) u;
    R(start_urn)(&u, call, row);
    R(use_logits)(&u, found.max, temperature);
    R(filter)(&u);
    R(fill_urn)(&u);
    uint64_t weight;
    const int64_t column = R(draw)(&u, smx_weight_to_pass(smx_random_bits(&c->random, row, 0), u.total), &weight);
    REAL room[1];
    const int32_t exponent = R(exponent_of)(((const REAL *)R(view)(R(TYPE), &call->in, row, column, 1, room))[0], u.max, u.factor);
    *log_probability = smx_log_of_share(exponent, u.total, u.missing_bits);
    return column;
}

static void R(sample_row)(const smx_call *call, int64_t row, bad_rows *bad) {
    float log_probability;
    const int64_t column = R(sampled)(call, row, &log_probability);
    if (column < 0) {
        choose_nothing(&call->choice, row, NAN);
        add_bad_row(bad, row);
        return;
    }
    set_chosen(&call->choice, row, column);
    if (call->choice.log_probabilities != NULL) call->choice.log_probabilities[row] = log_probability;
}

/* ---- several tokens ---- */

static inline bool R(has_negative)(const smx_call *call, int64_t row) {
    REAL room[SMX_CPU_PIECE];
    int found = 0;
    FOR_EACH_PIECE((int64_t)0, call->cols) {
        const REAL *const x = R(view)(R(TYPE), &call->in, row, first, PIECE_SIZE, room);
        for (int j = 0; j < PIECE_SIZE; j++) found |= x[j] < 0;
    }
    return found != 0;
}

/* The weight of 1, 2^(40 - e), in two factors, because it may be too large a number. */
static inline void R(use_probabilities)(R(urn) * u, REAL max) {
    int exponent;
    (void)frexp((double)max, &exponent); /* max < 2^exponent */
    const int scale = SMX_WEIGHT_BITS - u->missing_bits - (exponent - 1);
    u->scale[0] = ldexp(1.0, scale < 1000 ? scale : 1000);
    u->scale[1] = ldexp(1.0, scale < 1000 ? 0 : scale - 1000);
}

/* Is there anything to draw from? */
static inline bool R(use_row)(R(urn) * u) {
    const smx_choice *c = &u->call->choice;
    const R(largest) found = R(largest_of_row)(u->call, u->row);
    if (found.nan || found.column < 0 || found.max == (REAL)INFINITY) return false;
    if (!c->from_probabilities) {
        R(use_logits)(u, found.max, c->temperature);
        return true;
    }
    if (found.max <= 0 || R(has_negative)(u->call, u->row)) return false;
    R(use_probabilities)(u, found.max);
    return true;
}

static inline void R(take_from_urn)(R(urn) * u, int64_t column, uint64_t weight, uint64_t *drawn) {
    drawn[column / 64] |= (uint64_t)1 << column % 64;
    u->segment[column / u->columns] -= weight;
    u->total -= weight;
}

static void R(multinomial_row)(const smx_call *call, int64_t row, bad_rows *bad) {
    const smx_choice *c = &call->choice;
    const int64_t base = row * c->per_row;
    R(urn) u;
    R(start_urn)(&u, call, row);
    if (!R(use_row)(&u)) {
        choose_nothing(c, row, NAN);
        add_bad_row(bad, row);
        return;
    }
    R(fill_urn)(&u);
    uint64_t *drawn = NULL;
    if (!c->with_replacement) {
        const size_t bytes = smx_drawn_bytes(call->cols);
        u.drawn = drawn = (uint64_t *)(void *)((char *)call->workspace + (size_t)row * bytes);
        memset(drawn, 0, bytes);
    }
    for (int64_t d = 0; d < c->per_row; d++) {
        int64_t column = -1;
        if (u.total > 0) {
            uint64_t weight;
            column = R(draw)(&u, smx_weight_to_pass(smx_random_bits(&c->random, row, d), u.total), &weight);
            if (drawn != NULL) R(take_from_urn)(&u, column, weight, drawn);
        } else if (d == 0 || chosen(c, base + d - 1) >= 0) {
            add_bad_row(bad, row); /* once */
        }
        set_chosen(c, base + d, column);
    }
}
