#include "shared_memory.hpp"

#include <sys/mman.h>

#include <cstdlib>

#include "device.hpp"
#include "machine.hpp"

namespace simt {

namespace {

constexpr size_t arena_bytes = 272 * 1024; // more than any device has, and room for red zones
constexpr size_t red_zone = 64;
constexpr size_t dynamic_offset = 16; // CUDA promises 16-byte alignment, no more

struct Variable {
    const void *key;
    size_t offset, size;
};
std::vector<Variable> variables; // seen in this launch; at the same offset in every block
std::vector<char *> arenas;
size_t arena_used = 0, static_bytes = 0, dynamic_bytes = 0;

void open_variable(Block &block, size_t offset, size_t size) {
    char *p = block.arena + offset;
    unpoison(p, size);
    memset(p, 0xFF, size);
    if (hooks.memory) hooks.memory(p, size, Memory::SharedUninitialised);
}

char *new_arena() {
    void *p = mmap(nullptr, arena_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) {
        perror("simt: shared memory");
        abort();
    }
    poison(p, arena_bytes); // variables are opened one by one, the rest are red zones
    return static_cast<char *>(p);
}

} // namespace

void start_shared_memory(size_t dynamic, unsigned blocks) {
    variables.clear();
    static_bytes = 0;
    dynamic_bytes = dynamic;
    arena_used = dynamic_offset + dynamic;
    if (dynamic) variables.push_back({nullptr, dynamic_offset, dynamic});
    while (arenas.size() < blocks) arenas.push_back(new_arena());
    for (unsigned b = 0; b < blocks; b++) {
        machine.blocks[b].arena = arenas[b];
        if (hooks.memory) hooks.memory(arenas[b], arena_bytes, Memory::OffLimits);
    }
}

void open_shared_memory(Block &block) {
    for (const Variable &variable : variables) open_variable(block, variable.offset, variable.size);
}
void close_shared_memory(Block &block) { poison(block.arena, arena_used); }

void *shared_variable(const void *key, const char *name, size_t size, size_t align) {
    for (const Variable &variable : variables)
        if (variable.key == key) return self->block->arena + variable.offset;
    static_bytes += size;
    if (static_bytes > device().shared_static)
        fail({}, "more than %zu bytes of static shared memory: %zu with %s", device().shared_static, static_bytes, name);
    if (static_bytes + dynamic_bytes > device().shared_optin)
        fail({}, "more than %zu bytes of shared memory in one block: %zu with %s", device().shared_optin, static_bytes + dynamic_bytes,
             name);
    if (align < 16) align = 16; // the host's compiler moves two neighbours of eight bytes as one
    const size_t offset = (arena_used + red_zone + align - 1) / align * align;
    if (offset + size > arena_bytes) fail({}, "too many shared variables for the emulator, at %s", name);
    variables.push_back({key, offset, size});
    arena_used = offset + size;
    for (Block &block : machine.blocks)
        if (block.live) open_variable(block, offset, size);
    return self->block->arena + offset;
}

void *dynamic_shared_memory() { return self->block->arena + dynamic_offset; }

void *cluster_map(const void *pointer, unsigned rank, const char *file_, int line_) {
    const size_t offset = static_cast<size_t>(static_cast<const char *>(pointer) - self->block->arena);
    if (offset >= arena_bytes) fail(SIMT_SITE, "cluster_map: the pointer is not in this block's shared memory");
    if (rank >= machine.blocks.size()) fail(SIMT_SITE, "cluster_map: rank %u in a cluster of %u blocks", rank, cluster_blocks());
    if (!machine.blocks[rank].live) fail(SIMT_SITE, "cluster_map: block rank %u has already exited", rank);
    return machine.blocks[rank].arena + offset;
}

} // namespace simt
