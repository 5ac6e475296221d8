/* UUIDs (RFC 9562): version 7 for ids that index well, version 4 for what must tell nothing. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OSY_UUID_BYTES      16
#define OSY_UUID_TEXT_BYTES 37 /* 36 characters and the NUL */

struct osy_uuid {
    uint8_t bytes[OSY_UUID_BYTES];
};

struct osy_uuid
osy_uuid_v7(void); /* ascending within a thread even inside one millisecond (RFC 9562 6.2) */
struct osy_uuid osy_uuid_v4(void);
int64_t osy_uuid_v7_time_ms(const struct osy_uuid *uuid); /* its wall time; 0 unless version 7 */
void osy_uuid_format(const struct osy_uuid *uuid, char text[OSY_UUID_TEXT_BYTES]); /* lower case */
/* The canonical 8-4-4-4-12 form only, in either case; text need not be NUL-terminated. */
bool osy_uuid_parse(const char *text, size_t length, struct osy_uuid *uuid);
bool osy_uuid_equal(const struct osy_uuid *a, const struct osy_uuid *b);
bool osy_uuid_is_nil(const struct osy_uuid *uuid);
