#include "dataset.h"

#include <unistd.h>

#include "fail.h"
#include "idx.h"

const char *const class_names[CLASSES] = {"T-shirt", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Boot"};

static void make_path(char *path, size_t capacity, const char *directory, const char *part, const char *rest) {
    const int length = snprintf(path, capacity, "%s/%s-%s-ubyte.gz", directory, part, rest);
    if (length < 0 || (size_t)length >= capacity) fail("the path of the data is longer than %zu characters", capacity - 1);
}

dataset dataset_read(const char *directory, const char *part) {
    if (access(directory, R_OK | X_OK) != 0)
        fail("no data in %s: install Debian's package dataset-fashion-mnist, or name another folder with --data", directory);
    char images_path[4096], labels_path[4096];
    make_path(images_path, sizeof images_path, directory, part, "images-idx3");
    make_path(labels_path, sizeof labels_path, directory, part, "labels-idx1");

    const idx_file images = idx_read(images_path, 3);
    if (images.size[1] != IMAGE_SIDE || images.size[2] != IMAGE_SIDE)
        fail("%s: images of %d x %d pixels instead of %d x %d", images_path, images.size[1], images.size[2], IMAGE_SIDE, IMAGE_SIDE);
    const idx_file labels = idx_read(labels_path, 1);
    if (labels.size[0] != images.size[0]) fail("%s: %d labels for %d images", labels_path, labels.size[0], images.size[0]);
    for (int i = 0; i < labels.size[0]; i++)
        if (labels.data[i] >= CLASSES) fail("%s: label %d is %d, the classes go from 0 to %d", labels_path, i, labels.data[i], CLASSES - 1);
    return (dataset){.count = images.size[0], .images = images.data, .labels = labels.data};
}

void dataset_free(dataset *data) {
    free(data->images);
    free(data->labels);
    *data = (dataset){0};
}
