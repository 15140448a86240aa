/* What clients share: the questions of a file, one after the other and again, and how long answers took. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>

enum { TIMES_MAX = 1 << 22 };

static int64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int by_size(const void *one, const void *other) {
    const int64_t a = *(const int64_t *)one, b = *(const int64_t *)other;
    return (a > b) - (a < b);
}

/* The file holds questions, each after its length as 16 bits in the machine's order. */
typedef struct {
    char *bytes, *end, *at;
} questions;

static questions read_questions(const char *path) {
    struct stat facts;
    questions all = {NULL, NULL, NULL};
    FILE *file = fopen(path, "rb");
    if (file && fstat(fileno(file), &facts) == 0 && (all.bytes = malloc((size_t)facts.st_size)))
        if (fread(all.bytes, 1, (size_t)facts.st_size, file) == (size_t)facts.st_size)
            all.end = all.bytes + facts.st_size;
    all.at = all.bytes;
    return all;
}

static struct iovec next_question(questions *all) {
    uint16_t length;
    if (all->at == all->end)
        all->at = all->bytes;
    memcpy(&length, all->at, sizeof length);
    const struct iovec question = {all->at + sizeof length, length};
    all->at += sizeof length + length;
    return question;
}

/* Sent and answered, the median and the 99th percentile of the times. */
static void print_counts(long sent, long answered, int64_t *times, long timed) {
    qsort(times, (size_t)timed, sizeof times[0], by_size);
    printf("%ld %ld %lld %lld\n", sent, answered, (long long)times[timed / 2], (long long)times[timed * 99 / 100]);
}
