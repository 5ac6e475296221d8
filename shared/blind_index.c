#include "shared/blind_index.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "shared/hmac.h"

#define PHONE_DIGITS_MOST 64 /* more than any number has; the rest is not looked at */
#define COUNTRY_MOST      8
#define NUMBER_BYTES      (COUNTRY_MOST + PHONE_DIGITS_MOST + 1)
#define PURPOSE_BYTES     64

void osy_blind_index(const struct osy_keyring *keyring, const char *purpose, const void *text,
                     size_t length, uint8_t digest[OSY_BLIND_INDEX_BYTES])
{
    const struct osy_key *key = osy_keyring_active(keyring, OSY_KEY_INDEX);
    /* With its NUL, so that no purpose and text can be another purpose and text. */
    const struct osy_piece pieces[] = {{purpose, strlen(purpose) + 1}, {text, length}};

    assert(key);
    osy_hmac_sha256(key->secret, pieces, 2, digest);
}

static void copy_digits(const char *phone, size_t length, char digits[PHONE_DIGITS_MOST + 1])
{
    size_t count = 0;

    for (size_t i = 0; i < length && count < PHONE_DIGITS_MOST; i++)
        if (phone[i] >= '0' && phone[i] <= '9')
            digits[count++] = phone[i];
    digits[count] = '\0';
}

static bool starts_with(const char *text, const char *start)
{
    while (*start && *text == *start)
        text++, start++;
    return !*start;
}

/* "010-1234-5678", "+82 10 1234 5678", "0082 (0)10 12345678": all become "82" and "1012345678". */
static void write_number(const char *country, const char *phone, size_t length,
                         char number[NUMBER_BYTES])
{
    char digits[PHONE_DIGITS_MOST + 1];
    const char *rest = digits;
    bool is_abroad = memchr(phone, '+', length) != NULL;

    copy_digits(phone, length, digits);
    if (!is_abroad && starts_with(rest, "00")) {
        is_abroad = true;
        rest += 2;
    }
    if (is_abroad && starts_with(rest, country)) {
        is_abroad = false;
        rest += strlen(country);
    }
    if (!is_abroad && *rest == '0')
        rest++;
    snprintf(number, NUMBER_BYTES, "%s%s", is_abroad ? "" : country, rest);
    OPENSSL_cleanse(digits, sizeof digits);
}

void osy_blind_index_phone(const struct osy_keyring *keyring, const char *country,
                           const struct osy_uuid *restaurant_id, const char *phone, size_t length,
                           uint8_t digest[OSY_BLIND_INDEX_BYTES])
{
    char id[OSY_UUID_TEXT_BYTES], purpose[PURPOSE_BYTES], number[NUMBER_BYTES];

    assert(strlen(country) <= COUNTRY_MOST);
    osy_uuid_format(restaurant_id, id);
    snprintf(purpose, sizeof purpose, "orders.phone:%s", id);
    write_number(country, phone, length, number);
    osy_blind_index(keyring, purpose, number, strlen(number), digest);
    OPENSSL_cleanse(number, sizeof number);
}
