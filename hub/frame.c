#include "hub/frame.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "shared/alloc.h"

enum { FIN_TEXT = 0x81, FIN_PING = 0x89 };

static size_t write_header(unsigned char *out, unsigned char first, size_t length)
{
    out[0] = first;
    if (length < 126) {
        out[1] = (unsigned char)length;
        return 2;
    }
    size_t width = length <= UINT16_MAX ? 2 : 8;
    out[1] = width == 2 ? 126 : 127;
    for (size_t i = 0; i < width; i++)
        out[2 + i] = (unsigned char)(length >> (8 * (width - 1 - i)));
    return 2 + width;
}

static struct hub_frame *create(unsigned char first, const struct hub_slice *parts, size_t count)
{
    unsigned char header[10];
    size_t length = 0;
    for (size_t i = 0; i < count; i++)
        length += parts[i].length;
    size_t header_length = write_header(header, first, length);
    struct hub_frame *frame = osy_alloc(sizeof *frame + header_length + length);
    frame->references = 1;
    memcpy(frame->bytes, header, header_length);
    frame->length = header_length;
    for (size_t i = 0; i < count; i++) {
        memcpy(frame->bytes + frame->length, parts[i].bytes, parts[i].length);
        frame->length += parts[i].length;
    }
    return frame;
}

struct hub_frame *hub_frame_create(const char *payload, size_t length)
{
    return create(FIN_TEXT, &(struct hub_slice){payload, length}, 1);
}

struct hub_frame *hub_frame_join(const struct hub_slice *parts, size_t count)
{
    return create(FIN_TEXT, parts, count);
}

struct hub_frame *hub_frame_create_ping(void)
{
    return create(FIN_PING, &(struct hub_slice){"?", 1}, 1);
}

struct hub_frame *hub_frame_ref(struct hub_frame *frame)
{
    frame->references++;
    return frame;
}

void hub_frame_unref(struct hub_frame *frame)
{
    if (!frame)
        return;
    assert(frame->references > 0);
    if (--frame->references == 0)
        free(frame);
}
