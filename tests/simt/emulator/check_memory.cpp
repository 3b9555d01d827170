#include <dlfcn.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <map>
#include <utility>

#include "check.hpp"

namespace simt::check {

namespace {

// ---- what is remembered of every two bytes

struct Record { // the last access of a kind
    Stamp when;
    uint32_t pc = 0;
    uint16_t thread = 0;
    uint8_t bytes = 0;   // of the two: bit mask
    uint8_t special = 0; // a write: atomic; a read: through the read-only cache
};
struct Cell {
    Record write, reads[2]; // of two different threads
};
constexpr size_t cell_bytes = 2;

// Zeros; pages that are never touched cost nothing, not even address space that has to be promised.
template <class T> class Zeroed {
  public:
    Zeroed() = default;
    explicit Zeroed(size_t n) : bytes_(n * sizeof(T)) {
        void *p = bytes_ < small ? calloc(n, sizeof(T))
                                 : mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (!p || p == MAP_FAILED) {
            perror("simt: memory of the race checker");
            abort();
        }
        first_ = static_cast<T *>(p);
    }
    Zeroed(Zeroed &&other) noexcept { *this = std::move(other); }
    Zeroed &operator=(Zeroed &&other) noexcept {
        std::swap(first_, other.first_);
        std::swap(bytes_, other.bytes_);
        return *this;
    }
    ~Zeroed() {
        if (bytes_ < small)
            free(first_);
        else
            munmap(first_, bytes_);
    }
    T &operator[](size_t i) { return first_[i]; }

  private:
    static constexpr size_t small = size_t{1} << 20;
    T *first_ = nullptr;
    size_t bytes_ = 0;
};

struct Region {
    const char *first = nullptr;
    size_t size = 0;
    bool off_limits = false, shared = false;
    Zeroed<uint8_t> initialised; // per byte
    Zeroed<Cell> cells;
};
std::map<const char *, Region> regions; // by first byte
Region *recent[4];                      // kernels take turns between few of them
unsigned oldest = 0;

void forget_recent() {
    for (Region *&r : recent) r = nullptr;
}
Region *find(const char *p) {
    for (Region *r : recent)
        if (r && p >= r->first && p < r->first + r->size) return r;
    auto next = regions.upper_bound(p);
    if (next == regions.begin()) return nullptr;
    Region &r = (--next)->second;
    if (p >= r.first + r.size) return nullptr;
    return recent[oldest++ % 4] = &r;
}

void add(const char *first, size_t size, bool off_limits, bool shared) {
    Region &r = regions[first];
    r = Region{first, size, off_limits, shared, {}, {}};
    if (off_limits) return;
    r.initialised = Zeroed<uint8_t>(size);
    r.cells = Zeroed<Cell>(size / cell_bytes + 1);
}
// Variables lie in memory that is off limits otherwise: what is left of it stays so.
void cut_out(const char *p, size_t n) {
    auto next = regions.upper_bound(p);
    if (next == regions.begin()) return;
    --next;
    const char *first = next->first;
    const size_t size = next->second.size;
    if (!next->second.off_limits || p + n > first + size) return;
    regions.erase(next);
    if (p > first) add(first, static_cast<size_t>(p - first), true, false);
    if (first + size > p + n) add(p + n, static_cast<size_t>(first + size - p - n), true, false);
}

// ---- words

uint32_t module_offset(const void *pc) {
    static const char *const base = [] {
        Dl_info info;
        return dladdr(reinterpret_cast<const void *>(&memory), &info) ? static_cast<const char *>(info.dli_fbase) : nullptr;
    }();
    return static_cast<uint32_t>(static_cast<const char *>(pc) - 1 - base);
}

// The line of an access, and those it was inlined into: "row_io.cuh:20 < softmax.cu:44".
std::string where(uint32_t pc) {
    char command[128], line[1024];
    snprintf(command, sizeof command, "addr2line -i -e /proc/%d/exe 0x%x 2>/dev/null", getpid(), pc);
    FILE *lines = popen(command, "r");
    std::string text;
    while (lines && fgets(line, sizeof line, lines)) {
        std::string one = line;
        one.resize(one.find_last_not_of(" \n") + 1);
        if (one.back() == ')') one.resize(one.rfind(" (")); // discriminators
        if (one.find("/emulator/") != std::string::npos) continue;
        if (!text.empty()) one.erase(0, one.rfind('/') + 1);
        text += (text.empty() ? "" : " < ") + one;
    }
    if (lines) pclose(lines);
    return text.empty() ? "?" : text;
}
std::string whose(const Record &record) {
    const unsigned threads = blockDim.x * blockDim.y * blockDim.z;
    std::string who = in_this_cluster(record.when) ? "thread " + std::to_string(record.thread % threads) + " of block rank " +
                                                         std::to_string(record.thread / threads)
                      : in_this_launch(record.when) ? "another block"
                                                    : "the kernel before, which cudaGridDependencySynchronize() would wait for,";
    return who + " at " + where(record.pc);
}

// ---- one access

struct Current {
    Access what;
    bool write;
    Record record;
    [[noreturn]] void race(const Record &other, const char *kind) const {
        fail({}, "race: %s at %s, not ordered after the %s by %s", write ? "write" : "read", where(record.pc).c_str(), kind,
             whose(other).c_str());
    }
};

bool conflicts(const Record &record, unsigned bytes) {
    return record.when.cluster && (record.bytes & bytes) && !ordered_before_now(record.when, record.thread);
}

void check_cell(Cell &cell, const Current &now, unsigned bytes) {
    const bool both_atomic = now.what == Access::Atomic && cell.write.special;
    if (!both_atomic && conflicts(cell.write, bytes)) now.race(cell.write, "write");
    if (now.what == Access::ReadNonCoherent && in_this_launch(cell.write.when) && (cell.write.bytes & bytes))
        fail({}, "load through the read-only cache at %s of memory that this kernel writes at %s", where(now.record.pc).c_str(),
             where(cell.write.pc).c_str());
    if (!now.write) return;
    for (const Record &read : cell.reads) {
        if (!both_atomic && conflicts(read, bytes)) now.race(read, "read");
        if (read.special && in_this_launch(read.when) && (read.bytes & bytes))
            fail({}, "write at %s to memory that this kernel loads through the read-only cache at %s", where(now.record.pc).c_str(),
                 where(read.pc).c_str());
    }
}

void update_cell(Cell &cell, const Current &now, unsigned bytes) {
    Record record = now.record;
    record.bytes = static_cast<uint8_t>(bytes);
    if (now.write) {
        cell.write = record;
        return;
    }
    const Record &last = cell.reads[0];
    if (last.thread != record.thread || !in_this_cluster(last.when))
        cell.reads[1] = last;
    else
        record.special |= last.special; // the compiler tells of a load with a hint once more
    cell.reads[0] = record;
}

bool on_own_stack(const char *p) {
    const Fiber &fiber = *self->fiber;
    return p >= fiber.stack && p < fiber.stack + fiber.size;
}

} // namespace

void memory(const void *pointer, size_t n, Memory what) {
    const char *p = static_cast<const char *>(pointer);
    if (!n) return;
    if (what == Memory::Initialised || what == Memory::SharedUninitialised) {
        Region *r = find(p);
        if (r && !r->off_limits) { // allocated, or the same variable in an earlier block
            memset(&r->initialised[static_cast<size_t>(p - r->first)], what == Memory::Initialised, n);
            return;
        }
    }
    if (what == Memory::Initialised) return; // ordinary host memory
    forget_recent();
    if (what == Memory::Forget || what == Memory::OffLimits) regions.erase(regions.lower_bound(p), regions.lower_bound(p + n));
    if (what == Memory::Forget) return;
    if (what != Memory::OffLimits) cut_out(p, n);
    add(p, n, what == Memory::OffLimits, what == Memory::SharedUninitialised);
}

void access(const void *pointer, size_t n, Access what, const void *caller, bool may_be_misaligned) {
    if (!self) return; // host code
    const char *p = static_cast<const char *>(pointer);
    if (on_own_stack(p)) return;
    Region *r = find(p);
    if (!r) return; // constants, the host's data
    const bool write = what == Access::Write || what == Access::Atomic;
    Current now{what, write, Record{check::now(), module_offset(caller), static_cast<uint16_t>(self->cluster_rank), 0, 0}};
    now.record.special = what == Access::Atomic || what == Access::ReadNonCoherent;
    const char *kind = write ? "write" : "read";
    const size_t offset = static_cast<size_t>(p - r->first);
    if (!may_be_misaligned && reinterpret_cast<uintptr_t>(p) % n)
        fail({}, "misaligned %zu-byte %s at %s", n, kind, where(now.record.pc).c_str());
    if (r->off_limits || offset + n > r->size)
        fail({}, "%zu-byte %s outside every allocation and shared variable at %s", n, kind, where(now.record.pc).c_str());
    if (what != Access::Write)
        for (size_t i = 0; i < n; i++)
            if (!r->initialised[offset + i])
                fail({}, "read of uninitialised memory (byte %zu of %zu) at %s", offset + i, r->size, where(now.record.pc).c_str());
    for (size_t i = offset / cell_bytes; i * cell_bytes < offset + n; i++) {
        Cell &cell = r->cells[i];
        unsigned bytes = 3;
        if (i * cell_bytes < offset) bytes &= 2;
        if (i * cell_bytes + 2 > offset + n) bytes &= 1;
        if (r->shared && !in_this_cluster(cell.write.when)) cell.write = Record{}; // of a block that had this memory before
        if (r->shared && !in_this_cluster(cell.reads[0].when)) cell.reads[0] = cell.reads[1] = Record{};
        check_cell(cell, now, bytes);
        update_cell(cell, now, bytes);
    }
    if (write) memset(&r->initialised[offset], 1, n);
    if (what == Access::Atomic) order_atomic(p);
    if (!options().preempt) return;
    static uint64_t random = options().seed * 0x9E3779B97F4A7C15ull | 1;
    random ^= random << 13;
    random ^= random >> 7;
    random ^= random << 17;
    if (random % options().preempt == 0) yield_thread();
}

} // namespace simt::check
