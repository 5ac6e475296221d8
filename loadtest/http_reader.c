#include "loadtest/http_reader.h"

#include <llhttp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "shared/alloc.h"
#include "shared/buffer.h"

#define NAME_MAX_BYTES  32
#define VALUE_MAX_BYTES 64
#define RETRY_MOST_S    3600 /* no server may keep us away for longer */

struct load_http_reader {
    llhttp_t parser;
    struct load_http_reply reply;
    struct osy_buffer body;
    /* The header at hand, cut to a length that none of those that we look at reaches. */
    char name[NAME_MAX_BYTES], value[VALUE_MAX_BYTES];
    size_t name_length, value_length;
    bool complete, too_long;
};

static struct load_http_reader *reader_of(llhttp_t *parser)
{
    return parser->data;
}

static void append(char *out, size_t *at, size_t capacity, const char *bytes, size_t length)
{
    for (size_t i = 0; i < length && *at + 1 < capacity; i++)
        out[(*at)++] = bytes[i];
    out[*at] = '\0';
}

static int on_header_field(llhttp_t *parser, const char *bytes, size_t length)
{
    struct load_http_reader *reader = reader_of(parser);
    append(reader->name, &reader->name_length, sizeof(reader->name), bytes, length);
    return 0;
}

static int on_header_value(llhttp_t *parser, const char *bytes, size_t length)
{
    struct load_http_reader *reader = reader_of(parser);
    append(reader->value, &reader->value_length, sizeof(reader->value), bytes, length);
    return 0;
}

/* 0 for what is no number of seconds: it may be a date. */
static uint32_t read_retry_after(const char *value)
{
    char *end;
    unsigned long seconds = strtoul(value, &end, 10);
    if (*value < '0' || *value > '9' || *end)
        return 0;
    return seconds < RETRY_MOST_S ? (uint32_t)seconds : RETRY_MOST_S;
}

static int on_header_complete(llhttp_t *parser)
{
    struct load_http_reader *reader = reader_of(parser);
    struct load_http_reply *reply = &reader->reply;
    if (strcasecmp(reader->name, "Retry-After") == 0)
        reply->retry_after_s = read_retry_after(reader->value);
    else if (strcasecmp(reader->name, "Sec-WebSocket-Accept") == 0 &&
             reader->value_length < sizeof(reply->websocket_accept))
        memcpy(reply->websocket_accept, reader->value, reader->value_length + 1);
    reader->name_length = reader->value_length = 0;
    reader->name[0] = reader->value[0] = '\0';
    return 0;
}

static int on_body(llhttp_t *parser, const char *bytes, size_t length)
{
    struct load_http_reader *reader = reader_of(parser);
    reader->too_long = reader->body.length + length > LOAD_HTTP_BODY_MAX;
    if (reader->too_long)
        return HPE_USER;
    osy_buffer_append(&reader->body, bytes, length);
    return 0;
}

/* Pausing makes the parser tell where the reply ended. */
static int on_message_complete(llhttp_t *parser)
{
    struct load_http_reader *reader = reader_of(parser);
    reader->complete = true;
    reader->reply.status = llhttp_get_status_code(parser);
    reader->reply.keep_alive = llhttp_should_keep_alive(parser);
    reader->reply.body = reader->body.length ? reader->body.bytes : "";
    reader->reply.body_length = reader->body.length;
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_header_field = on_header_field,
    .on_header_value = on_header_value,
    .on_header_value_complete = on_header_complete,
    .on_body = on_body,
    .on_message_complete = on_message_complete,
};

struct load_http_reader *load_http_reader_create(void)
{
    struct load_http_reader *reader = osy_alloc(sizeof(*reader));
    load_http_reader_reset(reader);
    return reader;
}

void load_http_reader_destroy(struct load_http_reader *reader)
{
    if (!reader)
        return;
    osy_buffer_deinit(&reader->body);
    free(reader);
}

void load_http_reader_reset(struct load_http_reader *reader)
{
    llhttp_init(&reader->parser, HTTP_RESPONSE, &settings);
    reader->parser.data = reader;
    reader->reply = (struct load_http_reply){0};
    osy_buffer_clear(&reader->body);
    reader->name_length = reader->value_length = 0;
    reader->name[0] = reader->value[0] = '\0';
    reader->complete = reader->too_long = false;
}

bool load_http_reader_feed(struct load_http_reader *reader, const char *bytes, size_t length,
                           size_t *used, const struct load_http_reply **reply,
                           struct osy_error *err)
{
    *reply = NULL;
    *used = length;
    llhttp_errno_t code = llhttp_execute(&reader->parser, bytes, length);
    if (reader->complete) {
        *reply = &reader->reply;
        if (code != HPE_OK)
            *used = (size_t)(llhttp_get_error_pos(&reader->parser) - bytes);
        return true;
    }
    if (reader->too_long)
        return osy_error_set(err, OSY_ERR_LIMIT, "the reply's body is too long");
    if (code != HPE_OK)
        return osy_error_set(err, OSY_ERR_INVALID, "not an HTTP reply: %s",
                             llhttp_errno_name(code));
    return true;
}
