// smx from C++: a handle and its memory that free themselves, failures as exceptions. The call is a distillation: the targets are a
// teacher's probabilities, and some classes weigh more than others.
#include <cmath>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <vector>

#include "smx/smx.h"

static void check(smxStatus_t status) {
    if (status != SMX_STATUS_SUCCESS) throw std::runtime_error(std::string(smxGetStatusString(status)) + ": " + smxGetLastErrorMessage());
}

class smx_handle {
  public:
    smx_handle() { check(smxCreate(&handle)); }
    smx_handle(const smx_handle &) = delete;
    smx_handle &operator=(const smx_handle &) = delete;
    ~smx_handle() { smxDestroy(handle); }
    operator smxHandle_t() const { return handle; }

  private:
    smxHandle_t handle = nullptr;
};

// Numbers in memory of the backend.
class smx_array {
  public:
    smx_array(const smx_handle &of, size_t size) : handle(of), count(size) { check(smxMalloc(handle, &memory, bytes())); }
    smx_array(const smx_handle &of, const std::vector<float> &numbers) : smx_array(of, numbers.size()) {
        check(smxMemcpyAsync(handle, memory, numbers.data(), bytes()));
    }
    smx_array(const smx_array &) = delete;
    smx_array &operator=(const smx_array &) = delete;
    ~smx_array() { smxFree(handle, memory); }
    void *data() const { return memory; }
    std::vector<float> numbers() const {
        std::vector<float> numbers(count);
        check(smxMemcpyAsync(handle, numbers.data(), memory, bytes()));
        check(smxSynchronize(handle));
        return numbers;
    }

  private:
    size_t bytes() const { return count * sizeof(float); }
    smxHandle_t handle; // has to live longer
    size_t count;
    void *memory = nullptr;
};

static bool compare(const char *what, double got, double expected) {
    const bool right = std::fabs(got - expected) <= 1e-6;
    std::printf("%-24s %10.7f, expected %10.7f: %s\n", what, got, expected, right ? "ok" : "WRONG");
    return right;
}

static bool distill() {
    constexpr int rows = 2, cols = 3;
    const std::vector<float> logits = {2.0f, 1.0f, 0.1f, -0.5f, 0.3f, 1.2f}, weights = {1.0f, 2.0f, 0.5f};
    const std::vector<float> teacher = {0.7f, 0.2f, 0.1f, 0.1f, 0.3f, 0.6f};

    const smx_handle handle;
    const smx_array x(handle, logits), q(handle, teacher), w(handle, weights), loss(handle, 1), dx(handle, logits.size());
    const smxLayout_t layout = smxRowMajor(SMX_R_32F, rows, cols);
    const smxTargets_t targets = smxProbabilityTargets(&layout, q.data());
    smxCrossEntropyOptions_t options = SMX_CROSS_ENTROPY_OPTIONS_INIT;
    options.classWeights = w.data();
    check(smxCrossEntropyForwardBackward(handle, &options, &layout, x.data(), &targets, nullptr, loss.data(), nullptr, &layout, dx.data()));

    const std::vector<float> gradient = dx.numbers();
    double expected_loss = 0;
    bool right = true;
    for (int row = 0; row < rows; row++) {
        const int first = row * cols;
        double sum = 0, aimed = 0; // of exponentials; of w * q
        for (int i = first; i < first + cols; i++) {
            sum += std::exp(double(logits[i]));
            aimed += double(weights[i - first]) * teacher[i];
        }
        for (int i = first; i < first + cols; i++) {
            const double wq = double(weights[i - first]) * teacher[i];
            expected_loss += wq * (std::log(sum) - logits[i]) / rows;
            right &= compare("gradient", gradient[i], (std::exp(double(logits[i])) / sum * aimed - wq) / rows);
        }
    }
    return compare("loss", loss.numbers()[0], expected_loss) && right;
}

int main() {
    try {
        const bool right = distill();
        std::puts(right ? "PASSED" : "FAILED");
        return right ? 0 : 1;
    } catch (const std::exception &failure) {
        std::fprintf(stderr, "soft_targets: %s\n", failure.what());
        return 1;
    }
}
