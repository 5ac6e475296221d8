#include "api/text.h"

#include <string.h>

/* Space, line feed, no-break space, ideographic space. */
static const char *const spaces[] = {" ", "\n", "\xc2\xa0", "\xe3\x80\x80"};

static size_t leading_space(const char *text, size_t length)
{
    for (size_t i = 0; i < sizeof spaces / sizeof spaces[0]; i++) {
        size_t bytes = strlen(spaces[i]);
        if (bytes <= length && memcmp(text, spaces[i], bytes) == 0)
            return bytes;
    }
    return 0;
}

static size_t trailing_space(const char *text, size_t length)
{
    for (size_t i = 0; i < sizeof spaces / sizeof spaces[0]; i++) {
        size_t bytes = strlen(spaces[i]);
        if (bytes <= length && memcmp(text + length - bytes, spaces[i], bytes) == 0)
            return bytes;
    }
    return 0;
}

/* U+0000 to U+001F, U+007F, and U+0080 to U+009F, which UTF-8 writes as C2 80 to C2 9F. */
static bool is_control(const unsigned char *at)
{
    return *at < 0x20 || *at == 0x7f || (*at == 0xc2 && at[1] < 0xa0);
}

bool api_text_trim(const char *field, const char *text, enum api_text_lines lines,
                   struct api_text *trimmed, struct osy_error *err)
{
    size_t length = strlen(text), bytes;
    for (const char *at = text; *at; at++) {
        bool is_line_break = *at == '\n' && lines == API_TEXT_MANY_LINES;
        if (!is_line_break && is_control((const unsigned char *)at))
            return osy_error_set(err, OSY_ERR_INVALID, "'%s' must not have control characters",
                                 field);
    }
    while ((bytes = leading_space(text, length)) > 0) {
        text += bytes;
        length -= bytes;
    }
    while ((bytes = trailing_space(text, length)) > 0)
        length -= bytes;
    if (length == 0)
        return osy_error_set(err, OSY_ERR_INVALID, "'%s' must not be empty", field);
    *trimmed = (struct api_text){text, length};
    return true;
}
