/*
 * The second factor: time-based one-time passwords (RFC 6238; SHA-1, 30 s, 6 digits: what every authenticator app knows),
 * by liboath, and the recovery codes for whoever loses the app. Thread-safe.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/buffer.h"
#include "shared/error.h"

#define API_TOTP_SECRET_BYTES 20
#define API_TOTP_DIGITS       6

#define API_RECOVERY_CODES      10
#define API_RECOVERY_CODE_BYTES 20 /* "abcd-efgh-jkmn-pqrs": 80 random bits, and the NUL */

void api_totp_make_secret(uint8_t secret[API_TOTP_SECRET_BYTES]);
/* The step of which this is the code: that of now_s, or one of its neighbours, because clocks differ. 0: of none. The
 * caller sees to it that no step counts twice. */
int64_t api_totp_find_step(const uint8_t secret[API_TOTP_SECRET_BYTES], const char *code,
                           int64_t now_s);
/* The secret for people (Base32), and as the URI that apps read from a QR code. */
void api_totp_append_base32(struct osy_buffer *out, const uint8_t secret[API_TOTP_SECRET_BYTES]);
void api_totp_append_uri(struct osy_buffer *out, const uint8_t secret[API_TOTP_SECRET_BYTES],
                         const char *account);

void api_recovery_code_make(char code[API_RECOVERY_CODE_BYTES]);
/* A typed code in the form that it was made in, or false: it cannot be one. Case and separators do not matter. */
bool api_recovery_code_parse(const char *text, char code[API_RECOVERY_CODE_BYTES]);
