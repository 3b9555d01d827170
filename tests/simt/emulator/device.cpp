#include "device.hpp"

#include <cstdio>
#include <cstdlib>

#include "options.hpp"

namespace simt {

namespace {

constexpr size_t KiB = 1024, MiB = 1024 * KiB;
const Device devices[] = {
    {75, 64 * KiB, 64 * KiB, 48 * KiB, 0, 1024, 16, 4 * MiB, false},
    {80, 163 * KiB, 164 * KiB, 48 * KiB, KiB, 2048, 32, 40 * MiB, false},
    {90, 227 * KiB, 228 * KiB, 48 * KiB, KiB, 2048, 32, 50 * MiB, true},
};

} // namespace

const Device &device() {
    static const Device *const chosen = [] {
        for (const Device &d : devices)
            if (d.capability == options().capability) return &d;
        fprintf(stderr, "simt: SIMT_CC=%d is none of 75, 80, 90\n", options().capability);
        abort();
    }();
    return *chosen;
}

} // namespace simt
