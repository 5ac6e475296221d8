#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/property/world.h"

bool is_tracing;

void trace(const char *format, ...)
{
    if (!is_tracing)
        return;
    va_list arguments;
    va_start(arguments, format);
    printf("    %" PRId64 " ms: ", world.now_ms);
    vprintf(format, arguments);
    putchar('\n');
    va_end(arguments);
}

void violated(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    printf("  violated: ");
    vprintf(format, arguments);
    putchar('\n');
    va_end(arguments);
    fflush(stdout);
    _Exit(EXIT_FAILURE);
}
