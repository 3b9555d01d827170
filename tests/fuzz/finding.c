#include "finding.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void describe(const fuzz_call *f) {
    static const char *const names[OPERANDS] = {"x",   "second",   "out",          "targets",      "loss",
                                                "lse", "gradLoss", "classWeights", "deviceDivisor"};
    const smxSoftmaxOptions_t *s = &f->call.softmax;
    const smxCrossEntropyOptions_t *c = &f->call.cross_entropy;

    fprintf(stderr, "%s, handle %u%s, plan row %d, workspace less %d, structures left out %#x, values %d\n", op_function(f->call.op),
            f->handle, f->without_handle ? " (NULL)" : "", f->plan_row, f->workspace_less, f->call.without, (int)f->values);
    if (op_is_loss(f->call.op))
        fprintf(stderr,
                "  size %zu, reduction %d, ignoreIndex %lld, labelSmoothing %g, zLoss %g, softcap %g, logitScale %g, emptyMean %d, "
                "algorithm %d, targets type %d\n",
                c->size, (int)c->reduction, (long long)c->ignoreIndex, (double)c->labelSmoothing, (double)c->zLoss, (double)c->softcap,
                (double)c->logitScale, (int)c->emptyMean, (int)c->algorithm, (int)f->call.targets.type);
    else
        fprintf(stderr, "  size %zu, scale %g, algorithm %d, emptyRow %d\n", s->size, (double)s->scale, (int)s->algorithm,
                (int)s->emptyRow);
    for (int i = 0; i < OPERANDS; i++) {
        const operand *o = &f->operands[i];
        const smxLayout_t *l = &o->layout;
        if (o->taken)
            fprintf(stderr, "  %s: %stype %d, %lld x %lld x %lld, strides %lld, %lld; byte %zu of piece %d\n", names[i],
                    o->is_null ? "NULL, " : "", (int)l->type, (long long)l->outer, (long long)l->cols, (long long)l->inner,
                    (long long)l->outerStride, (long long)l->colStride, o->at, o->piece);
    }
}

void finding(const fuzz_call *f, const char *format, ...) {
    va_list arguments;

    fprintf(stderr, "FINDING: ");
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, "\nin ");
    describe(f);
    abort();
}
