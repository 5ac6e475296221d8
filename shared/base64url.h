/* base64url without padding (RFC 4648 section 5), canonical: one text for each byte string. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OSY_BASE64URL_LENGTH(bytes) (((bytes)*4 + 2) / 3)

/* out must hold OSY_BASE64URL_LENGTH(length) + 1 characters; NUL-terminated. */
void osy_base64url_encode(const void *bytes, size_t length, char *out);
/* Refuses padding, white space, foreign characters, and set bits behind the last byte. out must
 * hold length * 3 / 4 bytes. */
bool osy_base64url_decode(const char *text, size_t length, uint8_t *out, size_t *out_length);
