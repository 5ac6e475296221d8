/*
 * The client's side of WebSocket framing (RFC 6455 section 5): builds masked frames and takes the
 * server's bytes apart into messages. Pure: no socket, no clock. The reader is strict, because it also
 * judges the server: masked frames, reserved bits, bad fragments, bad UTF-8 are errors with the close
 * code that belongs to them.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/buffer.h"
#include "shared/error.h"

#define LOAD_FRAME_MESSAGE_MAX (1u << 20) /* bytes of a message that we accept */

enum load_opcode {
    LOAD_OPCODE_CONTINUATION = 0x0,
    LOAD_OPCODE_TEXT = 0x1,
    LOAD_OPCODE_BINARY = 0x2,
    LOAD_OPCODE_CLOSE = 0x8,
    LOAD_OPCODE_PING = 0x9,
    LOAD_OPCODE_PONG = 0xa,
};

/* Appends one final frame with a fresh random mask. A control frame holds at most 125 bytes. */
void load_frame_append(struct osy_buffer *out, enum load_opcode opcode, const void *payload,
                       size_t length);

/* A whole message, or a control frame. The bytes are borrowed for the call. False ends the feeding. */
typedef bool (*load_message_fn)(void *context, enum load_opcode opcode, const char *bytes,
                                size_t length);

struct load_frame_reader {
    struct osy_buffer unread;  /* the beginning of a frame whose end has not come yet */
    struct osy_buffer message; /* the fragments so far */
    enum load_opcode
        fragments;       /* the kind of the message in pieces; LOAD_OPCODE_CONTINUATION: none */
    uint16_t close_code; /* after a failed feed: what to close with */
};

void load_frame_reader_init(struct load_frame_reader *reader);
void load_frame_reader_deinit(struct load_frame_reader *reader);
/*
 * OSY_ERR_INVALID for what RFC 6455 forbids (close_code says which), OSY_ERR_LIMIT for a message that is
 * too big. When on_message returns false the rest of the bytes is dropped and the result is true.
 */
OSY_MUST_CHECK bool load_frame_reader_feed(struct load_frame_reader *reader, const char *bytes,
                                           size_t length, load_message_fn on_message, void *context,
                                           struct osy_error *err);
