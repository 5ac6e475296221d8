#include "shared/uuid.h"

#include <string.h>

#include "shared/clock.h"
#include "shared/random.h"

#define COUNTER_MAX 0xFFF /* rand_a has 12 bits */

static void set_version(struct osy_uuid *uuid, unsigned version)
{
    uuid->bytes[6] = (uint8_t)((uuid->bytes[6] & 0x0F) | version << 4);
    uuid->bytes[8] = (uint8_t)((uuid->bytes[8] & 0x3F) | 0x80);
}

/*
 * rand_a is a counter (RFC 9562 section 6.2, method 1): each millisecond begins at a random number
 * below 2^11, the next uuid is one more, and a counter that is used up borrows the next
 * millisecond. A clock that steps back is not followed until it has caught up, so ids never
 * descend.
 */
struct osy_uuid osy_uuid_v7(void)
{
    static _Thread_local int64_t last_ms;
    static _Thread_local unsigned counter;
    struct osy_uuid uuid;
    int64_t now_ms = osy_clock_wall_ms();

    osy_random_bytes(uuid.bytes + 6, sizeof uuid.bytes - 6);
    if (now_ms > last_ms || counter == COUNTER_MAX) {
        last_ms = now_ms > last_ms ? now_ms : last_ms + 1;
        counter = (unsigned)(uuid.bytes[6] << 8 | uuid.bytes[7]) & (COUNTER_MAX >> 1);
    } else {
        counter++;
    }
    for (int i = 0; i < 6; i++)
        uuid.bytes[i] = (uint8_t)((uint64_t)last_ms >> (40 - 8 * i));
    uuid.bytes[6] = (uint8_t)(counter >> 8);
    uuid.bytes[7] = (uint8_t)counter;
    set_version(&uuid, 7);
    return uuid;
}

struct osy_uuid osy_uuid_v4(void)
{
    struct osy_uuid uuid;

    osy_random_bytes(uuid.bytes, sizeof uuid.bytes);
    set_version(&uuid, 4);
    return uuid;
}

int64_t osy_uuid_v7_time_ms(const struct osy_uuid *uuid)
{
    uint64_t ms = 0;

    if (uuid->bytes[6] >> 4 != 7)
        return 0;
    for (int i = 0; i < 6; i++)
        ms = ms << 8 | uuid->bytes[i];
    return (int64_t)ms;
}

static bool has_dash_before(size_t byte)
{
    return byte == 4 || byte == 6 || byte == 8 || byte == 10;
}

void osy_uuid_format(const struct osy_uuid *uuid, char text[OSY_UUID_TEXT_BYTES])
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < OSY_UUID_BYTES; i++) {
        if (has_dash_before(i))
            *text++ = '-';
        *text++ = digits[uuid->bytes[i] >> 4];
        *text++ = digits[uuid->bytes[i] & 0x0F];
    }
    *text = '\0';
}

#define IS_HEX 16 /* in hex_values: that the character is a digit; the lower bits are its value */

/* clang-format off */
static const uint8_t hex_values[256] = {
    ['0'] = 16, 17, 18, 19, 20, 21, 22, 23, 24, 25,
    ['A'] = 26, 27, 28, 29, 30, 31,
    ['a'] = 26, 27, 28, 29, 30, 31,
};
/* clang-format on */

bool osy_uuid_parse(const char *text, size_t length, struct osy_uuid *uuid)
{
    struct osy_uuid parsed;

    if (length != OSY_UUID_TEXT_BYTES - 1)
        return false;
    for (size_t i = 0; i < OSY_UUID_BYTES; i++) {
        uint8_t high, low;

        if (has_dash_before(i) && *text++ != '-')
            return false;
        high = hex_values[(unsigned char)*text++];
        low = hex_values[(unsigned char)*text++];
        if (!(high & low & IS_HEX))
            return false;
        parsed.bytes[i] = (uint8_t)(high << 4 | (low & 0x0F));
    }
    *uuid = parsed;
    return true;
}

bool osy_uuid_equal(const struct osy_uuid *a, const struct osy_uuid *b)
{
    return memcmp(a->bytes, b->bytes, OSY_UUID_BYTES) == 0;
}

bool osy_uuid_is_nil(const struct osy_uuid *uuid)
{
    static const struct osy_uuid nil;

    return osy_uuid_equal(uuid, &nil);
}
