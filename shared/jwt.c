#include "shared/jwt.h"

#include <assert.h>
#include <jansson.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "shared/alloc.h"
#include "shared/base64url.h"
#include "shared/buffer.h"
#include "shared/json.h"
#include "shared/rs256.h"

#define ALGORITHM   "RS256"
#define TYPE        "at+jwt"     /* RFC 9068 section 2.1 */
#define TIME_MOST_S 253402300799 /* the end of the year 9999 */
#define DECODED_MAX (OSY_JWT_MAX * 3 / 4)

static const char *const role_names[] = {
    [OSY_ROLE_NONE] = "none",   [OSY_ROLE_CUSTOMER] = "customer", [OSY_ROLE_STAFF] = "staff",
    [OSY_ROLE_OWNER] = "owner", [OSY_ROLE_ADMIN] = "admin",
};
#define ROLE_COUNT (sizeof role_names / sizeof *role_names)

const char *osy_role_name(enum osy_role role)
{
    assert((size_t)role < ROLE_COUNT);
    return role_names[role];
}

bool osy_role_parse(const char *text, enum osy_role *role)
{
    for (size_t i = OSY_ROLE_CUSTOMER; i < ROLE_COUNT; i++) {
        if (strcmp(text, role_names[i]) == 0) {
            *role = (enum osy_role)i;
            return true;
        }
    }
    return false;
}

bool osy_claims_cover_restaurant(const struct osy_claims *claims,
                                 const struct osy_uuid *restaurant_id)
{
    if (claims->role == OSY_ROLE_ADMIN)
        return true;
    for (size_t i = 0; i < claims->restaurant_count; i++)
        if (osy_uuid_equal(&claims->restaurants[i], restaurant_id))
            return true;
    return false;
}

static bool role_has_restaurants(enum osy_role role)
{
    return role == OSY_ROLE_STAFF || role == OSY_ROLE_OWNER;
}

/* ---- signing ---- */

static void append_base64url(struct osy_buffer *out, const void *bytes, size_t length)
{
    osy_buffer_reserve(out, OSY_BASE64URL_LENGTH(length) + 1);
    osy_base64url_encode(bytes, length, out->bytes + out->length);
    out->length += OSY_BASE64URL_LENGTH(length);
}

static void append_uuid_json(struct osy_buffer *out, const struct osy_uuid *uuid)
{
    char text[OSY_UUID_TEXT_BYTES];

    osy_uuid_format(uuid, text);
    osy_buffer_json_string(out, text);
}

static void write_permissions(struct osy_buffer *json, const char *const *names)
{
    osy_buffer_text(json, ",\"permissions\":[");
    for (size_t i = 0; names[i]; i++) {
        if (i > 0)
            osy_buffer_char(json, ',');
        osy_buffer_json_string(json, names[i]);
    }
    osy_buffer_char(json, ']');
}

static void write_claims(struct osy_buffer *json, const struct osy_claims *claims)
{
    osy_buffer_text(json,
                    "{\"iss\":\"" OSY_JWT_ISSUER "\",\"aud\":\"" OSY_JWT_AUDIENCE "\",\"sub\":");
    append_uuid_json(json, &claims->subject);
    osy_buffer_text(json, ",\"jti\":");
    append_uuid_json(json, &claims->token_id);
    if (!osy_uuid_is_nil(&claims->session_id)) {
        osy_buffer_text(json, ",\"sid\":");
        append_uuid_json(json, &claims->session_id);
    }
    osy_buffer_printf(json, ",\"role\":\"%s\",\"iat\":%lld", osy_role_name(claims->role),
                      (long long)claims->issued_at_s);
    if (claims->not_before_s > 0)
        osy_buffer_printf(json, ",\"nbf\":%lld", (long long)claims->not_before_s);
    osy_buffer_printf(json, ",\"exp\":%lld", (long long)claims->expires_at_s);
    if (role_has_restaurants(claims->role)) {
        osy_buffer_text(json, ",\"restaurant_ids\":[");
        for (size_t i = 0; i < claims->restaurant_count; i++) {
            if (i > 0)
                osy_buffer_char(json, ',');
            append_uuid_json(json, &claims->restaurants[i]);
        }
        osy_buffer_char(json, ']');
    }
    if (claims->permissions)
        write_permissions(json, claims->permissions);
    osy_buffer_char(json, '}');
}

/* Appends the signature over everything that token holds so far. */
static bool append_signature(struct osy_buffer *token, const struct osy_key *key)
{
    uint8_t signature[OSY_RS256_SIGNATURE_MAX];
    size_t length = 0;

    if (!osy_rs256_sign(key->pkey, token->bytes, token->length, signature, &length))
        return false;
    osy_buffer_char(token, '.');
    append_base64url(token, signature, length);
    return true;
}

char *osy_jwt_sign(const struct osy_keyring *keyring, const struct osy_claims *claims,
                   struct osy_error *err)
{
    const struct osy_key *key = osy_keyring_active(keyring, OSY_KEY_JWT);
    struct osy_buffer header = OSY_BUFFER_INIT, payload = OSY_BUFFER_INIT, token = OSY_BUFFER_INIT;
    bool ok = false;

    assert(claims->role != OSY_ROLE_NONE && claims->restaurant_count <= OSY_JWT_RESTAURANTS_MAX);
    if (!key || !key->has_private) {
        osy_error_set(err, OSY_ERR_NOT_FOUND, "there is no private key to sign access tokens with");
        return NULL;
    }
    osy_buffer_printf(&header, "{\"alg\":\"" ALGORITHM "\",\"typ\":\"" TYPE "\",\"kid\":\"%s\"}",
                      key->kid);
    write_claims(&payload, claims);
    append_base64url(&token, header.bytes, header.length);
    osy_buffer_char(&token, '.');
    append_base64url(&token, payload.bytes, payload.length);
    if (!append_signature(&token, key))
        osy_error_set(err, OSY_ERR_IO, "cannot sign an access token");
    else if (token.length > OSY_JWT_MAX)
        osy_error_set(err, OSY_ERR_LIMIT, "an access token of %zu restaurants is too long",
                      claims->restaurant_count);
    else
        ok = true;
    osy_buffer_deinit(&header);
    osy_buffer_deinit(&payload);
    if (!ok) {
        osy_buffer_deinit(&token);
        return NULL;
    }
    return osy_buffer_take(&token, NULL);
}

/* ---- verifying ---- */

struct part {
    const char *text;
    size_t length;
};

static bool deny(struct osy_error *err, const char *reason)
{
    return osy_error_set(err, OSY_ERR_DENIED, "the access token %s", reason);
}

/* header.payload.signature: exactly two dots. */
static bool split(const char *token, size_t length, struct part parts[3])
{
    const char *at = token, *end = token + length;

    for (size_t i = 0; i < 3; i++) {
        const char *dot = memchr(at, '.', (size_t)(end - at));
        if ((i < 2) != (dot != NULL))
            return false;
        parts[i].text = at;
        parts[i].length = (size_t)((dot ? dot : end) - at);
        at = dot ? dot + 1 : end;
    }
    return true;
}

/* The JSON object of a part, to be given back; NULL when it is not canonical base64url of one. */
static json_t *decode_object(const struct part *part)
{
    uint8_t bytes[DECODED_MAX];
    size_t length = 0;

    if (!osy_base64url_decode(part->text, part->length, bytes, &length))
        return NULL;
    return osy_json_parse((const char *)bytes, length, JSON_OBJECT, NULL);
}

static bool string_is(json_t *object, const char *name, const char *expected)
{
    json_t *text = json_object_get(object, name);

    return json_is_string(text) && json_string_length(text) == strlen(expected) &&
           memcmp(json_string_value(text), expected, strlen(expected)) == 0;
}

/* The key that the header names, out of our memory; NULL and err when the header is not one of
 * ours. Whatever else a header carries (jku, jwk, x5u) is never looked at. */
static const struct osy_key *choose_key(const struct osy_keyring *keyring, const struct part *part,
                                        struct osy_error *err)
{
    const struct osy_key *key = NULL;
    json_t *header = decode_object(part);
    json_t *kid = json_object_get(header, "kid");

    if (!header)
        deny(err, "has a malformed header");
    else if (!string_is(header, "alg", ALGORITHM))
        deny(err, "has the wrong algorithm");
    else if (!string_is(header, "typ", TYPE))
        deny(err, "has the wrong type");
    else if (json_object_get(header, "crit")) /* RFC 7515 section 4.1.11: we understand none */
        deny(err, "asks for an extension");
    else if (!json_is_string(kid))
        deny(err, "names no key");
    else if (!(key = osy_keyring_find(keyring, OSY_KEY_JWT, json_string_value(kid),
                                      json_string_length(kid))))
        deny(err, "is of an unknown key");
    json_decref(header);
    return key;
}

static bool signature_is_good(const struct osy_key *key, const struct part *signed_text,
                              const struct part *signature)
{
    uint8_t bytes[DECODED_MAX];
    size_t length = 0;

    return osy_base64url_decode(signature->text, signature->length, bytes, &length) &&
           osy_rs256_verify(key->pkey, signed_text->text, signed_text->length, bytes, length);
}

static bool read_uuid(json_t *value, struct osy_uuid *uuid)
{
    return json_is_string(value) &&
           osy_uuid_parse(json_string_value(value), json_string_length(value), uuid);
}

static bool read_time(json_t *value, int64_t *time_s)
{
    if (!json_is_integer(value) || json_integer_value(value) < 0 ||
        json_integer_value(value) > TIME_MOST_S)
        return false;
    *time_s = json_integer_value(value);
    return true;
}

static bool read_restaurants(json_t *ids, struct osy_claims *claims)
{
    if (!role_has_restaurants(claims->role))
        return ids == NULL;
    if (!json_is_array(ids) || json_array_size(ids) > OSY_JWT_RESTAURANTS_MAX)
        return false;
    claims->restaurant_count = json_array_size(ids);
    for (size_t i = 0; i < claims->restaurant_count; i++)
        if (!read_uuid(json_array_get(ids, i), &claims->restaurants[i]))
            return false;
    return true;
}

/* Claims that we do not know are left alone (RFC 7519 section 4): a newer issuer may add some. */
static bool read_claims(json_t *payload, struct osy_claims *claims, struct osy_error *err)
{
    json_t *not_before = json_object_get(payload, "nbf");
    json_t *session_id = json_object_get(payload, "sid");
    const char *role = json_string_value(json_object_get(payload, "role"));

    memset(claims, 0, sizeof *claims);
    if (!string_is(payload, "iss", OSY_JWT_ISSUER))
        return deny(err, "is of another issuer");
    if (!string_is(payload, "aud", OSY_JWT_AUDIENCE))
        return deny(err, "is for another audience");
    if (!read_uuid(json_object_get(payload, "sub"), &claims->subject))
        return deny(err, "has no valid 'sub'");
    if (!read_uuid(json_object_get(payload, "jti"), &claims->token_id))
        return deny(err, "has no valid 'jti'");
    if (session_id && !read_uuid(session_id, &claims->session_id))
        return deny(err, "has no valid 'sid'");
    if (!read_time(json_object_get(payload, "iat"), &claims->issued_at_s))
        return deny(err, "has no valid 'iat'");
    if (not_before && !read_time(not_before, &claims->not_before_s))
        return deny(err, "has no valid 'nbf'");
    if (!read_time(json_object_get(payload, "exp"), &claims->expires_at_s))
        return deny(err, "has no valid 'exp'");
    if (!role || !osy_role_parse(role, &claims->role))
        return deny(err, "has no valid 'role'");
    if (!read_restaurants(json_object_get(payload, "restaurant_ids"), claims))
        return deny(err, "has no valid 'restaurant_ids'");
    return true;
}

static bool check_times(const struct osy_claims *claims, int64_t now_s, struct osy_error *err)
{
    if (now_s >= claims->expires_at_s)
        return deny(err, "has expired");
    if (claims->not_before_s > now_s + OSY_JWT_LEEWAY_S)
        return deny(err, "is not valid yet");
    if (claims->issued_at_s > now_s + OSY_JWT_LEEWAY_S)
        return deny(err, "was issued in the future");
    if (claims->expires_at_s - claims->issued_at_s > OSY_JWT_LIFE_MAX_S)
        return deny(err, "lives too long");
    return true;
}

bool osy_jwt_verify(const struct osy_keyring *keyring, const char *token, size_t length,
                    int64_t now_s, struct osy_claims *claims, struct osy_error *err)
{
    struct part parts[3], signed_text;
    const struct osy_key *key = NULL;
    json_t *payload = NULL;
    bool ok = false;

    if (length > OSY_JWT_MAX)
        return deny(err, "is too long");
    if (!split(token, length, parts))
        return deny(err, "does not have three parts");
    key = choose_key(keyring, &parts[0], err);
    if (!key)
        return false;
    signed_text.text = token;
    signed_text.length = parts[0].length + 1 + parts[1].length;
    if (!signature_is_good(key, &signed_text, &parts[2]))
        return deny(err, "has a bad signature");
    /* Only now: what nobody of ours has signed is not worth a parser's time. */
    payload = decode_object(&parts[1]);
    if (!payload)
        deny(err, "has a malformed payload");
    else
        ok = read_claims(payload, claims, err) && check_times(claims, now_s, err);
    json_decref(payload);
    return ok;
}

/* ---- the key set ---- */

/* `"name":"<base64url of the number, big endian, without leading zeros>"` (RFC 7518 section 6.3.1)
 */
static void append_number(struct osy_buffer *json, const char *name, const EVP_PKEY *pkey,
                          const char *parameter)
{
    uint8_t bytes[OSY_RS256_SIGNATURE_MAX]; /* no number of a key is longer */
    BIGNUM *number = NULL;
    int length = 0;

    if (EVP_PKEY_get_bn_param(pkey, parameter, &number) == 1 &&
        BN_num_bytes(number) <= (int)sizeof bytes)
        length = BN_bn2bin(number, bytes);
    BN_free(number);
    osy_buffer_printf(json, "\"%s\":\"", name);
    append_base64url(json, bytes, (size_t)length);
    osy_buffer_char(json, '"');
}

char *osy_jwt_key_set(const struct osy_keyring *keyring)
{
    struct osy_buffer json = OSY_BUFFER_INIT;

    osy_buffer_text(&json, "{\"keys\":[");
    const struct osy_key *key = NULL;
    for (size_t i = 0; (key = osy_keyring_at(keyring, OSY_KEY_JWT, i)); i++) {
        osy_buffer_printf(
            &json, "%s{\"kty\":\"RSA\",\"use\":\"sig\",\"alg\":\"" ALGORITHM "\",\"kid\":\"%s\",",
            i > 0 ? "," : "", key->kid);
        append_number(&json, "n", key->pkey, OSSL_PKEY_PARAM_RSA_N);
        osy_buffer_char(&json, ',');
        append_number(&json, "e", key->pkey, OSSL_PKEY_PARAM_RSA_E);
        osy_buffer_char(&json, '}');
    }
    osy_buffer_text(&json, "]}");
    return osy_buffer_take(&json, NULL);
}
