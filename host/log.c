/* The log. It has two listeners, each with a level of its own: the file that the environment asks for, and the program's callback. */
#define _POSIX_C_SOURCE 200809L /* getpid */

#include "log.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const level_names[] = {
    [SMX_LOG_OFF] = "off", [SMX_LOG_ERROR] = "error", [SMX_LOG_PLAN] = "plan", [SMX_LOG_CALL] = "call"};

atomic_int smx_log_most = INT_MAX;

/* Lines are delivered under this lock: one at a time, and none to a callback that smxSetLogCallback has replaced. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
    smxLogLevel_t level;
    FILE *stream;
} file;
static struct {
    smxLogLevel_t level;
    smxLogCallback_t function;
    void *user;
} callback;

static _Thread_local bool in_callback;
static _Thread_local int thread_number; /* in the order of their first lines; 0: none yet */

static void update_most(void) {
    atomic_store_explicit(&smx_log_most, (int)(file.level > callback.level ? file.level : callback.level), memory_order_relaxed);
}

/* ---- the environment ---- */

static const char *environment(const char *name) {
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0' ? value : NULL;
}

static smxLogLevel_t level_from_environment(void) {
    const char *text = environment("SMX_LOG_LEVEL");
    if (text == NULL) return SMX_LOG_OFF;
    for (int level = SMX_LOG_OFF; level <= SMX_LOG_CALL; level++)
        if (strcmp(text, level_names[level]) == 0 || (text[0] == '0' + level && text[1] == '\0')) return (smxLogLevel_t)level;
    fprintf(stderr, "smx: SMX_LOG_LEVEL is '%s'; allowed are off, error, plan, call or 0, 1, 2, 3; nothing is logged\n", text);
    return SMX_LOG_OFF;
}

/* Copies the path with %p replaced by the process id; false: it does not fit. */
static bool expand_path(const char *pattern, char *path, size_t capacity) {
    char process[24];
    snprintf(process, sizeof process, "%ld", (long)getpid());
    size_t n = 0;
    while (*pattern != '\0') {
        const bool is_process = pattern[0] == '%' && pattern[1] == 'p';
        const char *piece = is_process ? process : pattern;
        const size_t length = is_process ? strlen(process) : 1;
        if (n + length >= capacity) return false;
        memcpy(path + n, piece, length);
        n += length;
        pattern += is_process ? 2 : 1;
    }
    path[n] = '\0';
    return true;
}

static FILE *stream_from_environment(void) {
    const char *pattern = environment("SMX_LOG_FILE");
    if (pattern == NULL) return stderr;
    char path[4096];
    errno = ENAMETOOLONG;
    FILE *stream = expand_path(pattern, path, sizeof path) ? fopen(path, "ae") : NULL;
    if (stream == NULL) {
        fprintf(stderr,
                "smx: SMX_LOG_FILE is '%s', which cannot be opened: %s; allowed is the path of a file to append to, %%p in it is "
                "the process id; the log goes to stderr\n",
                pattern, strerror(errno));
        return stderr;
    }
    setvbuf(stream, NULL, _IOLBF, BUFSIZ); /* nothing waits in it that a fork could copy or a crash could lose */
    return stream;
}

static void read_environment(void) {
    file.level = level_from_environment();
    if (file.level != SMX_LOG_OFF) file.stream = stream_from_environment();
    update_most();
}

static void read_environment_once(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, read_environment);
}

/* ---- lines ---- */

/* What a callback itself does is not logged: it would be called for ever. */
bool smx_log_wanted(smxLogLevel_t level) {
    read_environment_once();
    return atomic_load_explicit(&smx_log_most, memory_order_relaxed) >= (int)level && !in_callback;
}

static void write_line(smxLogLevel_t level, const char *line) {
    static int threads;
    if (thread_number == 0) thread_number = ++threads;
    fprintf(file.stream, "smx[%ld.%d] %s: %s\n", (long)getpid(), thread_number, level_names[level], line);
}

void smx_log(smxLogLevel_t level, const char *text) {
    char line[2048]; /* a copy: the text may be the last message, which a callback may replace */
    snprintf(line, sizeof line, "%s", text);
    for (char *c = line; (c = strpbrk(c, "\r\n")) != NULL;) *c = ' ';
    pthread_mutex_lock(&lock);
    if (level <= file.level) write_line(level, line);
    if (level <= callback.level) {
        in_callback = true;
        callback.function(level, line, callback.user);
        in_callback = false;
    }
    pthread_mutex_unlock(&lock);
}

smxStatus_t smxSetLogCallback(smxLogCallback_t function, void *user, smxLogLevel_t level) {
    const char *call = "smxSetLogCallback";
    if ((unsigned)level > SMX_LOG_CALL) return smx_fail(SMX_STATUS_INVALID_VALUE, "%s: level %d is unknown", call, (int)level);
    if (in_callback) return smx_fail(SMX_STATUS_INVALID_VALUE, "%s: the callback cannot be replaced by itself", call);
    read_environment_once(); /* or it would undo the level set here */
    pthread_mutex_lock(&lock);
    callback.function = function;
    callback.user = user;
    callback.level = function == NULL ? SMX_LOG_OFF : level;
    update_most();
    pthread_mutex_unlock(&lock);
    return SMX_STATUS_SUCCESS;
}
