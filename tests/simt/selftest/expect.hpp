// Counts expectations: EXPECT(condition) says where one failed.
#pragma once
#include <cstdio>

inline int expectations = 0, expectations_failed = 0;

inline bool expect(bool ok, const char *text, const char *file, int line) {
    expectations++;
    if (ok) return true;
    expectations_failed++;
    printf("%s:%d: not true: %s\n", file, line, text);
    return false;
}
#define EXPECT(condition) expect(condition, #condition, __FILE__, __LINE__)

inline int report(const char *what) {
    printf("%s: %d of %d expectations hold\n", what, expectations - expectations_failed, expectations);
    return expectations_failed != 0;
}
