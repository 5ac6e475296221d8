#include <pthread.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above */
#include <cmocka.h>

#include "shared/digest.h"

/* FIPS 180-2, appendix B.1 */
static const uint8_t of_abc[OSY_SHA256_BYTES] = {
    0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23,
    0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad};

/* The same of nothing */
static const uint8_t of_nothing[OSY_SHA256_BYTES] = {
    0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24,
    0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55};

static void pieces_count_as_one_text(void **state)
{
    const struct osy_piece whole = {"abc", 3}, pieces[] = {{"a", 1}, {"", 0}, {"bc", 2}};
    uint8_t digest[OSY_SHA256_BYTES];

    (void)state;
    osy_sha256(&whole, 1, digest);
    assert_memory_equal(digest, of_abc, sizeof digest);
    osy_sha256(pieces, 3, digest);
    assert_memory_equal(digest, of_abc, sizeof digest);
}

static void nothing_has_a_digest_too(void **state)
{
    uint8_t digest[OSY_SHA256_BYTES];

    (void)state;
    osy_sha256(NULL, 0, digest);
    assert_memory_equal(digest, of_nothing, sizeof digest);
    osy_sha256(&(struct osy_piece){NULL, 0}, 1, digest);
    assert_memory_equal(digest, of_nothing, sizeof digest);
}

static void *hash_many(void *context)
{
    const struct osy_piece piece = {"abc", 3};

    for (int i = 0; i < 1000; i++)
        osy_sha256(&piece, 1, context);
    return NULL;
}

static void threads_do_not_disturb_each_other(void **state)
{
    enum { THREADS = 4 };
    pthread_t threads[THREADS];
    uint8_t digests[THREADS][OSY_SHA256_BYTES];

    (void)state;
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, hash_many, digests[i]), 0);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_memory_equal(digests[i], of_abc, OSY_SHA256_BYTES);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_count_as_one_text),
        cmocka_unit_test(nothing_has_a_digest_too),
        cmocka_unit_test(threads_do_not_disturb_each_other),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
