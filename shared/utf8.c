/*
 * The state between two bytes is what the next byte must look like: how many continuation bytes
 * are missing, and the range of the next one. The range is 80..BF except behind E0, ED, F0 and F4,
 * where a narrower one excludes overlong forms, surrogates and what lies above U+10FFFF (RFC 3629
 * section 4).
 */
#include "shared/utf8.h"

#include <string.h>

#define ANY_CONTINUATION(missing) EXPECT(missing, 0x80, 0xBF)
#define EXPECT(missing, low, high) \
    ((uint32_t)(missing) | (uint32_t)(low) << 8 | (uint32_t)(high) << 16)
#define REFUSED UINT32_MAX

static uint32_t after_lead(uint8_t byte)
{
    if (byte < 0x80)
        return 0;
    if (byte < 0xC2)
        return REFUSED; /* a continuation byte, or an overlong form of ASCII */
    if (byte < 0xE0)
        return ANY_CONTINUATION(1);
    if (byte < 0xF0) {
        if (byte == 0xE0)
            return EXPECT(2, 0xA0, 0xBF);
        return byte == 0xED ? EXPECT(2, 0x80, 0x9F) : ANY_CONTINUATION(2);
    }
    if (byte == 0xF0)
        return EXPECT(3, 0x90, 0xBF);
    if (byte == 0xF4)
        return EXPECT(3, 0x80, 0x8F);
    return byte < 0xF4 ? ANY_CONTINUATION(3) : REFUSED;
}

static uint32_t after_continuation(uint32_t state, uint8_t byte)
{
    uint32_t missing = state & 0xFF;

    if (byte < (state >> 8 & 0xFF) || byte > (state >> 16 & 0xFF))
        return REFUSED;
    return missing == 1 ? 0 : ANY_CONTINUATION(missing - 1);
}

/* How many of the bytes, in whole words, are ASCII: most of our text is. */
static size_t ascii_words(const char *bytes, size_t length)
{
    size_t at = 0;

    for (uint64_t word; at + sizeof word <= length; at += sizeof word) {
        memcpy(&word, bytes + at, sizeof word);
        if (word & UINT64_C(0x8080808080808080))
            break;
    }
    return at;
}

bool osy_utf8_feed(struct osy_utf8 *utf8, const char *bytes, size_t length)
{
    uint32_t state = utf8->state;

    for (size_t i = 0; i < length && state != REFUSED; i++) {
        uint8_t byte = (uint8_t)bytes[i];

        if (state != 0) {
            state = after_continuation(state, byte);
        } else if (byte >= 0x80) {
            state = after_lead(byte);
        } else {
            size_t skipped = ascii_words(bytes + i, length - i);

            i += skipped > 0 ? skipped - 1 : 0;
        }
    }
    utf8->state = state;
    return state != REFUSED;
}

bool osy_utf8_complete(const struct osy_utf8 *utf8)
{
    return utf8->state == 0;
}

bool osy_utf8_valid(const char *bytes, size_t length)
{
    struct osy_utf8 utf8 = {0};

    return osy_utf8_feed(&utf8, bytes, length) && osy_utf8_complete(&utf8);
}

static bool is_continuation(char byte)
{
    return ((uint8_t)byte & 0xC0) == 0x80;
}

size_t osy_utf8_count(const char *bytes, size_t length)
{
    size_t count = 0;

    for (size_t i = 0; i < length; i++)
        count += !is_continuation(bytes[i]);
    return count;
}

size_t osy_utf8_character(const char *bytes, size_t length)
{
    uint32_t state = 0;

    for (size_t i = 0; i < length && state != REFUSED; i++) {
        uint8_t byte = (uint8_t)bytes[i];

        state = i == 0 ? after_lead(byte) : after_continuation(state, byte);
        if (state == 0)
            return i + 1;
    }
    return 0;
}

size_t osy_utf8_trim(const char *bytes, size_t length)
{
    size_t lead = length;

    while (lead > 0 && length - lead < 3 && is_continuation(bytes[lead - 1]))
        lead--;
    if (lead == 0 || after_lead((uint8_t)bytes[lead - 1]) == 0)
        return length;
    return osy_utf8_character(bytes + lead - 1, length - lead + 1) > 0 ? length : lead - 1;
}
