#include "arguments.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fail.h"

static _Noreturn void refuse(const char *option, const char *text, const char *wanted) {
    fprintf(stderr, "%s: --%s %s: %s\n", program_name, option, text, wanted);
    exit(EXIT_USAGE);
}

long long parse_integer(const char *option, const char *text, long long least, long long most) {
    char *end, wanted[96];
    errno = 0;
    const long long value = strtoll(text, &end, 10);
    snprintf(wanted, sizeof wanted, "has to be a whole number from %lld to %lld", least, most);
    if (end == text || *end != '\0' || errno != 0 || value < least || value > most) refuse(option, text, wanted);
    return value;
}

double parse_fraction(const char *option, const char *text) {
    char *end;
    const double value = strtod(text, &end);
    if (end == text || *end != '\0' || !(value >= 0 && value <= 1)) refuse(option, text, "has to be a number from 0 to 1");
    return value;
}

smxBackend_t parse_backend(const char *option, const char *text) {
    if (strcmp(text, "auto") == 0) return SMX_BACKEND_AUTO;
    if (strcmp(text, "cpu") == 0) return SMX_BACKEND_CPU;
    if (strcmp(text, "cuda") == 0) return SMX_BACKEND_CUDA;
    refuse(option, text, "has to be auto, cpu or cuda");
}

_Noreturn void refuse_option(void) {
    fprintf(stderr, "Try '%s --help'.\n", program_name);
    exit(EXIT_USAGE);
}

void refuse_surplus(int argc, char **argv) {
    if (optind >= argc) return;
    fprintf(stderr, "%s: unexpected argument '%s'\n", program_name, argv[optind]);
    refuse_option();
}
