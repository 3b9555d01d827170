#include "device_data.hpp"

#include <algorithm>

#include "../bench/data.hpp"
#include "../bench/smx_handle.hpp"
#include "cuda_check.hpp"

namespace bench {

static const int64_t MOST_SLOTS = 256;
static const int64_t PIECE = int64_t{1} << 22; // elements of a piece of numbers that are repeated

static int64_t align_up(int64_t bytes) { return (bytes + 255) / 256 * 256; }

device_memory::device_memory(int64_t bytes) {
    void *allocated = nullptr;
    check_cuda(cudaMalloc(&allocated, static_cast<size_t>(bytes)), "cudaMalloc");
    memory = static_cast<char *>(allocated);
}
device_memory::~device_memory() { cudaFree(memory); }

static slot_sizes sizes_for(const problem &p, int64_t cache_bytes) {
    slot_sizes s = {};
    // The probe of a problem moves as many bytes as its calls, and has them in matrices alone.
    const int64_t of_probe = p.bytes() / (p.operation->reads + p.operation->writes) + 16;
    s.input = align_up(std::max(p.count() * p.element->bytes, of_probe));
    s.output = p.operation->chooses ? 3 * align_up(p.rows * KEPT_TOKENS * 4) : s.input; // indices of 8 bytes, probabilities of 4
    s.per_row = align_up(p.rows * 8);
    const int64_t wanted = 2 * cache_bytes / std::max<int64_t>(p.bytes(), 1) + 2;
    s.exceed_cache = wanted <= MOST_SLOTS;
    s.slots = std::min(wanted, MOST_SLOTS);
    return s;
}

slot_sizes device_data::sizes_of(const problem &p) const { return sizes_for(p, cache_bytes); }

// Bytes of all slots together, of the problem that needs most of each kind.
static slot_sizes largest(const std::vector<problem> &problems, int64_t cache_bytes) {
    slot_sizes most = {};
    for (const problem &p : problems) {
        const slot_sizes s = sizes_for(p, cache_bytes);
        most.input = std::max(most.input, s.slots * s.input);
        most.output = std::max(most.output, s.slots * s.output);
        most.per_row = std::max(most.per_row, s.slots * s.per_row);
    }
    return most;
}

static const element_facts of_type[] = {{SMX_R_32F, "fp32", 4}, {SMX_R_16BF, "bf16", 2}, {SMX_R_16F, "fp16", 2}};
static int index_of(const element_facts &type) { return type.type == SMX_R_32F ? 0 : type.type == SMX_R_16BF ? 1 : 2; }

device_data::device_data(const std::vector<problem> &problems, int64_t cache)
    : cache_bytes(cache), most(largest(problems, cache)), first(most.input), second(most.input), output(most.output), lse(most.per_row),
      targets(most.per_row), loss(256),
      others(2 * cache), logits{device_memory(PIECE * 4), device_memory(PIECE * 2), device_memory(PIECE * 2)},
      gradient{device_memory(PIECE * 4), device_memory(PIECE * 2), device_memory(PIECE * 2)} {
    check_cuda(cudaMemset(others.at(0), 0, static_cast<size_t>(2 * cache)), "cudaMemset");
    for (int i = 0; i < 3; i++) {
        const size_t bytes = static_cast<size_t>(PIECE * of_type[i].bytes);
        const buffer x = normals(of_type[i], PIECE, SEED_OF_LOGITS, DEVIATION_OF_LOGITS);
        const buffer dy = normals(of_type[i], PIECE, SEED_OF_GRADIENT, DEVIATION_OF_GRADIENT);
        check_cuda(cudaMemcpy(logits[i].at(0), x.get(), bytes, cudaMemcpyHostToDevice), "cudaMemcpy");
        check_cuda(cudaMemcpy(gradient[i].at(0), dy.get(), bytes, cudaMemcpyHostToDevice), "cudaMemcpy");
    }
}

// The piece over and over; its last elements are left out, so that rows of few columns are not the same again and again.
static void repeat(const device_memory &piece, int64_t element_bytes, const device_memory &to, int64_t bytes) {
    const int64_t length = (PIECE - 19) * element_bytes;
    for (int64_t at = 0; at < bytes; at += length)
        check_cuda(
            cudaMemcpyAsync(to.at(at), piece.at(0), static_cast<size_t>(std::min(length, bytes - at)), cudaMemcpyDeviceToDevice, nullptr),
            "cudaMemcpyAsync");
    check_cuda(cudaDeviceSynchronize(), "filling the slots");
}

static bool has_targets(const problem &p) {
    const op id = p.operation->id;
    return id == op::cross_entropy_forward || id == op::cross_entropy_backward || id == op::cross_entropy_fused;
}

void device_data::prepare(const problem &p, smxHandle_t handle) {
    now = sizes_of(p);
    repeat(logits[index_of(*p.element)], p.element->bytes, first, now.slots * now.input);
    if (p.operation->reads == 2) repeat(gradient[index_of(*p.element)], p.element->bytes, second, now.slots * now.input);
    if (has_targets(p) && (target_rows != p.rows || target_cols != p.cols)) {
        host_targets.resize(static_cast<size_t>(p.rows));
        fill_targets(host_targets.data(), p.rows, p.cols);
        target_rows = p.rows;
        target_cols = p.cols;
    }

    const smxLayout_t layout = p.layout();
    for (int64_t i = 0; i < now.slots; i++) {
        const operands o = slot(i);
        void *x = first.at(i * now.input); // where backward calls expect what the forward call has left
        if (p.operation->id == op::softmax_backward) check(smxSoftmaxForward(handle, nullptr, &layout, x, &layout, x));
        if (p.operation->id == op::log_softmax_backward) check(smxLogSoftmaxForward(handle, nullptr, &layout, x, &layout, x));
        if (p.operation->id == op::cross_entropy_backward) check(smxLogSumExp(handle, nullptr, &layout, x, o.lse));
        if (has_targets(p))
            check_cuda(cudaMemcpy(targets.at(i * now.per_row), host_targets.data(), host_targets.size() * 8, cudaMemcpyHostToDevice),
                       "cudaMemcpy");
    }
    check(smxSynchronize(handle));
    check_cuda(cudaDeviceSynchronize(), "filling the slots"); // a copy from ordinary memory may return before it is done
}

operands device_data::slot(int64_t i) const {
    operands o = {};
    o.x = o.y = first.at(i * now.input);
    o.dy = second.at(i * now.input);
    o.out = output.at(i * now.output);
    o.lse = reinterpret_cast<float *>(lse.at(i * now.per_row));
    o.loss = reinterpret_cast<float *>(loss.at(0));
    o.targets = reinterpret_cast<const int64_t *>(targets.at(i * now.per_row));
    o.indices = reinterpret_cast<int64_t *>(output.at(i * now.output));
    o.kept_probabilities = reinterpret_cast<float *>(output.at(i * now.output + now.output / 3 * 2));
    return o;
}

probe_buffers device_data::probe_slot(int64_t i) const {
    return {{first.at(i * now.input), second.at(i * now.input)}, output.at(i * now.output)};
}

void device_data::empty_cache(cudaStream_t stream) const {
    const probe_buffers b = {{others.at(0), others.at(0)}, others.at(0)};
    check_cuda(launch_probe(1, false, false, b, 2 * cache_bytes / 16, stream), "emptying the cache");
}

} // namespace bench
