#include "shared/random.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define POOL_BYTES 4096

static _Thread_local struct {
    uint8_t bytes[POOL_BYTES];
    size_t left; /* the unused ones are at the front */
} pool;

/* A forked child has one thread, the one that forked, and this runs on it. */
static void drop_pool(void)
{
    OPENSSL_cleanse(pool.bytes, sizeof pool.bytes);
    pool.left = 0;
}

static void watch_forks(void)
{
    if (pthread_atfork(NULL, NULL, drop_pool) != 0)
        abort();
}

static void generate(uint8_t *out, size_t length)
{
    static const char line[] = "{\"level\":\"error\",\"event\":\"random_generator_failed\"}\n";

    if (RAND_bytes(out, (int)length) != 1) {
        ssize_t written = write(STDERR_FILENO, line, sizeof line - 1);

        (void)written;
        abort();
    }
}

static void refill(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, watch_forks);
    generate(pool.bytes, POOL_BYTES);
    pool.left = POOL_BYTES;
}

void osy_random_bytes(void *out, size_t length)
{
    uint8_t *at = out;

    while (length > 0) {
        size_t piece;

        if (pool.left == 0)
            refill();
        piece = length < pool.left ? length : pool.left;
        pool.left -= piece;
        memcpy(at, pool.bytes + pool.left, piece);
        OPENSSL_cleanse(pool.bytes + pool.left, piece);
        at += piece;
        length -= piece;
    }
}

uint64_t osy_random_below(uint64_t bound)
{
    uint64_t value, uneven;

    assert(bound > 0);
    /* 2^64 mod bound: as many values at the bottom would make the small remainders likelier. */
    uneven = (UINT64_MAX - bound + 1) % bound;
    do {
        osy_random_bytes(&value, sizeof value);
    } while (value < uneven);
    return value % bound;
}
