#include "oracle_choice.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

__extension__ typedef unsigned __int128 product128;

/* ---- random bits: Philox4x32-10 ---- */

void oracle_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t bits[4]) {
    uint32_t a = counter[0], b = counter[1], c = counter[2], d = counter[3], k0 = key[0], k1 = key[1];

    for (int round = 0; round < 10; round++) {
        const uint64_t first = (uint64_t)0xD2511F53u * a, second = (uint64_t)0xCD9E8D57u * c;
        const uint32_t was_b = b, was_d = d;
        a = (uint32_t)(second >> 32) ^ was_b ^ k0;
        b = (uint32_t)second;
        c = (uint32_t)(first >> 32) ^ was_d ^ k1;
        d = (uint32_t)first;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    bits[0] = a;
    bits[1] = b;
    bits[2] = c;
    bits[3] = d;
}

uint64_t oracle_random_bits(uint64_t seed, uint64_t row_key, uint64_t offset) {
    const uint32_t counter[4] = {(uint32_t)row_key, (uint32_t)(row_key >> 32), (uint32_t)offset, (uint32_t)(offset >> 32)};
    const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    uint32_t bits[4];

    oracle_philox(counter, key, bits);
    return (uint64_t)bits[0] + ((uint64_t)bits[1] << 32);
}

/* ---- rows ---- */

typedef struct entry {
    double value;
    int64_t column;
} entry;

static int compare_entries(const void *left, const void *right) {
    const entry *a = left, *b = right;

    if (a->value != b->value) return a->value > b->value ? -1 : 1;
    return a->column < b->column ? -1 : a->column > b->column;
}

void oracle_order(const double *x, int64_t cols, int64_t *order) {
    entry *all = malloc((size_t)cols * sizeof *all + 1);

    if (all == NULL) abort();
    for (int64_t j = 0; j < cols; j++) all[j] = (entry){x[j], j};
    qsort(all, (size_t)cols, sizeof *all, compare_entries);
    for (int64_t j = 0; j < cols; j++) order[j] = all[j].column;
    free(all);
}

static bool has_nan(const double *x, int64_t cols) {
    for (int64_t j = 0; j < cols; j++)
        if (isnan(x[j])) return true;
    return false;
}

static double largest(const double *x, int64_t cols) {
    double most = x[0];

    for (int64_t j = 1; j < cols; j++)
        if (x[j] > most) most = x[j];
    return most;
}

int64_t oracle_argmax(const double *x, int64_t cols) {
    const double most = largest(x, cols);

    if (has_nan(x, cols) || most == (double)-INFINITY) return -1;
    for (int64_t j = 0; j < cols; j++)
        if (x[j] == most) return j;
    return -1;
}

bool oracle_has_distribution(const double *x, int64_t cols) { return !has_nan(x, cols) && isfinite(largest(x, cols)); }

/* ---- weights ---- */

enum { FRACTION = 24, FULL_WEIGHT = 40, COLS_OF_FULL_WEIGHT = 22 };

/* How many bits the largest weight has in a row of so many columns. */
static int weight_bits(int64_t cols) {
    int rounded_up = 0;

    while ((int64_t)1 << rounded_up < cols) rounded_up++;
    return rounded_up > COLS_OF_FULL_WEIGHT ? FULL_WEIGHT - (rounded_up - COLS_OF_FULL_WEIGHT) : FULL_WEIGHT;
}

static const double log2_e = 1.44269504088896340736;

static float narrow_factor(float temperature) {
    const float factor = (float)(log2_e * 0x1p24) / temperature;
    return factor > FLT_MAX ? FLT_MAX : factor;
}

static double wide_factor(float temperature) {
    const double factor = log2_e * 0x1p24 / (double)temperature;
    return factor > DBL_MAX ? DBL_MAX : factor;
}

/* (x - m) / T in units of 2^-24 of the binary logarithm. */
static double narrow_exponent(double x, double most, float factor) {
    volatile const float difference = (float)x - (float)most; /* volatile: rounded, and not fused */
    volatile const float product = difference * factor;
    return (double)product;
}

static double wide_exponent(double x, double most, double factor) {
    volatile const double difference = x - most;
    volatile const double product = difference * factor;
    return product;
}

static int64_t exponent_of(double product) {
    const double least = -63.0 * 0x1p24;
    return (int64_t)(product > least ? trunc(product) : least);
}

static float power_of_two(float fraction) {
    static const float coefficients[5] = {0x1.62e4bap-1f, 0x1.ebdb56p-3f, 0x1.c91cf0p-5f, 0x1.277820p-7f, 0x1.e975c2p-10f};
    float value = coefficients[4];

    for (int i = 3; i >= 0; i--) value = fmaf(fraction, value, coefficients[i]);
    return fmaf(fraction, value, 1.0f);
}

static uint64_t weight_of(int64_t exponent, int bits) {
    const int64_t unit = (int64_t)1 << FRACTION;
    const int64_t fraction = (exponent % unit + unit) % unit;
    const int64_t whole = (exponent - fraction) / unit;

    return (uint64_t)floor(ldexp((double)power_of_two((float)fraction * 0x1p-24f), bits + (int)whole));
}

void oracle_logit_weights(const double *x, int64_t cols, bool wide, float temperature, uint64_t *weights) {
    const double most = largest(x, cols);

    const float narrow = narrow_factor(temperature);
    const double factor = wide_factor(temperature);
    const int bits = weight_bits(cols);

    for (int64_t j = 0; j < cols; j++)
        weights[j] = weight_of(exponent_of(wide ? wide_exponent(x[j], most, factor) : narrow_exponent(x[j], most, narrow)), bits);
}

bool oracle_probability_weights(const double *x, int64_t cols, uint64_t *weights) {
    for (int64_t j = 0; j < cols; j++)
        if (!(x[j] >= 0) || isinf(x[j])) return false;
    const double most = largest(x, cols);
    if (!(most > 0)) return false;
    for (int64_t j = 0; j < cols; j++) weights[j] = (uint64_t)floor(ldexp(x[j], weight_bits(cols) - ilogb(most)));
    return true;
}

/* ---- filters ---- */

static uint64_t sum_of(const uint64_t *weights, int64_t cols) {
    uint64_t sum = 0;

    for (int64_t j = 0; j < cols; j++) sum += weights[j];
    return sum;
}

/* Is `before` less than the share of the total? In whole numbers: a share is one over a power of two. */
static bool is_below_share(uint64_t before, float share, uint64_t total) {
    int exponent;
    const double mantissa = ldexp(frexp((double)share, &exponent), 24);
    const int shift = 24 - exponent; /* share = mantissa / 2^shift */
    const product128 product = (product128)(uint64_t)mantissa * total;

    if (shift > 120) return before == 0;
    const product128 one = (product128)1 << shift;
    return before < (product + one - 1) >> shift; /* the least whole number that is not below it */
}

static void keep_first(const int64_t *order, int64_t cols, int64_t count, uint64_t *weights) {
    for (int64_t i = count; i < cols; i++) weights[order[i]] = 0;
}

void oracle_filter(const double *x, int64_t cols, const oracle_filters *filters, uint64_t *weights) {
    if ((filters->top_k > 0 && filters->top_k < cols) || filters->top_p < 1) {
        int64_t *order = malloc((size_t)cols * sizeof *order);
        if (order == NULL) abort();
        oracle_order(x, cols, order);
        if (filters->top_k > 0) keep_first(order, cols, filters->top_k, weights);
        if (filters->top_p < 1) {
            const uint64_t total = sum_of(weights, cols);
            uint64_t before = 0;
            int64_t kept = 0;
            while (kept < cols && is_below_share(before, filters->top_p, total)) {
                const double logit = x[order[kept]]; /* equal ones stay or go together */
                for (; kept < cols && x[order[kept]] == logit; kept++) before += weights[order[kept]];
            }
            keep_first(order, cols, kept, weights);
        }
        free(order);
    }
    const double least = (double)filters->min_p * ldexp(1.0, weight_bits(cols));
    for (int64_t j = 0; j < cols; j++)
        if ((double)weights[j] < least) weights[j] = 0;
}

int64_t oracle_draw(const uint64_t *weights, int64_t cols, uint64_t bits) {
    const uint64_t point = (uint64_t)(((product128)bits * sum_of(weights, cols)) >> 64);
    uint64_t before = 0;

    for (int64_t j = 0; j < cols; j++) {
        if (before <= point && point < before + weights[j]) return j;
        before += weights[j];
    }
    return -1;
}

/* ---- probabilities ---- */

static bool counts(const double *x, const uint64_t *weights, int64_t j) {
    return x[j] != (double)-INFINITY && (weights == NULL || weights[j] > 0);
}

static long double sum_of_powers(const double *x, int64_t cols, double temperature, const uint64_t *weights) {
    const double most = largest(x, cols);
    long double sum = 0;

    for (int64_t j = 0; j < cols; j++)
        if (counts(x, weights, j)) sum += (long double)exp((x[j] - most) / temperature);
    return sum;
}

void oracle_kept_softmax(const double *x, int64_t cols, double temperature, const uint64_t *weights, double *p) {
    const double most = largest(x, cols);
    const long double sum = sum_of_powers(x, cols, temperature, weights);

    for (int64_t j = 0; j < cols; j++) p[j] = counts(x, weights, j) ? (double)((long double)exp((x[j] - most) / temperature) / sum) : 0.0;
}

double oracle_kept_log_softmax(const double *x, int64_t cols, double temperature, const uint64_t *weights, int64_t column) {
    return (x[column] - largest(x, cols)) / temperature - (double)logl(sum_of_powers(x, cols, temperature, weights));
}
