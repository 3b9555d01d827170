#include "check_values.h"

#include <math.h>

#include "check_session.h"

static const double minus_inf = (double)-INFINITY;

const char *values_name(values kind) {
    static const char *const names[VALUES_COUNT] = {"normal",    "large",    "offset", "masked",  "finite mask", "peak",
                                                    "confident", "denormal", "equal",  "distant", "steep",       "hard"};
    return names[kind];
}

/* ---- logits ---- */

static void fill_normal(generator *g, int64_t cols, double mean, double deviation, double *x) {
    for (int64_t j = 0; j < cols; j++) x[j] = mean + deviation * next_normal(g);
}

static void fill_constant(int64_t cols, double value, double *x) {
    for (int64_t j = 0; j < cols; j++) x[j] = value;
}

static void mask(generator *g, int64_t row, int64_t cols, double masked, double *x) {
    const int64_t kept = next_below(g, cols); /* one entry stays, wherever it is */
    for (int64_t j = 0; j < cols; j++)
        if (j != kept && (next_below(g, 3) == 0 || (row % 2 == 1 && j < cols / 2))) x[j] = masked;
}

/* The softmax of one entry is about 1 - 2^-k for k = 5..12: gradients there cancel. */
static void fill_confident(generator *g, int64_t cols, double *x) {
    const double others = ldexp(1.0, -5 - (int)next_below(g, 8));
    fill_normal(g, cols, -0.25, 0.7, x); /* exp of it is 1 in the mean */
    x[next_below(g, cols)] = log((double)(cols > 1 ? cols - 1 : 1) / others);
}

/* Magnitudes of 2^4, 2^6 and so on, and of either sign, as far as the type goes. */
static void fill_distant(generator *g, smxDataType_t type, int64_t row, int64_t cols, double *x) {
    const int exponents = ((int)log2(type_max(type)) - 4) / 2;
    const double base = ldexp(row % 2 == 0 ? 1.37 : -1.37, 4 + 2 * (int)(row % exponents));
    const double apart = fmax(type_spacing(type, base), 0.25);
    for (int64_t j = 0; j < cols; j++) x[j] = base + (double)next_below(g, 30) * apart;
}

/* What some elements say of the others is wrong: by little or by so much that exponentials relative to them are infinite, or all 0. */
static void fill_steep(generator *g, int64_t row, int64_t cols, double *x) {
    static const double heights[] = {0, 5, 17, 40, 69, 90, 150, 300};
    const double height = heights[row % 8] * (row / 8 % 2 == 0 ? 1.0 : -1.0), level = row % 3 == 0 ? -40.0 : 9.0 * (double)(row % 5);
    fill_normal(g, cols, level, 2.0, x);
    for (int64_t j = cols / 4; j < cols - cols / 4; j++) x[j] += height;
}

typedef enum hard_row {
    HARD_ORDINARY,
    HARD_ALL_MINUS_INF,
    HARD_NAN,
    HARD_PLUS_INF,
    HARD_NAN_AND_PLUS_INF,
    HARD_ALL_LOWEST,
    HARD_ORDINARY_AGAIN,
    HARD_ALL_HIGHEST,
    HARD_BOTH_EXTREMES,
    HARD_ONE_FINITE, /* all others -inf */
    HARD_ALL_NAN,
    HARD_NAN_AMONG_MINUS_INF,
    HARD_ALL_PLUS_INF,
    HARD_PLUS_INF_AMONG_MINUS_INF,
    HARD_DENORMAL,
    HARD_NAN_FIRST,
    HARD_NAN_LAST,
    HARD_PLUS_INF_FIRST,
    HARD_PLUS_INF_LAST,
    HARD_MINUS_INF_FIRST,
    HARD_MINUS_INF_LAST,
    HARD_COUNT
} hard_row;

int64_t hard_row_count(void) { return HARD_COUNT; }

static void fill_denormal(generator *g, smxDataType_t type, int64_t cols, double *x) {
    for (int64_t j = 0; j < cols; j++)
        x[j] = next_below(g, 4) == 0 ? (j % 2 == 0 ? 0.0 : -0.0) : type_smallest(type) * (double)(next_below(g, 7) - 3);
}

static void fill_hard(generator *g, smxDataType_t type, int64_t row, int64_t cols, double *x) {
    const int64_t somewhere = next_below(g, cols), elsewhere = next_below(g, cols);
    const double highest = type_max(type);

    fill_normal(g, cols, 0.0, 3.0, x);
    switch ((hard_row)(row % HARD_COUNT)) {
    case HARD_ALL_MINUS_INF: fill_constant(cols, minus_inf, x); break;
    case HARD_NAN: x[somewhere] = (double)NAN; break;
    case HARD_PLUS_INF: x[somewhere] = (double)INFINITY; break;
    case HARD_NAN_AND_PLUS_INF:
        x[somewhere] = (double)INFINITY;
        x[elsewhere] = (double)NAN;
        break;
    case HARD_ALL_LOWEST: fill_constant(cols, -highest, x); break;
    case HARD_ALL_HIGHEST: fill_constant(cols, highest, x); break;
    case HARD_BOTH_EXTREMES:
        x[somewhere] = -highest;
        x[elsewhere] = highest;
        break;
    case HARD_ONE_FINITE:
        fill_constant(cols, minus_inf, x);
        x[somewhere] = -7.25;
        break;
    case HARD_ALL_NAN: fill_constant(cols, (double)NAN, x); break;
    case HARD_NAN_AMONG_MINUS_INF:
        fill_constant(cols, minus_inf, x);
        x[somewhere] = (double)NAN;
        break;
    case HARD_ALL_PLUS_INF: fill_constant(cols, (double)INFINITY, x); break;
    case HARD_PLUS_INF_AMONG_MINUS_INF:
        fill_constant(cols, minus_inf, x);
        x[somewhere] = (double)INFINITY;
        break;
    case HARD_DENORMAL: fill_denormal(g, type, cols, x); break;
    case HARD_NAN_FIRST: x[0] = (double)NAN; break;
    case HARD_NAN_LAST: x[cols - 1] = (double)NAN; break;
    case HARD_PLUS_INF_FIRST: x[0] = (double)INFINITY; break;
    case HARD_PLUS_INF_LAST: x[cols - 1] = (double)INFINITY; break;
    case HARD_MINUS_INF_FIRST: x[0] = minus_inf; break;
    case HARD_MINUS_INF_LAST: x[cols - 1] = minus_inf; break;
    default: break;
    }
}

void fill_logits(values kind, smxDataType_t type, uint64_t seed, int64_t row, int64_t cols, double *x) {
    generator g = generator_of(seed * 1000003u + (uint64_t)row);

    switch (kind) {
    case VALUES_LARGE: fill_normal(&g, cols, 0.0, 1e4, x); return;
    case VALUES_OFFSET: fill_normal(&g, cols, 1000.0, 4.0, x); return;
    case VALUES_MASKED:
        fill_normal(&g, cols, 0.0, 3.0, x);
        mask(&g, row, cols, minus_inf, x);
        return;
    case VALUES_FINITE_MASK:
        fill_normal(&g, cols, 0.0, 3.0, x);
        mask(&g, row, cols, -type_max(type), x);
        return;
    case VALUES_PEAK:
        fill_normal(&g, cols, 0.0, 1.0, x);
        x[next_below(&g, cols)] = 60.0;
        return;
    case VALUES_CONFIDENT: fill_confident(&g, cols, x); return;
    case VALUES_DENORMAL: fill_denormal(&g, type, cols, x); return;
    case VALUES_EQUAL: fill_constant(cols, 3.0 * next_normal(&g), x); return;
    case VALUES_DISTANT: fill_distant(&g, type, row, cols, x); return;
    case VALUES_STEEP: fill_steep(&g, row, cols, x); return;
    case VALUES_HARD: fill_hard(&g, type, row, cols, x); return;
    default: fill_normal(&g, cols, 0.0, 3.0, x); return;
    }
}

void fill_gradient(values kind, uint64_t seed, int64_t row, int64_t cols, double *dy) {
    generator g = generator_of(~seed * 1000003u + (uint64_t)row);

    for (int64_t j = 0; j < cols; j++) dy[j] = next_below(&g, 8) == 0 ? 0.0 : 0.25 + next_normal(&g);
    if (kind == VALUES_HARD && row % 5 == 4) dy[next_below(&g, cols)] = (double)NAN;
}

/* ---- targets ---- */

const char *targets_name(targets_kind kind) {
    static const char *const names[TARGETS_COUNT] = {"valid", "ends", "some ignored", "all ignored", "some bad", "all bad"};
    return names[kind];
}

static bool representable(smxDataType_t type, int64_t value) {
    switch (type) {
    case SMX_R_8U: return value >= 0 && value <= UINT8_MAX;
    case SMX_R_32I: return value >= INT32_MIN && value <= INT32_MAX;
    default: return true;
    }
}

static int64_t valid_target(generator *g, smxDataType_t type, int64_t cols, int64_t ignore_index) {
    const int64_t limit = type == SMX_R_8U && cols > UINT8_MAX ? (int64_t)UINT8_MAX + 1 : cols;
    const int64_t target = next_below(g, limit);
    return target != ignore_index ? target : (target + 1) % limit;
}

/* One that is bad and not ignored; some of them would be valid if only their low 32 bits were looked at. */
static int64_t bad_target(generator *g, smxDataType_t type, int64_t cols, int64_t ignore_index, int64_t otherwise) {
    const int64_t candidates[] = {((int64_t)1 << 32) + cols / 2,
                                  -((int64_t)1 << 32),
                                  INT64_MAX,
                                  INT64_MIN,
                                  cols,
                                  -1,
                                  INT32_MAX,
                                  INT32_MIN,
                                  cols + 1,
                                  -cols,
                                  255,
                                  -101};
    const int64_t count = (int64_t)(sizeof candidates / sizeof candidates[0]);
    const int64_t start = next_below(g, count);

    for (int64_t i = 0; i < count; i++) {
        const int64_t target = candidates[(start + i) % count];
        if (representable(type, target) && (target < 0 || target >= cols) && target != ignore_index) return target;
    }
    return otherwise;
}

void fill_targets(targets_kind kind, smxDataType_t type, uint64_t seed, int64_t rows, int64_t cols, int64_t ignore_index,
                  int64_t *targets) {
    generator g = generator_of(seed ^ 0x7461726765747300u);
    const bool can_ignore = representable(type, ignore_index);

    for (int64_t r = 0; r < rows; r++) {
        const int64_t valid = valid_target(&g, type, cols, ignore_index);
        const int64_t bad = bad_target(&g, type, cols, ignore_index, valid);
        const int64_t ignored = can_ignore ? ignore_index : valid;
        const int64_t end = r % 2 == 0 ? 0 : cols - 1;
        const int64_t draw = next_below(&g, 4);

        switch (kind) {
        case TARGETS_ENDS: targets[r] = representable(type, end) && end != ignore_index ? end : valid; break;
        case TARGETS_SOME_IGNORED: targets[r] = draw == 0 || r % 7 == 0 ? ignored : valid; break;
        case TARGETS_ALL_IGNORED: targets[r] = ignored; break;
        case TARGETS_SOME_BAD: targets[r] = draw == 0 || r % 7 == 1 ? bad : draw == 1 ? ignored : valid; break;
        case TARGETS_ALL_BAD: targets[r] = bad; break;
        default: targets[r] = valid; break;
        }
    }
}

/* ---- probabilities and weights ---- */

const char *probabilities_name(probabilities_kind kind) {
    static const char *const names[PROBABILITIES_COUNT] = {"none", "one-hot", "soft", "unnormalized", "soft where finite"};
    return names[kind];
}

void fill_probabilities(probabilities_kind kind, uint64_t seed, int64_t row, int64_t cols, const double *logits, double *q) {
    generator g = generator_of((seed ^ 0x70726f62u) * 1000003u + (uint64_t)row);
    const int64_t hot = next_below(&g, cols);
    double sum = 0;

    for (int64_t j = 0; j < cols; j++) {
        const double uniform = next_uniform(&g);
        switch (kind) {
        case PROBABILITIES_ONE_HOT: q[j] = j == hot ? 1.0 : 0.0; break;
        case PROBABILITIES_UNNORMALIZED: q[j] = uniform < 0.5 ? 0.0 : 1.5 * uniform; break;
        case PROBABILITIES_WHERE_FINITE: q[j] = logits[j] == minus_inf ? 0.0 : uniform * uniform; break;
        default: q[j] = uniform * uniform; break;
        }
        sum += q[j];
    }
    if (kind == PROBABILITIES_ONE_HOT || kind == PROBABILITIES_UNNORMALIZED || sum == 0) return;
    for (int64_t j = 0; j < cols; j++) q[j] /= sum;
}

void fill_weights(uint64_t seed, int64_t cols, double *weights) {
    generator g = generator_of(seed ^ 0x77656967687473u);
    for (int64_t j = 0; j < cols; j++) weights[j] = next_below(&g, 6) == 0 ? 0.0 : 0.25 + 1.75 * next_uniform(&g);
}
