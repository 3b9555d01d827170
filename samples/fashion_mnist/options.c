#include "options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "arguments.h"
#include "dataset.h"
#include "fail.h"

enum { MAX_EPOCHS = 100000, MAX_BATCH = 1000000 };

static const options DEFAULTS = {.backend = SMX_BACKEND_AUTO, .epochs = 20, .batch = 128, .seed = 1, .data = DEFAULT_DATA_DIRECTORY};

static void print_usage(void) {
    printf("usage: %s [OPTION...]\n"
           "\n"
           "Trains a network (784 -> 128 ReLU -> 10) to tell ten kinds of clothes apart: Fashion-MNIST, 60000 images to learn from\n"
           "and 10000 to be tested on. smx computes the loss and its gradient in training, and the probabilities in the test.\n"
           "\n"
           "  --backend auto|cpu|cuda   where to compute; auto takes a GPU if there is one (default: auto)\n"
           "  --epochs N                passes over the training images (default: %d)\n"
           "  --batch N                 images for each step (default: %d)\n"
           "  --seed N                  of the initial weights and the order of the images (default: %llu)\n"
           "  --data DIR                the folder of the four .gz files (default: %s)\n"
           "  --require-accuracy X      end with code 1 if the test accuracy is below X, from 0 to 1\n"
           "  --help                    this text\n"
           "\n"
           "Exit code: 0 done, 1 something failed, 2 wrong usage.\n",
           program_name, DEFAULTS.epochs, DEFAULTS.batch, (unsigned long long)DEFAULTS.seed, DEFAULTS.data);
}

options options_parse(int argc, char **argv) {
    static const struct option known[] = {
        {"backend", required_argument, NULL, 'k'}, {"epochs", required_argument, NULL, 'e'},
        {"batch", required_argument, NULL, 'b'},   {"seed", required_argument, NULL, 's'},
        {"data", required_argument, NULL, 'd'},    {"require-accuracy", required_argument, NULL, 'a'},
        {"help", no_argument, NULL, 'h'},          {NULL, 0, NULL, 0},
    };
    options parsed = DEFAULTS;
    for (int option; (option = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        switch (option) {
        case 'k': parsed.backend = parse_backend("backend", optarg); break;
        case 'e': parsed.epochs = (int)parse_integer("epochs", optarg, 1, MAX_EPOCHS); break;
        case 'b': parsed.batch = (int)parse_integer("batch", optarg, 1, MAX_BATCH); break;
        case 's': parsed.seed = (uint64_t)parse_integer("seed", optarg, 0, INT64_MAX); break;
        case 'd': parsed.data = optarg; break;
        case 'a': parsed.require_accuracy = parse_fraction("require-accuracy", optarg); break;
        case 'h': print_usage(); exit(EXIT_SUCCESS);
        default: refuse_option();
        }
    }
    refuse_surplus(argc, argv);
    return parsed;
}
