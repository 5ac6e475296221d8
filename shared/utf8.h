/* UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF. Thread-safe. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct osy_utf8 {
    uint32_t state; /* zero it to begin */
};

/* Feeds a piece of a text. False as soon as the text cannot be UTF-8 any more. */
bool osy_utf8_feed(struct osy_utf8 *utf8, const char *bytes, size_t length);
bool osy_utf8_complete(const struct osy_utf8 *utf8); /* the text does not end inside a character */
bool osy_utf8_valid(const char *bytes, size_t length);
size_t osy_utf8_count(const char *bytes, size_t length); /* code points of a valid text */
/* Bytes of the character at the front (1 to 4); 0 when there is none or it is not UTF-8. */
size_t osy_utf8_character(const char *bytes, size_t length);
/* length, less the beginning of a character that the end cuts off (as a limited copy of a text has
 * it). */
size_t osy_utf8_trim(const char *bytes, size_t length);
