/* Positions from clients: one text for each, so what is accepted is written again as it came. */
#include <string.h>

#include "shared/position.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    char text[OSY_POSITION_TEXT_BYTES];
    struct osy_position position;

    if (!osy_position_parse((const char *)bytes, length, &position))
        return 0;
    osy_position_format(&position, text);
    if (strlen(text) != length || memcmp(text, bytes, length) != 0 || position.number > INT64_MAX)
        __builtin_trap();
    return 0;
}
