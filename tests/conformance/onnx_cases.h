/* The test cases of ONNX that are about an operator of the softmax family. */
#ifndef ONNX_CASES_H
#define ONNX_CASES_H

#include "onnx_file.h"

typedef enum onnx_operator {
    ONNX_SOFTMAX,
    ONNX_LOG_SOFTMAX,
    ONNX_SOFTMAX_CROSS_ENTROPY_LOSS,
    ONNX_NEGATIVE_LOG_LIKELIHOOD_LOSS,
    ONNX_REDUCE_LOG_SUM_EXP,
    ONNX_HARDMAX,
    ONNX_ARG_MAX,
    ONNX_TOP_K,
    ONNX_OPERATORS
} onnx_operator;

const char *onnx_operator_name(onnx_operator op);
const Onnx__AttributeProto *onnx_attribute(const Onnx__NodeProto *node, const char *name); /* NULL: there is none */
int64_t onnx_integer(const Onnx__NodeProto *node, const char *name, int64_t otherwise);

typedef struct onnx_case {
    char *name;   /* such as node/test_softmax_axis_0 */
    char *folder; /* where it lies */
    onnx_operator op;
    Onnx__ModelProto *model, *unexpanded; /* the latter for test_NAME_expanded only: that of test_NAME */
    const Onnx__NodeProto *node;          /* of one of the two: it has the operator's attributes */
    int64_t opset;
    bool two_steps; /* SoftmaxCrossEntropyLoss as the graph LogSoftmax, NegativeLogLikelihoodLoss; the node is the latter */
    char *skipped;  /* why it is not run, or NULL */
} onnx_case;

typedef struct onnx_cases {
    onnx_case *at;
    size_t count;
} onnx_cases;

/* The cases in `data`, an ONNX release's folder onnx/backend/test/data, in the order of the operators. False: a message on stderr says
 * what is wrong there. */
bool onnx_find_cases(const char *data, onnx_cases *cases);
void onnx_free_cases(onnx_cases *cases);

#endif
