#include "shared/base64url.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* Bits go through a small accumulator: in by 8 and out by 6, or the other way round. */
void osy_base64url_encode(const void *bytes, size_t length, char *out)
{
    const uint8_t *at = bytes;
    uint32_t bits = 0;
    unsigned held = 0;

    for (size_t i = 0; i < length; i++) {
        bits = (bits << 8 | at[i]) & 0xFFFF;
        for (held += 8; held >= 6; held -= 6)
            *out++ = alphabet[bits >> (held - 6) & 0x3F];
    }
    if (held > 0)
        *out++ = alphabet[bits << (6 - held) & 0x3F];
    *out = '\0';
}

static int sextet(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '-')
        return 62;
    return c == '_' ? 63 : -1;
}

bool osy_base64url_decode(const char *text, size_t length, uint8_t *out, size_t *out_length)
{
    uint32_t bits = 0;
    unsigned held = 0;
    size_t written = 0;

    if (length % 4 == 1)
        return false; /* 6 bits are no byte */
    for (size_t i = 0; i < length; i++) {
        int value = sextet(text[i]);

        if (value < 0)
            return false;
        bits = (bits << 6 | (uint32_t)value) & 0xFFFF;
        held += 6;
        if (held >= 8) {
            held -= 8;
            out[written++] = (uint8_t)(bits >> held);
        }
    }
    *out_length = written;
    return (bits & ((1u << held) - 1)) ==
           0; /* what is left over must be zero: one text per value */
}
