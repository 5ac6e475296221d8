#include "api/http/connection.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "api/http/parser.h"
#include "api/http/proxies.h"
#include "api/http/request_internal.h"
#include "shared/alloc.h"
#include "shared/metrics.h"

#define USUAL_HEAD_BYTES 400 /* what write_reply makes itself; a longer one costs a reallocation */

static const struct api_parser_failure too_many_connections = {503, "OVERLOADED",
                                                               "too many connections"};

struct api_connection {
    const struct api_connection_settings *settings; /* borrowed */
    void *owner;
    struct api_parser *parser;
    char peer[46];

    /* the pipeline: requests that are with their handlers, oldest first */
    struct api_request *first, **last_next;
    size_t in_flight;

    struct osy_buffer
        waiting_input; /* not parsed yet, because the pipeline or the output is full */
    struct osy_buffer output;
    bool takes_requests; /* false for good after `close`, a failure, the end of input */
    bool is_advancing;   /* replies given now are noticed by advance() itself */
    enum api_connection_phase phase;
    uint64_t phase_serial;
};

struct api_connection *api_connection_create(const struct api_connection_settings *settings,
                                             void *owner, const char *peer)
{
    struct api_connection *connection = osy_alloc(sizeof *connection);
    connection->settings = settings;
    connection->owner = owner;
    connection->parser = api_parser_create(&settings->limits);
    snprintf(connection->peer, sizeof connection->peer, "%s", peer);
    connection->last_next = &connection->first;
    connection->takes_requests = true;
    return connection;
}

void api_connection_destroy(struct api_connection *connection)
{
    struct api_request *request, *next;

    if (!connection)
        return;
    for (request = connection->first; request; request = next) {
        next = request->next;
        request->connection = NULL;
        if (!request->on_worker && request->replied)
            api_request_destroy(request); /* it waited for an older one's reply */
    }
    api_parser_destroy(connection->parser);
    osy_buffer_deinit(&connection->waiting_input);
    osy_buffer_deinit(&connection->output);
    free(connection);
}

/* ---- replies ---- */

/* "Date: ...\r\n" (RFC 9110 section 6.6.1), made once a second. Loop thread. */
static const char *date_header(void)
{
    static const char days[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    static _Thread_local char text[64];
    static _Thread_local time_t made_at = -1;
    time_t now = time(NULL);
    struct tm tm;

    if (now != made_at && gmtime_r(&now, &tm)) {
        /* Not strftime: its names follow the locale. */
        snprintf(text, sizeof text, "Date: %s, %02d %s %04d %02d:%02d:%02d GMT\r\n",
                 days[tm.tm_wday], tm.tm_mday, months[tm.tm_mon], (tm.tm_year + 1900) % 10000,
                 tm.tm_hour, tm.tm_min, tm.tm_sec);
        made_at = now;
    }
    return text;
}

static void write_number_header(struct osy_buffer *out, const char *name, uint32_t number)
{
    osy_buffer_text(out, name);
    osy_buffer_u64(out, number);
    osy_buffer_text(out, "\r\n");
}

static void write_budget(struct osy_buffer *out, const struct api_budget_state *budget)
{
    write_number_header(out, "RateLimit-Limit: ", budget->limit);
    write_number_header(out, "RateLimit-Remaining: ", budget->remaining);
    write_number_header(out, "RateLimit-Reset: ", budget->reset_s);
}

static void write_reply(struct osy_buffer *out, const struct api_request *request, bool close)
{
    size_t length = request->reply_body.length;
    bool may_have_body = request->status != 204 && request->status != 304;

    osy_buffer_reserve(out, USUAL_HEAD_BYTES + request->reply_headers.length + length);
    osy_buffer_text(out, "HTTP/1.1 ");
    osy_buffer_i64(out, request->status);
    osy_buffer_char(out, ' ');
    osy_buffer_text(out, api_status_reason(request->status));
    osy_buffer_text(out, "\r\n");
    osy_buffer_text(out, date_header());
    if (may_have_body) {
        osy_buffer_text(out, "Content-Type: ");
        osy_buffer_text(out, request->content_type);
        osy_buffer_text(out, "\r\nContent-Length: ");
        osy_buffer_u64(out, length);
        osy_buffer_text(out, "\r\n");
    }
    osy_buffer_text(out, "X-Request-Id: ");
    osy_buffer_text(out, request->id);
    osy_buffer_text(out, "\r\nX-Content-Type-Options: nosniff\r\n");
    if (!request->reply_headers.bytes ||
        !strcasestr(request->reply_headers.bytes, "Cache-Control:"))
        osy_buffer_text(out, "Cache-Control: no-store\r\n");
    if (close)
        osy_buffer_text(out, "Connection: close\r\n");
    else if (request->is_http_1_0)
        osy_buffer_text(out, "Connection: keep-alive\r\n");
    if (request->budget.limit > 0)
        write_budget(out, &request->budget);
    if (request->reply_headers.length > 0)
        osy_buffer_append(out, request->reply_headers.bytes, request->reply_headers.length);
    osy_buffer_text(out, "\r\n");
    if (may_have_body && length > 0 && strcmp(request->method, "HEAD") != 0)
        osy_buffer_append(out, request->reply_body.bytes, length);
}

/* Moves every reply whose turn has come to the output. */
static void collect_replies(struct api_connection *connection)
{
    while (connection->first && !connection->first->on_worker && connection->first->replied) {
        struct api_request *request = connection->first;
        bool is_last = !request->next && (connection->settings->draining || !request->keep_alive ||
                                          !connection->takes_requests);
        if (is_last)
            connection->takes_requests = false;
        write_reply(&connection->output, request, is_last);
        connection->first = request->next;
        if (!connection->first)
            connection->last_next = &connection->first;
        connection->in_flight--;
        api_request_destroy(request);
    }
}

/* 100 (RFC 9110 section 10.1.1), once no older reply is owed: it would be taken for that one. */
static void send_continue(struct api_connection *connection)
{
    struct api_request *request = api_parser_request(connection->parser);
    if (!request || connection->first || api_parser_phase(connection->parser) != API_PARSER_BODY ||
        !request->expects_continue)
        return;
    if (request->body.length == 0) /* else the client did not wait for it */
        osy_buffer_text(&connection->output, "HTTP/1.1 100 Continue\r\n\r\n");
    request->expects_continue = false;
}

/* ---- requests ---- */

static struct api_request *begin_request(struct api_connection *connection)
{
    struct api_request *request = api_parser_take(connection->parser);
    request->connection = connection;
    *connection->last_next = request;
    connection->last_next = &request->next;
    connection->in_flight++;
    connection->phase_serial++;
    return request;
}

static void accept_request(struct api_connection *connection)
{
    struct api_request *request = begin_request(connection);
    const char *forwarded = api_request_header(request, "x-forwarded-for");

    api_proxies_client(connection->settings->proxies, connection->peer, forwarded, request->client);
    if (!request->keep_alive)
        connection->takes_requests = false;
    connection->settings->on_request(connection->settings->context, request);
}

static void refuse_request(struct api_connection *connection,
                           const struct api_parser_failure *failure)
{
    struct api_request *request = begin_request(connection);
    char status[12];
    const char *labels[1] = {status};

    request->keep_alive = false;
    connection->takes_requests = false;
    if (connection->settings->failures) {
        snprintf(status, sizeof status, "%d", failure->status);
        osy_metric_inc(osy_metric_with(connection->settings->failures, labels));
    }
    api_request_identify(request);
    if (failure->status == 503)
        api_reply_header(request, "Retry-After", "1");
    api_reply_error(request, failure->status, failure->code, failure->detail, NULL);
}

static bool may_take_request(const struct api_connection *connection)
{
    return connection->takes_requests &&
           connection->in_flight < connection->settings->limits.pipeline_max &&
           connection->output.length < API_CONNECTION_OUTPUT_MAX;
}

/* Parses until the bytes end or no request may be taken; returns how many bytes were used. */
static size_t parse(struct api_connection *connection, const char *bytes, size_t length)
{
    size_t used = 0, consumed;

    while (used < length && may_take_request(connection)) {
        enum api_parser_result result =
            api_parser_feed(connection->parser, bytes + used, length - used, &consumed);
        used += consumed;
        if (result == API_PARSER_COMPLETE)
            accept_request(connection);
        else if (result == API_PARSER_ERROR)
            refuse_request(connection, api_parser_failure(connection->parser));
        collect_replies(connection);
    }
    return used;
}

static void parse_waiting_input(struct api_connection *connection)
{
    struct osy_buffer input = connection->waiting_input;
    size_t used;

    if (input.length == 0)
        return;
    connection->waiting_input = (struct osy_buffer)OSY_BUFFER_INIT;
    used = parse(connection, input.bytes, input.length);
    if (used < input.length && connection->takes_requests)
        osy_buffer_append(&connection->waiting_input, input.bytes + used, input.length - used);
    osy_buffer_deinit(&input);
}

static enum api_connection_phase find_phase(const struct api_connection *connection)
{
    if (connection->first)
        return API_CONNECTION_BUSY;
    if (!connection->takes_requests)
        return API_CONNECTION_FINISHED;
    switch (api_parser_phase(connection->parser)) {
    case API_PARSER_HEADERS: return API_CONNECTION_HEADERS;
    case API_PARSER_BODY: return API_CONNECTION_BODY;
    default: return API_CONNECTION_IDLE;
    }
}

/* After anything that happened: what can be sent is in the output, and the phase is true. */
static void settle(struct api_connection *connection)
{
    enum api_connection_phase phase;

    collect_replies(connection);
    send_continue(connection);
    phase = find_phase(connection);
    if (phase == connection->phase)
        return;
    connection->phase = phase;
    connection->phase_serial++;
}

static void advance(struct api_connection *connection, const char *bytes, size_t length)
{
    size_t used = 0;

    assert(!connection->is_advancing);
    connection->is_advancing = true;
    collect_replies(connection);
    parse_waiting_input(connection);
    if (connection->waiting_input.length == 0)
        used = parse(connection, bytes, length);
    if (used < length && connection->takes_requests)
        osy_buffer_append(&connection->waiting_input, bytes + used, length - used);
    connection->is_advancing = false;
    settle(connection);
}

void api_connection_receive(struct api_connection *connection, const char *bytes, size_t length)
{
    if (connection->takes_requests)
        advance(connection, bytes, length);
}

void api_connection_on_reply(struct api_connection *connection)
{
    if (connection->is_advancing)
        return;
    advance(connection, NULL, 0);
    connection->settings->on_change(connection->owner);
}

void api_connection_end_of_input(struct api_connection *connection)
{
    api_connection_finish(connection);
}

void api_connection_finish(struct api_connection *connection)
{
    connection->takes_requests = false;
    osy_buffer_deinit(&connection->waiting_input);
    settle(connection);
}

/* refuse_request for whoever is not parse(). */
static void refuse_now(struct api_connection *connection, const struct api_parser_failure *failure)
{
    connection->is_advancing = true;
    refuse_request(connection, failure);
    connection->is_advancing = false;
    api_connection_finish(connection);
}

void api_connection_time_out(struct api_connection *connection)
{
    enum api_parser_phase phase = api_parser_phase(connection->parser);

    if (connection->takes_requests && (phase == API_PARSER_HEADERS || phase == API_PARSER_BODY))
        refuse_now(connection, &api_parser_timed_out);
    else
        api_connection_finish(connection);
}

void api_connection_refuse(struct api_connection *connection)
{
    refuse_now(connection, &too_many_connections);
}

bool api_connection_wants_input(const struct api_connection *connection)
{
    return may_take_request(connection) && connection->waiting_input.length == 0;
}

enum api_connection_phase api_connection_phase(const struct api_connection *connection)
{
    return connection->phase;
}

uint64_t api_connection_phase_serial(const struct api_connection *connection)
{
    return connection->phase_serial;
}

bool api_connection_has_output(const struct api_connection *connection)
{
    return connection->output.length > 0;
}

void api_connection_take_output(struct api_connection *connection, struct osy_buffer *out)
{
    assert(out->length == 0);
    osy_buffer_deinit(out);
    *out = connection->output;
    connection->output = (struct osy_buffer)OSY_BUFFER_INIT;
    if (connection->waiting_input.length > 0)
        advance(connection, NULL, 0);
}
