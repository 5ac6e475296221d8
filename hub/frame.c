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

static struct hub_frame *create(unsigned char first, const char *payload, size_t length)
{
    unsigned char header[10];
    size_t header_length = write_header(header, first, length);
    struct hub_frame *frame = osy_alloc(sizeof *frame + header_length + length);
    frame->references = 1;
    frame->length = header_length + length;
    memcpy(frame->bytes, header, header_length);
    memcpy(frame->bytes + header_length, payload, length);
    return frame;
}

struct hub_frame *hub_frame_create(const char *payload, size_t length)
{
    return create(FIN_TEXT, payload, length);
}

struct hub_frame *hub_frame_create_ping(void)
{
    return create(FIN_PING, "?", 1);
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
