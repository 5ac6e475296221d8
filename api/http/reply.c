/* Replies: what a handler says, before the connection puts it on the wire. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "api/http/request_internal.h"
#include "shared/clock.h"
#include "shared/log.h"

static const struct reason {
    int status;
    const char *text;
} reasons[] = {
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {304, "Not Modified"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {417, "Expectation Failed"},
    {422, "Unprocessable Content"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {503, "Service Unavailable"},
};

const char *api_status_reason(int status)
{
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
        if (reasons[i].status == status)
            return reasons[i].text;
    }
    return "Unknown";
}

void api_reply_header(struct api_request *request, const char *name, const char *value)
{
    assert(!request->replied && !strpbrk(name, "\r\n:") && !strpbrk(value, "\r\n"));
    osy_buffer_text(&request->reply_headers, name);
    osy_buffer_text(&request->reply_headers, ": ");
    osy_buffer_text(&request->reply_headers, value);
    osy_buffer_text(&request->reply_headers, "\r\n");
}

void api_reply_bytes(struct api_request *request, int status, const char *content_type,
                     struct osy_buffer *body)
{
    assert(!request->replied && status >= 200 && status <= 599);
    request->replied = true;
    request->status = status;
    request->content_type = content_type;
    if (body) {
        request->reply_body = *body;
        *body = (struct osy_buffer)OSY_BUFFER_INIT;
    }
    if (!request->on_worker) /* else the pool brings it back to the loop, which finishes it */
        api_request_finish(request);
}

void api_reply_json(struct api_request *request, int status, struct osy_buffer *body)
{
    api_reply_bytes(request, status, "application/json", body);
}

void api_reply_error(struct api_request *request, int status, const char *code, const char *detail,
                     const char *more)
{
    struct osy_buffer body = OSY_BUFFER_INIT;
    osy_buffer_text(&body, "{\"type\":\"about:blank\",\"title\":");
    osy_buffer_json_string(&body, api_status_reason(status));
    osy_buffer_text(&body, ",\"status\":");
    osy_buffer_i64(&body, status);
    osy_buffer_text(&body, ",\"code\":");
    osy_buffer_json_string(&body, code);
    if (detail) {
        osy_buffer_text(&body, ",\"detail\":");
        osy_buffer_json_string(&body, detail);
    }
    osy_buffer_text(&body, ",\"request_id\":");
    osy_buffer_json_string(&body, request->id);
    if (more) {
        osy_buffer_char(&body, ',');
        osy_buffer_text(&body, more);
    }
    osy_buffer_char(&body, '}');
    api_reply_bytes(request, status, "application/problem+json", &body);
}

void api_reply_invalid(struct api_request *request, const struct osy_error *err)
{
    api_reply_error(request, 400, "INVALID_REQUEST", err->message, NULL);
}

void api_reply_overloaded(struct api_request *request)
{
    api_reply_header(request, "Retry-After", "1");
    api_reply_error(request, 503, "OVERLOADED", "too much to do at the moment", NULL);
}

/* An outage fails every request; a defect must not be lost among those. */
static void log_database_error(const struct api_request *request, const struct osy_error *err,
                               bool is_outage)
{
    static struct osy_log_limit outages, defects;
    uint64_t suppressed = 0;
    if (!osy_log_limit_pass(is_outage ? &outages : &defects, osy_clock_monotonic_ms(), &suppressed))
        return;
    osy_log_set_trace(request->trace.trace_id);
    OSY_ERROR("database_error", OSY_STR("route", api_request_route(request)),
              OSY_STR("request_id", request->id), OSY_ERR(err), OSY_INT("suppressed", suppressed));
}

void api_reply_database_error(struct api_request *request, const struct osy_error *err)
{
    bool is_outage = err->code == OSY_ERR_IO || err->code == OSY_ERR_CONFLICT;
    log_database_error(request, err, is_outage);
    if (!is_outage) {
        api_reply_error(request, 500, "INTERNAL_ERROR", NULL, NULL);
        return;
    }
    api_reply_header(request, "Retry-After", "1");
    api_reply_error(request, 503, "DATABASE_UNAVAILABLE", "the database does not answer", NULL);
}
