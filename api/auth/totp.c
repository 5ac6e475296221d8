#include "api/auth/totp.h"

#include <ctype.h>
#include <liboath/oath.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "shared/random.h"

#define STEP_S       30
#define ISSUER       "OrderSync"
#define BASE32_BYTES 33 /* of the secret, with the NUL */

static void init_library(void)
{
    if (oath_init() != OATH_OK)
        abort(); /* its cryptography is broken */
}

static void init_once(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, init_library);
}

void api_totp_make_secret(uint8_t secret[API_TOTP_SECRET_BYTES])
{
    osy_random_bytes(secret, API_TOTP_SECRET_BYTES);
}

static bool is_code_of(const uint8_t secret[API_TOTP_SECRET_BYTES], const char *code, int64_t step)
{
    char right[API_TOTP_DIGITS + 1];
    bool ok = oath_hotp_generate((const char *)secret, API_TOTP_SECRET_BYTES, (uint64_t)step,
                                 API_TOTP_DIGITS, false, OATH_HOTP_DYNAMIC_TRUNCATION,
                                 right) == OATH_OK &&
              CRYPTO_memcmp(right, code, API_TOTP_DIGITS) == 0;
    OPENSSL_cleanse(right, sizeof right);
    return ok;
}

int64_t api_totp_find_step(const uint8_t secret[API_TOTP_SECRET_BYTES], const char *code,
                           int64_t now_s)
{
    int64_t now = now_s / STEP_S, found = 0;
    init_once();
    if (strlen(code) != API_TOTP_DIGITS)
        return 0;
    for (int64_t step = now - 1; step <= now + 1; step++) { /* all three: the time tells nothing */
        if (is_code_of(secret, code, step))
            found = step;
    }
    return found;
}

static void write_base32(const uint8_t secret[API_TOTP_SECRET_BYTES], char text[BASE32_BYTES])
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    for (size_t i = 0; i < BASE32_BYTES - 1; i++) {
        size_t bit = i * 5;
        unsigned pair = (unsigned)secret[bit / 8] << 8 |
                        (bit / 8 + 1 < API_TOTP_SECRET_BYTES ? secret[bit / 8 + 1] : 0);
        text[i] = digits[pair >> (11 - bit % 8) & 31];
    }
    text[BASE32_BYTES - 1] = '\0';
}

void api_totp_append_base32(struct osy_buffer *out, const uint8_t secret[API_TOTP_SECRET_BYTES])
{
    char text[BASE32_BYTES];
    write_base32(secret, text);
    osy_buffer_text(out, text);
    OPENSSL_cleanse(text, sizeof text);
}

static void append_percent_encoded(struct osy_buffer *out, const char *text)
{
    for (; *text; text++) {
        if (isalnum((unsigned char)*text) || strchr("-._~", *text))
            osy_buffer_char(out, *text);
        else
            osy_buffer_printf(out, "%%%02X", (unsigned)(unsigned char)*text);
    }
}

void api_totp_append_uri(struct osy_buffer *out, const uint8_t secret[API_TOTP_SECRET_BYTES],
                         const char *account)
{
    osy_buffer_text(out, "otpauth://totp/" ISSUER ":");
    append_percent_encoded(out, account);
    osy_buffer_text(out, "?secret=");
    api_totp_append_base32(out, secret);
    osy_buffer_text(out, "&issuer=" ISSUER);
}

/* ---- recovery codes ---- */

/* What people do not take for each other: no i, l, o, 0, 1. */
static const char code_letters[] = "abcdefghjkmnpqrstuvwxyz23456789";
enum { CODE_GROUP = 4, CODE_LETTERS = 16 };

void api_recovery_code_make(char code[API_RECOVERY_CODE_BYTES])
{
    char *at = code;
    for (size_t i = 0; i < CODE_LETTERS; i++) {
        if (i > 0 && i % CODE_GROUP == 0)
            *at++ = '-';
        *at++ = code_letters[osy_random_below(sizeof code_letters - 1)];
    }
    *at = '\0';
}

bool api_recovery_code_parse(const char *text, char code[API_RECOVERY_CODE_BYTES])
{
    size_t letters = 0;
    char *at = code;
    for (; *text; text++) {
        char letter = (char)tolower((unsigned char)*text);
        if (letter == '-' || letter == ' ')
            continue;
        if (letters == CODE_LETTERS || !strchr(code_letters, letter))
            return false;
        if (letters > 0 && letters % CODE_GROUP == 0)
            *at++ = '-';
        *at++ = letter;
        letters++;
    }
    *at = '\0';
    return letters == CODE_LETTERS;
}
