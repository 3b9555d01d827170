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

static std::string shape_of(const problem &p) { return std::to_string(p.rows) + "x" + std::to_string(p.cols); }

std::string problem::name(const std::string &contestant) const {
    return std::string(operation->name) + "/" + element->name + "/" + shape_of(*this) + "/" + contestant;
}

std::vector<problem> problems(bool quick) {
    std::vector<problem> all;
    for (const operation_facts &o : operations)
        for (const element_facts &e : elements)
            for (const shape &s : o.chooses ? shapes_to_choose_from : shapes)
                if (s.quick || !quick) all.push_back({&o, &e, s.rows, s.cols});
    return all;
}

std::string list_of(const std::vector<problem> &problems) {
    std::ostringstream list;
    list << "operation\tdtype\trows\tcols\treads\twrites\tbytes\n";
    for (const problem &p : problems)
        list << p.operation->name << '\t' << p.element->name << '\t' << p.rows << '\t' << p.cols << '\t' << p.operation->reads << '\t'
             << p.operation->writes << '\t' << p.bytes() << '\n';
    return list.str();
}

} // namespace bench
