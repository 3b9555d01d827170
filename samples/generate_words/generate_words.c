/* Learns what English words look like, character by character, on a GPU or on the CPU, and writes new ones. */
#include "backend.h"
#include "baseline.h"
#include "fail.h"
#include "model.h"
#include "options.h"
#include "report.h"
#include "writer_check.h"

const char program_name[] = "generate_words";

/* At temperature 0 there is one word for every beginning, so there the beginnings differ. */
static const setting SETTINGS[] = {
    {.name = "temperature 0: always the most probable character, after a given one", .top_p = 1, .first_letters = true},
    {.name = "temperature 0.5", .temperature = 0.5f, .top_p = 1},
    {.name = "temperature 1", .temperature = 1, .top_p = 1},
    {.name = "top-k 5", .temperature = 1, .top_k = 5, .top_p = 1},
    {.name = "top-p 0.9", .temperature = 1, .top_p = 0.9f},
    {.name = "min-p 0.1", .temperature = 1, .top_p = 1, .min_p = 0.1f},
};

static void write_words(const model *m, const word_list *list, int words, uint64_t seed) {
    writer w = writer_create(m, words, seed);
    for (size_t i = 0; i < sizeof SETTINGS / sizeof SETTINGS[0]; i++) {
        writer_write(&w, &SETTINGS[i]);
        report_words(&w, &SETTINGS[i], list);
        check_probabilities(&w, &SETTINGS[i]);
        check_shuffled(&w, &SETTINGS[i]);
        check_alone(&w, &SETTINGS[i]);
    }
    writer_free(&w);
    printf("\nEvery character, drawn again in another order and alone, was the same; all passed their filters, and the log-probabilities\n"
           "of unfiltered ones are those of the log-softmax.\n");
}

int main(int argc, char **argv) {
    const options given = options_parse(argc, argv);
    engine e;
    backend_open(&e, given.backend);
    word_list list = word_list_read(given.data);
    corpus train = corpus_create(&list, false), test = corpus_create(&list, true);
    const int batch = given.batch < train.count ? given.batch : train.count;

    printf("%-9s%s\n", "backend", e.name);
    backend_print_plan(&e, "training", SMX_OP_CROSS_ENTROPY_FORWARD_BACKWARD, batch, SYMBOLS);
    report_list(given.data, &list, &train, &test);
    fflush(stdout);

    model m = model_create(&e, given.hidden, batch, given.seed);
    const double loss = model_train(&m, &train, &test, given.epochs, ~given.seed);
    const double unigram = unigram_loss(&train, &test), bigram = bigram_loss(&train, &test);
    report_losses(loss, unigram, bigram);
    if (!(loss < unigram && loss < bigram)) fail("the network's loss %.4f is not below both %.4f and %.4f", loss, unigram, bigram);

    write_words(&m, &list, given.words, given.seed);

    model_free(&m);
    corpus_free(&train);
    corpus_free(&test);
    word_list_free(&list);
    backend_close(&e);
    return EXIT_SUCCESS;
}
