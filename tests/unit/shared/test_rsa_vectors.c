/*
 * RS256 against NIST's vectors (CAVP), and access tokens against signatures that are nearly good: our own cases, made
 * with keys of this run, in the classes of flaws that Wycheproof looks for (we found its own vectors in no package). A
 * verifier that reads what it has decrypted, instead of comparing it with the one encoding that there is, takes some of
 * them for good; with the exponent 3 that is enough to forge without a private key.
 */
#include "shared/rs256.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>
#include <stdlib.h>

#include "shared/alloc.h"
#include "shared/base64url.h"
#include "shared/buffer.h"
#include "shared/jwt.h"
#include "tests/unit/shared/key_folder.h"
#include "tests/unit/shared/vector_file.h"

/* ---- NIST's ---- */

#define MESSAGE_MAX 256

struct vector {
    BIGNUM *modulus, *exponent;
    bool is_sha256;
    uint8_t message[MESSAGE_MAX], signature[OSY_RS256_SIGNATURE_MAX];
    size_t message_length, signature_length;
};

struct tally {
    size_t accepted, refused, of_other_hashes;
};

static EVP_PKEY *make_public_key(const BIGNUM *modulus, const BIGNUM *exponent)
{
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    OSSL_PARAM *parameters = NULL;
    EVP_PKEY *key = NULL;

    OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, modulus);
    OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, exponent);
    parameters = OSSL_PARAM_BLD_to_param(builder);
    assert_int_equal(EVP_PKEY_fromdata_init(context), 1);
    assert_int_equal(EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, parameters), 1);
    OSSL_PARAM_free(parameters);
    OSSL_PARAM_BLD_free(builder);
    EVP_PKEY_CTX_free(context);
    return key;
}

static void read_field(struct vector *vector, const char *name, const char *value)
{
    if (strcmp(name, "n") == 0)
        assert_int_not_equal(BN_hex2bn(&vector->modulus, value), 0);
    else if (strcmp(name, "e") == 0)
        assert_int_not_equal(BN_hex2bn(&vector->exponent, value), 0);
    else if (strcmp(name, "SHAAlg") == 0)
        vector->is_sha256 = strcmp(value, "SHA256") == 0;
    else if (strcmp(name, "Msg") == 0)
        vector->message_length = vector_bytes(value, vector->message, sizeof vector->message);
    else if (strcmp(name, "S") == 0)
        vector->signature_length = vector_bytes(value, vector->signature, sizeof vector->signature);
}

static void check_vector(const struct vector *vector, bool is_good, struct tally *tally)
{
    EVP_PKEY *key = make_public_key(vector->modulus, vector->exponent);
    bool accepted = osy_rs256_verify(key, vector->message, vector->message_length,
                                     vector->signature, vector->signature_length);

    EVP_PKEY_free(key);
    assert_int_equal(accepted, is_good && vector->is_sha256);
    if (accepted)
        tally->accepted++;
    else if (vector->is_sha256)
        tally->refused++;
    else
        tally->of_other_hashes++;
}

/* last: the name of a vector's last line. Where that is the result it says so; signatures that are a result are good. */
static struct tally check_file(const char *path, const char *last)
{
    struct vector_file file;
    struct vector vector = {0};
    struct tally tally = {0};

    vector_file_open(&file, path);
    while (vector_file_next(&file)) {
        read_field(&vector, file.name, file.value);
        if (strcmp(file.name, last) == 0)
            check_vector(&vector, strcmp(last, "S") == 0 || *file.value == 'P', &tally);
    }
    vector_file_close(&file);
    BN_free(vector.modulus);
    BN_free(vector.exponent);
    print_message("NIST, %s: %zu vectors accepted, %zu refused, %zu of other hashes refused\n",
                  strrchr(path, '/') + 1, tally.accepted, tally.refused, tally.of_other_hashes);
    return tally;
}

static void nist_signatures_are_accepted_under_their_hash_alone(void **state)
{
    struct tally tally = check_file("asymmetric/RSA/FIPS_186-2/SigGen15_186-3.rsp", "S");

    (void)state;
    assert_true(tally.accepted >= 50 && tally.refused == 0 && tally.of_other_hashes >= 200);
}

static void nist_signatures_verify_or_are_refused_as_they_should(void **state)
{
    struct tally tally = check_file("asymmetric/RSA/FIPS_186-2/SigVer15_186-3.rsp", "Result");

    (void)state;
    assert_true(tally.accepted >= 15 && tally.refused >= 75 && tally.of_other_hashes >= 360);
}

static void nist_encodings_with_flaws_are_refused(void **state)
{
    struct tally tally = check_file("asymmetric/RSA/SigVer15EMTest.txt", "Result");

    (void)state;
    assert_true(tally.accepted == 0 && tally.refused >= 30 && tally.of_other_hashes >= 120);
}

/* ---- a forger who may use our private key as he likes ---- */

#define KEY_BITS       2048
#define KEY_BYTES      (KEY_BITS / 8)
#define NOW_S          1800000000
#define ATTEMPTS_MAX   20000 /* one in 256 signatures begins with a zero */
#define EXPONENT_COUNT 2

static const unsigned long exponents[EXPONENT_COUNT] = {65537, 3};

static struct forger {
    EVP_PKEY *key;
    struct osy_keyring *keyring;
    BIGNUM *modulus;
    char *text; /* header.payload of a token of ours; owned */
    uint8_t digest[SHA256_DIGEST_LENGTH];
} forgers[EXPONENT_COUNT];

static EVP_PKEY *generate(unsigned long exponent)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    BIGNUM *number = BN_new();
    EVP_PKEY *key = NULL;

    BN_set_word(number, exponent);
    if (EVP_PKEY_keygen_init(context) != 1 ||
        EVP_PKEY_CTX_set_rsa_keygen_bits(context, KEY_BITS) != 1 ||
        EVP_PKEY_CTX_set1_rsa_keygen_pubexp(context, number) != 1 ||
        EVP_PKEY_generate(context, &key) != 1)
        abort();
    BN_free(number);
    EVP_PKEY_CTX_free(context);
    return key;
}

static int make_forgers(void **state)
{
    (void)state;
    for (size_t i = 0; i < EXPONENT_COUNT; i++) {
        struct key_folder folder;
        forgers[i].key = generate(exponents[i]);
        key_folder_make(&folder);
        key_folder_write_private(&folder, "jwt-a.key.pem", forgers[i].key);
        forgers[i].keyring = osy_keyring_load(folder.path, OSY_KEYS_JWT_PRIVATE, NULL);
        key_folder_remove(&folder);
        if (!forgers[i].keyring ||
            EVP_PKEY_get_bn_param(forgers[i].key, OSSL_PKEY_PARAM_RSA_N, &forgers[i].modulus) != 1)
            return -1;
    }
    return 0;
}

static int free_forgers(void **state)
{
    (void)state;
    for (size_t i = 0; i < EXPONENT_COUNT; i++) {
        EVP_PKEY_free(forgers[i].key);
        osy_keyring_destroy(forgers[i].keyring);
        BN_free(forgers[i].modulus);
        free(forgers[i].text);
    }
    return 0;
}

/* A new token's text and good signature; each is another. */
static void take_token(struct forger *forger, uint8_t signature[KEY_BYTES])
{
    struct osy_claims claims = {.subject = osy_uuid_v7(),
                                .token_id = osy_uuid_v7(),
                                .role = OSY_ROLE_ADMIN,
                                .issued_at_s = NOW_S - 10,
                                .expires_at_s = NOW_S + 600};
    char *dot = NULL;
    size_t length = 0;

    free(forger->text);
    forger->text = osy_jwt_sign(forger->keyring, &claims, NULL);
    assert_non_null(forger->text);
    dot = strrchr(forger->text, '.');
    assert_true(osy_base64url_decode(dot + 1, strlen(dot + 1), signature, &length));
    assert_int_equal(length, KEY_BYTES);
    *dot = '\0';
    SHA256((const uint8_t *)forger->text, strlen(forger->text), forger->digest);
}

static bool is_accepted(const struct forger *forger, const uint8_t *signature, size_t length)
{
    char encoded[OSY_BASE64URL_LENGTH(2 * KEY_BYTES) + 1];
    struct osy_buffer token = OSY_BUFFER_INIT;
    struct osy_claims claims;
    struct osy_error err = {OSY_OK, ""};
    bool accepted = false;

    assert_true(length <= 2 * KEY_BYTES);
    osy_base64url_encode(signature, length, encoded);
    osy_buffer_printf(&token, "%s.%s", forger->text, encoded);
    accepted = osy_jwt_verify(forger->keyring, token.bytes, token.length, NOW_S, &claims, &err);
    if (!accepted)
        assert_non_null(strstr(err.message, "signature"));
    osy_buffer_deinit(&token);
    return accepted;
}

static void expect_refused(const struct forger *forger, const uint8_t *signature, size_t length,
                           const char *name)
{
    if (is_accepted(forger, signature, length))
        fail_msg("accepted: %s", name);
}

/* The private key's power of what an encoded message should be, and here need not be. */
static void sign_raw(const struct forger *forger, const uint8_t encoded[KEY_BYTES],
                     uint8_t signature[KEY_BYTES])
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, forger->key, NULL);
    size_t length = KEY_BYTES;

    assert_int_equal(EVP_PKEY_sign_init(context), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(context, RSA_NO_PADDING), 1);
    assert_int_equal(EVP_PKEY_sign(context, signature, &length, encoded, KEY_BYTES), 1);
    assert_int_equal(length, KEY_BYTES);
    EVP_PKEY_CTX_free(context);
}

/* ---- encodings ---- */

/*
 * An encoded message is written in hexadecimal, with letters: H the token's digest, h the same without its last byte,
 * X with one bit of it altered; and at most one filling that brings the whole to the modulus' length: P of ff, Z of 00,
 * G of a5, which stands for whatever a forger wants there.
 */
static size_t append_piece(const struct forger *forger, const char **at, uint8_t *out)
{
    char letter = **at;

    if (letter == 'H' || letter == 'h' || letter == 'X') {
        memcpy(out, forger->digest, sizeof forger->digest);
        out[sizeof forger->digest - 1] ^= letter == 'X';
        ++*at;
        return sizeof forger->digest - (letter == 'h');
    }
    unsigned byte = 0;
    assert_int_equal(sscanf(*at, "%2x", &byte), 1);
    *out = (uint8_t)byte;
    *at += 2;
    return 1;
}

static size_t write_pieces(const struct forger *forger, const char *from, const char *end,
                           uint8_t out[KEY_BYTES])
{
    uint8_t piece[SHA256_DIGEST_LENGTH];
    size_t length = 0;

    while (from < end) {
        size_t more = append_piece(forger, &from, piece);
        assert_true(length + more <= KEY_BYTES);
        memcpy(out + length, piece, more);
        length += more;
    }
    return length;
}

static void encode(const struct forger *forger, const char *template, uint8_t out[KEY_BYTES])
{
    const char *filling = strpbrk(template, "PZG"), *end = template + strlen(template);
    uint8_t tail[KEY_BYTES];
    size_t tail_length = filling ? write_pieces(forger, filling + 1, end, tail) : 0,
           head_length = 0;

    if (filling)
        memset(out, *filling == 'P' ? 0xff : *filling == 'Z' ? 0 : 0xa5, KEY_BYTES);
    head_length = write_pieces(forger, template, filling ? filling : end, out);
    assert_true(filling ? head_length + tail_length <= KEY_BYTES : head_length == KEY_BYTES);
    memcpy(out + KEY_BYTES - tail_length, tail, tail_length);
}

#define SHA256_OID "0609608648016503040201"
#define ALGORITHM  "300d" SHA256_OID "0500"
#define DIGEST     "0420H"
#define INFO       "3031" ALGORITHM DIGEST
#define EIGHT      "ffffffffffffffff"

/* In another algorithm's name, of as many bytes, or with its own lengths. */
#define OF_ALGORITHM(last)                   "3031300d06096086480165030402" last "0500" DIGEST
#define OF_OID(total, algorithm, identifier) total algorithm identifier "0500" DIGEST

static const struct {
    const char *name, *template;
} flaws[] = {
    /* BER where DER has one form */
    {"the sequence's length in two bytes", "0001P00308131" ALGORITHM DIGEST},
    {"the sequence's length in three", "0001P0030820031" ALGORITHM DIGEST},
    {"the sequence's length in four", "0001P003083000031" ALGORITHM DIGEST},
    {"the sequence's length too great by 2^32", "0001P0030850100000031" ALGORITHM DIGEST},
    {"a sequence without length", "0001P003080" ALGORITHM DIGEST "0000"},
    {"the algorithm's length in two bytes", "0001P00303230810d" SHA256_OID "0500" DIGEST},
    {"an algorithm without length", "0001P0030333080" SHA256_OID "05000000" DIGEST},
    {"the identifier's length in two bytes", "0001P003032300e0681"
                                             "09608648016503040201"
                                             "0500" DIGEST},
    {"the NULL's length in two bytes", "0001P003032300e" SHA256_OID "058100" DIGEST},
    {"the NULL's length in three", "0001P003033300f" SHA256_OID "05820000" DIGEST},
    {"the digest's length in two bytes", "0001P003032" ALGORITHM "048120H"},
    {"a digest in parts", "0001P003033" ALGORITHM "2422" DIGEST},
    /* parameters */
    {"no NULL", "0001P00302f300b" SHA256_OID DIGEST},
    {"a NULL with something in it", "0001P003032300e" SHA256_OID "050100" DIGEST},
    {"two NULLs", "0001P003033300f" SHA256_OID "05000500" DIGEST},
    {"a string for NULL", "0001P003031300d" SHA256_OID "0c00" DIGEST},
    {"a sequence for NULL", "0001P003031300d" SHA256_OID "3000" DIGEST},
    {"an empty algorithm", "0001P0030243000" DIGEST},
    {"no algorithm", "0001P003022" DIGEST},
    {"a NULL that fills the message", "0001" EIGHT "003081f23081cd" SHA256_OID "0581bfG" DIGEST},
    /* another algorithm's name */
    {"SHA-384", "0001P00" OF_ALGORITHM("02")},
    {"SHA-512", "0001P00" OF_ALGORITHM("03")},
    {"SHA-224", "0001P00" OF_ALGORITHM("04")},
    {"SHA-512/256", "0001P00" OF_ALGORITHM("06")},
    {"SHA3-256", "0001P00" OF_ALGORITHM("08")},
    {"SHA-1", "0001P00" OF_OID("302d", "3009", "06052b0e03021a")},
    {"MD5", "0001P00" OF_OID("3030", "300c", "06082a864886f70d0205")},
    {"sha256WithRSAEncryption", "0001P00" OF_OID("3031", "300d", "06092a864886f70d01010b")},
    {"an identifier that goes on", "0001P00" OF_OID("3032", "300e", "060a60864801650304020100")},
    {"an identifier cut short", "0001P00" OF_OID("3030", "300c", "06086086480165030402")},
    {"an identifier with a leading 80",
     "0001P00" OF_OID("3032", "300e", "060a60864801650304800201")},
    {"an empty identifier", "0001P00" OF_OID("3028", "3004", "0600")},
    /* the digest */
    {"one bit of the digest", "0001P003031" ALGORITHM "0420X"},
    {"a digest cut short", "0001P003030" ALGORITHM "041fh"},
    {"an empty digest", "0001P003011" ALGORITHM "0400"},
    {"a digest and a byte", "0001P003032" ALGORITHM "0421H00"},
    {"a digest as bit string", "0001P003032" ALGORITHM "032100H"},
    {"a digest without its header", "0001P00302f" ALGORITHM "H"},
    {"the digest alone", "0001P00H"},
    /* something behind it */
    {"two bytes behind", "0001P00" INFO "a5a5"},
    {"two zeros behind", "0001P00" INFO "0000"},
    {"a message full of garbage behind eight bytes of padding", "0001" EIGHT "00" INFO "G"},
    {"the same of zeros", "0001" EIGHT "00" INFO "Z"},
    {"an element more in the sequence", "0001P003033" ALGORITHM DIGEST "0500"},
    {"two bytes in the digest's string", "0001P003033" ALGORITHM "0422Ha5a5"},
    /* the padding */
    {"no padding, garbage behind", "000100" INFO "G"},
    {"seven bytes of padding, garbage behind", "0001ffffffffffffff00" INFO "G"},
    {"padding of zeros", "0001Z00" INFO},
    {"padding of garbage", "0001G00" INFO},
    {"its first byte fe", "0001feP00" INFO},
    {"its last byte fe", "0001Pfe00" INFO},
    {"its last byte 7f", "0001P7f00" INFO},
    {"a zero within it", "0001" EIGHT "00P00" INFO},
    {"a zero at its beginning", "000100P00" INFO},
    {"two zeros at its end", "0001P0000" INFO},
    {"no zero at its end", "0001P" INFO},
    {"a one at its end", "0001P01" INFO},
    {"block type 0", "0000P00" INFO},
    {"block type 2", "0002P00" INFO},
    {"block type ff", "00ffP00" INFO},
    {"the first byte one", "0101P00" INFO},
    {"the first byte 80", "8001P00" INFO},
    {"all of it a byte to the left", "01P00" INFO "00"},
    {"all of it a byte to the right", "000001P00" INFO},
};
#define FLAW_COUNT (sizeof flaws / sizeof *flaws)

/* Otherwise the forger's work would prove nothing. */
static void the_forger_can_make_a_good_signature(void **state)
{
    uint8_t good[KEY_BYTES], encoded[KEY_BYTES], signature[KEY_BYTES];

    (void)state;
    for (size_t i = 0; i < EXPONENT_COUNT; i++) {
        take_token(&forgers[i], good);
        encode(&forgers[i], "0001P00" INFO, encoded);
        sign_raw(&forgers[i], encoded, signature);
        assert_memory_equal(signature, good, KEY_BYTES);
        assert_true(is_accepted(&forgers[i], signature, KEY_BYTES));
    }
}

static void encodings_with_flaws_are_refused(void **state)
{
    uint8_t encoded[KEY_BYTES], signature[KEY_BYTES];

    (void)state;
    for (size_t i = 0; i < EXPONENT_COUNT; i++) {
        take_token(&forgers[i], signature);
        for (size_t j = 0; j < FLAW_COUNT; j++) {
            encode(&forgers[i], flaws[j].template, encoded);
            sign_raw(&forgers[i], encoded, signature);
            expect_refused(&forgers[i], signature, KEY_BYTES, flaws[j].name);
        }
    }
    print_message("ours, encodings: %zu cases\n", FLAW_COUNT * EXPONENT_COUNT);
}

/* ---- numbers ---- */

static void expect_number_refused(const struct forger *forger, const BIGNUM *number,
                                  const char *name)
{
    uint8_t bytes[KEY_BYTES];

    assert_int_equal(BN_bn2binpad(number, bytes, sizeof bytes), sizeof bytes);
    expect_refused(forger, bytes, sizeof bytes, name);
}

/* 0, 1, n - 1, n, n + 1 and all ones: their powers are known without a private key, or they are no residue at all. */
static void signatures_at_the_borders_of_the_modulus_are_refused(void **state)
{
    const struct forger *forger = &forgers[0];
    BIGNUM *number = BN_new();
    uint8_t ones[KEY_BYTES], unused[KEY_BYTES];

    (void)state;
    take_token(&forgers[0], unused);
    BN_zero(number);
    expect_number_refused(forger, number, "0");
    BN_one(number);
    expect_number_refused(forger, number, "1");
    BN_copy(number, forger->modulus);
    expect_number_refused(forger, number, "n");
    BN_sub_word(number, 1);
    expect_number_refused(forger, number, "n - 1");
    BN_add_word(number, 2);
    expect_number_refused(forger, number, "n + 1");
    memset(ones, 0xff, sizeof ones);
    expect_refused(forger, ones, sizeof ones, "all ones");
    BN_free(number);
    print_message("ours, borders: 6 cases\n");
}

/* s + n has the same power as s. As it must not be longer than the modulus, s has to be small: another token will do. */
static void a_signature_plus_the_modulus_is_refused(void **state)
{
    BIGNUM *number = BN_new();
    uint8_t signature[KEY_BYTES], longer[KEY_BYTES + 1];
    size_t attempts = 0;

    (void)state;
    do {
        assert_true(attempts++ < ATTEMPTS_MAX);
        take_token(&forgers[0], signature);
        BN_bin2bn(signature, sizeof signature, number);
        BN_add(number, number, forgers[0].modulus);
    } while (BN_num_bits(number) > KEY_BITS);
    assert_true(is_accepted(&forgers[0], signature, sizeof signature));
    expect_number_refused(&forgers[0], number, "s + n");
    BN_add(number, number, forgers[0].modulus);
    BN_bn2binpad(number, longer, sizeof longer);
    expect_refused(&forgers[0], longer, sizeof longer, "s + 2n");
    BN_bin2bn(signature, sizeof signature, number);
    BN_sub(number, forgers[0].modulus, number);
    expect_number_refused(&forgers[0], number, "n - s");
    BN_free(number);
    print_message("ours, the same residue: 3 cases\n");
}

/* Leading zeros are part of a signature: neither fewer nor more. */
static void signatures_of_another_length_are_refused(void **state)
{
    const struct forger *forger = &forgers[0];
    uint8_t signature[KEY_BYTES], longer[2 * KEY_BYTES] = {0};
    size_t attempts = 0;

    (void)state;
    do {
        assert_true(attempts++ < ATTEMPTS_MAX);
        take_token(&forgers[0], signature);
    } while (signature[0] != 0);
    assert_true(is_accepted(forger, signature, KEY_BYTES));
    expect_refused(forger, signature + 1, KEY_BYTES - 1, "without its leading zero");
    expect_refused(forger, signature, KEY_BYTES - 1, "without its last byte");
    expect_refused(forger, signature, KEY_BYTES / 2, "half of it");
    expect_refused(forger, signature, 1, "one byte");
    expect_refused(forger, signature, 0, "nothing");
    memcpy(longer + 1, signature, KEY_BYTES);
    expect_refused(forger, longer, KEY_BYTES + 1, "a zero before it");
    expect_refused(forger, longer + 1, KEY_BYTES + 1, "a zero behind it");
    memmove(longer + KEY_BYTES, signature, KEY_BYTES);
    expect_refused(forger, longer, 2 * KEY_BYTES, "as many zeros before it");
    memcpy(longer, signature, KEY_BYTES);
    expect_refused(forger, longer, 2 * KEY_BYTES, "twice");
    print_message("ours, lengths: 9 cases\n");
}

static void every_flipped_bit_is_refused(void **state)
{
    uint8_t signature[KEY_BYTES];

    (void)state;
    take_token(&forgers[0], signature);
    for (size_t bit = 0; bit < KEY_BITS; bit++) {
        signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
        expect_refused(&forgers[0], signature, KEY_BYTES, "a flipped bit");
        signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_true(is_accepted(&forgers[0], signature, KEY_BYTES));
    print_message("ours, flipped bits: %d cases\n", KEY_BITS);
}

static void a_signature_of_another_text_is_refused(void **state)
{
    uint8_t other[KEY_BYTES], signature[KEY_BYTES];

    (void)state;
    take_token(&forgers[0], other);
    take_token(&forgers[0], signature);
    expect_refused(&forgers[0], other, KEY_BYTES, "another token's");
    take_token(&forgers[1], other);
    take_token(&forgers[0], signature);
    expect_refused(&forgers[0], other, KEY_BYTES, "another key's");
    print_message("ours, other texts: 2 cases\n");
}

/* ---- Bleichenbacher's forgery of 2006, with public numbers alone ---- */

static void cube(BIGNUM *out, const BIGNUM *number, BN_CTX *context)
{
    BN_sqr(out, number, context);
    BN_mul(out, out, number, context);
}

/* The least number whose cube is not less than target. */
static void cube_root_up(BIGNUM *root, const BIGNUM *target, BN_CTX *context)
{
    BIGNUM *power = BN_new();

    BN_zero(root);
    for (int bit = BN_num_bits(target) / 3; bit >= 0; bit--) {
        BN_set_bit(root, bit);
        cube(power, root, context);
        if (BN_cmp(power, target) >= 0)
            BN_clear_bit(root, bit);
    }
    BN_add_word(root, 1);
    BN_free(power);
}

static void a_cube_root_is_no_signature(void **state)
{
    struct forger *forger = &forgers[1];
    BN_CTX *context = BN_CTX_new();
    BIGNUM *target = BN_new(), *root = BN_new(), *power = BN_new();
    uint8_t wanted[KEY_BYTES], reached[KEY_BYTES];
    const size_t counts = 2 + 8 + 1 + 51; /* padding and DigestInfo; what follows is the rounding */

    (void)state;
    take_token(forger, reached);
    encode(forger, "0001" EIGHT "00" INFO "Z", wanted);
    BN_bin2bn(wanted, sizeof wanted, target);
    cube_root_up(root, target, context);
    cube(power, root, context);
    assert_true(BN_cmp(power, forger->modulus) < 0);
    BN_bn2binpad(power, reached, sizeof reached);
    assert_memory_equal(reached, wanted, counts); /* who stops reading there believes it */
    expect_number_refused(forger, root, "a cube root");
    BN_free(target);
    BN_free(root);
    BN_free(power);
    BN_CTX_free(context);
    print_message("ours, cube roots: 1 case\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nist_signatures_are_accepted_under_their_hash_alone),
        cmocka_unit_test(nist_signatures_verify_or_are_refused_as_they_should),
        cmocka_unit_test(nist_encodings_with_flaws_are_refused),
        cmocka_unit_test(the_forger_can_make_a_good_signature),
        cmocka_unit_test(encodings_with_flaws_are_refused),
        cmocka_unit_test(signatures_at_the_borders_of_the_modulus_are_refused),
        cmocka_unit_test(a_signature_plus_the_modulus_is_refused),
        cmocka_unit_test(signatures_of_another_length_are_refused),
        cmocka_unit_test(every_flipped_bit_is_refused),
        cmocka_unit_test(a_signature_of_another_text_is_refused),
        cmocka_unit_test(a_cube_root_is_no_signature),
    };

    return cmocka_run_group_tests(tests, make_forgers, free_forgers);
}
