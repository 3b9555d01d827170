#include "expected_choice.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

static void *some(int64_t count, size_t bytes) {
    void *memory = malloc((size_t)count * bytes + 1);
    if (memory == NULL) abort();
    return memory;
}

static bool is_empty(const double *x, int64_t cols) {
    for (int64_t j = 0; j < cols; j++)
        if (x[j] != (double)-INFINITY) return false;
    return true;
}

static bool expect_argmax(const choice_row *r, expected_choice *expected) {
    expected[0].index = oracle_argmax(r->x, r->cols);
    return expected[0].index >= 0;
}

static bool expect_top_k(const choice_row *r, expected_choice *expected) {
    if (!oracle_has_distribution(r->x, r->cols)) {
        const bool zero = r->empty_row == SMX_EMPTY_ROW_ZERO && is_empty(r->x, r->cols);
        for (int64_t i = 0; i < r->per_row; i++) expected[i] = (expected_choice){-1, zero ? 0.0 : (double)NAN, 0.0};
        return false;
    }
    int64_t *order = some(r->cols, sizeof *order);
    double *p = some(r->cols, sizeof *p);
    oracle_order(r->x, r->cols, order);
    oracle_kept_softmax(r->x, r->cols, 1 / r->scale, NULL, p);
    for (int64_t i = 0; i < r->per_row; i++) {
        const int64_t j = order[i];
        const double distance = fabs(r->x[j] - r->x[order[0]]) * r->scale;
        expected[i] = (expected_choice){j, p[j], p[j] == 0 ? 0x1p-126 : p[j] * (4e-7 + 2e-7 * distance) + 0x1p-126};
    }
    free(order);
    free(p);
    return true;
}

/* 1 / temperature is kept finite in the type computed with. */
static double temperature_in_effect(const choice_row *r) {
    const double least = 1.4426950408889634 * 0x1p24 / (r->type == SMX_R_64F ? DBL_MAX : (double)FLT_MAX);
    return (double)r->temperature > least ? (double)r->temperature : least;
}

static bool expect_sample(const choice_row *r, expected_choice *expected) {
    const bool greedy = r->temperature == 0;
    const int64_t best = oracle_argmax(r->x, r->cols);
    if (!(r->temperature >= 0) || isinf(r->temperature) || best < 0 || (!greedy && !oracle_has_distribution(r->x, r->cols))) {
        expected[0] = (expected_choice){-1, (double)NAN, 0.0};
        return false;
    }
    if (greedy) {
        expected[0] = (expected_choice){best, 0.0, 0.0};
        return true;
    }
    uint64_t *weights = some(r->cols, sizeof *weights);
    oracle_logit_weights(r->x, r->cols, r->type == SMX_R_64F, r->temperature, weights);
    oracle_filter(r->x, r->cols, &r->filters, weights);
    const int64_t token = oracle_draw(weights, r->cols, oracle_random_bits(r->seed, r->key, r->offset));
    const double logarithm = oracle_kept_log_softmax(r->x, r->cols, temperature_in_effect(r), weights, token);
    expected[0] = (expected_choice){token, logarithm, 1e-6 * fmax(1.0, fabs(logarithm))};
    free(weights);
    return true;
}

static bool expect_multinomial(const choice_row *r, expected_choice *expected) {
    uint64_t *weights = some(r->cols, sizeof *weights);
    bool good = r->from_probabilities ? oracle_probability_weights(r->x, r->cols, weights) : oracle_has_distribution(r->x, r->cols);
    if (good && !r->from_probabilities) oracle_logit_weights(r->x, r->cols, r->type == SMX_R_64F, r->temperature, weights);
    for (int64_t i = 0; i < r->per_row; i++) {
        const uint64_t bits = oracle_random_bits(r->seed, r->key, r->offset + (uint64_t)i);
        const int64_t column = good ? oracle_draw(weights, r->cols, bits) : -1;
        expected[i].index = column;
        good = column >= 0;
        if (good && !r->with_replacement) weights[column] = 0;
    }
    free(weights);
    return good;
}

bool expect_choices(const choice_row *row, expected_choice *expected) {
    switch (row->op) {
    case SMX_OP_ARGMAX: return expect_argmax(row, expected);
    case SMX_OP_TOP_K: return expect_top_k(row, expected);
    case SMX_OP_SAMPLE: return expect_sample(row, expected);
    default: return expect_multinomial(row, expected);
    }
}

bool choice_number_agrees(double got, const expected_choice *expected) {
    if (isnan(expected->number)) return isnan(got);
    return isinf(expected->number) ? got == expected->number : fabs(got - expected->number) <= expected->bound;
}
