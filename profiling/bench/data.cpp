#include "data.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <new>

namespace bench {

static const int64_t TURN = 16384; // elements that a thread touches at a time

void free_memory::operator()(void *memory) const { std::free(memory); }

buffer allocate(size_t bytes) {
    buffer memory(std::aligned_alloc(64, (bytes + 63) / 64 * 64));
    if (!memory) throw std::bad_alloc();
    char *begin = static_cast<char *>(memory.get());
    const int64_t turns = (static_cast<int64_t>(bytes) + TURN - 1) / TURN;
#pragma omp parallel for schedule(static, 1)
    for (int64_t i = 0; i < turns; i++) std::memset(begin + i * TURN, 0, std::min<size_t>(TURN, bytes - static_cast<size_t>(i * TURN)));
    return memory;
}

// 64 bits that look random, of a number (the finaliser of SplitMix64).
static uint64_t scramble(uint64_t n) {
    n += 0x9e3779b97f4a7c15;
    n = (n ^ (n >> 30)) * 0xbf58476d1ce4e5b9;
    n = (n ^ (n >> 27)) * 0x94d049bb133111eb;
    return n ^ (n >> 31);
}

// Nearly normal, mean 0, variance 1: the sum of four uniform numbers.
static float normal(uint64_t n) {
    const uint64_t bits = scramble(n);
    const auto sum = static_cast<int64_t>((bits & 0xffff) + (bits >> 16 & 0xffff) + (bits >> 32 & 0xffff) + (bits >> 48));
    return static_cast<float>(sum - 2 * 0xffff) * (std::sqrt(3.0f) / 65536.0f);
}

static uint32_t bits_of(float value) {
    uint32_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    return bits;
}

static uint16_t to_bf16(float value) {
    const uint32_t bits = bits_of(value);
    return static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

// Of numbers far below fp16's largest; those below its normal ones become 0.
static uint16_t to_fp16(float value) {
    const uint32_t bits = bits_of(std::fabs(value)), sign = bits_of(value) >> 16 & 0x8000;
    if (bits < (127 - 14) << 23) return static_cast<uint16_t>(sign);
    return static_cast<uint16_t>(sign | (((bits + 0xfff + (bits >> 13 & 1)) >> 13) - ((127 - 15) << 10)));
}

buffer normals(const element_facts &type, int64_t count, uint64_t seed, float deviation) {
    buffer memory = allocate(static_cast<size_t>(count * type.bytes));
#pragma omp parallel for schedule(static, TURN)
    for (int64_t i = 0; i < count; i++) {
        const float value = deviation * normal(seed + static_cast<uint64_t>(i));
        if (type.type == SMX_R_32F)
            static_cast<float *>(memory.get())[i] = value;
        else
            static_cast<uint16_t *>(memory.get())[i] = type.type == SMX_R_16F ? to_fp16(value) : to_bf16(value);
    }
    return memory;
}

data::data(const std::vector<problem> &problems) {
    for (const problem &p : problems) {
        count = std::max(count, p.count());
        rows = std::max(rows, p.rows);
    }
}

const data::inputs &data::of(const element_facts &type) {
    inputs &found = by_type[type.type == SMX_R_32F ? 0 : type.type == SMX_R_16F ? 1 : 2];
    if (!found.logits)
        found = {normals(type, count, SEED_OF_LOGITS, DEVIATION_OF_LOGITS), normals(type, count, SEED_OF_GRADIENT, DEVIATION_OF_GRADIENT)};
    return found;
}

void *data::of_elements(buffer &memory) {
    if (!memory) memory = allocate(static_cast<size_t>(count) * 4);
    return memory.get();
}

float *data::logsumexp() {
    if (!lse) lse = allocate(static_cast<size_t>(rows) * 4);
    return static_cast<float *>(lse.get());
}

const void *data::logits(const element_facts &type) { return of(type).logits.get(); }
const void *data::gradient(const element_facts &type) { return of(type).gradient.get(); }

void fill_targets(int64_t *targets, int64_t rows, int64_t cols) {
    for (int64_t i = 0; i < rows; i++) targets[i] = static_cast<int64_t>(scramble(~static_cast<uint64_t>(i)) % static_cast<uint64_t>(cols));
}

const int64_t *data::targets(int64_t of_rows, int64_t cols) {
    if (!indices) indices = allocate(static_cast<size_t>(rows) * sizeof(int64_t));
    auto *target = static_cast<int64_t *>(indices.get());
    fill_targets(target, of_rows, cols);
    return target;
}

} // namespace bench
