#include "hub/reply.h"

#include <inttypes.h>

#include "shared/random.h"

enum { RETRY_MOST_S = 3 };

static const struct {
    int status;
    const char *phrase, *headers;
} statuses[] = {
    {200, "OK", ""},
    {400, "Bad Request", ""},
    {403, "Forbidden", ""},
    {404, "Not Found", ""},
    {405, "Method Not Allowed", "Allow: GET\r\n"},
    {426, "Upgrade Required",
     "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: " HUB_SUBPROTOCOL
     "\r\n"},
    {503, "Service Unavailable", ""},
};

void hub_reply_write(struct osy_buffer *out, int status, const char *content_type,
                     const struct osy_buffer *body, bool is_head)
{
    size_t row = 0;
    while (row + 1 < sizeof statuses / sizeof statuses[0] && statuses[row].status != status)
        row++;
    osy_buffer_printf(out, "HTTP/1.1 %d %s\r\n%s", statuses[row].status, statuses[row].phrase,
                      statuses[row].headers);
    if (statuses[row].status ==
        503) /* seconds are coarse: at random, so that not all come back at once */
        osy_buffer_printf(out, "Retry-After: %" PRIu64 "\r\n", 1 + osy_random_below(RETRY_MOST_S));
    osy_buffer_printf(out,
                      "Content-Type: %s\r\nContent-Length: %zu\r\n"
                      "Cache-Control: no-store\r\nConnection: close\r\n\r\n",
                      content_type, body->length);
    if (!is_head)
        osy_buffer_append(out, body->bytes, body->length);
}

void hub_reply_refuse(struct osy_buffer *out, const struct hub_refusal *refusal, bool is_head)
{
    struct osy_buffer body = OSY_BUFFER_INIT;
    osy_buffer_printf(&body, "%s\n", refusal->reason);
    hub_reply_write(out, refusal->status, "text/plain; charset=utf-8", &body, is_head);
    osy_buffer_deinit(&body);
}
