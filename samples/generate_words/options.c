#include "options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "arguments.h"
#include "fail.h"
#include "word_list.h"

enum { MAX_EPOCHS = 100000, MAX_BATCH = 65536, MAX_HIDDEN = 16384, MAX_WORDS = 10000 };

/* Small batches learn more from an epoch. On the CPU they are also faster: from 16384 logits on smx takes more than one thread, and its
 * threads and those of OpenBLAS, which wait busily, then stand in each other's way. */
static const options DEFAULTS = {
    .backend = SMX_BACKEND_AUTO, .epochs = 4, .batch = 256, .hidden = 256, .words = 20, .seed = 1, .data = DEFAULT_WORD_LIST};

static void print_usage(void) {
    printf("usage: %s [OPTION...]\n"
           "\n"
           "Trains a network to predict the next letter of English words from the letters before it, compares it with counting letters\n"
           "and pairs of letters on words that it has not seen, and writes new words. smx computes the loss and its gradient in training,\n"
           "and draws the letters.\n"
           "\n"
           "  --backend auto|cpu|cuda   where to compute; auto takes a GPU if there is one (default: auto)\n"
           "  --epochs N                passes over the words to learn from (default: %d)\n"
           "  --batch N                 letters for each step (default: %d)\n"
           "  --hidden N                width of the hidden layer (default: %d)\n"
           "  --words N                 words to write at every setting (default: %d)\n"
           "  --seed N                  of the initial weights, the order of the letters and the words (default: %llu)\n"
           "  --data FILE               a list with one word on each line (default: %s)\n"
           "  --help                    this text\n"
           "\n"
           "Exit code: 0 done, 1 something failed or the network is no better than counting, 2 wrong usage.\n",
           program_name, DEFAULTS.epochs, DEFAULTS.batch, DEFAULTS.hidden, DEFAULTS.words, (unsigned long long)DEFAULTS.seed,
           DEFAULTS.data);
}

options options_parse(int argc, char **argv) {
    static const struct option known[] = {
        {"backend", required_argument, NULL, 'k'}, {"epochs", required_argument, NULL, 'e'}, {"batch", required_argument, NULL, 'b'},
        {"hidden", required_argument, NULL, 'n'},  {"words", required_argument, NULL, 'w'},  {"seed", required_argument, NULL, 's'},
        {"data", required_argument, NULL, 'd'},    {"help", no_argument, NULL, 'h'},         {NULL, 0, NULL, 0},
    };
    options parsed = DEFAULTS;
    for (int option; (option = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        switch (option) {
        case 'k': parsed.backend = parse_backend("backend", optarg); break;
        case 'e': parsed.epochs = (int)parse_integer("epochs", optarg, 1, MAX_EPOCHS); break;
        case 'b': parsed.batch = (int)parse_integer("batch", optarg, 1, MAX_BATCH); break;
        case 'n': parsed.hidden = (int)parse_integer("hidden", optarg, 1, MAX_HIDDEN); break;
        case 'w': parsed.words = (int)parse_integer("words", optarg, 1, MAX_WORDS); break;
        case 's': parsed.seed = (uint64_t)parse_integer("seed", optarg, 0, INT64_MAX); break;
        case 'd': parsed.data = optarg; break;
        case 'h': print_usage(); exit(EXIT_SUCCESS);
        default: refuse_option();
        }
    }
    refuse_surplus(argc, argv);
    return parsed;
}
