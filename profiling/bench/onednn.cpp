// oneDNN (2.6 and later) as a peer: its softmax and log-softmax through the C API, on the same memory.
#include "contestant.hpp"
#include "forward_result.hpp"

#include <benchmark/benchmark.h>
#include <dnnl.h>
#include <dnnl_debug.h>
#include <map>
#include <memory>
#include <stdexcept>

namespace bench {

template <auto destroy> struct destroyer {
    template <typename T> void operator()(T *object) const { destroy(object); }
};
using engine = std::unique_ptr<dnnl_engine, destroyer<dnnl_engine_destroy>>;
using stream = std::unique_ptr<dnnl_stream, destroyer<dnnl_stream_destroy>>;
using primitive_desc = std::unique_ptr<dnnl_primitive_desc, destroyer<dnnl_primitive_desc_destroy>>;
using primitive = std::unique_ptr<dnnl_primitive, destroyer<dnnl_primitive_destroy>>;
using matrix = std::unique_ptr<dnnl_memory, destroyer<dnnl_memory_destroy>>;

static void check(dnnl_status_t status) {
    if (status != dnnl_success) throw std::runtime_error(dnnl_status2str(status));
}

// ---- what differs between oneDNN 2 and 3: how a matrix and a primitive are described ----

static constexpr int AXIS = 1;

#if DNNL_VERSION_MAJOR >= 3
class matrix_desc {
  public:
    matrix_desc(const dnnl_dims_t dims, dnnl_data_type_t type) {
        dnnl_memory_desc_t made;
        check(dnnl_memory_desc_create_with_tag(&made, 2, dims, type, dnnl_ab));
        desc.reset(made);
    }
    const_dnnl_memory_desc_t get() const { return desc.get(); }

  private:
    std::unique_ptr<dnnl_memory_desc, destroyer<dnnl_memory_desc_destroy>> desc;
};

static primitive_desc describe_forward(dnnl_engine_t on, dnnl_alg_kind_t what, const matrix_desc &m) {
    dnnl_primitive_desc_t made;
    check(dnnl_softmax_forward_primitive_desc_create(&made, on, dnnl_forward_training, what, m.get(), m.get(), AXIS, nullptr));
    return primitive_desc(made);
}

static primitive_desc describe_backward(dnnl_engine_t on, dnnl_alg_kind_t what, const matrix_desc &m, dnnl_primitive_desc_t forward) {
    dnnl_primitive_desc_t made;
    check(dnnl_softmax_backward_primitive_desc_create(&made, on, what, m.get(), m.get(), m.get(), AXIS, forward, nullptr));
    return primitive_desc(made);
}
#else
class matrix_desc {
  public:
    matrix_desc(const dnnl_dims_t dims, dnnl_data_type_t type) { check(dnnl_memory_desc_init_by_tag(&desc, 2, dims, type, dnnl_ab)); }
    const dnnl_memory_desc_t *get() const { return &desc; }

  private:
    dnnl_memory_desc_t desc;
};

static primitive_desc describe(dnnl_engine_t on, const dnnl_softmax_v2_desc_t &desc, dnnl_primitive_desc_t forward) {
    dnnl_primitive_desc_t made;
    check(dnnl_primitive_desc_create(&made, &desc, nullptr, on, forward));
    return primitive_desc(made);
}

static primitive_desc describe_forward(dnnl_engine_t on, dnnl_alg_kind_t what, const matrix_desc &m) {
    dnnl_softmax_v2_desc_t desc;
    check(dnnl_softmax_v2_forward_desc_init(&desc, dnnl_forward_training, what, m.get(), m.get(), AXIS));
    return describe(on, desc, nullptr);
}

static primitive_desc describe_backward(dnnl_engine_t on, dnnl_alg_kind_t what, const matrix_desc &m, dnnl_primitive_desc_t forward) {
    dnnl_softmax_v2_desc_t desc;
    check(dnnl_softmax_v2_backward_desc_init(&desc, what, m.get(), m.get(), m.get(), AXIS));
    return describe(on, desc, forward);
}
#endif

// ---- a problem in oneDNN's terms ----

static bool is_backward(op id) { return id == op::softmax_backward || id == op::log_softmax_backward; }
static bool is_log(op id) { return id == op::log_softmax_forward || id == op::log_softmax_backward; }
static bool has(op id) { return is_backward(id) || is_log(id) || id == op::softmax_forward; }

static matrix_desc describe_matrix(const problem &p) {
    const dnnl_dims_t dims = {p.rows, p.cols};
    return {dims, p.element->type == SMX_R_32F ? dnnl_f32 : p.element->type == SMX_R_16F ? dnnl_f16 : dnnl_bf16};
}

static primitive_desc describe(dnnl_engine_t on, const problem &p, const matrix_desc &m) {
    const dnnl_alg_kind_t what = is_log(p.operation->id) ? dnnl_softmax_log : dnnl_softmax_accurate;
    primitive_desc forward = describe_forward(on, what, m);
    return is_backward(p.operation->id) ? describe_backward(on, what, m, forward.get()) : std::move(forward);
}

// A primitive with its matrices.
class execution {
  public:
    execution(dnnl_engine_t on, const problem &p, data &memory) {
        const matrix_desc m = describe_matrix(p);
        dnnl_primitive_t made;
        check(dnnl_primitive_create(&made, describe(on, p, m).get()));
        softmax.reset(made);
        dnnl_stream_t made_stream;
        check(dnnl_stream_create(&made_stream, on, dnnl_stream_default_flags));
        order.reset(made_stream);
        if (is_backward(p.operation->id)) {
            (is_log(p.operation->id) ? compute_log_softmax : compute_softmax)(p, memory);
            add(DNNL_ARG_DST, on, m, memory.forward_result());
            add(DNNL_ARG_DIFF_DST, on, m, memory.gradient(*p.element));
            add(DNNL_ARG_DIFF_SRC, on, m, memory.result());
        } else {
            add(DNNL_ARG_SRC, on, m, memory.logits(*p.element));
            add(DNNL_ARG_DST, on, m, memory.result());
        }
    }
    void run() const {
        check(dnnl_primitive_execute(softmax.get(), order.get(), static_cast<int>(arguments.size()), arguments.data()));
        check(dnnl_stream_wait(order.get()));
    }

  private:
    void add(int argument, dnnl_engine_t on, const matrix_desc &m, const void *data) {
        dnnl_memory_t made;
        check(dnnl_memory_create(&made, m.get(), on, const_cast<void *>(data)));
        matrices.emplace_back(made);
        arguments.push_back({argument, made});
    }

    primitive softmax;
    stream order;
    std::vector<matrix> matrices;
    std::vector<dnnl_exec_arg_t> arguments;
};

// Empty if this machine can do it, else why not.
static std::string obstacle(dnnl_engine_t on, const problem &p) {
    try {
        describe(on, p, describe_matrix(p));
        return "";
    } catch (const std::exception &failure) {
        return failure.what();
    }
}

void add_onednn(const std::vector<problem> &problems, data &memory) {
    dnnl_engine_t made;
    check(dnnl_engine_create(&made, dnnl_cpu, 0));
    const std::shared_ptr<dnnl_engine> on(made, destroyer<dnnl_engine_destroy>());
    std::map<std::string, std::string> left_out; // type -> operations, and why
    const auto leave_out = [&left_out](const problem &p, const std::string &reason) {
        std::string &of_type = left_out[p.element->name];
        const std::string what = std::string(p.operation->name) + " (" + reason + ")";
        if (of_type.find(what) == std::string::npos) of_type += (of_type.empty() ? "" : ", ") + what;
    };
    for (const problem &p : problems) {
        if (!has(p.operation->id)) continue;
        const std::string reason = obstacle(on.get(), p);
        if (!reason.empty()) {
            leave_out(p, reason);
            continue;
        }
        add(p, "onednn", [&memory, on](const problem &q) -> call {
            const auto ready = std::make_shared<execution>(on.get(), q, memory);
            return [ready] { ready->run(); };
        });
    }
    const dnnl_version_t *version = dnnl_version();
    std::string note = std::to_string(version->major) + "." + std::to_string(version->minor) + "." + std::to_string(version->patch);
    for (const auto &[type, what] : left_out) note += "; left out: " + type + " of " + what;
    benchmark::AddCustomContext("onednn", note);
}

} // namespace bench
