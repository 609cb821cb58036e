/* Preloaded into a program under test: its disk fails as the file named by FAULTS says, in one line such
 * as `write 28 /data/fascicolo.db`: the operation (write or fsync), the number of the error, and a part
 * of the path of the files that it befalls. Without the file nothing fails. With KILL_AT=7 and
 * KILL_ON=/data/ it is killed before its seventh write, sync or message to what has this in its path. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

static void die(const char *path) {
    static int count = 0;
    const char *at = getenv("KILL_AT"), *on = getenv("KILL_ON");
    if (at && on && strstr(path, on) && ++count == atoi(at)) kill(getpid(), SIGKILL);
}

static int fault(const char *operation, int fd) {
    const char *control = getenv("FAULTS");
    char line[PATH_MAX + 64] = {0}, link[64], path[PATH_MAX] = {0};
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    if (readlink(link, path, sizeof path - 1) <= 0) return 0;
    die(path);
    char named[16], part[PATH_MAX];
    int number = 0;
    int file = control ? open(control, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0) return 0;
    ssize_t length = read(file, line, sizeof line - 1);
    close(file);
    if (length <= 0 || sscanf(line, "%15s %d %4095s", named, &number, part) != 3) return 0;
    if (strcmp(named, operation) != 0) return 0;
    return strstr(path, part) ? number : 0;
}

#define REAL(type, name, ...) ((type(*)(__VA_ARGS__))dlsym(RTLD_NEXT, name))
#define FAIL(operation, fd)                  \
    int number = fault(operation, fd);       \
    if (number) {                            \
        errno = number;                      \
        return -1;                           \
    }

ssize_t write(int fd, const void *bytes, size_t count) {
    FAIL("write", fd)
    return REAL(ssize_t, "write", int, const void *, size_t)(fd, bytes, count);
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at) {
    FAIL("write", fd)
    return REAL(ssize_t, "pwrite", int, const void *, size_t, off_t)(fd, bytes, count, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t at) {
    FAIL("write", fd)
    return REAL(ssize_t, "pwrite64", int, const void *, size_t, off64_t)(fd, bytes, count, at);
}

ssize_t send(int fd, const void *bytes, size_t count, int flags) {
    FAIL("send", fd)
    return REAL(ssize_t, "send", int, const void *, size_t, int)(fd, bytes, count, flags);
}

int fsync(int fd) {
    FAIL("fsync", fd)
    return REAL(int, "fsync", int)(fd);
}

int fdatasync(int fd) {
    FAIL("fsync", fd)
    return REAL(int, "fdatasync", int)(fd);
}
