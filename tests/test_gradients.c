/* The gradients against finite differences of the library's own forward calls, in fp64: independent of every formula but the loss. */
#include <math.h>
#include <string.h>

#include "check_memory.h"
#include "check_sweeps.h"
#include "suites.h"

enum { ROWS = 3, COLS = 7, ELEMENTS = ROWS * COLS };
static const double step = 1e-5;
static const double tolerance = 1e-8;

/* Small fixed operands on the backend; every call copies its logits there first. */
typedef struct problem {
    smxLayout_t layout;
    double x[ELEMENTS], dy[ELEMENTS];
    int64_t targets[ROWS];
    double upstream[ROWS], weights[COLS], aimed[ELEMENTS];
    void *device_x, *device_dy, *device_out, *device_targets, *device_upstream, *device_loss, *device_weights, *device_aimed;
} problem;

static void set_logits(const problem *p, const double *x) { memory_write(p->device_x, x, sizeof p->x); }

static problem begin(uint64_t seed) {
    problem p = {.layout = smxRowMajor(SMX_R_64F, ROWS, COLS)};
    generator g = generator_of(seed);

    for (int i = 0; i < ELEMENTS; i++) {
        p.x[i] = 2 * next_normal(&g);
        p.dy[i] = next_normal(&g);
        p.aimed[i] = i % 4 == 0 ? 0.0 : next_uniform(&g);
    }
    fill_weights(seed, COLS, p.weights);
    for (int r = 0; r < ROWS; r++) {
        p.targets[r] = r == 1 && seed % 2 == 0 ? -100 : next_below(&g, COLS);
        p.upstream[r] = 0.5 + next_uniform(&g);
    }
    p.device_x = memory_upload(p.x, sizeof p.x);
    p.device_dy = memory_upload(p.dy, sizeof p.dy);
    p.device_out = memory_upload(p.x, sizeof p.x);
    p.device_targets = memory_upload(p.targets, sizeof p.targets);
    p.device_upstream = memory_upload(p.upstream, sizeof p.upstream);
    p.device_loss = memory_upload(p.upstream, sizeof p.upstream);
    p.device_weights = memory_upload(p.weights, sizeof p.weights);
    p.device_aimed = memory_upload(p.aimed, sizeof p.aimed);
    return p;
}

static void end(problem *p) {
    void *const all[] = {p->device_x,        p->device_dy,   p->device_out,     p->device_targets,
                         p->device_upstream, p->device_loss, p->device_weights, p->device_aimed};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) memory_release(all[i]);
}

/* A number that depends on the logits, and its gradient. */
typedef double (*scalar_function)(const problem *p, const void *options);

static void expect_gradient(const problem *p, scalar_function f, const void *options, const double *gradient) {
    session_count_comparison();
    for (int i = 0; i < ELEMENTS; i++) {
        double x[ELEMENTS];
        memcpy(x, p->x, sizeof x);
        x[i] = p->x[i] + step;
        set_logits(p, x);
        const double above = f(p, options);
        x[i] = p->x[i] - step;
        set_logits(p, x);
        const double below = f(p, options);
        ck_assert_msg(fabs((above - below) / (2 * step) - gradient[i]) <= tolerance, "row %d, column %d: slope %.12g, gradient %.12g",
                      i / COLS, i % COLS, (above - below) / (2 * step), gradient[i]);
    }
    set_logits(p, p->x);
}

/* ---- softmax and log-softmax: sum_j dy_j y_j ---- */

static double weighted_sum(const problem *p) {
    double y[ELEMENTS], sum = 0;
    memory_read(y, p->device_out, sizeof y);
    for (int i = 0; i < ELEMENTS; i++) sum += y[i] * p->dy[i];
    return sum;
}

static double through_softmax(const problem *p, const void *options) {
    require_success(smxSoftmaxForward(session_handle(), options, &p->layout, p->device_x, &p->layout, p->device_out), "smxSoftmaxForward");
    return weighted_sum(p);
}

static double through_log_softmax(const problem *p, const void *options) {
    require_success(smxLogSoftmaxForward(session_handle(), options, &p->layout, p->device_x, &p->layout, p->device_out),
                    "smxLogSoftmaxForward");
    return weighted_sum(p);
}

/* The loop variable is the seed. */
START_TEST(softmax_gradients) {
    smxSoftmaxOptions_t options = SMX_SOFTMAX_OPTIONS_INIT;
    problem p = begin((uint64_t)_i);
    double dx[ELEMENTS];

    options.scale = 0.5f + 0.5f * (float)_i;
    through_softmax(&p, &options);
    require_success(
        smxSoftmaxBackward(session_handle(), &options, &p.layout, p.device_out, &p.layout, p.device_dy, &p.layout, p.device_out),
        "smxSoftmaxBackward");
    memory_read(dx, p.device_out, sizeof dx);
    expect_gradient(&p, through_softmax, &options, dx);

    through_log_softmax(&p, &options);
    require_success(
        smxLogSoftmaxBackward(session_handle(), &options, &p.layout, p.device_out, &p.layout, p.device_dy, &p.layout, p.device_out),
        "smxLogSoftmaxBackward");
    memory_read(dx, p.device_out, sizeof dx);
    expect_gradient(&p, through_log_softmax, &options, dx);
    end(&p);
}
END_TEST

/* ---- losses, weighted with the upstream gradient ---- */

typedef struct loss_problem {
    smxCrossEntropyOptions_t options;
    smxTargets_t targets;
} loss_problem;

static double weighted_loss(const problem *p, const smxCrossEntropyOptions_t *o) {
    double losses[ROWS], sum = 0;

    memory_read(losses, p->device_loss, sizeof losses);
    if (o->reduction != SMX_REDUCTION_NONE) return p->upstream[0] * losses[0];
    for (int r = 0; r < ROWS; r++) sum += p->upstream[r] * losses[r];
    return sum;
}

static double through_cross_entropy(const problem *p, const void *options) {
    const loss_problem *l = options;

    require_success(smxCrossEntropyForward(session_handle(), &l->options, &p->layout, p->device_x, &l->targets, p->device_loss, NULL),
                    "smxCrossEntropyForward");
    return weighted_loss(p, &l->options);
}

static double through_nll(const problem *p, const void *options) {
    const loss_problem *l = options;

    require_success(smxNllLossForward(session_handle(), &l->options, &p->layout, p->device_x, &l->targets, p->device_loss),
                    "smxNllLossForward");
    return weighted_loss(p, &l->options);
}

/* The bits of the loop variable choose the options. */
enum { CHOICES = 64 };

static loss_problem loss_problem_of(const problem *p, unsigned bits) {
    smxLayout_t aimed = smxRowMajor(SMX_R_64F, ROWS, COLS);
    loss_problem l = {.options = SMX_CROSS_ENTROPY_OPTIONS_INIT, .targets = smxIndexTargets(SMX_R_64I, p->device_targets)};

    if ((bits & 1u) != 0) l.options.logitScale = 1.25f;
    if ((bits & 2u) != 0) l.options.softcap = 3.0f;
    if ((bits & 4u) != 0) l.options.labelSmoothing = 0.25f;
    if ((bits & 8u) != 0) l.options.zLoss = 0.0625f;
    if ((bits & 16u) != 0) l.options.classWeights = p->device_weights;
    if ((bits & 32u) != 0) l.targets = smxProbabilityTargets(&aimed, p->device_aimed);
    return l;
}

START_TEST(cross_entropy_gradients) {
    if (session_small() && _i % 8 != 3) return;
    problem p = begin((uint64_t)_i);
    loss_problem l = loss_problem_of(&p, (unsigned)_i);
    double dx[ELEMENTS];

    for (int reduction = SMX_REDUCTION_MEAN; reduction <= SMX_REDUCTION_NONE; reduction++) {
        l.options.reduction = (smxReduction_t)reduction;
        require_success(smxCrossEntropyBackward(session_handle(), &l.options, &p.layout, p.device_x, &l.targets, NULL, p.device_upstream,
                                                &p.layout, p.device_out),
                        "smxCrossEntropyBackward");
        memory_read(dx, p.device_out, sizeof dx);
        expect_gradient(&p, through_cross_entropy, &l, dx);
        require_success(smxCrossEntropyForwardBackward(session_handle(), &l.options, &p.layout, p.device_x, &l.targets, p.device_upstream,
                                                       NULL, NULL, &p.layout, p.device_out),
                        "smxCrossEntropyForwardBackward");
        memory_read(dx, p.device_out, sizeof dx);
        expect_gradient(&p, through_cross_entropy, &l, dx);
    }
    end(&p);
}
END_TEST

START_TEST(nll_gradients) {
    problem p = begin((uint64_t)_i);
    loss_problem l = loss_problem_of(&p, _i % 2 == 1 ? 16u : 0u);
    double dx[ELEMENTS];

    for (int reduction = SMX_REDUCTION_MEAN; reduction <= SMX_REDUCTION_NONE; reduction++) {
        l.options.reduction = (smxReduction_t)reduction;
        require_success(smxNllLossBackward(session_handle(), &l.options, &p.layout, &l.targets, p.device_upstream, &p.layout, p.device_out),
                        "smxNllLossBackward");
        memory_read(dx, p.device_out, sizeof dx);
        expect_gradient(&p, through_nll, &l, dx);
    }
    end(&p);
}
END_TEST

Suite *suite_gradients(void) {
    Suite *suite = suite_create("gradients");
    TCase *tcase = session_case("gradients");

    tcase_add_loop_test(tcase, softmax_gradients, 0, 4);
    tcase_add_loop_test(tcase, cross_entropy_gradients, 0, CHOICES);
    tcase_add_loop_test(tcase, nll_gradients, 0, 6);
    suite_add_tcase(suite, tcase);
    return suite;
}
