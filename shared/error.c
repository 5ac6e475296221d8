#include "shared/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "shared/utf8.h"

/* vsnprintf that cuts at a UTF-8 boundary. */
static OSY_PRINTF(3, 0) void format(char *out, size_t size, const char *fmt, va_list arguments)
{
    int wanted = vsnprintf(out, size, fmt, arguments);

    if (wanted < 0)
        out[0] = '\0';
    else if ((size_t)wanted >= size)
        out[osy_utf8_trim(out, size - 1)] = '\0';
}

bool osy_error_set(struct osy_error *err, enum osy_error_code code, const char *fmt, ...)
{
    va_list arguments;

    if (!err)
        return false;
    err->code = code;
    va_start(arguments, fmt);
    format(err->message, sizeof err->message, fmt, arguments);
    va_end(arguments);
    return false;
}

bool osy_error_prefix(struct osy_error *err, const char *fmt, ...)
{
    struct osy_error below;
    char context[sizeof below.message];
    va_list arguments;

    if (!err)
        return false;
    va_start(arguments, fmt);
    format(context, sizeof context, fmt, arguments);
    va_end(arguments);
    below = *err;
    return osy_error_set(err, below.code, "%s: %s", context, below.message);
}
