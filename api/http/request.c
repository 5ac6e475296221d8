#include "api/http/request_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "api/http/connection.h"
#include "api/http/service_internal.h"
#include "shared/alloc.h"
#include "shared/base64url.h"
#include "shared/pool.h"
#include "shared/random.h"
#include "shared/utf8.h"

enum { POOL_MOST = 1024, ROOM_MOST_BYTES = 4096 };

/* Of the loop thread, which makes all requests and ends them. */
static _Thread_local struct osy_pool pool = {.most = POOL_MOST};

struct api_request *api_request_create(void)
{
    struct api_request *request = osy_pool_take(&pool);
    if (!request)
        request = osy_alloc(sizeof *request);
    request->method = ""; /* until it is known */
    return request;
}

/* The buffer for the next request, unless this one was unusually long. */
static struct osy_buffer keep_room(struct osy_buffer *buffer)
{
    if (buffer->capacity > ROOM_MOST_BYTES)
        osy_buffer_deinit(buffer);
    if (buffer->bytes)
        osy_buffer_clear(buffer);
    return *buffer;
}

void api_request_destroy(struct api_request *request)
{
    if (!request)
        return;
    osy_buffer_deinit(&request->param_text);
    osy_buffer_deinit(&request->reply_headers);
    osy_buffer_deinit(&request->reply_body);
    api_principal_unref(request->principal);
    free(request->query_text);
    struct osy_buffer head = keep_room(&request->head), body = keep_room(&request->body);
    memset(request, 0, sizeof *request);
    request->head = head;
    request->body = body;
    if (osy_pool_give(&pool, request))
        return;
    osy_buffer_deinit(&head);
    osy_buffer_deinit(&body);
    free(request);
}

void api_request_finish(struct api_request *request)
{
    assert(request->replied && !request->on_worker);
    if (request->service)
        api_service_observe(request->service, request);
    if (request->connection)
        api_connection_on_reply(request->connection);
    else
        api_request_destroy(request);
}

static bool is_request_id(const char *text)
{
    size_t length =
        strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-");
    return length > 0 && length <= 64 && text[length] == '\0';
}

void api_request_identify(struct api_request *request)
{
    const char *id = api_request_header(request, "x-request-id");
    const char *traceparent = api_request_header(request, "traceparent");
    struct osy_trace parent;
    uint8_t random[12];

    if (id && is_request_id(id)) {
        memcpy(request->id, id, strlen(id) + 1);
    } else {
        osy_random_bytes(random, sizeof random);
        osy_base64url_encode(random, sizeof random, request->id);
    }
    if (traceparent && osy_trace_parse(traceparent, strlen(traceparent), &parent))
        osy_trace_start(&parent, &request->trace);
    else
        osy_trace_start(NULL, &request->trace);
}

const char *api_request_method(const struct api_request *request)
{
    return request->method;
}

const char *api_request_path(const struct api_request *request)
{
    return request->path;
}

const char *api_request_query_string(const struct api_request *request)
{
    return request->query ? request->query : "";
}

const char *api_request_route(const struct api_request *request)
{
    return request->route ? request->route->path : "";
}

const char *api_request_param(const struct api_request *request, const char *name)
{
    for (size_t i = 0; i < request->param_count; i++) {
        if (strcmp(request->params[i].name, name) == 0)
            return request->params[i].value;
    }
    assert(false && name); /* the route has no such parameter */
    return "";
}

bool api_request_param_uuid(const struct api_request *request, const char *name,
                            struct osy_uuid *uuid, struct osy_error *err)
{
    const char *text = api_request_param(request, name);
    if (!osy_uuid_parse(text, strlen(text), uuid))
        return osy_error_set(err, OSY_ERR_INVALID, "'%s' in the path must be a UUID", name);
    return true;
}

const char *api_request_header(const struct api_request *request, const char *name)
{
    for (size_t i = 0; i < request->header_count; i++) {
        if (strcmp(request->head.bytes + request->headers[i].name, name) == 0)
            return request->head.bytes + request->headers[i].value;
    }
    return NULL;
}

const char *api_request_body(const struct api_request *request, size_t *length)
{
    *length = request->body.length;
    return request->body.length > 0 ? request->body.bytes : "";
}

const struct api_principal *api_request_principal(const struct api_request *request)
{
    return request->principal ? request->principal : &api_principal_none;
}

const char *api_request_id(const struct api_request *request)
{
    return request->id;
}

const struct osy_trace *api_request_trace(const struct api_request *request)
{
    return &request->trace;
}

const char *api_request_client(const struct api_request *request)
{
    return request->client;
}

uint64_t api_request_started_ns(const struct api_request *request)
{
    return request->started_ns;
}

bool api_request_is_abandoned(const struct api_request *request)
{
    return !request->connection;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool api_percent_decode(const char *text, size_t length, bool plus_is_space, char *out)
{
    size_t at = 0;
    for (size_t i = 0; i < length; i++) {
        int byte = (unsigned char)text[i];
        if (byte == '%') {
            int high = i + 2 < length ? hex_value(text[i + 1]) : -1;
            int low = i + 2 < length ? hex_value(text[i + 2]) : -1;
            if (high < 0 || low < 0)
                return false;
            byte = high * 16 + low;
            i += 2;
        } else if (byte == '+' && plus_is_space) {
            byte = ' ';
        }
        if (byte < 0x20 || byte == 0x7f)
            return false;
        out[at++] = (char)byte;
    }
    out[at] = '\0';
    return osy_utf8_valid(out, at);
}

/* Adds `name=value` of length bytes; *out moves behind the two decoded C strings. */
static bool add_query_pair(struct api_request *request, const char *pair, size_t length, char **out)
{
    const char *equals = memchr(pair, '=', length);
    size_t name_length = equals ? (size_t)(equals - pair) : length;
    const char *value = equals ? equals + 1 : pair + length;
    struct api_request_pair *slot;

    if (request->query_count == API_REQUEST_QUERY_MAX)
        return false;
    slot = &request->query_pairs[request->query_count++];
    if (!api_percent_decode(pair, name_length, true, *out))
        return false;
    slot->name = *out;
    *out += strlen(*out) + 1;
    if (!api_percent_decode(value, (size_t)(pair + length - value), true, *out))
        return false;
    slot->value = *out;
    *out += strlen(*out) + 1;
    return true;
}

static bool split_query(struct api_request *request)
{
    const char *at = request->query;
    char *out;

    if (!at)
        return true;
    /* Decoding never grows a text; each pair adds at most two NULs, for `=` and `&`. */
    request->query_text = osy_alloc(strlen(at) + 2 * API_REQUEST_QUERY_MAX + 2);
    out = request->query_text;
    while (*at) {
        size_t length = strcspn(at, "&");
        if (length > 0 && !add_query_pair(request, at, length, &out))
            return false;
        at += length + (at[length] == '&');
    }
    return true;
}

bool api_request_query(struct api_request *request, const char *name, const char **value,
                       struct osy_error *err)
{
    *value = NULL;
    if (!request->query_is_split) {
        request->query_is_bad = !split_query(request);
        request->query_is_split = true;
    }
    if (request->query_is_bad)
        return osy_error_set(
            err, OSY_ERR_INVALID,
            "the query string must be percent-encoded UTF-8 of at most %d parameters",
            API_REQUEST_QUERY_MAX);
    for (size_t i = 0; i < request->query_count; i++) {
        if (strcmp(request->query_pairs[i].name, name) != 0)
            continue;
        if (*value)
            return osy_error_set(err, OSY_ERR_INVALID, "'%s' is in the query string twice", name);
        *value = request->query_pairs[i].value;
    }
    return true;
}
