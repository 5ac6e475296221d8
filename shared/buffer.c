#include "shared/buffer.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/alloc.h"
#include "shared/utf8.h"

#define FIRST_CAPACITY 64

void osy_buffer_deinit(struct osy_buffer *buffer)
{
    free(buffer->bytes);
    *buffer = (struct osy_buffer)OSY_BUFFER_INIT;
}

void osy_buffer_wipe(struct osy_buffer *buffer)
{
    if (buffer->bytes)
        explicit_bzero(buffer->bytes, buffer->capacity);
    osy_buffer_deinit(buffer);
}

void osy_buffer_clear(struct osy_buffer *buffer)
{
    buffer->length = 0;
    if (buffer->bytes)
        buffer->bytes[0] = '\0';
}

void osy_buffer_reserve(struct osy_buffer *buffer, size_t more)
{
    size_t needed, capacity = buffer->capacity ? buffer->capacity : FIRST_CAPACITY;

    assert(more < SIZE_MAX / 4 && buffer->length < SIZE_MAX / 4);
    needed = buffer->length + more + 1; /* the NUL */
    if (needed <= buffer->capacity)
        return;
    while (capacity < needed)
        capacity *= 2;
    buffer->bytes = osy_realloc_array(buffer->bytes, capacity, 1);
    buffer->capacity = capacity;
    buffer->bytes[buffer->length] = '\0';
}

void osy_buffer_append(struct osy_buffer *buffer, const void *bytes, size_t length)
{
    osy_buffer_reserve(buffer, length);
    if (length > 0)
        memcpy(buffer->bytes + buffer->length, bytes, length);
    buffer->length += length;
    buffer->bytes[buffer->length] = '\0';
}

void osy_buffer_text(struct osy_buffer *buffer, const char *text)
{
    osy_buffer_append(buffer, text, strlen(text));
}

void osy_buffer_texts(struct osy_buffer *buffer, ...)
{
    va_list texts;
    const char *text;

    va_start(texts, buffer);
    while ((text = va_arg(texts, const char *)) != NULL)
        osy_buffer_text(buffer, text);
    va_end(texts);
}

void osy_buffer_char(struct osy_buffer *buffer, char c)
{
    osy_buffer_append(buffer, &c, 1);
}

void osy_buffer_u64(struct osy_buffer *buffer, uint64_t value)
{
    char digits[20]; /* of 2^64 - 1 */
    size_t at = sizeof digits;

    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    osy_buffer_append(buffer, digits + at, sizeof digits - at);
}

void osy_buffer_i64(struct osy_buffer *buffer, int64_t value)
{
    uint64_t magnitude = (uint64_t)value;

    if (value < 0) {
        osy_buffer_char(buffer, '-');
        magnitude = 0 - magnitude; /* also right for INT64_MIN, whose negation does not fit */
    }
    osy_buffer_u64(buffer, magnitude);
}

void osy_buffer_printf(struct osy_buffer *buffer, const char *fmt, ...)
{
    va_list arguments, again;
    int wanted;

    osy_buffer_reserve(buffer, 0);
    va_start(arguments, fmt);
    va_copy(again, arguments);
    wanted = vsnprintf(buffer->bytes + buffer->length, buffer->capacity - buffer->length, fmt,
                       arguments);
    assert(wanted >= 0); /* only a wrong format of ours fails */
    if ((size_t)wanted >= buffer->capacity - buffer->length) {
        osy_buffer_reserve(buffer, (size_t)wanted);
        vsnprintf(buffer->bytes + buffer->length, buffer->capacity - buffer->length, fmt, again);
    }
    buffer->length += (size_t)wanted;
    va_end(again);
    va_end(arguments);
}

/* How many bytes from here on are printable ASCII that JSON takes as it is. */
static size_t plain_run(const char *text, size_t length)
{
    size_t run = 0;

    while (run < length && text[run] >= 0x20 && text[run] < 0x7F && text[run] != '"' &&
           text[run] != '\\')
        run++;
    return run;
}

static void append_escaped_ascii(struct osy_buffer *buffer, char c)
{
    switch (c) {
    case '"': osy_buffer_text(buffer, "\\\""); break;
    case '\\': osy_buffer_text(buffer, "\\\\"); break;
    case '\b': osy_buffer_text(buffer, "\\b"); break;
    case '\f': osy_buffer_text(buffer, "\\f"); break;
    case '\n': osy_buffer_text(buffer, "\\n"); break;
    case '\r': osy_buffer_text(buffer, "\\r"); break;
    case '\t': osy_buffer_text(buffer, "\\t"); break;
    default: osy_buffer_printf(buffer, "\\u%04x", (unsigned char)c);
    }
}

/* Appends what stands at the front, which is not ASCII, and returns how many bytes that were. */
static size_t append_wide(struct osy_buffer *buffer, const char *text, size_t length)
{
    size_t size = osy_utf8_character(text, length);

    if (size == 0) {
        osy_buffer_text(buffer, "\xEF\xBF\xBD"); /* U+FFFD */
        return 1;
    }
    if (size == 3 && memcmp(text, "\xE2\x80\xA8", 3) == 0)
        osy_buffer_text(buffer, "\\u2028");
    else if (size == 3 && memcmp(text, "\xE2\x80\xA9", 3) == 0)
        osy_buffer_text(buffer, "\\u2029");
    else
        osy_buffer_append(buffer, text, size);
    return size;
}

void osy_buffer_json_string(struct osy_buffer *buffer, const char *text)
{
    if (text)
        osy_buffer_json_bytes(buffer, text, strlen(text));
    else
        osy_buffer_text(buffer, "null");
}

void osy_buffer_json_bytes(struct osy_buffer *buffer, const char *text, size_t length)
{
    osy_buffer_reserve(buffer, length + 2);
    osy_buffer_char(buffer, '"');
    for (size_t at = 0; at < length;) {
        size_t run = plain_run(text + at, length - at);

        osy_buffer_append(buffer, text + at, run);
        at += run;
        if (at == length)
            break;
        if ((unsigned char)text[at] < 0x80)
            append_escaped_ascii(buffer, text[at++]);
        else
            at += append_wide(buffer, text + at, length - at);
    }
    osy_buffer_char(buffer, '"');
}

char *osy_buffer_take(struct osy_buffer *buffer, size_t *length)
{
    char *bytes;

    osy_buffer_reserve(buffer, 0);
    bytes = buffer->bytes;
    if (length)
        *length = buffer->length;
    *buffer = (struct osy_buffer)OSY_BUFFER_INIT;
    return bytes;
}
