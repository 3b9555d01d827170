#include "cases.hpp"

#include <sstream>

namespace bench {

static const operation_facts operations[] = {
    {op::softmax_forward, "softmax_forward", 1, 1, 0, false},
    {op::log_softmax_forward, "log_softmax_forward", 1, 1, 0, false},
    {op::softmax_backward, "softmax_backward", 2, 1, 0, false},
    {op::log_softmax_backward, "log_softmax_backward", 2, 1, 0, false},
    {op::logsumexp, "logsumexp", 1, 0, 4, false},
    {op::cross_entropy_forward, "cross_entropy_forward", 1, 0, 8, false},
    {op::cross_entropy_backward, "cross_entropy_backward", 1, 1, 12, false},
    {op::cross_entropy_fused, "cross_entropy_fused", 1, 1, 8, false},
    {op::argmax, "argmax", 1, 0, 8, true},
    {op::top_k, "top_k", 1, 0, 12 * KEPT_TOKENS, true},
    {op::sample, "sample", 1, 0, 8, true},
    {op::sample_top_k, "sample_top_k", 1, 0, 8, true},
    {op::sample_top_p, "sample_top_p", 1, 0, 8, true},
};

static const element_facts elements[] = {{SMX_R_32F, "fp32", 4}, {SMX_R_16BF, "bf16", 2}, {SMX_R_16F, "fp16", 2}};

struct shape {
    int64_t rows, cols;
    bool quick;
};
static const std::vector<shape> shapes = {
    {1048576, 10, false}, {262144, 64, true},   {65536, 256, false},  {32768, 1000, true}, // classifiers, heads of attention
    {8192, 4096, false},                                                                   // attention
    {2048, 32000, false}, {1024, 50257, false}, {512, 128256, false}, {128, 262144, true}, // vocabularies
    {64, 1000, true},     {1, 1000, false},                                                // in the caches: the cost of a call
};
static const std::vector<shape> shapes_to_choose_from = {{32768, 1000, false}, {512, 128256, false}, {64, 50257, true}, {1, 50257, true}};

int64_t problem::bytes() const {
    return (operation->reads + operation->writes) * element->bytes * count() + operation->bytes_per_row * rows;
}

smxLayout_t problem::layout() const {
    smxLayout_t layout = smxRowMajor(element->type, rows / inner, cols * inner);
    layout.cols = cols;
    layout.inner = inner;
    layout.colStride = inner;
    return layout;
}

static std::string shape_of(const problem &p) {
    const std::string shape = std::to_string(p.rows / p.inner) + "x" + std::to_string(p.cols);
    return p.inner == 1 ? shape : shape + "x" + std::to_string(p.inner);
}

std::string problem::name(const std::string &contestant) const {
    return std::string(operation->name) + "/" + element->name + "/" + shape_of(*this) + "/" + contestant;
}

std::vector<problem> problems(bool quick) {
    std::vector<problem> all;
    for (const operation_facts &o : operations)
        for (const element_facts &e : elements)
            for (const shape &s : o.chooses ? shapes_to_choose_from : shapes)
                if (s.quick || !quick) all.push_back({&o, &e, s.rows, s.cols, 1});
    return all;
}

// ---- on a GPU ----

static const int64_t ELEMENTS = int64_t{1} << 25; // of 2 bytes, read once: 64 MiB
static const int64_t cuda_columns[] = {8,    10,   32,   64,    100,   128,   256,   257,    512,    1000,  1024,
                                       2048, 4096, 8192, 16384, 32000, 50257, 65536, 128256, 151936, 262144};
static const int64_t few_rows[] = {1, 4, 64}, columns_of_few_rows[] = {1000, 50257, 262144};

struct cuda_shape {
    int64_t rows, cols, inner;
    bool quick;
};

static std::vector<cuda_shape> cuda_shapes(scope wanted) {
    if (wanted == scope::tiny) return {{64, 8, 1, true}, {8, 100, 1, true}, {5, 257, 1, true}, {2, 8192, 1, true}, {40, 6, 20, true}};
    std::vector<cuda_shape> all;
    for (const int64_t cols : cuda_columns) {
        const bool quick = cols == 128 || cols == 1024 || cols == 50257 || cols == 262144;
        all.push_back({(ELEMENTS + cols - 1) / cols, cols, 1, quick});
    }
    for (const int64_t cols : columns_of_few_rows)
        for (const int64_t rows : few_rows) all.push_back({rows, cols, 1, rows == 1 && cols == 50257});
    all.push_back(
        {int64_t{16} * 512 * 512, 21, int64_t{512} * 512, true}); // a segmentation: (16, 21, 512, 512), classes in the second axis
    return all;
}

std::vector<problem> cuda_problems(scope wanted) {
    std::vector<problem> all;
    for (const operation_facts &o : operations)
        for (const element_facts &e : elements)
            for (const cuda_shape &s : cuda_shapes(wanted))
                if ((s.quick || wanted != scope::quick) && (!o.chooses || (s.cols > KEPT_TOKENS && s.inner == 1)))
                    all.push_back({&o, &e, s.rows, s.cols, s.inner});
    return all;
}

std::string list_of(const std::vector<problem> &problems, const std::function<std::string(const problem &)> &plan) {
    std::ostringstream list;
    list << "operation\tdtype\trows\tcols\tinner\treads\twrites\tbytes" << (plan ? "\tplan\n" : "\n");
    for (const problem &p : problems)
        list << p.operation->name << '\t' << p.element->name << '\t' << p.rows << '\t' << p.cols << '\t' << p.inner << '\t'
             << p.operation->reads << '\t' << p.operation->writes << '\t' << p.bytes() << (plan ? "\t" + plan(p) : "") << '\n';
    return list.str();
}

} // namespace bench
