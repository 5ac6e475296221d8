/* traceparent headers: what is accepted and written again is accepted again, and is the same. */
#include <stdint.h>
#include <string.h>

#include "shared/trace.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    char text[OSY_TRACEPARENT_BYTES];
    struct osy_trace trace, again;

    if (!osy_trace_parse((const char *)bytes, length, &trace))
        return 0;
    osy_trace_format(&trace, text);
    if (!osy_trace_parse(text, strlen(text), &again) || memcmp(&trace, &again, sizeof trace) != 0)
        __builtin_trap();
    return 0;
}
