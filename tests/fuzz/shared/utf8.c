/* UTF-8: the verdict is the same in one piece, in two, and character by character. */
#include "shared/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static bool is_made_of_characters(const char *text, size_t length)
{
    while (length > 0) {
        size_t size = osy_utf8_character(text, length);

        if (size == 0)
            return false;
        text += size;
        length -= size;
    }
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    const char *text = (const char *)bytes;
    struct osy_utf8 utf8 = {0};
    size_t cut = length > 0 ? bytes[0] % length : 0;
    bool valid = osy_utf8_valid(text, length);

    osy_utf8_feed(&utf8, text, cut);
    osy_utf8_feed(&utf8, text + cut, length - cut);
    if (osy_utf8_complete(&utf8) != valid || is_made_of_characters(text, length) != valid)
        __builtin_trap();
    if (valid &&
        (!osy_utf8_valid(text, osy_utf8_trim(text, cut)) || cut - osy_utf8_trim(text, cut) > 3))
        __builtin_trap();
    return 0;
}
