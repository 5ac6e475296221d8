/* Envelopes from Redis: what is accepted points into the input and is one line. */
#include <string.h>

#include "shared/event.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    static const char restaurant[] = "01890000-0000-7000-8000-000000000001";
    const char *text = (const char *)bytes;
    struct osy_uuid restaurant_id;
    struct osy_envelope envelope;
    struct osy_error err;

    if (!osy_uuid_parse(restaurant, strlen(restaurant), &restaurant_id))
        __builtin_trap();
    if (!osy_envelope_parse(text, length, &restaurant_id, &envelope, &err))
        return 0;
    if (envelope.json + envelope.json_length != text + length || envelope.seq == 0 ||
        envelope.version > INT64_MAX || envelope.json_length > OSY_EVENT_JSON_MAX ||
        memchr(envelope.json, '\n', envelope.json_length))
        __builtin_trap();
    return 0;
}
