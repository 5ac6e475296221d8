/*
 * Bytes to requests: llhttp, strict, behind limits. The only file that knows llhttp is parser.c.
 * It pulls: feed() stops behind each complete request, so that the caller decides whether to take more.
 * What RFC 9112 calls ambiguous is refused, never repaired: bare LF, folded headers, Content-Length with
 * Transfer-Encoding, two Hosts. After a failure the rest of the stream cannot be trusted.
 */
#pragma once
#include <stddef.h>

#include "api/http/server.h"

struct api_parser;

enum api_parser_phase {
    API_PARSER_IDLE = 0, /* between requests */
    API_PARSER_HEADERS,
    API_PARSER_BODY,
    API_PARSER_FAILED,
};

enum api_parser_result {
    API_PARSER_MORE = 0, /* everything was consumed */
    API_PARSER_COMPLETE, /* a request is there: take it, then feed the rest */
    API_PARSER_ERROR,    /* see api_parser_failure */
};

struct api_parser_failure {
    int status;
    const char *code, *detail;
};

extern const struct api_parser_failure api_parser_timed_out; /* 408, for whoever keeps the time */

struct api_parser *api_parser_create(const struct api_http_limits *limits); /* borrowed */
void api_parser_destroy(struct api_parser *parser);                         /* NULL is fine */
enum api_parser_result api_parser_feed(struct api_parser *parser, const char *bytes, size_t length,
                                       size_t *consumed);
/* COMPLETE: the request. Otherwise whatever is there of one, which may be nothing (never NULL). The
 * caller owns it. */
struct api_request *api_parser_take(struct api_parser *parser);
enum api_parser_phase api_parser_phase(const struct api_parser *parser);
const struct api_parser_failure *api_parser_failure(const struct api_parser *parser);
/* The request under way; NULL between requests. */
struct api_request *api_parser_request(const struct api_parser *parser);
