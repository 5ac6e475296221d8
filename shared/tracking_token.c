#include "shared/tracking_token.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>

#include "shared/base64url.h"
#include "shared/hmac.h"

#define PREFIX_LENGTH  (sizeof OSY_TRACKING_PREFIX - 1)
#define PAYLOAD_BYTES  (2 * OSY_UUID_BYTES + 8)
#define MAC_BYTES      OSY_HMAC_BYTES
#define PAYLOAD_LENGTH OSY_BASE64URL_LENGTH(PAYLOAD_BYTES)
#define MAC_LENGTH     OSY_BASE64URL_LENGTH(MAC_BYTES)

_Static_assert(PREFIX_LENGTH + (OSY_KID_BYTES - 1) + 1 + PAYLOAD_LENGTH + 1 + MAC_LENGTH <
                   OSY_TRACKING_TOKEN_BYTES,
               "the longest token fits");

static void compute_mac(const struct osy_key *key, const char *text, size_t length,
                        uint8_t mac[MAC_BYTES])
{
    osy_hmac_sha256(key->secret, &(struct osy_piece){text, length}, 1, mac);
}

static void write_payload(const struct osy_uuid *restaurant_id, const struct osy_uuid *order_id,
                          int64_t expires_at_s, uint8_t payload[PAYLOAD_BYTES])
{
    memcpy(payload, restaurant_id->bytes, OSY_UUID_BYTES);
    memcpy(payload + OSY_UUID_BYTES, order_id->bytes, OSY_UUID_BYTES);
    for (int i = 0; i < 8; i++)
        payload[2 * OSY_UUID_BYTES + i] = (uint8_t)((uint64_t)expires_at_s >> (56 - 8 * i));
}

static void read_payload(const uint8_t payload[PAYLOAD_BYTES], struct osy_tracking *tracking)
{
    uint64_t expires_at_s = 0;

    memcpy(tracking->restaurant_id.bytes, payload, OSY_UUID_BYTES);
    memcpy(tracking->order_id.bytes, payload + OSY_UUID_BYTES, OSY_UUID_BYTES);
    for (int i = 0; i < 8; i++)
        expires_at_s = expires_at_s << 8 | payload[2 * OSY_UUID_BYTES + i];
    tracking->expires_at_s = (int64_t)expires_at_s;
}

void osy_tracking_sign(const struct osy_keyring *keyring, const struct osy_uuid *restaurant_id,
                       const struct osy_uuid *order_id, char token[OSY_TRACKING_TOKEN_BYTES])
{
    const struct osy_key *key = osy_keyring_active(keyring, OSY_KEY_TRACKING);
    int64_t expires_at_s = osy_uuid_v7_time_ms(order_id) / 1000 + OSY_TRACKING_LIFE_S;
    uint8_t payload[PAYLOAD_BYTES], mac[MAC_BYTES];
    size_t length = 0;

    assert(key); /* whoever signs has loaded OSY_KEYS_TRACKING, and that has at least one */
    write_payload(restaurant_id, order_id, expires_at_s, payload);
    length = (size_t)snprintf(token, OSY_TRACKING_TOKEN_BYTES, OSY_TRACKING_PREFIX "%s.", key->kid);
    osy_base64url_encode(payload, sizeof payload, token + length);
    length += PAYLOAD_LENGTH;
    compute_mac(key, token, length, mac);
    token[length++] = '.';
    osy_base64url_encode(mac, sizeof mac, token + length);
}

/* The token's pieces, or false. Their lengths are fixed, so the dots are looked for from the end.
 */
static bool split(const char *token, size_t length, const char **kid, size_t *kid_length,
                  const char **payload, const char **mac)
{
    const size_t around_kid = PREFIX_LENGTH + 1 + PAYLOAD_LENGTH + 1 + MAC_LENGTH;

    if (length <= around_kid || length >= OSY_TRACKING_TOKEN_BYTES ||
        memcmp(token, OSY_TRACKING_PREFIX, PREFIX_LENGTH) != 0)
        return false;
    *kid = token + PREFIX_LENGTH;
    *kid_length = length - around_kid;
    *payload = *kid + *kid_length + 1;
    *mac = *payload + PAYLOAD_LENGTH + 1;
    return (*payload)[-1] == '.' && (*mac)[-1] == '.';
}

bool osy_tracking_verify(const struct osy_keyring *keyring, const char *token, size_t length,
                         int64_t now_s, struct osy_tracking *tracking, struct osy_error *err)
{
    const char *kid = NULL, *payload_text = NULL, *mac_text = NULL;
    uint8_t payload[PAYLOAD_BYTES], mac[MAC_BYTES], expected[MAC_BYTES];
    size_t kid_length = 0, payload_bytes = 0, mac_bytes = 0;
    const struct osy_key *key = NULL;

    if (!split(token, length, &kid, &kid_length, &payload_text, &mac_text) ||
        !osy_base64url_decode(payload_text, PAYLOAD_LENGTH, payload, &payload_bytes) ||
        !osy_base64url_decode(mac_text, MAC_LENGTH, mac, &mac_bytes) ||
        payload_bytes != PAYLOAD_BYTES || mac_bytes != MAC_BYTES)
        return osy_error_set(err, OSY_ERR_DENIED, "the tracking token is malformed");
    key = osy_keyring_find(keyring, OSY_KEY_TRACKING, kid, kid_length);
    if (!key)
        return osy_error_set(err, OSY_ERR_DENIED, "the tracking token is of an unknown key");
    compute_mac(key, token, (size_t)(mac_text - 1 - token), expected);
    if (CRYPTO_memcmp(mac, expected, MAC_BYTES) != 0)
        return osy_error_set(err, OSY_ERR_DENIED, "the tracking token is forged or altered");
    read_payload(payload, tracking);
    if (now_s >= tracking->expires_at_s)
        return osy_error_set(err, OSY_ERR_DENIED, "the tracking token has expired");
    return true;
}
