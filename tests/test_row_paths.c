/* However rows are taken, several at once, past the cache or one by one, a row gets the bits that it gets alone. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check_memory.h"
#include "check_session.h"
#include "data.h"
#include "suites.h"

enum { OPS = 6 };
static const smxDataType_t types[] = {SMX_R_32F, SMX_R_16BF, SMX_R_16F, SMX_R_64F};

/* Operands of rows x cols elements, and what a loss has per row, in memory of the backend. */
typedef struct rows {
    smxDataType_t type;
    int64_t rows, cols;
    size_t shift; /* of results, from the beginning of their memory, bytes */
    unsigned char *x, *dy, *y;
    int32_t *targets;
    unsigned char *losses;
} rows;

static const char *const names[OPS] = {
    "softmax", "log-softmax", "softmax gradient", "log-softmax gradient", "fused cross-entropy", "cross-entropy gradient"};

static void call(int op, const rows *r, int64_t first, int64_t count, void *y, void *losses) {
    const smxHandle_t h = session_handle();
    const smxLayout_t l = smxRowMajor(r->type, count, r->cols);
    const size_t at = (size_t)(first * r->cols) * element_bytes(r->type);
    const smxTargets_t targets = smxIndexTargets(SMX_R_32I, r->targets + first);
    smxCrossEntropyOptions_t o = SMX_CROSS_ENTROPY_OPTIONS_INIT;
    o.reduction = SMX_REDUCTION_NONE;
    switch (op) {
    case 0: require_success(smxSoftmaxForward(h, NULL, &l, r->x + at, &l, y), names[op]); break;
    case 1: require_success(smxLogSoftmaxForward(h, NULL, &l, r->x + at, &l, y), names[op]); break;
    case 2: require_success(smxSoftmaxBackward(h, NULL, &l, r->x + at, &l, r->dy + at, &l, y), names[op]); break;
    case 3: require_success(smxLogSoftmaxBackward(h, NULL, &l, r->x + at, &l, r->dy + at, &l, y), names[op]); break;
    case 4: require_success(smxCrossEntropyForwardBackward(h, &o, &l, r->x + at, &targets, NULL, losses, NULL, &l, y), names[op]); break;
    default: require_success(smxCrossEntropyBackward(h, &o, &l, r->x + at, &targets, NULL, NULL, &l, y), names[op]); break;
    }
}

static void *random_elements(smxDataType_t type, int64_t count, generator *g) {
    const size_t each = element_bytes(type);
    unsigned char *host = malloc((size_t)count * each);
    ck_assert_ptr_nonnull(host);
    for (int64_t i = 0; i < count; i++) store_element(type, host + (size_t)i * each, 3 * next_uniform(g) - 2);
    for (int64_t i = 19; i < count; i += 1117)
        store_element(type, host + (size_t)i * each, i % 21 == 0 ? (double)INFINITY : (double)-INFINITY);
    void *memory = memory_upload(host, (size_t)count * each);
    free(host);
    return memory;
}

static rows make(smxDataType_t type, int64_t count, int64_t cols, size_t shift) {
    generator g = generator_of((uint64_t)cols);
    rows r = {.type = type, .rows = count, .cols = cols, .shift = shift};
    int32_t *targets = malloc((size_t)count * sizeof *targets);
    ck_assert_ptr_nonnull(targets);
    for (int64_t i = 0; i < count; i++) targets[i] = i % 11 == 3 ? -100 : (int32_t)next_below(&g, cols);
    r.x = random_elements(type, count * cols, &g);
    r.dy = random_elements(type, count * cols, &g);
    r.y = memory_make((size_t)(count * cols) * element_bytes(type) + shift);
    r.losses = memory_make((size_t)count * element_bytes(loss_type(type)));
    r.targets = memory_upload(targets, (size_t)count * sizeof *targets);
    free(targets);
    return r;
}

static void end(rows *r) {
    void *const all[] = {r->x, r->dy, r->y, r->losses, r->targets};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) memory_release(all[i]);
}

/* Every step-th row, the last one among them. */
static void compare(int op, const rows *r, int64_t step) {
    const size_t row_bytes = (size_t)r->cols * element_bytes(r->type), loss_bytes = element_bytes(loss_type(r->type));
    void *const y = memory_make(row_bytes), *const loss = memory_make(loss_bytes);
    call(op, r, 0, r->rows, r->y + r->shift, r->losses);
    unsigned char *together = memory_download(r->y + r->shift, (size_t)r->rows * row_bytes);
    unsigned char *losses = memory_download(r->losses, (size_t)r->rows * loss_bytes);
    for (int64_t row = r->rows - 1; row >= 0; row -= step) {
        call(op, r, row, 1, y, loss);
        unsigned char *alone = memory_download(y, row_bytes), *its_loss = memory_download(loss, loss_bytes);
        const bool same = memcmp(alone, together + (size_t)row * row_bytes, row_bytes) == 0 &&
                          (op != 4 || memcmp(its_loss, losses + (size_t)row * loss_bytes, loss_bytes) == 0);
        free(alone);
        free(its_loss);
        if (!same)
            ck_abort_msg("%s, %lld x %lld %s: row %lld is another one alone", names[op], (long long)r->rows, (long long)r->cols,
                         type_name(r->type), (long long)row);
    }
    session_count_comparison();
    free(together);
    free(losses);
    memory_release(y);
    memory_release(loss);
}

START_TEST(short_rows) {
    static const int64_t columns[] = {1, 3, 7, 8, 9, 15, 16, 17, 31, 33, 48, 63, 64, 65, 128, 129, 256, 1008};
    const int op = _i % OPS;
    if (session_emulated()) {
        session_count_omission();
        return;
    }
    for (size_t k = 0; k < sizeof columns / sizeof columns[0]; k += session_small() ? 3 : 1) {
        rows r = make(types[_i / OPS], 35, columns[k], 0);
        compare(op, &r, 1);
        end(&r);
    }
}
END_TEST

/* Results that no cache holds; rows that begin anywhere in a line of it. */
START_TEST(many_rows) {
    static const int64_t columns[] = {17, 4099, 9001, 64};
    const int op = _i % OPS;
    if (session_emulated() || session_small()) {
        session_count_omission();
        return;
    }
    for (size_t k = 0; k < sizeof columns / sizeof columns[0]; k++) {
        const smxDataType_t type = types[_i / OPS];
        if (k < 2 && k != (size_t)(_i / OPS) % 2) continue; /* a short one for some types, a long one for the others */
        const int64_t count = (int64_t)(17u << 20) / (columns[k] * (int64_t)element_bytes(type));
        rows r = make(type, count, columns[k], columns[k] == 64 ? 16 : 0); /* whole lines, but for where they begin */
        compare(op, &r, count / 50 + 1);
        end(&r);
    }
}
END_TEST

Suite *suite_row_paths(void) {
    Suite *s = suite_create("row_paths");
    TCase *c = session_case("short_rows");
    tcase_add_loop_test(c, short_rows, 0, OPS * 4);
    suite_add_tcase(s, c);
    c = session_case("many_rows");
    tcase_set_timeout(c, 120);
    tcase_add_loop_test(c, many_rows, 0, OPS * 4);
    suite_add_tcase(s, c);
    return s;
}
