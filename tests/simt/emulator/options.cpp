#include "options.hpp"

#include <cstdlib>

#include "fiber.hpp"

namespace simt {

namespace {

uint64_t number(const char *name, uint64_t otherwise) {
    const char *text = getenv(name);
    return text && *text ? strtoull(text, nullptr, 0) : otherwise;
}

Options read_environment() {
    Options o;
    o.seed = number("SIMT_SEED", o.seed);
    o.stack = number("SIMT_STACK", SIMT_ASAN ? 256 << 10 : 64 << 10);
    o.lax = number("SIMT_LAX", 0) != 0;
    o.preempt = static_cast<unsigned>(number("SIMT_PREEMPT", 0));
    o.capability = static_cast<int>(number("SIMT_CC", 90));
    o.multiprocessors = static_cast<int>(number("SIMT_SMS", 4));
    o.devices = static_cast<int>(number("SIMT_DEVICES", 1));
    o.driver = number("SIMT_DRIVER", 1) != 0;
    o.pools = number("SIMT_POOLS", 1) != 0;
    o.memory = number("SIMT_MEMORY", o.memory);
    return o;
}

} // namespace

const Options &options() {
    static const Options o = read_environment();
    return o;
}

} // namespace simt
