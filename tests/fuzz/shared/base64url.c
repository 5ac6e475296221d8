/* base64url: a text that is accepted is the one text of its bytes. */
#include <stdlib.h>
#include <string.h>

#include "shared/alloc.h"
#include "shared/base64url.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    uint8_t *decoded = osy_alloc(length * 3 / 4);
    char *again = osy_alloc(length + 1);
    size_t decoded_length;

    if (osy_base64url_decode((const char *)bytes, length, decoded, &decoded_length)) {
        osy_base64url_encode(decoded, decoded_length, again);
        if (strlen(again) != length || memcmp(again, bytes, length) != 0)
            __builtin_trap();
    }
    free(decoded);
    free(again);
    return 0;
}
