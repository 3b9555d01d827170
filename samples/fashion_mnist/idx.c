/* The format: two zero bytes, the element type, the number of dimensions, then each size as 32 bits big-endian, then the data. */
#include "idx.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <zlib.h>

#include "fail.h"

enum { IDX_UNSIGNED_BYTE = 0x08, IDX_MAX_BYTES = 1 << 30 };

/* zlib's own words on the last failure; most of them name the file. */
static void fail_with_gzerror(gzFile file, const char *path, const char *what) {
    int code;
    const char *reason = gzerror(file, &code);
    if (code == Z_ERRNO) fail("%s: %s: %s", path, what, strerror(errno));
    if (code != Z_OK && code != Z_BUF_ERROR) fail("%s (%s)", reason, what);
}

static void read_exactly(gzFile file, const char *path, const char *what, void *bytes, int count) {
    const int got = gzread(file, bytes, (unsigned)count);
    if (got == count) return;
    fail_with_gzerror(file, path, what);
    fail("%s: %s: the file ends after %d of %d bytes", path, what, got, count);
}

static void read_type(gzFile file, const char *path, int dimensions) {
    unsigned char magic[4];
    read_exactly(file, path, "magic number", magic, sizeof magic);
    if (magic[0] != 0 || magic[1] != 0) fail("%s: not an IDX file: it begins with bytes %d %d instead of 0 0", path, magic[0], magic[1]);
    if (magic[2] != IDX_UNSIGNED_BYTE) fail("%s: element type 0x%02x instead of 0x08 (unsigned byte)", path, magic[2]);
    if (magic[3] != dimensions) fail("%s: %d dimensions instead of %d", path, magic[3], dimensions);
}

static int read_size(gzFile file, const char *path, int dimension) {
    unsigned char bytes[4];
    read_exactly(file, path, "dimension sizes", bytes, sizeof bytes);
    const uint32_t size = (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
    if (size == 0 || size > INT_MAX) fail("%s: dimension %d has size %u", path, dimension, (unsigned)size);
    return (int)size;
}

idx_file idx_read(const char *path, int dimensions) {
    errno = 0;
    gzFile file = gzopen(path, "rb");
    if (file == NULL) fail("%s: %s", path, errno != 0 ? strerror(errno) : "zlib cannot open it");

    idx_file idx = {.dimensions = dimensions};
    read_type(file, path, dimensions);
    int64_t bytes = 1;
    for (int i = 0; i < dimensions; i++) {
        idx.size[i] = read_size(file, path, i);
        bytes *= idx.size[i];
        if (bytes > IDX_MAX_BYTES) fail("%s: the sizes in its header make more than %d bytes", path, (int)IDX_MAX_BYTES);
    }
    idx.data = allocate_host((size_t)bytes);
    read_exactly(file, path, "data", idx.data, (int)bytes);

    char surplus;
    const int after = gzread(file, &surplus, 1);
    if (after > 0) fail("%s: more data than the %lld bytes its header announces", path, (long long)bytes);
    if (after < 0) fail_with_gzerror(file, path, "end of the data");
    gzclose_r(file);
    return idx;
}
