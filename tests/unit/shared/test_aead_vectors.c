/*
 * AES-256-GCM against NIST's vectors (CAVP), against a second implementation written from the standard, and with cases
 * of our own in the classes of flaws that Wycheproof looks for: altered and cut tags, empty messages, counters that
 * carry. (We found its own vectors in no package.) Other lengths of nonce or tag than ours cannot be asked for: of NIST's
 * vectors those with other nonces are left out and counted, of shorter tags the beginning is compared.
 */
#include "shared/aead.h"

#include <openssl/evp.h>
#include <stdlib.h>

#include "shared/alloc.h"
#include "shared/random.h"
#include "tests/unit/shared/vector_file.h"

#define FIELD_BYTES 256

struct field {
    uint8_t bytes[FIELD_BYTES];
    size_t length;
};

struct vector {
    struct field key, nonce, plain, cipher, bound, tag;
    bool is_refused;
};

static struct field *find_field(struct vector *vector, const char *name)
{
    const struct {
        const char *name;
        struct field *field;
    } fields[] = {
        {"Key", &vector->key},   {"IV", &vector->nonce},  {"PT", &vector->plain},
        {"CT", &vector->cipher}, {"AAD", &vector->bound}, {"Tag", &vector->tag},
    };

    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (strcmp(fields[i].name, name) == 0)
            return fields[i].field;
    return NULL;
}

/* A vector is whole with its last line: its tag, or what decryption comes to. */
static bool read_vector(struct vector_file *file, bool decrypting, struct vector *vector)
{
    while (vector_file_next(file)) {
        struct field *field = find_field(vector, file->name);
        vector->is_refused = strcmp(file->name, "FAIL") == 0;
        if (field)
            field->length = vector_bytes(file->value, field->bytes, sizeof field->bytes);
        if (decrypting ? vector->is_refused || field == &vector->plain : field == &vector->tag)
            return true;
    }
    return false;
}

static struct osy_aead aead_of(const struct vector *vector, enum osy_aead_lane lane)
{
    assert_int_equal(vector->key.length, OSY_AEAD_SECRET_BYTES);
    assert_int_equal(vector->nonce.length, OSY_AEAD_NONCE_BYTES);
    return (struct osy_aead){.lane = lane,
                             .secret = vector->key.bytes,
                             .nonce = vector->nonce.bytes,
                             .bound = vector->bound.bytes,
                             .bound_length = vector->bound.length};
}

static void expect_encrypted(const struct osy_aead *aead, const struct vector *vector)
{
    uint8_t out[FIELD_BYTES], tag[OSY_AEAD_TAG_BYTES];

    assert_true(osy_aead_encrypt(aead, vector->plain.bytes, vector->plain.length, out, tag));
    assert_memory_equal(out, vector->cipher.bytes, vector->cipher.length);
    assert_memory_equal(tag, vector->tag.bytes, vector->tag.length);
}

static void expect_decrypted(const struct osy_aead *aead, const struct vector *vector)
{
    uint8_t out[FIELD_BYTES];

    assert_true(osy_aead_decrypt(aead, vector->cipher.bytes, vector->cipher.length,
                                 vector->tag.bytes, out));
    assert_memory_equal(out, vector->plain.bytes, vector->plain.length);
}

static void expect_refused(const struct osy_aead *aead, const uint8_t *cipher, size_t length,
                           const uint8_t tag[OSY_AEAD_TAG_BYTES])
{
    uint8_t out[FIELD_BYTES], zeros[FIELD_BYTES] = {0};

    memset(out, 0xa5, sizeof out);
    assert_true(length <= sizeof out);
    assert_false(osy_aead_decrypt(aead, cipher, length, tag, out));
    assert_memory_equal(out, zeros, length); /* nothing is released */
}

/* ---- NIST's ---- */

static void nist_messages_encrypt_as_they_should(void **state)
{
    struct vector_file file;
    struct vector vector = {0};
    size_t whole = 0, cut = 0, other_nonces = 0;

    (void)state;
    vector_file_open(&file, "ciphers/AES/GCM/gcmEncryptExtIV256.rsp");
    while (read_vector(&file, false, &vector)) {
        if (vector.nonce.length != OSY_AEAD_NONCE_BYTES) {
            other_nonces++;
            continue;
        }
        for (enum osy_aead_lane lane = OSY_AEAD_WRAPPING; lane <= OSY_AEAD_DATA; lane++) {
            struct osy_aead aead = aead_of(&vector, lane);
            expect_encrypted(&aead, &vector);
            if (vector.tag.length == OSY_AEAD_TAG_BYTES)
                expect_decrypted(&aead, &vector);
        }
        if (vector.tag.length == OSY_AEAD_TAG_BYTES)
            whole++;
        else
            cut++;
    }
    vector_file_close(&file);
    print_message("NIST, encryption: %zu vectors, %zu with the beginning of a tag; %zu left out, "
                  "of other nonces\n",
                  whole, cut, other_nonces);
    assert_true(whole >= 375 && cut >= 2250);
}

static void nist_messages_decrypt_or_are_refused_as_they_should(void **state)
{
    struct vector_file file;
    struct vector vector = {0};
    size_t good = 0, refused = 0, cut = 0, other_nonces = 0;

    (void)state;
    vector_file_open(&file, "ciphers/AES/GCM/gcmDecrypt256.rsp");
    while (read_vector(&file, true, &vector)) {
        struct osy_aead aead;
        if (vector.nonce.length != OSY_AEAD_NONCE_BYTES) {
            other_nonces++;
            continue;
        }
        aead = aead_of(&vector, OSY_AEAD_DATA);
        if (vector.is_refused || vector.tag.length < OSY_AEAD_TAG_BYTES) {
            memset(vector.tag.bytes + vector.tag.length, 0, OSY_AEAD_TAG_BYTES - vector.tag.length);
            expect_refused(&aead, vector.cipher.bytes, vector.cipher.length, vector.tag.bytes);
            if (vector.is_refused)
                refused++;
            else
                cut++;
        } else {
            expect_decrypted(&aead, &vector);
            good++;
        }
    }
    vector_file_close(&file);
    print_message("NIST, decryption: %zu vectors decrypted, %zu refused, %zu refused for their cut "
                  "tag alone; %zu left out, of other nonces\n",
                  good, refused, cut, other_nonces);
    assert_true(good >= 180 && refused >= 1000 && cut >= 1000);
}

/* ---- a second implementation: SP 800-38D, to be read beside it ---- */

/* Z = X * Y in GF(2^128), as in section 6.3. */
static void multiply(uint8_t x[16], const uint8_t y[16])
{
    uint8_t z[16] = {0}, v[16];

    memcpy(v, y, sizeof v);
    for (size_t bit = 0; bit < 128; bit++) {
        bool odd = v[15] & 1;
        for (size_t i = 0; (x[bit / 8] >> (7 - bit % 8) & 1) && i < 16; i++)
            z[i] ^= v[i];
        for (size_t i = 15; i > 0; i--)
            v[i] = (uint8_t)(v[i] >> 1 | v[i - 1] << 7);
        v[0] >>= 1;
        if (odd)
            v[0] ^= 0xe1;
    }
    memcpy(x, z, sizeof z);
}

static void encrypt_block(EVP_CIPHER_CTX *aes, const uint8_t in[16], uint8_t out[16])
{
    int written = 0;

    assert_int_equal(EVP_EncryptUpdate(aes, out, &written, in, 16), 1);
    assert_int_equal(written, 16);
}

static void hash_bytes(uint8_t hash[16], const uint8_t subkey[16], const uint8_t *bytes,
                       size_t length)
{
    for (size_t at = 0; at < length; at += 16) {
        for (size_t i = 0; i < 16 && at + i < length; i++)
            hash[i] ^= bytes[at + i];
        multiply(hash, subkey);
    }
}

static void put_big_endian(uint8_t *out, uint64_t value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        out[i] = (uint8_t)(value >> (8 * (bytes - 1 - i)));
}

static void encrypt_by_the_book(const struct osy_aead *aead, const uint8_t *plain, size_t length,
                                uint8_t *out, uint8_t tag[16])
{
    EVP_CIPHER_CTX *aes = EVP_CIPHER_CTX_new();
    uint8_t subkey[16] = {0}, hash[16] = {0}, counter[16], pad[16], lengths[16];

    assert_int_equal(EVP_EncryptInit_ex2(aes, EVP_aes_256_ecb(), aead->secret, NULL, NULL), 1);
    encrypt_block(aes, subkey, subkey);
    memcpy(counter, aead->nonce, OSY_AEAD_NONCE_BYTES);
    for (size_t at = 0; at < length; at += 16) {
        put_big_endian(counter + 12, at / 16 + 2, 4);
        encrypt_block(aes, counter, pad);
        for (size_t i = 0; i < 16 && at + i < length; i++)
            out[at + i] = plain[at + i] ^ pad[i];
    }
    hash_bytes(hash, subkey, aead->bound, aead->bound_length);
    hash_bytes(hash, subkey, out, length);
    put_big_endian(lengths, aead->bound_length * 8, 8);
    put_big_endian(lengths + 8, length * 8, 8);
    hash_bytes(hash, subkey, lengths, sizeof lengths);
    put_big_endian(counter + 12, 1, 4);
    encrypt_block(aes, counter, pad);
    for (size_t i = 0; i < 16; i++)
        tag[i] = hash[i] ^ pad[i];
    EVP_CIPHER_CTX_free(aes);
}

static void expect_as_by_the_book(const struct osy_aead *aead, size_t length)
{
    uint8_t *plain = osy_alloc(length + 1), *out = osy_alloc(length + 1),
            *book = osy_alloc(length + 1), tag[OSY_AEAD_TAG_BYTES], book_tag[OSY_AEAD_TAG_BYTES];

    for (size_t i = 0; i < length; i++)
        plain[i] = (uint8_t)(i * 7);
    assert_true(osy_aead_encrypt(aead, plain, length, out, tag));
    encrypt_by_the_book(aead, plain, length, book, book_tag);
    assert_memory_equal(out, book, length);
    assert_memory_equal(tag, book_tag, sizeof tag);
    assert_true(osy_aead_decrypt(aead, out, length, tag, out)); /* in place */
    assert_memory_equal(out, plain, length);
    free(plain);
    free(out);
    free(book);
}

/* Up to eleven blocks: implementations do eight at a time, and the rest in another way. */
static void every_short_length_is_as_by_the_book(void **state)
{
    static const uint8_t secret[OSY_AEAD_SECRET_BYTES] = "a secret for every short length";
    static const uint8_t nonce[OSY_AEAD_NONCE_BYTES] = "a nonce";
    uint8_t bound[40];
    size_t count = 0;

    (void)state;
    memset(bound, 0x5a, sizeof bound);
    for (size_t length = 0; length <= 176; length++) {
        for (size_t bound_length = 0; bound_length <= 34; bound_length += 17) {
            struct osy_aead aead = {OSY_AEAD_DATA, secret, nonce, bound, bound_length};
            expect_as_by_the_book(&aead, length);
            count++;
        }
    }
    print_message("ours, lengths: %zu cases\n", count);
}

/* The counter's last byte carries after 256 blocks, the one before it after 65,536; and it must do so within its four
 * bytes when all of the nonce before them is ones. */
static void counters_carry_within_their_four_bytes(void **state)
{
    static const size_t lengths[] = {254 * 16, 254 * 16 + 1, 255 * 16 + 5, 65534 * 16 + 33};
    uint8_t secret[OSY_AEAD_SECRET_BYTES] = {1}, nonces[2][OSY_AEAD_NONCE_BYTES];
    size_t count = 0;

    (void)state;
    memset(nonces[0], 0, sizeof nonces[0]);
    memset(nonces[1], 0xff, sizeof nonces[1]);
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        for (size_t j = 0; j < 2; j++) {
            struct osy_aead aead = {OSY_AEAD_DATA, secret, nonces[j], "", 0};
            expect_as_by_the_book(&aead, lengths[i]);
            count++;
        }
    }
    print_message("ours, counters: %zu cases\n", count);
}

/* ---- flaws ---- */

struct sealed {
    uint8_t secret[OSY_AEAD_SECRET_BYTES], nonce[OSY_AEAD_NONCE_BYTES], bound[20], plain[48],
        cipher[48], tag[OSY_AEAD_TAG_BYTES];
    size_t length, bound_length;
};

static struct osy_aead aead_with(const struct sealed *sealed)
{
    return (struct osy_aead){.lane = OSY_AEAD_WRAPPING,
                             .secret = sealed->secret,
                             .nonce = sealed->nonce,
                             .bound = sealed->bound,
                             .bound_length = sealed->bound_length};
}

static struct sealed seal(size_t length, size_t bound_length)
{
    struct sealed sealed = {.length = length, .bound_length = bound_length};
    struct osy_aead aead = aead_with(&sealed);

    osy_random_bytes(sealed.secret, sizeof sealed.secret);
    osy_random_bytes(sealed.nonce, sizeof sealed.nonce);
    osy_random_bytes(sealed.bound, sizeof sealed.bound);
    osy_random_bytes(sealed.plain, sizeof sealed.plain);
    assert_true(osy_aead_encrypt(&aead, sealed.plain, length, sealed.cipher, sealed.tag));
    return sealed;
}

static void expect_sealed_refused(const struct sealed *sealed)
{
    struct osy_aead aead = aead_with(sealed);

    expect_refused(&aead, sealed->cipher, sealed->length, sealed->tag);
}

static size_t flip_every_bit(struct sealed *sealed, uint8_t *bytes, size_t length)
{
    for (size_t bit = 0; bit < length * 8; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        expect_sealed_refused(sealed);
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    return length * 8;
}

static void expect_opened(const struct sealed *sealed)
{
    struct osy_aead aead = aead_with(sealed);
    uint8_t out[sizeof sealed->plain];

    assert_true(osy_aead_decrypt(&aead, sealed->cipher, sealed->length, sealed->tag, out));
    assert_memory_equal(out, sealed->plain, sealed->length);
}

/* With and without a text, with and without additional data. */
static void every_flipped_bit_is_refused(void **state)
{
    static const size_t lengths[][2] = {{0, 0}, {0, 20}, {48, 0}, {33, 20}};
    size_t count = 0;

    (void)state;
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        struct sealed sealed = seal(lengths[i][0], lengths[i][1]);
        count += flip_every_bit(&sealed, sealed.tag, sizeof sealed.tag);
        count += flip_every_bit(&sealed, sealed.nonce, sizeof sealed.nonce);
        count += flip_every_bit(&sealed, sealed.secret, sizeof sealed.secret);
        count += flip_every_bit(&sealed, sealed.cipher, sealed.length);
        count += flip_every_bit(&sealed, sealed.bound, sealed.bound_length);
        expect_opened(&sealed);
    }
    print_message("ours, flipped bits: %zu cases\n", count);
}

enum tag_flaw { TAG_ZEROS = 0, TAG_ONES, TAG_INVERTED, TAG_REVERSED, TAG_HIGH_BITS, TAG_FLAWS };

static void spoil_tag(uint8_t tag[OSY_AEAD_TAG_BYTES], enum tag_flaw flaw)
{
    uint8_t good[OSY_AEAD_TAG_BYTES];

    memcpy(good, tag, sizeof good);
    for (size_t i = 0; i < OSY_AEAD_TAG_BYTES; i++) {
        switch (flaw) {
        case TAG_ZEROS: tag[i] = 0; break;
        case TAG_ONES: tag[i] = 0xff; break;
        case TAG_INVERTED: tag[i] = (uint8_t)~good[i]; break;
        case TAG_REVERSED: tag[i] = good[OSY_AEAD_TAG_BYTES - 1 - i]; break;
        case TAG_HIGH_BITS: tag[i] = good[i] ^ 0x80; break;
        case TAG_FLAWS: break;
        }
    }
}

static void spoiled_tags_are_refused(void **state)
{
    size_t count = 0;

    (void)state;
    for (size_t length = 0; length <= 48; length += 16) {
        struct sealed good = seal(length, 20);
        for (enum tag_flaw flaw = TAG_ZEROS; flaw < TAG_FLAWS; flaw++, count++) {
            struct sealed bad = good;
            spoil_tag(bad.tag, flaw);
            expect_sealed_refused(&bad);
        }
        /* cut: what is missing may be filled up with anything but the tag's own bytes */
        for (size_t kept = 0; kept < OSY_AEAD_TAG_BYTES; kept++, count++) {
            struct sealed bad = good;
            for (size_t i = kept; i < OSY_AEAD_TAG_BYTES; i++)
                bad.tag[i] = (uint8_t)(good.tag[i] + 1);
            expect_sealed_refused(&bad);
        }
        expect_opened(&good);
    }
    print_message("ours, spoiled tags: %zu cases\n", count);
}

static void shifted_borders_are_refused(void **state)
{
    struct sealed good = seal(32, 16), bad = good;

    (void)state;
    bad.length = 31; /* the last byte cut off */
    expect_sealed_refused(&bad);
    bad.length = 48; /* and more than there was */
    expect_sealed_refused(&bad);
    bad = good;
    bad.bound_length = 0;
    expect_sealed_refused(&bad);
    bad =
        good; /* the text's first block passed off as additional data: the same bytes, in the same order */
    memcpy(bad.bound + 16, good.cipher, 4);
    bad.bound_length = 20;
    memmove(bad.cipher, good.cipher + 4, 28);
    bad.length = 28;
    expect_sealed_refused(&bad);
    bad = good; /* another good tag, of the same key and nonce */
    bad.plain[0] ^= 1;
    struct osy_aead aead = aead_with(&bad);
    uint8_t unused[sizeof bad.cipher];
    assert_true(osy_aead_encrypt(&aead, bad.plain, bad.length, unused, bad.tag));
    expect_sealed_refused(&bad);
    expect_opened(&good);
    print_message("ours, borders: 5 cases\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nist_messages_encrypt_as_they_should),
        cmocka_unit_test(nist_messages_decrypt_or_are_refused_as_they_should),
        cmocka_unit_test(every_short_length_is_as_by_the_book),
        cmocka_unit_test(counters_carry_within_their_four_bytes),
        cmocka_unit_test(every_flipped_bit_is_refused),
        cmocka_unit_test(spoiled_tags_are_refused),
        cmocka_unit_test(shifted_borders_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
