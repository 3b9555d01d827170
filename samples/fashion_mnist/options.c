#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataset.h"

enum { EXIT_USAGE = 2, MAX_EPOCHS = 100000, MAX_BATCH = 1000000 };

static const options DEFAULTS = {.backend = SMX_BACKEND_AUTO, .epochs = 20, .batch = 128, .seed = 1, .data = DEFAULT_DATA_DIRECTORY};

static void print_usage(const char *program) {
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
           program, DEFAULTS.epochs, DEFAULTS.batch, (unsigned long long)DEFAULTS.seed, DEFAULTS.data);
}

static _Noreturn void refuse(const char *program, const char *option, const char *text, const char *wanted) {
    fprintf(stderr, "%s: --%s %s: %s\n", program, option, text, wanted);
    exit(EXIT_USAGE);
}

static long long parse_integer(const char *program, const char *option, const char *text, long long least, long long most) {
    char *end, wanted[96];
    errno = 0;
    const long long value = strtoll(text, &end, 10);
    snprintf(wanted, sizeof wanted, "has to be a whole number from %lld to %lld", least, most);
    if (end == text || *end != '\0' || errno != 0 || value < least || value > most) refuse(program, option, text, wanted);
    return value;
}

static double parse_fraction(const char *program, const char *option, const char *text) {
    char *end;
    const double value = strtod(text, &end);
    if (end == text || *end != '\0' || !(value >= 0 && value <= 1)) refuse(program, option, text, "has to be a number from 0 to 1");
    return value;
}

static smxBackend_t parse_backend(const char *program, const char *text) {
    if (strcmp(text, "auto") == 0) return SMX_BACKEND_AUTO;
    if (strcmp(text, "cpu") == 0) return SMX_BACKEND_CPU;
    if (strcmp(text, "cuda") == 0) return SMX_BACKEND_CUDA;
    refuse(program, "backend", text, "has to be auto, cpu or cuda");
}

options options_parse(int argc, char **argv) {
    static const struct option known[] = {
        {"backend", required_argument, NULL, 'k'}, {"epochs", required_argument, NULL, 'e'},
        {"batch", required_argument, NULL, 'b'},   {"seed", required_argument, NULL, 's'},
        {"data", required_argument, NULL, 'd'},    {"require-accuracy", required_argument, NULL, 'a'},
        {"help", no_argument, NULL, 'h'},          {NULL, 0, NULL, 0},
    };
    const char *program = argc > 0 ? argv[0] : "train_fashion_mnist";
    options parsed = DEFAULTS;
    for (int option; (option = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        switch (option) {
        case 'k': parsed.backend = parse_backend(program, optarg); break;
        case 'e': parsed.epochs = (int)parse_integer(program, "epochs", optarg, 1, MAX_EPOCHS); break;
        case 'b': parsed.batch = (int)parse_integer(program, "batch", optarg, 1, MAX_BATCH); break;
        case 's': parsed.seed = (uint64_t)parse_integer(program, "seed", optarg, 0, INT64_MAX); break;
        case 'd': parsed.data = optarg; break;
        case 'a': parsed.require_accuracy = parse_fraction(program, "require-accuracy", optarg); break;
        case 'h': print_usage(program); exit(EXIT_SUCCESS);
        default: fprintf(stderr, "Try '%s --help'.\n", program); exit(EXIT_USAGE);
        }
    }
    if (optind < argc) {
        fprintf(stderr, "%s: unexpected argument '%s'\nTry '%s --help'.\n", program, argv[optind], program);
        exit(EXIT_USAGE);
    }
    return parsed;
}
