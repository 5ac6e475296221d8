#include "shared/position.h"

#include <string.h>

#include "shared/base64url.h"

#define KIND_AT        0
#define NUMBER_AT      1
#define EVENT_ID_AT    9
#define POSITION_BYTES 25

_Static_assert(OSY_BASE64URL_LENGTH(POSITION_BYTES) + 1 == OSY_POSITION_TEXT_BYTES,
               "a position's text is the base64url of its bytes");

void osy_position_format(const struct osy_position *position, char text[OSY_POSITION_TEXT_BYTES])
{
    uint8_t bytes[POSITION_BYTES];

    bytes[KIND_AT] = (uint8_t)position->kind;
    for (unsigned i = 0; i < 8; i++)
        bytes[NUMBER_AT + i] = (uint8_t)(position->number >> (56 - 8 * i));
    memcpy(bytes + EVENT_ID_AT, position->event_id.bytes, OSY_UUID_BYTES);
    osy_base64url_encode(bytes, sizeof bytes, text);
}

bool osy_position_parse(const char *text, size_t length, struct osy_position *position)
{
    uint8_t bytes[POSITION_BYTES];
    size_t decoded;
    struct osy_position parsed = {.number = 0};

    if (length != OSY_POSITION_TEXT_BYTES - 1 ||
        !osy_base64url_decode(text, length, bytes, &decoded))
        return false;
    if (bytes[KIND_AT] != OSY_POSITION_RESTAURANT && bytes[KIND_AT] != OSY_POSITION_ORDER)
        return false;
    parsed.kind = (enum osy_position_kind)bytes[KIND_AT];
    for (unsigned i = 0; i < 8; i++)
        parsed.number = parsed.number << 8 | bytes[NUMBER_AT + i];
    memcpy(parsed.event_id.bytes, bytes + EVENT_ID_AT, OSY_UUID_BYTES);
    if (parsed.number > INT64_MAX || (parsed.number == 0) != osy_uuid_is_nil(&parsed.event_id))
        return false;
    *position = parsed;
    return true;
}
