/* UUIDs: what is accepted is written again the same, but for upper case. */
#include <string.h>
#include <strings.h>

#include "shared/uuid.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    char text[OSY_UUID_TEXT_BYTES];
    struct osy_uuid uuid;

    if (!osy_uuid_parse((const char *)bytes, length, &uuid))
        return 0;
    osy_uuid_format(&uuid, text);
    if (strlen(text) != length || strncasecmp(text, (const char *)bytes, length) != 0)
        __builtin_trap();
    return 0;
}
