/* Makes `resources.tables` and `records.tables`: how often each letter, length and distance comes in
 * texts of one kind once the phrases are known. Run by hand, when a new set of tables gets a byte of
 * its own in packing.rs; those that are there are never made again.
 *
 *   cc -O2 -I$ZSTD/lib tables.c $ZSTD/lib/{common,compress,decompress,dictBuilder}/*.c -o tables
 *   ./tables phrases.txt SAMPLE... > resources.tables
 *
 * A sample is one text as `packing.rs` gets it, in a file of its own: for resources, what follows the
 * head of HL7's official R4 examples of at most 8 KB without their narrative, 100 resources of the load
 * generator and 100 audit records; for records, 300 audit records of the load generator. The output is
 * what a zstd dictionary has in front of its content (RFC 8878, section 5). */
#include <stdio.h>
#include <stdlib.h>
#include <zdict.h>

enum { LEVEL = 1, MOST = 64 << 20, HEADER = 4096 };

static size_t read_file(const char *path, char *into, size_t room) {
    FILE *file = fopen(path, "rb");
    size_t got = file ? fread(into, 1, room, file) : 0;
    if (!file || got == room || fclose(file) != 0) {
        fprintf(stderr, "%s: cannot be read, or is too large\n", path);
        exit(1);
    }
    return got;
}

int main(int count, char **paths) {
    char *phrases = malloc(MOST), *samples = malloc(MOST), *made = malloc(MOST);
    size_t *sizes = malloc(sizeof(size_t) * (size_t)count), end = 0;
    if (count < 3 || !phrases || !samples || !made || !sizes) {
        fprintf(stderr, "usage: tables PHRASES SAMPLE...\n");
        return 1;
    }
    size_t length = read_file(paths[1], phrases, MOST / 2);
    for (int at = 2; at < count; at++) {
        sizes[at - 2] = read_file(paths[at], samples + end, MOST - end);
        end += sizes[at - 2];
    }
    ZDICT_params_t how = {.compressionLevel = LEVEL, .dictID = 1};
    size_t whole = ZDICT_finalizeDictionary(made, length + HEADER, phrases, length, samples, sizes,
                                            (unsigned)(count - 2), how);
    if (ZDICT_isError(whole) || whole < length) {
        fprintf(stderr, "%s\n", ZDICT_getErrorName(whole));
        return 1;
    }
    return fwrite(made, 1, whole - length, stdout) == whole - length ? 0 : 1;
}
