#include "report.h"

#include <stdio.h>
#include <string.h>

/* ---- one image ---- */

int most_probable(const float *probabilities) {
    int best = 0;
    for (int c = 1; c < CLASSES; c++)
        if (probabilities[c] > probabilities[best]) best = c;
    return best;
}

/* Characters are about twice as high as wide: each stands for two pixels, one above the other. */
static void print_image_line(const uint8_t *two_rows) {
    static const char ramp[] = " .:-=+*#%@";
    for (int x = 0; x < IMAGE_SIDE; x++) {
        const int grey = (two_rows[x] + two_rows[x + IMAGE_SIDE]) / 2;
        putchar(ramp[grey * (int)(sizeof ramp - 1) / 256]);
    }
}

void report_image(const dataset *data, int index, const float *probabilities) {
    enum { SHOWN = 3, FIRST_LINE = 4 };
    const uint8_t *image = data->images + (size_t)index * PIXELS;
    float rest[CLASSES];
    memcpy(rest, probabilities, sizeof rest);

    printf("test image %d: %s\n", index, class_names[data->labels[index]]);
    for (int line = 0; line < IMAGE_SIDE / 2; line++) {
        print_image_line(image + 2 * line * IMAGE_SIDE);
        if (line >= FIRST_LINE && line < FIRST_LINE + SHOWN) {
            const int class = most_probable(rest);
            printf("   %.4f  %s%s", (double)rest[class], class_names[class], class == data->labels[index] ? "  <- true" : "");
            rest[class] = -1;
        }
        putchar('\n');
    }
}

/* ---- all images ---- */

void report_confusions(const dataset *data, const float *probabilities) {
    int count[CLASSES][CLASSES] = {{0}};
    for (int i = 0; i < data->count; i++) count[data->labels[i]][most_probable(probabilities + (size_t)i * CLASSES)]++;

    printf("%-10s", "true\\taken");
    for (int c = 0; c < CLASSES; c++) printf("%9s", class_names[c]);
    printf("%9s\n", "right");
    for (int t = 0; t < CLASSES; t++) {
        int all = 0;
        printf("%-10s", class_names[t]);
        for (int c = 0; c < CLASSES; c++) {
            printf("%9d", count[t][c]);
            all += count[t][c];
        }
        printf("%8.1f%%\n", all > 0 ? 100.0 * count[t][t] / all : 0.0);
    }
}
