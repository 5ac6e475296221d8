#include "api/http/parser.h"

#include <llhttp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/http/request_internal.h"
#include "shared/alloc.h"
#include "shared/clock.h"

#define USUAL_HEAD_BYTES 511 /* with the NUL one allocation that most heads fit into */
#define USUAL_BODY_BYTES \
    4096 /* a longer body gets its room when it comes, not when it is announced */

struct api_parser {
    llhttp_t llhttp;
    const struct api_http_limits *limits; /* borrowed */
    struct api_request *request;          /* owned; NULL between requests */
    enum api_parser_phase phase;
    const struct api_parser_failure *failure;
    bool in_trailers; /* behind a chunked body; they are counted and dropped */
    size_t header_bytes;
};

const struct api_parser_failure api_parser_timed_out = {408, "REQUEST_TIMEOUT",
                                                        "the request took too long to arrive"};
static const struct api_parser_failure malformed = {400, "MALFORMED_REQUEST",
                                                    "this is not an HTTP/1.1 request"};
static const struct api_parser_failure bad_host = {400, "MALFORMED_REQUEST",
                                                   "HTTP/1.1 needs exactly one Host header"};
static const struct api_parser_failure repeated_header = {400, "MALFORMED_REQUEST",
                                                          "a header that may come once came twice"};
static const struct api_parser_failure too_many_headers = {431, "HEADERS_TOO_LARGE",
                                                           "too many headers"};
static const struct api_parser_failure headers_too_large = {431, "HEADERS_TOO_LARGE",
                                                            "the headers are too long"};
static const struct api_parser_failure url_too_long = {414, "URL_TOO_LONG", "the URL is too long"};
static const struct api_parser_failure body_too_large = {413, "BODY_TOO_LARGE",
                                                         "the body is too long"};
static const struct api_parser_failure bad_expectation = {417, "EXPECTATION_FAILED",
                                                          "only 100-continue can be expected"};

/* Two of these would let two readers of one request see two different requests. */
static const char *const singletons[] = {"authorization", "content-length",   "content-type",
                                         "expect",        "idempotency-key",  "host",
                                         "traceparent",   "transfer-encoding"};

static int fail(struct api_parser *parser, const struct api_parser_failure *failure)
{
    parser->failure = failure;
    return HPE_USER;
}

static int on_message_begin(llhttp_t *llhttp)
{
    struct api_parser *parser = llhttp->data;
    parser->request = api_request_create();
    osy_buffer_reserve(&parser->request->head, USUAL_HEAD_BYTES);
    parser->phase = API_PARSER_HEADERS;
    parser->in_trailers = false;
    parser->header_bytes = 0;
    return 0;
}

/* Grows the head by bytes within the limit. `more` is what the piece costs beside its bytes. */
static int take_head(struct api_parser *parser, const char *bytes, size_t length, size_t more)
{
    parser->header_bytes += length + more;
    if (parser->header_bytes > parser->limits->header_bytes)
        return fail(parser, &headers_too_large);
    if (!parser->in_trailers)
        osy_buffer_append(&parser->request->head, bytes, length);
    return 0;
}

static int on_url(llhttp_t *llhttp, const char *bytes, size_t length)
{
    struct api_parser *parser = llhttp->data;
    if (parser->request->head.length + length > parser->limits->url_bytes)
        return fail(parser, &url_too_long);
    return take_head(parser, bytes, length, 0);
}

static int on_url_complete(llhttp_t *llhttp)
{
    struct api_parser *parser = llhttp->data;
    if (take_head(parser, "", 1, 0) != 0) /* the NUL */
        return HPE_USER;
    parser->request->headers[0].name = (uint32_t)parser->request->head.length;
    return 0;
}

/* A name comes in pieces; the last header's name begins at headers[header_count].name. */
static int on_header_field(llhttp_t *llhttp, const char *bytes, size_t length)
{
    struct api_parser *parser = llhttp->data;
    struct api_request *request = parser->request;
    struct osy_buffer *head = &request->head;
    size_t start = head->length;

    if (take_head(parser, bytes, length, 0) != 0)
        return HPE_USER;
    for (size_t i = start; i < head->length; i++) {
        if (head->bytes[i] >= 'A' && head->bytes[i] <= 'Z')
            head->bytes[i] = (char)(head->bytes[i] - 'A' + 'a');
    }
    return 0;
}

static bool is_repeated(const struct api_request *request, const char *name)
{
    for (size_t i = 0; i < sizeof singletons / sizeof singletons[0]; i++) {
        if (strcmp(singletons[i], name) == 0)
            return api_request_header(request, name) != NULL;
    }
    return false;
}

static int on_header_field_complete(llhttp_t *llhttp)
{
    struct api_parser *parser = llhttp->data;
    struct api_request *request = parser->request;
    struct osy_buffer *head = &request->head;
    struct api_request_header *header;

    if (take_head(parser, "", 1, 1) != 0)
        return HPE_USER;
    if (parser->in_trailers)
        return 0;
    if (request->header_count == API_REQUEST_HEADERS_MAX)
        return fail(parser, &too_many_headers);
    header = &request->headers[request->header_count];
    if (is_repeated(request, head->bytes + header->name))
        return fail(parser, &repeated_header);
    header->value = (uint32_t)head->length;
    return 0;
}

static int on_header_value(llhttp_t *llhttp, const char *bytes, size_t length)
{
    return take_head(llhttp->data, bytes, length, 0);
}

static int on_header_value_complete(llhttp_t *llhttp)
{
    struct api_parser *parser = llhttp->data;
    struct api_request *request = parser->request;
    struct osy_buffer *head = &request->head;
    size_t start;

    if (parser->in_trailers)
        return take_head(parser, "", 1, 1);
    start = request->headers[request->header_count].value;
    while (head->length > start &&
           (head->bytes[head->length - 1] == ' ' || head->bytes[head->length - 1] == '\t'))
        head->length--; /* llhttp leaves the white space behind a value */
    if (take_head(parser, "", 1, 1) != 0)
        return HPE_USER;
    request->header_count++;
    if (request->header_count < API_REQUEST_HEADERS_MAX)
        request->headers[request->header_count].name = (uint32_t)head->length;
    return 0;
}

/* Finds path and query in the target; absolute-form (RFC 9112 section 3.2.2) loses its authority. */
static bool split_target(struct api_request *request)
{
    char *target = request->head.bytes;
    char *mark;

    for (const char *at = target; *at; at++) {
        if (*at <= ' ' || *at > '~')
            return false; /* RFC 3986: all else is percent-encoded */
    }
    if (strncasecmp(target, "http://", 7) == 0 || strncasecmp(target, "https://", 8) == 0) {
        target = strchr(target, ':') + 3;
        target += strcspn(target, "/?#");
    }
    if (*target != '/' || strchr(target, '#'))
        return false;
    mark = strchr(target, '?');
    if (mark)
        *mark = '\0';
    request->path = target;
    request->query = mark ? mark + 1 : NULL;
    return true;
}

static const struct api_parser_failure *check_headers(const struct api_parser *parser)
{
    const llhttp_t *llhttp = &parser->llhttp;
    struct api_request *request = parser->request;
    const char *expect = api_request_header(request, "expect");
    const char *coding = api_request_header(request, "transfer-encoding");
    bool is_known_version = llhttp->http_major == 1 && llhttp->http_minor <= 1;

    if (!is_known_version || !split_target(request))
        return &malformed;
    if (!request->is_http_1_0 && !api_request_header(request, "host"))
        return &bad_host;
    if (coding && (request->is_http_1_0 || strcasecmp(coding, "chunked") != 0))
        return &malformed; /* RFC 9112 section 6.1: faulty framing, or a coding that nobody knows */
    if ((llhttp->flags & F_CONTENT_LENGTH) && llhttp->content_length > parser->limits->body_bytes)
        return &body_too_large;
    if (expect && strcasecmp(expect, "100-continue") != 0)
        return &bad_expectation;
    return NULL;
}

static int on_headers_complete(llhttp_t *llhttp)
{
    struct api_parser *parser = llhttp->data;
    struct api_request *request = parser->request;
    const struct api_parser_failure *failure;

    request->method = llhttp_method_name((llhttp_method_t)llhttp->method);
    request->is_http_1_0 = llhttp->http_major == 1 && llhttp->http_minor == 0;
    request->keep_alive = llhttp_should_keep_alive(llhttp) != 0;
    request->started_ns = osy_clock_monotonic_ns();
    failure = check_headers(parser);
    if (failure) {
        parser->failure = failure;
        return -1;
    }
    request->expects_continue = !request->is_http_1_0 && api_request_header(request, "expect") &&
                                ((llhttp->flags & F_CHUNKED) || llhttp->content_length > 0);
    if (llhttp->content_length > 0 && llhttp->content_length <= USUAL_BODY_BYTES)
        osy_buffer_reserve(&request->body, (size_t)llhttp->content_length);
    llhttp->upgrade = 0; /* RFC 9110 section 7.8: an Upgrade may be ignored, and always is here */
    parser->phase = API_PARSER_BODY;
    parser->in_trailers = true;
    return 0;
}

static int on_body(llhttp_t *llhttp, const char *bytes, size_t length)
{
    struct api_parser *parser = llhttp->data;
    struct osy_buffer *body = &parser->request->body;
    if (body->length + length > parser->limits->body_bytes)
        return fail(parser, &body_too_large);
    osy_buffer_append(body, bytes, length);
    return 0;
}

static int on_message_complete(llhttp_t *llhttp)
{
    struct api_parser *parser = llhttp->data;
    parser->phase = API_PARSER_IDLE;
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_message_begin = on_message_begin,
    .on_url = on_url,
    .on_url_complete = on_url_complete,
    .on_header_field = on_header_field,
    .on_header_field_complete = on_header_field_complete,
    .on_header_value = on_header_value,
    .on_header_value_complete = on_header_value_complete,
    .on_headers_complete = on_headers_complete,
    .on_body = on_body,
    .on_message_complete = on_message_complete,
};

struct api_parser *api_parser_create(const struct api_http_limits *limits)
{
    struct api_parser *parser = osy_alloc(sizeof *parser);
    llhttp_init(&parser->llhttp, HTTP_REQUEST, &settings);
    parser->llhttp.data = parser;
    parser->limits = limits;
    return parser;
}

void api_parser_destroy(struct api_parser *parser)
{
    if (!parser)
        return;
    api_request_destroy(parser->request);
    free(parser);
}

enum api_parser_result api_parser_feed(struct api_parser *parser, const char *bytes, size_t length,
                                       size_t *consumed)
{
    llhttp_errno_t error;

    *consumed = length;
    if (parser->phase == API_PARSER_FAILED)
        return API_PARSER_ERROR;
    error = llhttp_execute(&parser->llhttp, bytes, length);
    if (error == HPE_OK)
        return API_PARSER_MORE;
    if (error == HPE_PAUSED) {
        *consumed = (size_t)(llhttp_get_error_pos(&parser->llhttp) - bytes);
        llhttp_resume(&parser->llhttp);
        return API_PARSER_COMPLETE;
    }
    parser->phase = API_PARSER_FAILED;
    if (!parser->failure)
        parser->failure = &malformed;
    return API_PARSER_ERROR;
}

struct api_request *api_parser_take(struct api_parser *parser)
{
    struct api_request *request = parser->request ? parser->request : api_request_create();
    parser->request = NULL;
    return request;
}

enum api_parser_phase api_parser_phase(const struct api_parser *parser)
{
    return parser->phase;
}

const struct api_parser_failure *api_parser_failure(const struct api_parser *parser)
{
    return parser->failure;
}

struct api_request *api_parser_request(const struct api_parser *parser)
{
    return parser->request;
}
