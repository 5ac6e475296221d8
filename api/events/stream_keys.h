/* The names under which a restaurant's events live in Redis. The braces keep a restaurant in one slot. */
#pragma once
#include <stdio.h>

#include "shared/uuid.h"

#define API_STREAM_KEY_BYTES 64

static inline void api_stream_log_key(const struct osy_uuid *restaurant_id,
                                      char key[API_STREAM_KEY_BYTES])
{
    char rid[OSY_UUID_TEXT_BYTES];
    osy_uuid_format(restaurant_id, rid);
    snprintf(key, API_STREAM_KEY_BYTES, "os:{%s}:log", rid);
}

static inline void api_stream_live_channel(const struct osy_uuid *restaurant_id,
                                           char channel[API_STREAM_KEY_BYTES])
{
    char rid[OSY_UUID_TEXT_BYTES];
    osy_uuid_format(restaurant_id, rid);
    snprintf(channel, API_STREAM_KEY_BYTES, "os:{%s}:live", rid);
}
