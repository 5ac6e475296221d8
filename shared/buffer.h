/*
 * A growing byte buffer for building replies, frames and log lines. It keeps a NUL behind its
 * content, so `bytes` is also a C string (as long as the content has none of its own). JSON text
 * is written with osy_buffer_json_string; there is no JSON tree on the way out.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/error.h"

struct osy_buffer {
    char *bytes; /* owned; NULL while nothing was ever appended */
    size_t length, capacity;
};

/* clang-format off */
#define OSY_BUFFER_INIT {NULL, 0, 0}
/* clang-format on */

void osy_buffer_deinit(struct osy_buffer *buffer); /* frees; the buffer may be used again */
void osy_buffer_wipe(struct osy_buffer *buffer);   /* the same, and leaves nothing of its content */
void osy_buffer_clear(struct osy_buffer *buffer);  /* length 0, keeps the memory */
void osy_buffer_reserve(struct osy_buffer *buffer, size_t more);
void osy_buffer_append(struct osy_buffer *buffer, const void *bytes, size_t length);
void osy_buffer_text(struct osy_buffer *buffer, const char *text);
/* C strings, up to a NULL: where printf's work on the format would show. */
void osy_buffer_texts(struct osy_buffer *buffer, ...) __attribute__((sentinel));
void osy_buffer_char(struct osy_buffer *buffer, char c);
void osy_buffer_u64(struct osy_buffer *buffer, uint64_t value);
void osy_buffer_i64(struct osy_buffer *buffer, int64_t value);
void osy_buffer_printf(struct osy_buffer *buffer, const char *fmt, ...) OSY_PRINTF(2, 3);
/* A JSON string with its quotes (RFC 8259 section 7). Bytes that are not UTF-8 become U+FFFD;
 * control characters, U+007F, U+2028 and U+2029 are escaped, so that a log line stays one line
 * everywhere. text may be NULL: then `null`. */
void osy_buffer_json_string(struct osy_buffer *buffer, const char *text);
void osy_buffer_json_bytes(struct osy_buffer *buffer, const char *text, size_t length);
/* Gives the content away (free it) and leaves the buffer empty. Never NULL. length may be NULL. */
char *osy_buffer_take(struct osy_buffer *buffer, size_t *length);
