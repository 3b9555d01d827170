/* Reading the values of command line options; a mistake says what it is and ends the program with code 2. */
#ifndef SAMPLES_ARGUMENTS_H
#define SAMPLES_ARGUMENTS_H

#include "smx/smx.h"

enum { EXIT_USAGE = 2 };

/* The option --OPTION was given with this text. */
long long parse_integer(const char *option, const char *text, long long least, long long most);
double parse_fraction(const char *option, const char *text);
smxBackend_t parse_backend(const char *option, const char *text);

/* After getopt_long has met something it does not know, and has said so. */
_Noreturn void refuse_option(void);
/* If getopt_long has left anything over. */
void refuse_surplus(int argc, char **argv);

#endif
