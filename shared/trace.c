#include "shared/trace.h"

#include <stdint.h>
#include <string.h>

#include "shared/random.h"

#define TRACE_ID_DIGITS 32
#define SPAN_ID_DIGITS  16
#define FLAG_SAMPLED    0x01u

/* "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01" */
#define TRACE_ID_AT 3
#define SPAN_ID_AT  36
#define FLAGS_AT    53

static const char hex_digits[] = "0123456789abcdef";

static int hex_value(char c)
{
    const char *digit = c ? strchr(hex_digits, c) : NULL;

    return digit ? (int)(digit - hex_digits) : -1;
}

static bool read_byte(const char *text, unsigned char *byte)
{
    int high = hex_value(text[0]), low = hex_value(text[1]);

    if (high < 0 || low < 0)
        return false;
    *byte = (unsigned char)(high << 4 | low);
    return true;
}

/* Copies `digits` lower-case hex digits which are not all zero, and a NUL. */
static bool read_id(const char *text, size_t digits, char *id)
{
    bool any = false;

    for (size_t i = 0; i < digits; i++) {
        int value = hex_value(text[i]);

        if (value < 0)
            return false;
        any |= value > 0;
        id[i] = text[i];
    }
    id[digits] = '\0';
    return any;
}

bool osy_trace_parse(const char *header, size_t length, struct osy_trace *trace)
{
    struct osy_trace parsed;
    unsigned char version;

    if (length < OSY_TRACEPARENT_BYTES - 1 || !read_byte(header, &version) || version == 0xFF)
        return false;
    if (header[TRACE_ID_AT - 1] != '-' || header[SPAN_ID_AT - 1] != '-' ||
        header[FLAGS_AT - 1] != '-')
        return false;
    /* A higher version may say more, behind another dash; version 00 ends here. */
    if (length > OSY_TRACEPARENT_BYTES - 1 &&
        (version == 0 || header[OSY_TRACEPARENT_BYTES - 1] != '-'))
        return false;
    if (!read_id(header + TRACE_ID_AT, TRACE_ID_DIGITS, parsed.trace_id) ||
        !read_id(header + SPAN_ID_AT, SPAN_ID_DIGITS, parsed.span_id) ||
        !read_byte(header + FLAGS_AT, &parsed.flags))
        return false;
    *trace = parsed;
    return true;
}

static void make_id(size_t digits, char *id)
{
    uint8_t bytes[TRACE_ID_DIGITS / 2];

    osy_random_bytes(bytes, digits / 2);
    bytes[0] |= 1; /* never all zero, which means "none" */
    for (size_t i = 0; i < digits; i++)
        id[i] = hex_digits[(i % 2 ? bytes[i / 2] : bytes[i / 2] >> 4) & 0x0F];
    id[digits] = '\0';
}

void osy_trace_start(const struct osy_trace *parent, struct osy_trace *trace)
{
    struct osy_trace started = {.flags = FLAG_SAMPLED};

    if (parent) {
        started = *parent;
        started.flags &= FLAG_SAMPLED; /* what we do not know we must not pass on */
    } else {
        make_id(TRACE_ID_DIGITS, started.trace_id);
    }
    make_id(SPAN_ID_DIGITS, started.span_id);
    *trace = started;
}

void osy_trace_format(const struct osy_trace *trace, char text[OSY_TRACEPARENT_BYTES])
{
    memcpy(text, "00-", TRACE_ID_AT);
    memcpy(text + TRACE_ID_AT, trace->trace_id, TRACE_ID_DIGITS);
    text[SPAN_ID_AT - 1] = '-';
    memcpy(text + SPAN_ID_AT, trace->span_id, SPAN_ID_DIGITS);
    text[FLAGS_AT - 1] = '-';
    text[FLAGS_AT] = hex_digits[trace->flags >> 4];
    text[FLAGS_AT + 1] = hex_digits[trace->flags & 0x0F];
    text[FLAGS_AT + 2] = '\0';
}
