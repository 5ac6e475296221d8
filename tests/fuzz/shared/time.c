/* RFC 3339 times: what is accepted is written again the same to the second. */
#include <string.h>

#include "shared/clock.h"

#define SECOND_BYTES 19 /* "2026-01-31T12:00:00" */

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    char text[OSY_TIME_TEXT_BYTES];
    int64_t wall_ms;

    if (!osy_time_parse((const char *)bytes, length, &wall_ms))
        return 0;
    osy_time_format(wall_ms, text);
    if (memcmp(text, bytes, SECOND_BYTES) != 0)
        __builtin_trap();
    return 0;
}
