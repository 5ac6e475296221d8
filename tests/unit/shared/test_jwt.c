#include "shared/jwt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <openssl/hmac.h>
#include <openssl/rsa.h>

#include "shared/alloc.h"
#include "shared/base64url.h"
#include "shared/buffer.h"
#include "tests/unit/shared/key_folder.h"

#define NOW_S   1800000000
#define KID     "a-key"
#define SUBJECT "01890000-0000-7000-8000-00000000000a"
#define TOKEN   "01890000-0000-7000-8000-00000000000b"
#define R1      "01890000-0000-7000-8000-000000000001"

/* 2048 bits: the signature's 256 bytes leave bits behind in base64url, which the canon test needs.
 */
static EVP_PKEY *rsa, *other_rsa, *curve;
static struct osy_keyring *keyring;
static char public_pem[1024]; /* what everybody may read, and an attacker signs with */

static int make_keys(void **state)
{
    struct key_folder folder;
    BIO *bio = BIO_new(BIO_s_mem());

    (void)state;
    rsa = EVP_RSA_gen(2048);
    other_rsa = EVP_RSA_gen(2048);
    curve = EVP_EC_gen("P-256");
    PEM_write_bio_PUBKEY(bio, rsa);
    BIO_read(bio, public_pem, sizeof public_pem - 1);
    BIO_free(bio);
    key_folder_make(&folder);
    key_folder_write_private(&folder, "jwt-" KID ".key.pem", rsa);
    key_folder_write_public(&folder, "jwt-" KID ".pub.pem", rsa);
    keyring = osy_keyring_load(folder.path, OSY_KEYS_JWT_PRIVATE, NULL);
    key_folder_remove(&folder);
    return keyring ? 0 : -1;
}

static int free_keys(void **state)
{
    (void)state;
    osy_keyring_destroy(keyring);
    EVP_PKEY_free(rsa);
    EVP_PKEY_free(other_rsa);
    EVP_PKEY_free(curve);
    return 0;
}

static struct osy_uuid uuid(const char *text)
{
    struct osy_uuid value;

    assert_true(osy_uuid_parse(text, strlen(text), &value));
    return value;
}

static struct osy_claims staff_claims(void)
{
    struct osy_claims claims = {.subject = uuid(SUBJECT),
                                .token_id = uuid(TOKEN),
                                .role = OSY_ROLE_STAFF,
                                .issued_at_s = NOW_S - 10,
                                .not_before_s = NOW_S - 10,
                                .expires_at_s = NOW_S + 600,
                                .restaurant_count = 1,
                                .restaurants = {uuid(R1)}};
    return claims;
}

/* ---- a forger with every key there is ---- */

enum signer {
    BY_US = 0,
    BY_NOBODY,
    BY_HMAC_OF_PUBLIC_PEM,
    BY_CURVE,
    BY_OTHER_RSA,
    BY_SHA512,
    BY_PSS
};

static void append_base64url(struct osy_buffer *out, const void *bytes, size_t length)
{
    char *text = osy_alloc(OSY_BASE64URL_LENGTH(length) + 1);

    osy_base64url_encode(bytes, length, text);
    osy_buffer_text(out, text);
    free(text);
}

static size_t sign_with(EVP_PKEY *pkey, const EVP_MD *digest, bool pss,
                        const struct osy_buffer *text, uint8_t signature[512])
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_PKEY_CTX *parameters = NULL;
    size_t length = 512;

    assert_int_equal(EVP_DigestSignInit(context, &parameters, digest, NULL, pkey), 1);
    if (pss)
        assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PSS_PADDING), 1);
    assert_int_equal(
        EVP_DigestSign(context, signature, &length, (const uint8_t *)text->bytes, text->length), 1);
    EVP_MD_CTX_free(context);
    return length;
}

static void append_signature(struct osy_buffer *token, enum signer signer)
{
    uint8_t signature[512];
    unsigned mac_length = 0;
    size_t length = 0;

    switch (signer) {
    case BY_US: length = sign_with(rsa, EVP_sha256(), false, token, signature); break;
    case BY_NOBODY: break;
    case BY_HMAC_OF_PUBLIC_PEM:
        HMAC(EVP_sha256(), public_pem, (int)strlen(public_pem), (const uint8_t *)token->bytes,
             token->length, signature, &mac_length);
        length = mac_length;
        break;
    case BY_CURVE: length = sign_with(curve, EVP_sha256(), false, token, signature); break;
    case BY_OTHER_RSA: length = sign_with(other_rsa, EVP_sha256(), false, token, signature); break;
    case BY_SHA512: length = sign_with(rsa, EVP_sha512(), false, token, signature); break;
    case BY_PSS: length = sign_with(rsa, EVP_sha256(), true, token, signature); break;
    }
    osy_buffer_char(token, '.');
    append_base64url(token, signature, length);
}

static void forge(const char *header, const char *payload, enum signer signer,
                  struct osy_buffer *token)
{
    osy_buffer_clear(token);
    append_base64url(token, header, strlen(header));
    osy_buffer_char(token, '.');
    append_base64url(token, payload, strlen(payload));
    append_signature(token, signer);
}

static void expect_refused(const char *name, const char *token, size_t length, const char *reason)
{
    /* Exactly as long as the token, so that a sanitizer sees a read behind its end. */
    char *copy = osy_alloc(length);
    struct osy_claims claims;
    struct osy_error err = {OSY_OK, ""};

    memcpy(copy, token, length);
    if (osy_jwt_verify(keyring, copy, length, NOW_S, &claims, &err))
        fail_msg("accepted: %s", name);
    if (err.code != OSY_ERR_DENIED || !strstr(err.message, reason))
        fail_msg("%s: '%s' does not say '%s'", name, err.message, reason);
    free(copy);
}

/* ---- the tests ---- */

static void a_signed_token_verifies_to_the_same_claims(void **state)
{
    struct osy_claims claims = staff_claims(), read;
    struct osy_error err = {OSY_OK, ""};
    char *token = osy_jwt_sign(keyring, &claims, &err);

    (void)state;
    assert_non_null(token);
    assert_true(osy_jwt_verify(keyring, token, strlen(token), NOW_S, &read, &err));
    assert_true(osy_uuid_equal(&read.subject, &claims.subject));
    assert_true(osy_uuid_equal(&read.token_id, &claims.token_id));
    assert_int_equal(read.role, OSY_ROLE_STAFF);
    assert_int_equal(read.issued_at_s, claims.issued_at_s);
    assert_int_equal(read.not_before_s, claims.not_before_s);
    assert_int_equal(read.expires_at_s, claims.expires_at_s);
    assert_int_equal(read.restaurant_count, 1);
    assert_true(osy_uuid_equal(&read.restaurants[0], &claims.restaurants[0]));
    free(token);
}

static void a_token_may_name_its_session(void **state)
{
    struct osy_claims claims = staff_claims(), read;
    char *without = osy_jwt_sign(keyring, &claims, NULL), *with;

    (void)state;
    claims.session_id = uuid(TOKEN);
    with = osy_jwt_sign(keyring, &claims, NULL);
    assert_true(osy_jwt_verify(keyring, without, strlen(without), NOW_S, &read, NULL));
    assert_true(osy_uuid_is_nil(&read.session_id));
    assert_true(osy_jwt_verify(keyring, with, strlen(with), NOW_S, &read, NULL));
    assert_true(osy_uuid_equal(&read.session_id, &claims.session_id));
    free(without);
    free(with);
}

static void every_role_signs_and_verifies(void **state)
{
    (void)state;
    for (enum osy_role role = OSY_ROLE_CUSTOMER; role <= OSY_ROLE_ADMIN; role++) {
        struct osy_claims claims = staff_claims(), read;
        enum osy_role parsed = OSY_ROLE_NONE;
        char *token = NULL;
        claims.role = role;
        claims.not_before_s = 0; /* absent */
        token = osy_jwt_sign(keyring, &claims, NULL);
        assert_true(osy_jwt_verify(keyring, token, strlen(token), NOW_S, &read, NULL));
        assert_int_equal(read.role, role);
        assert_int_equal(read.not_before_s, 0);
        assert_int_equal(read.restaurant_count,
                         role == OSY_ROLE_STAFF || role == OSY_ROLE_OWNER ? 1 : 0);
        assert_true(osy_role_parse(osy_role_name(role), &parsed));
        assert_int_equal(parsed, role);
        free(token);
    }
}

static void claims_cover_their_restaurants_and_an_admin_all(void **state)
{
    struct osy_claims claims = staff_claims();
    struct osy_uuid ours = uuid(R1), foreign = uuid(SUBJECT);

    (void)state;
    assert_true(osy_claims_cover_restaurant(&claims, &ours));
    assert_false(osy_claims_cover_restaurant(&claims, &foreign));
    claims.role = OSY_ROLE_ADMIN;
    assert_true(osy_claims_cover_restaurant(&claims, &foreign));
}

static void a_token_lives_until_the_second_it_expires(void **state)
{
    struct osy_claims claims = staff_claims(), read;
    char *token = osy_jwt_sign(keyring, &claims, NULL);
    size_t length = strlen(token);

    (void)state;
    assert_true(osy_jwt_verify(keyring, token, length, NOW_S + 599, &read, NULL));
    assert_false(osy_jwt_verify(keyring, token, length, NOW_S + 600, &read, NULL));
    assert_true(osy_jwt_verify(keyring, token, length, NOW_S - 10 - OSY_JWT_LEEWAY_S, &read, NULL));
    assert_false(
        osy_jwt_verify(keyring, token, length, NOW_S - 11 - OSY_JWT_LEEWAY_S, &read, NULL));
    free(token);
}

#define H(fields)        "{" fields "}"
#define ALG              "\"alg\":\"RS256\""
#define TYP              "\"typ\":\"at+jwt\""
#define KEY              "\"kid\":\"" KID "\""
#define GOOD_HEADER      H(ALG "," TYP "," KEY)
#define ISS              "\"iss\":\"ordersync\","
#define AUD              "\"aud\":\"ordersync\","
#define SUB              "\"sub\":\"" SUBJECT "\","
#define JTI              "\"jti\":\"" TOKEN "\","
#define IAT              "\"iat\":1799999990,"
#define NBF              "\"nbf\":1799999990,"
#define EXP              "\"exp\":1800000600,"
#define ROLE             "\"role\":\"staff\","
#define IDS              "\"restaurant_ids\":[\"" R1 "\"]"
#define GOOD_PAYLOAD     "{" ISS AUD SUB JTI IAT NBF EXP ROLE IDS "}"
#define WITHOUT_NBF(ids) "{" ISS AUD SUB JTI IAT EXP ROLE ids "}"

static void the_forger_can_make_a_good_token(void **state)
{
    static const char *const payloads[] = {
        GOOD_PAYLOAD,
        WITHOUT_NBF(IDS),
        WITHOUT_NBF(IDS ",\"a claim of tomorrow\":{\"deep\":[1]}"),
        "{" ISS AUD SUB JTI IAT EXP "\"role\":\"customer\"}",
        WITHOUT_NBF("\"restaurant_ids\":[]"),
    };
    static const char *const headers[] = {
        GOOD_HEADER,
        H(ALG "," TYP "," KEY ",\"jku\":\"https://evil.example/keys\",\"jwk\":{},\"x5u\":\"x\""),
    };
    struct osy_buffer token = OSY_BUFFER_INIT;
    struct osy_claims claims;
    struct osy_error err = {OSY_OK, ""};

    (void)state;
    for (size_t i = 0; i < sizeof payloads / sizeof *payloads; i++) {
        forge(headers[i % 2], payloads[i], BY_US, &token);
        if (!osy_jwt_verify(keyring, token.bytes, token.length, NOW_S, &claims, &err))
            fail_msg("payload %zu: %s", i, err.message);
    }
    osy_buffer_deinit(&token);
}

static void forged_tokens_are_refused(void **state)
{
    static const struct {
        const char *name, *header, *payload;
        enum signer signer;
        const char *reason;
    } rows[] = {
        /* the algorithm is ours to choose */
        {"alg none", H("\"alg\":\"none\"," TYP "," KEY), GOOD_PAYLOAD, BY_NOBODY, "algorithm"},
        {"alg None", H("\"alg\":\"None\"," TYP "," KEY), GOOD_PAYLOAD, BY_NOBODY, "algorithm"},
        {"alg none, signed", H("\"alg\":\"none\"," TYP "," KEY), GOOD_PAYLOAD, BY_US, "algorithm"},
        {"HS256 with the public PEM", H("\"alg\":\"HS256\"," TYP "," KEY), GOOD_PAYLOAD,
         BY_HMAC_OF_PUBLIC_PEM, "algorithm"},
        {"HMAC that says RS256", GOOD_HEADER, GOOD_PAYLOAD, BY_HMAC_OF_PUBLIC_PEM, "signature"},
        {"ES256", H("\"alg\":\"ES256\"," TYP "," KEY), GOOD_PAYLOAD, BY_CURVE, "algorithm"},
        {"ES256 that says RS256", GOOD_HEADER, GOOD_PAYLOAD, BY_CURVE, "signature"},
        {"RS512", H("\"alg\":\"RS512\"," TYP "," KEY), GOOD_PAYLOAD, BY_SHA512, "algorithm"},
        {"RS512 that says RS256", GOOD_HEADER, GOOD_PAYLOAD, BY_SHA512, "signature"},
        {"PS256 that says RS256", GOOD_HEADER, GOOD_PAYLOAD, BY_PSS, "signature"},
        {"rs256", H("\"alg\":\"rs256\"," TYP "," KEY), GOOD_PAYLOAD, BY_US, "algorithm"},
        {"no alg", H(TYP "," KEY), GOOD_PAYLOAD, BY_US, "algorithm"},
        {"alg in a list", H("\"alg\":[\"RS256\"]," TYP "," KEY), GOOD_PAYLOAD, BY_US, "algorithm"},
        {"alg twice", H("\"alg\":\"none\"," ALG "," TYP "," KEY), GOOD_PAYLOAD, BY_US, "header"},
        {"alg and a NUL", H("\"alg\":\"RS256\\u0000\"," TYP "," KEY), GOOD_PAYLOAD, BY_US, "token"},
        {"another's key", GOOD_HEADER, GOOD_PAYLOAD, BY_OTHER_RSA, "signature"},
        {"empty signature", GOOD_HEADER, GOOD_PAYLOAD, BY_NOBODY, "signature"},
        /* the header */
        {"no typ", H(ALG "," KEY), GOOD_PAYLOAD, BY_US, "type"},
        {"typ JWT", H(ALG ",\"typ\":\"JWT\"," KEY), GOOD_PAYLOAD, BY_US, "type"},
        {"crit", H(ALG "," TYP "," KEY ",\"crit\":[\"exp\"]"), GOOD_PAYLOAD, BY_US, "extension"},
        {"empty crit", H(ALG "," TYP "," KEY ",\"crit\":[]"), GOOD_PAYLOAD, BY_US, "extension"},
        {"header no object", "[\"RS256\"]", GOOD_PAYLOAD, BY_US, "header"},
        {"empty header", "", GOOD_PAYLOAD, BY_US, "header"},
        {"header and more", GOOD_HEADER "x", GOOD_PAYLOAD, BY_US, "header"},
        /* kid */
        {"no kid", H(ALG "," TYP), GOOD_PAYLOAD, BY_US, "names no key"},
        {"kid a number", H(ALG "," TYP ",\"kid\":1"), GOOD_PAYLOAD, BY_US, "names no key"},
        {"kid unknown", H(ALG "," TYP ",\"kid\":\"b\""), GOOD_PAYLOAD, BY_US, "unknown key"},
        {"kid empty", H(ALG "," TYP ",\"kid\":\"\""), GOOD_PAYLOAD, BY_US, "unknown key"},
        {"kid a path", H(ALG "," TYP ",\"kid\":\"../../../../dev/null\""), GOOD_PAYLOAD, BY_US,
         "unknown key"},
        {"kid SQL", H(ALG "," TYP ",\"kid\":\"a' UNION SELECT 'x\""), GOOD_PAYLOAD, BY_US,
         "unknown key"},
        {"kid longer", H(ALG "," TYP ",\"kid\":\"" KID "x\""), GOOD_PAYLOAD, BY_US, "unknown key"},
        {"kid and a jwk of another", H(ALG "," TYP ",\"kid\":\"x\",\"jwk\":{\"kty\":\"RSA\"}"),
         GOOD_PAYLOAD, BY_OTHER_RSA, "unknown key"},
        /* the claims, each of them missing */
        {"no iss", GOOD_HEADER, "{" AUD SUB JTI IAT EXP ROLE IDS "}", BY_US, "issuer"},
        {"no aud", GOOD_HEADER, "{" ISS SUB JTI IAT EXP ROLE IDS "}", BY_US, "audience"},
        {"no sub", GOOD_HEADER, "{" ISS AUD JTI IAT EXP ROLE IDS "}", BY_US, "'sub'"},
        {"no jti", GOOD_HEADER, "{" ISS AUD SUB IAT EXP ROLE IDS "}", BY_US, "'jti'"},
        {"no iat", GOOD_HEADER, "{" ISS AUD SUB JTI EXP ROLE IDS "}", BY_US, "'iat'"},
        {"no exp", GOOD_HEADER, "{" ISS AUD SUB JTI IAT ROLE IDS "}", BY_US, "'exp'"},
        {"no role", GOOD_HEADER, "{" ISS AUD SUB JTI IAT EXP IDS "}", BY_US, "'role'"},
        {"no restaurants", GOOD_HEADER, "{" ISS AUD SUB JTI IAT EXP "\"role\":\"staff\"}", BY_US,
         "'restaurant_ids'"},
        /* and wrong */
        {"empty payload", GOOD_HEADER, "{}", BY_US, "issuer"},
        {"payload no JSON", GOOD_HEADER, "exp=1800000600", BY_US, "payload"},
        {"payload an array", GOOD_HEADER, "[]", BY_US, "payload"},
        {"other iss", GOOD_HEADER, "{\"iss\":\"evil\"," AUD SUB JTI IAT EXP ROLE IDS "}", BY_US,
         "issuer"},
        {"other aud", GOOD_HEADER, "{\"aud\":\"evil\"," ISS SUB JTI IAT EXP ROLE IDS "}", BY_US,
         "audience"},
        {"aud a list", GOOD_HEADER, "{\"aud\":[\"ordersync\"]," ISS SUB JTI IAT EXP ROLE IDS "}",
         BY_US, "audience"},
        {"exp twice", GOOD_HEADER, "{\"exp\":1," ISS AUD SUB JTI IAT EXP ROLE IDS "}", BY_US,
         "payload"},
        {"role twice", GOOD_HEADER, "{\"role\":\"admin\"," ISS AUD SUB JTI IAT EXP ROLE IDS "}",
         BY_US, "payload"},
        {"expired", GOOD_HEADER, "{\"exp\":1799999999," ISS AUD SUB JTI IAT ROLE IDS "}", BY_US,
         "expired"},
        {"expires now", GOOD_HEADER, "{\"exp\":1800000000," ISS AUD SUB JTI IAT ROLE IDS "}", BY_US,
         "expired"},
        {"not yet", GOOD_HEADER, "{\"nbf\":1800000031," ISS AUD SUB JTI IAT EXP ROLE IDS "}", BY_US,
         "not valid yet"},
        {"issued later", GOOD_HEADER, "{\"iat\":1800000031," ISS AUD SUB JTI EXP ROLE IDS "}",
         BY_US, "future"},
        {"exp a string", GOOD_HEADER, "{\"exp\":\"1800000600\"," ISS AUD SUB JTI IAT ROLE IDS "}",
         BY_US, "'exp'"},
        {"exp a real", GOOD_HEADER, "{\"exp\":1800000600.5," ISS AUD SUB JTI IAT ROLE IDS "}",
         BY_US, "'exp'"},
        {"exp negative", GOOD_HEADER, "{\"exp\":-1," ISS AUD SUB JTI IAT ROLE IDS "}", BY_US,
         "'exp'"},
        {"exp for ever", GOOD_HEADER,
         "{\"exp\":9223372036854775807," ISS AUD SUB JTI IAT ROLE IDS "}", BY_US, "'exp'"},
        {"exp too big", GOOD_HEADER,
         "{\"exp\":99999999999999999999," ISS AUD SUB JTI IAT ROLE IDS "}", BY_US, "payload"},
        {"nbf null", GOOD_HEADER, "{\"nbf\":null," ISS AUD SUB JTI IAT EXP ROLE IDS "}", BY_US,
         "'nbf'"},
        {"lives too long", GOOD_HEADER, "{\"exp\":1802591991," ISS AUD SUB JTI IAT ROLE IDS "}",
         BY_US, "lives too long"},
        {"sid no UUID", GOOD_HEADER, "{\"sid\":\"s\"," ISS AUD SUB JTI IAT EXP ROLE IDS "}", BY_US,
         "'sid'"},
        {"sub no UUID", GOOD_HEADER, "{\"sub\":\"root\"," ISS AUD JTI IAT EXP ROLE IDS "}", BY_US,
         "'sub'"},
        {"role god", GOOD_HEADER, "{\"role\":\"god\"," ISS AUD SUB JTI IAT EXP IDS "}", BY_US,
         "'role'"},
        {"role none", GOOD_HEADER, "{\"role\":\"none\"," ISS AUD SUB JTI IAT EXP IDS "}", BY_US,
         "'role'"},
        {"customer with restaurants", GOOD_HEADER,
         "{\"role\":\"customer\"," ISS AUD SUB JTI IAT EXP IDS "}", BY_US, "'restaurant_ids'"},
        {"restaurant no UUID", GOOD_HEADER, WITHOUT_NBF("\"restaurant_ids\":[\"*\"]"), BY_US,
         "'restaurant_ids'"},
        {"restaurants a string", GOOD_HEADER, WITHOUT_NBF("\"restaurant_ids\":\"" R1 "\""), BY_US,
         "'restaurant_ids'"},
    };
    struct osy_buffer token = OSY_BUFFER_INIT;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        forge(rows[i].header, rows[i].payload, rows[i].signer, &token);
        expect_refused(rows[i].name, token.bytes, token.length, rows[i].reason);
    }
    osy_buffer_deinit(&token);
}

static void altered_texts_of_a_good_token_are_refused(void **state)
{
    struct osy_buffer good = OSY_BUFFER_INIT, bad = OSY_BUFFER_INIT;
    const char *first_dot = NULL, *last_dot = NULL;

    (void)state;
    forge(GOOD_HEADER, GOOD_PAYLOAD, BY_US, &good);
    first_dot = strchr(good.bytes, '.');
    last_dot = strrchr(good.bytes, '.');
#define REFUSED(name, reason, ...)                           \
    do {                                                     \
        osy_buffer_clear(&bad);                              \
        osy_buffer_printf(&bad, __VA_ARGS__);                \
        expect_refused(name, bad.bytes, bad.length, reason); \
    } while (0)
    expect_refused("nothing", "", 0, "three parts");
    REFUSED("dots alone", "header", "..");
    REFUSED("no signature part", "three parts", "%.*s", (int)(last_dot - good.bytes), good.bytes);
    REFUSED("cut signature", "signature", "%.*s", (int)good.length - 4, good.bytes);
    REFUSED("extra dot at the end", "three parts", "%s.", good.bytes);
    REFUSED("extra dot in front", "three parts", ".%s", good.bytes);
    REFUSED("five parts (JWE)", "three parts", "%s.e30.e30", good.bytes);
    REFUSED("padding", "signature", "%s=", good.bytes);
    REFUSED("white space behind", "signature", "%s ", good.bytes);
    REFUSED("a newline behind", "signature", "%s\n", good.bytes);
    REFUSED("white space in front", "header", " %s", good.bytes);
    REFUSED("white space inside", "header", "%.10s %s", good.bytes, good.bytes + 10);
    REFUSED("Bearer twice", "header", "Bearer %s", good.bytes);
    REFUSED("two tokens", "three parts", "%s,%s", good.bytes, good.bytes);
    REFUSED("empty payload part", "signature", "%.*s.%s", (int)(first_dot - good.bytes), good.bytes,
            last_dot);
    REFUSED("more signature", "signature", "%sAAAA", good.bytes);
#undef REFUSED
    /* A NUL where the text would end for a C string. */
    osy_buffer_clear(&bad);
    osy_buffer_append(&bad, good.bytes, good.length + 1);
    expect_refused("NUL behind", bad.bytes, bad.length, "signature");
    /* Each character of it, changed to another one of the alphabet. */
    for (size_t i = 0; i < good.length; i += 7) {
        osy_buffer_clear(&bad);
        osy_buffer_append(&bad, good.bytes, good.length);
        bad.bytes[i] = bad.bytes[i] == 'A' ? 'Q' : 'A';
        expect_refused("a changed character", bad.bytes, bad.length, "the access token");
    }
    osy_buffer_deinit(&good);
    osy_buffer_deinit(&bad);
}

/* The same bytes have one text only: bits behind the last byte must be zero, in what is signed as
 * well. */
static void bits_behind_the_last_byte_are_refused(void **state)
{
    struct osy_buffer token = OSY_BUFFER_INIT;

    (void)state;
    forge(GOOD_HEADER, GOOD_PAYLOAD, BY_US, &token);
    assert_int_equal((token.length - (size_t)(strrchr(token.bytes, '.') + 1 - token.bytes)) % 4, 2);
    token.bytes[token.length - 1]++; /* 256 bytes: the last character has four unused bits */
    expect_refused("signature", token.bytes, token.length, "signature");

    osy_buffer_clear(&token);
    append_base64url(&token, GOOD_HEADER " ", strlen(GOOD_HEADER " "));
    while (token.length % 4 == 0) { /* until the header leaves bits behind */
        osy_buffer_clear(&token);
        append_base64url(&token, GOOD_HEADER "  ", strlen(GOOD_HEADER "  "));
    }
    token.bytes[token.length - 1]++;
    osy_buffer_char(&token, '.');
    append_base64url(&token, GOOD_PAYLOAD, strlen(GOOD_PAYLOAD));
    append_signature(&token, BY_US);
    expect_refused("header", token.bytes, token.length, "header");
    osy_buffer_deinit(&token);
}

static void the_limit_is_4096_bytes(void **state)
{
    struct osy_buffer payload = OSY_BUFFER_INIT, token = OSY_BUFFER_INIT;
    struct osy_claims claims;
    size_t padding = 2400;
    bool accepted = false;

    (void)state;
    do {
        char filler[3072];
        memset(filler, 'x', sizeof filler);
        osy_buffer_clear(&payload);
        osy_buffer_printf(&payload, "{\"x\":\"%.*s\"," ISS AUD SUB JTI IAT EXP ROLE IDS "}",
                          (int)padding++, filler);
        accepted = token.length > 0;
        forge(GOOD_HEADER, payload.bytes, BY_US, &token);
        if (token.length <= OSY_JWT_MAX)
            assert_true(osy_jwt_verify(keyring, token.bytes, token.length, NOW_S, &claims, NULL));
    } while (token.length <= OSY_JWT_MAX);
    assert_true(accepted); /* the ones before were */
    expect_refused("one too long", token.bytes, token.length, "too long");
    osy_buffer_clear(&token);
    for (size_t i = 0; i <= OSY_JWT_MAX; i++)
        osy_buffer_char(&token, 'a');
    expect_refused("4097 bytes", token.bytes, 4097, "too long");
    expect_refused("4096 bytes", token.bytes, 4096, "three parts");
    osy_buffer_deinit(&payload);
    osy_buffer_deinit(&token);
}

static void as_many_restaurants_as_claims_can_hold_fit_in_a_token(void **state)
{
    struct osy_claims claims = staff_claims(), read;
    char *token = NULL;

    (void)state;
    claims.session_id = osy_uuid_v4();
    claims.restaurant_count = OSY_JWT_RESTAURANTS_MAX;
    for (size_t i = 0; i < OSY_JWT_RESTAURANTS_MAX; i++)
        claims.restaurants[i] = osy_uuid_v4();
    token = osy_jwt_sign(keyring, &claims, NULL);
    assert_non_null(token);
    /* A key of 3072 bits, which is what we generate, has a signature that is 171 characters longer.
     */
    assert_true(strlen(token) + 171 <= OSY_JWT_MAX);
    assert_true(osy_jwt_verify(keyring, token, strlen(token), NOW_S, &read, NULL));
    assert_int_equal(read.restaurant_count, OSY_JWT_RESTAURANTS_MAX);
    assert_memory_equal(read.restaurants, claims.restaurants, sizeof read.restaurants);
    free(token);
}

static void the_key_set_holds_the_public_numbers_alone(void **state)
{
    char *text = osy_jwt_key_set(keyring);
    json_t *set = json_loads(text, JSON_REJECT_DUPLICATES, NULL), *key = NULL;

    (void)state;
    assert_non_null(set);
    key = json_array_get(json_object_get(set, "keys"), 0);
    assert_int_equal(json_array_size(json_object_get(set, "keys")), 1);
    assert_int_equal(json_object_size(key), 6);
    assert_string_equal(json_string_value(json_object_get(key, "kty")), "RSA");
    assert_string_equal(json_string_value(json_object_get(key, "use")), "sig");
    assert_string_equal(json_string_value(json_object_get(key, "alg")), "RS256");
    assert_string_equal(json_string_value(json_object_get(key, "kid")), KID);
    assert_string_equal(json_string_value(json_object_get(key, "e")), "AQAB"); /* 65537 */
    assert_int_equal(json_string_length(json_object_get(key, "n")), 342);      /* 2048 bits */
    json_decref(set);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_signed_token_verifies_to_the_same_claims),
        cmocka_unit_test(a_token_may_name_its_session),
        cmocka_unit_test(every_role_signs_and_verifies),
        cmocka_unit_test(claims_cover_their_restaurants_and_an_admin_all),
        cmocka_unit_test(a_token_lives_until_the_second_it_expires),
        cmocka_unit_test(the_forger_can_make_a_good_token),
        cmocka_unit_test(forged_tokens_are_refused),
        cmocka_unit_test(altered_texts_of_a_good_token_are_refused),
        cmocka_unit_test(bits_behind_the_last_byte_are_refused),
        cmocka_unit_test(the_limit_is_4096_bytes),
        cmocka_unit_test(as_many_restaurants_as_claims_can_hold_fit_in_a_token),
        cmocka_unit_test(the_key_set_holds_the_public_numbers_alone),
    };

    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
