/* HTTP without sockets: the router, the parser, and a request's whole way through a connection. */
#include <stdlib.h>
#include <string.h>

#include "api/http/connection.h"
#include "api/http/parser.h"
#include "api/http/request_internal.h"
#include "api/http/router.h"
#include "api/orders/routes.h"
#include "api/restaurants/routes.h"
#include "shared/alloc.h"
#include "tests/bench/parts/part.h"

static const char request_text[] =
    "GET /api/v1/restaurants/me/orders?status=PENDING,ACCEPTED&limit=50 HTTP/1.1\r\n"
    "Host: orders.example.org\r\n"
    "User-Agent: ordersync-tablet/1.0\r\n"
    "Accept: application/json\r\n"
    "Accept-Encoding: gzip, deflate, br\r\n"
    "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n"
    "X-Forwarded-For: 192.0.2.7\r\n"
    "Authorization: Bearer eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIwMWExZmVkNC01YjE5LTcyNjcifQ.c2lnbmF0dXJl\r\n"
    "\r\n";

/* ---- router ---- */

static void *begin_router(const struct osy_keyring *keyring)
{
    static const struct api_route *const tables[] = {api_order_routes, api_restaurant_routes, NULL};
    (void)keyring;
    return api_router_create(tables);
}

static void end_router(void *state)
{
    api_router_destroy(state);
}

static void match(void *state, size_t times)
{
    static const char path[] =
        "/api/v1/restaurants/me/orders/01890000-0000-7000-8000-000000000001/accept";
    struct api_route_match match;
    while (times-- > 0)
        bench_check(api_router_match(state, "POST", path, sizeof path - 1, &match) ==
                        API_MATCH_FOUND,
                    "finding a route");
}

/* ---- parser ---- */

static const struct api_http_limits limits = {.header_bytes = 16384,
                                              .url_bytes = 8192,
                                              .body_bytes = 65536,
                                              .pipeline_max = 16,
                                              .connections_max = 1};

static void *begin_parser(const struct osy_keyring *keyring)
{
    (void)keyring;
    return api_parser_create(&limits);
}

static void end_parser(void *state)
{
    api_parser_destroy(state);
}

static void parse(void *state, size_t times)
{
    size_t consumed;
    while (times-- > 0) {
        bench_check(api_parser_feed(state, request_text, sizeof request_text - 1, &consumed) ==
                        API_PARSER_COMPLETE,
                    "parsing a request");
        api_request_destroy(api_parser_take(state));
    }
}

/* ---- connection ---- */

struct exchange {
    struct api_connection_settings settings;
    struct api_connection *connection; /* owned */
};

static void answer(void *context, struct api_request *request)
{
    struct osy_buffer body = OSY_BUFFER_INIT;
    (void)context;
    osy_buffer_text(&body, BENCH_ORDER_JSON);
    api_reply_json(request, 200, &body);
}

static void on_change(void *owner)
{
    (void)owner;
}

static void *begin_exchange(const struct osy_keyring *keyring)
{
    struct exchange *exchange = osy_alloc(sizeof *exchange);
    (void)keyring;
    exchange->settings = (struct api_connection_settings){
        .limits = limits, .on_request = answer, .on_change = on_change};
    exchange->connection = api_connection_create(&exchange->settings, exchange, "192.0.2.1");
    return exchange;
}

static void end_exchange(void *state)
{
    struct exchange *exchange = state;
    api_connection_destroy(exchange->connection);
    free(exchange);
}

static void do_exchange(void *state, size_t times)
{
    struct exchange *exchange = state;
    struct osy_buffer output = OSY_BUFFER_INIT;
    while (times-- > 0) {
        api_connection_receive(exchange->connection, request_text, sizeof request_text - 1);
        api_connection_take_output(exchange->connection, &output);
        bench_check(output.length > sizeof BENCH_ORDER_JSON, "answering a request");
        osy_buffer_deinit(&output);
    }
}

const struct bench_part bench_http_parts[] = {
    {"router.match", begin_router, match, end_router},
    {"http.parse", begin_parser, parse, end_parser},
    {"http.request_reply", begin_exchange, do_exchange, end_exchange},
    {0},
};
