/* The suites of the second test program, process.c. */
#ifndef PROCESS_H
#define PROCESS_H

#include <check.h>

Suite *suite_allocation(void);
Suite *suite_log(void);
Suite *suite_ranges(void);
Suite *suite_threads(void);

#endif
