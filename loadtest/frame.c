#include "loadtest/frame.h"

#include <assert.h>

#include "shared/random.h"
#include "shared/utf8.h"

enum {
    FINAL = 0x80,
    RESERVED = 0x70,
    MASKED = 0x80,
    LENGTH_16 = 126,
    LENGTH_64 = 127,
    CONTROL_MAX = 125,
    CLOSE_PROTOCOL = 1002,
    CLOSE_UTF8 = 1007,
    CLOSE_TOO_BIG = 1009,
};

void load_frame_append(struct osy_buffer *out, enum load_opcode opcode, const void *payload,
                       size_t length)
{
    unsigned char mask[4];
    assert(opcode < LOAD_OPCODE_CLOSE || length <= CONTROL_MAX);
    osy_buffer_char(out, (char)(FINAL | (int)opcode));
    if (length < LENGTH_16) {
        osy_buffer_char(out, (char)(MASKED | (int)length));
    } else if (length <= UINT16_MAX) {
        osy_buffer_char(out, (char)(MASKED | LENGTH_16));
        for (int shift = 8; shift >= 0; shift -= 8)
            osy_buffer_char(out, (char)(length >> shift));
    } else {
        osy_buffer_char(out, (char)(MASKED | LENGTH_64));
        for (int shift = 56; shift >= 0; shift -= 8)
            osy_buffer_char(out, (char)((uint64_t)length >> shift));
    }
    osy_random_bytes(mask, sizeof(mask));
    osy_buffer_append(out, mask, sizeof(mask));
    for (size_t i = 0; i < length; i++)
        osy_buffer_char(out, (char)(((const unsigned char *)payload)[i] ^ mask[i % 4]));
}

void load_frame_reader_init(struct load_frame_reader *reader)
{
    *reader = (struct load_frame_reader){.fragments = LOAD_OPCODE_CONTINUATION};
}

void load_frame_reader_deinit(struct load_frame_reader *reader)
{
    osy_buffer_deinit(&reader->unread);
    osy_buffer_deinit(&reader->message);
}

struct frame {
    enum load_opcode opcode;
    bool final;
    const char *payload;
    size_t length;
};

static bool refuse(struct load_frame_reader *reader, uint16_t close_code, const char *what,
                   struct osy_error *err)
{
    reader->close_code = close_code;
    return osy_error_set(err, close_code == CLOSE_TOO_BIG ? OSY_ERR_LIMIT : OSY_ERR_INVALID, "%s",
                         what);
}

static bool is_known(unsigned opcode)
{
    return opcode <= LOAD_OPCODE_BINARY ||
           (opcode >= LOAD_OPCODE_CLOSE && opcode <= LOAD_OPCODE_PONG);
}

/* The checks that the first two bytes of a frame allow. */
static bool check_head(struct load_frame_reader *reader, unsigned first, unsigned second,
                       struct osy_error *err)
{
    unsigned opcode = first & 0x0f;
    if (first & RESERVED)
        return refuse(reader, CLOSE_PROTOCOL, "a reserved bit is set", err);
    if (second & MASKED)
        return refuse(reader, CLOSE_PROTOCOL, "the server masked a frame", err);
    if (!is_known(opcode))
        return refuse(reader, CLOSE_PROTOCOL, "unknown opcode", err);
    if (opcode >= LOAD_OPCODE_CLOSE && (!(first & FINAL) || second > CONTROL_MAX))
        return refuse(reader, CLOSE_PROTOCOL, "a control frame is fragmented or too long", err);
    return true;
}

/*
 * Takes one frame off the front of the bytes. *used is 0 when its end is not there yet.
 */
static bool parse_frame(struct load_frame_reader *reader, const char *bytes, size_t available,
                        struct frame *frame, size_t *used, struct osy_error *err)
{
    const unsigned char *in = (const unsigned char *)bytes;
    *used = 0;
    if (available < 2)
        return true;
    if (!check_head(reader, in[0], in[1], err))
        return false;
    size_t extended = in[1] == LENGTH_64 ? 8 : in[1] == LENGTH_16 ? 2 : 0;
    if (available < 2 + extended)
        return true;
    uint64_t length = extended ? 0 : in[1];
    for (size_t i = 0; i < extended; i++)
        length = length << 8 | in[2 + i];
    if (length > LOAD_FRAME_MESSAGE_MAX)
        return refuse(reader, CLOSE_TOO_BIG, "the message is too big", err);
    if ((extended == 2 && length < LENGTH_16) || (extended == 8 && length <= UINT16_MAX))
        return refuse(reader, CLOSE_PROTOCOL, "the length is not in its shortest form", err);
    if (available - 2 - extended < length)
        return true;
    *frame = (struct frame){
        .opcode = (enum load_opcode)(in[0] & 0x0f),
        .final = (in[0] & FINAL) != 0,
        .payload = bytes + 2 + extended,
        .length = (size_t)length,
    };
    *used = 2 + extended + (size_t)length;
    return true;
}

static bool deliver(struct load_frame_reader *reader, enum load_opcode opcode, const char *bytes,
                    size_t length, load_message_fn on_message, void *context, bool *go_on,
                    struct osy_error *err)
{
    if (opcode == LOAD_OPCODE_TEXT && !osy_utf8_valid(bytes, length))
        return refuse(reader, CLOSE_UTF8, "a text message is not UTF-8", err);
    *go_on = on_message(context, opcode, bytes, length);
    return true;
}

static bool take_fragment(struct load_frame_reader *reader, const struct frame *frame,
                          load_message_fn on_message, void *context, bool *go_on,
                          struct osy_error *err)
{
    bool begins = frame->opcode != LOAD_OPCODE_CONTINUATION;
    bool inside = reader->fragments != LOAD_OPCODE_CONTINUATION;
    if (begins == inside)
        return refuse(reader, CLOSE_PROTOCOL, "fragments are out of order", err);
    if (begins)
        reader->fragments = frame->opcode;
    if (reader->message.length + frame->length > LOAD_FRAME_MESSAGE_MAX)
        return refuse(reader, CLOSE_TOO_BIG, "the message is too big", err);
    osy_buffer_append(&reader->message, frame->payload, frame->length);
    if (!frame->final)
        return true;
    enum load_opcode opcode = reader->fragments;
    reader->fragments = LOAD_OPCODE_CONTINUATION;
    bool ok = deliver(reader, opcode, reader->message.length ? reader->message.bytes : "",
                      reader->message.length, on_message, context, go_on, err);
    osy_buffer_deinit(&reader->message); /* fragments are rare: keep no memory for them */
    return ok;
}

static bool take_frame(struct load_frame_reader *reader, const struct frame *frame,
                       load_message_fn on_message, void *context, bool *go_on,
                       struct osy_error *err)
{
    bool whole = frame->final && reader->fragments == LOAD_OPCODE_CONTINUATION &&
                 frame->opcode != LOAD_OPCODE_CONTINUATION;
    if (whole || frame->opcode >= LOAD_OPCODE_CLOSE)
        return deliver(reader, frame->opcode, frame->payload, frame->length, on_message, context,
                       go_on, err);
    return take_fragment(reader, frame, on_message, context, go_on, err);
}

bool load_frame_reader_feed(struct load_frame_reader *reader, const char *bytes, size_t length,
                            load_message_fn on_message, void *context, struct osy_error *err)
{
    struct osy_buffer joined = reader->unread; /* empty, unless a frame was cut */
    reader->unread = (struct osy_buffer)OSY_BUFFER_INIT;
    if (joined.length > 0) {
        osy_buffer_append(&joined, bytes, length);
        bytes = joined.bytes;
        length = joined.length;
    }
    bool ok = true, go_on = true;
    size_t at = 0;
    while (ok && go_on) {
        struct frame frame;
        size_t used;
        ok = parse_frame(reader, bytes + at, length - at, &frame, &used, err);
        if (!ok || used == 0)
            break;
        at += used;
        ok = take_frame(reader, &frame, on_message, context, &go_on, err);
    }
    if (ok && go_on && at < length)
        osy_buffer_append(&reader->unread, bytes + at, length - at);
    osy_buffer_deinit(&joined);
    return ok;
}
