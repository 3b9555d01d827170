/* Which cases there are and which are run. Beside test_NAME there often is test_NAME_expanded: the same data, and the operator written as
 * the graph of other operators that ONNX defines it by. That graph is for those who run graphs, so:
 *  - SoftmaxCrossEntropyLoss is expanded into LogSoftmax, NegativeLogLikelihoodLoss and moving data about. smx has both as calls of their
 *    own, so such a case is run, by these two calls.
 *  - All others are expanded into Exp, ReduceSum and the like, which smx has not. To run the fused call once more on the same data would
 *    only be a larger number: they are skipped, after a look at whether the data are in fact the same. */
#include "onnx_cases.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    const char *attribute; /* an integer that cases have to have as follows, or nothing: smx offers nothing else */
    int64_t value, otherwise;
    const char *missing; /* what smx lacks to run others */
} operators[ONNX_OPERATORS] = {
    [ONNX_SOFTMAX] = {.name = "Softmax"},
    [ONNX_LOG_SOFTMAX] = {.name = "LogSoftmax"},
    [ONNX_SOFTMAX_CROSS_ENTROPY_LOSS] = {.name = "SoftmaxCrossEntropyLoss"},
    [ONNX_NEGATIVE_LOG_LIKELIHOOD_LOSS] = {.name = "NegativeLogLikelihoodLoss"},
    [ONNX_REDUCE_LOG_SUM_EXP] = {.name = "ReduceLogSumExp"},
    [ONNX_HARDMAX] = {.name = "Hardmax"},
    [ONNX_ARG_MAX] = {"ArgMax", "select_last_index", 0, 0, "smxArgmax gives the first of equal elements, never the last"},
    [ONNX_TOP_K] = {"TopK", "largest", 1, 1, "smxTopK finds the largest elements, never the smallest"},
};

const char *onnx_operator_name(onnx_operator op) { return operators[op].name; }

const Onnx__AttributeProto *onnx_attribute(const Onnx__NodeProto *node, const char *name) {
    for (size_t i = 0; i < node->n_attribute; i++)
        if (strcmp(node->attribute[i]->name, name) == 0) return node->attribute[i];
    return NULL;
}

int64_t onnx_integer(const Onnx__NodeProto *node, const char *name, int64_t otherwise) {
    const Onnx__AttributeProto *a = onnx_attribute(node, name);
    return a != NULL ? a->i : otherwise;
}

static onnx_operator operator_of(const Onnx__NodeProto *node) {
    onnx_operator op = 0;
    if (node->domain != NULL && node->domain[0] != '\0') return ONNX_OPERATORS; /* not ONNX's own */
    while (op < ONNX_OPERATORS && strcmp(node->op_type, operators[op].name) != 0) op++;
    return op;
}

static bool only_moves_data(const Onnx__NodeProto *node) {
    static const char *const names[] = {"Constant", "Identity", "Reshape", "Shape", "Transpose"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(node->op_type, names[i]) == 0) return true;
    return false;
}

/* What a graph consists of. */
typedef struct census {
    const Onnx__NodeProto *node[ONNX_OPERATORS]; /* the last node of each operator of the family */
    size_t family;                               /* number of nodes of the family */
    const Onnx__NodeProto *other;                /* one that is neither, nor only moves data; NULL: none */
} census;

static census census_of(const Onnx__GraphProto *graph) {
    census all = {.family = 0};
    for (size_t i = 0; i < graph->n_node; i++) {
        const onnx_operator op = operator_of(graph->node[i]);
        if (op < ONNX_OPERATORS) {
            all.node[op] = graph->node[i];
            all.family++;
        } else if (!only_moves_data(graph->node[i]))
            all.other = graph->node[i];
    }
    return all;
}

static int64_t opset_of(const Onnx__ModelProto *model) {
    for (size_t i = 0; i < model->n_opset_import; i++) {
        const char *domain = model->opset_import[i]->domain;
        if (domain == NULL || domain[0] == '\0') return model->opset_import[i]->version;
    }
    return 0;
}

/* Is the model one node of the family and nothing else? Then the case is about that. */
static bool take_single_node(onnx_case *c, const Onnx__ModelProto *model) {
    if (model == NULL || model->graph == NULL || model->graph->n_node != 1) return false;
    const onnx_operator op = operator_of(model->graph->node[0]);
    if (op == ONNX_OPERATORS) return false;
    c->op = op;
    c->node = model->graph->node[0];
    c->opset = opset_of(model);
    if (operators[op].attribute != NULL && onnx_integer(c->node, operators[op].attribute, operators[op].otherwise) != operators[op].value)
        c->skipped = onnx_format("%s", operators[op].missing);
    return true;
}

/* ---- expanded cases ---- */

static bool same_content(const char *path, const char *other, bool *exist) {
    size_t bytes, other_bytes;
    unsigned char *content = onnx_read_file(path, &bytes), *other_content = onnx_read_file(other, &other_bytes);
    const bool same = content != NULL && other_content != NULL ? bytes == other_bytes && memcmp(content, other_content, bytes) == 0
                                                               : content == other_content;
    *exist = content != NULL || other_content != NULL;
    free(content);
    free(other_content);
    return same;
}

static bool same_data(const char *folder, const char *other) {
    static const char *const kinds[] = {"input", "output"};
    bool same = true;
    for (size_t kind = 0; kind < 2; kind++) {
        bool exist = true;
        for (int i = 0; exist && same; i++) {
            char *path = onnx_format("%s/test_data_set_0/%s_%d.pb", folder, kinds[kind], i);
            char *other_path = onnx_format("%s/test_data_set_0/%s_%d.pb", other, kinds[kind], i);
            same = same_content(path, other_path, &exist);
            free(path);
            free(other_path);
        }
    }
    return same;
}

/* `text` without _expanded at its end; NULL: it does not end so. */
static char *unexpanded(const char *text) {
    static const char suffix[] = "_expanded";
    const size_t length = strlen(text), end = sizeof suffix - 1;
    if (length <= end || strcmp(text + length - end, suffix) != 0) return NULL;
    return onnx_format("%.*s", (int)(length - end), text);
}

static bool is_loss_in_two_steps(const onnx_case *c, const census *nodes) {
    return c->op == ONNX_SOFTMAX_CROSS_ENTROPY_LOSS && nodes->family == 2 && nodes->node[ONNX_LOG_SOFTMAX] != NULL &&
           nodes->node[ONNX_NEGATIVE_LOG_LIKELIHOOD_LOSS] != NULL && nodes->other == NULL;
}

/* Is it an operator of the family spelled out? With data of its own it is one more case of that operator. */
static bool take_expanded(onnx_case *c, const census *nodes) {
    char *name = unexpanded(c->name), *folder = unexpanded(c->folder);
    char *path = onnx_format("%s/model.onnx", folder == NULL ? "" : folder);
    if (folder != NULL) c->unexpanded = onnx_read_model(path);
    const bool taken = take_single_node(c, c->unexpanded);

    if (taken && is_loss_in_two_steps(c, nodes)) {
        c->node = nodes->node[ONNX_NEGATIVE_LOG_LIKELIHOOD_LOSS];
        c->two_steps = true;
    } else if (taken && c->skipped == NULL && same_data(c->folder, folder))
        c->skipped = onnx_format("the data of %s, the operator spelled out in %zu nodes", name, c->model->graph->n_node);
    free(path);
    free(folder);
    free(name);
    return taken;
}

/* ---- any case ---- */

/* False: it is about something else. */
static bool classify(onnx_case *c) {
    if (take_single_node(c, c->model)) return true;
    if (c->model->graph == NULL) return false;
    const census nodes = census_of(c->model->graph);
    if (take_expanded(c, &nodes)) return true;
    if (nodes.family == 0) return false;
    for (onnx_operator op = 0; op < ONNX_OPERATORS; op++)
        if (nodes.node[op] != NULL) c->op = op;
    c->skipped = onnx_format("a graph of %zu nodes%s%s", c->model->graph->n_node, nodes.other == NULL ? "" : ", one of them ",
                             nodes.other == NULL ? "" : nodes.other->op_type);
    return true;
}

static void free_case(onnx_case *c) {
    if (c->model != NULL) onnx__model_proto__free_unpacked(c->model, NULL);
    if (c->unexpanded != NULL) onnx__model_proto__free_unpacked(c->unexpanded, NULL);
    free(c->name);
    free(c->folder);
    free(c->skipped);
}

/* False: there is no model to be read. */
static bool add_case(onnx_cases *cases, const char *data, const char *group, const char *test) {
    onnx_case c = {.name = onnx_format("%s/%s", group, test), .folder = onnx_format("%s/%s/%s", data, group, test)};
    char *path = onnx_format("%s/model.onnx", c.folder);
    const bool good = (c.model = onnx_read_model(path)) != NULL;

    if (!good) fprintf(stderr, "onnx: there is no model in %s\n", path);
    if (good && classify(&c)) {
        cases->at = realloc(cases->at, (cases->count + 1) * sizeof *cases->at);
        if (cases->at == NULL) abort();
        cases->at[cases->count++] = c;
    } else
        free_case(&c);
    free(path);
    return good;
}

static int is_test(const struct dirent *entry) { return strncmp(entry->d_name, "test_", 5) == 0; }

static bool add_group(onnx_cases *cases, const char *data, const char *group) {
    char *folder = onnx_format("%s/%s", data, group);
    struct dirent **tests = NULL;
    const int count = scandir(folder, &tests, is_test, alphasort);
    bool good = count > 0;

    if (count <= 0) fprintf(stderr, "onnx: no tests in %s\n", folder);
    for (int i = 0; i < count; i++) {
        good = add_case(cases, data, group, tests[i]->d_name) && good;
        free(tests[i]);
    }
    free(tests);
    free(folder);
    return good;
}

static int in_order(const void *a, const void *b) {
    const onnx_case *left = a, *right = b;
    return left->op != right->op ? (int)left->op - (int)right->op : strcmp(left->name, right->name);
}

bool onnx_find_cases(const char *data, onnx_cases *cases) {
    static const char *const groups[] = {"node", "pytorch-converted", "pytorch-operator", "simple"};
    bool good = true;

    *cases = (onnx_cases){0};
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) good = add_group(cases, data, groups[i]) && good;
    if (cases->count > 0) qsort(cases->at, cases->count, sizeof *cases->at, in_order);
    return good;
}

void onnx_free_cases(onnx_cases *cases) {
    for (size_t i = 0; i < cases->count; i++) free_case(&cases->at[i]);
    free(cases->at);
    *cases = (onnx_cases){0};
}
