#include "api/http/service.h"

#include <assert.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/audit/notes.h"
#include "api/auth/authenticator.h"
#include "api/context.h"
#include "api/http/cors.h"
#include "api/http/limiter.h"
#include "api/http/request_internal.h"
#include "api/http/service_internal.h"
#include "api/http/workers.h"
#include "shared/alloc.h"
#include "shared/clock.h"
#include "shared/log.h"
#include "shared/metrics.h"
#include "shared/pg.h"
#include "shared/revocation_feed.h"

#define LEAST_LEFT_MS 200
#define STATUS_CACHE  8 /* of the statuses that a route and method have, as many as are usual */

/* Finding a child of a metric family takes a lock; these are the ones that a route has used so far. */
struct route_metrics {
    struct {
        int status;
        bool is_head;
        struct osy_metric *duration;
    } known[STATUS_CACHE];
    size_t count;
};

struct api_service {
    struct api_router *router;
    struct api_context *context;
    struct api_authenticator *authenticator;
    struct api_limiter *limiter;
    const struct api_cors *cors;
    struct api_workers *workers[API_POOL_COUNT];
    uint32_t worker_ms;
    struct osy_metric_family *durations;
    struct osy_metric *in_flight;
    struct route_metrics *routes; /* by route index; the last one: no route */
};

struct api_service *api_service_create(const struct api_service_options *options)
{
    struct api_service *service = osy_alloc(sizeof *service);

    service->router = api_router_create(options->tables);
    service->context = options->context;
    service->authenticator = options->authenticator;
    service->limiter = options->limiter;
    service->cors = options->cors;
    memcpy(service->workers, options->workers, sizeof service->workers);
    service->worker_ms = options->worker_ms;
    service->durations = osy_metrics_histogram_family(
        options->metrics, "http_request_duration_seconds",
        "From the last header byte of a request to its reply.", "method,route,status",
        osy_metrics_latency_bounds, osy_metrics_latency_bound_count);
    service->in_flight = osy_metrics_gauge(options->metrics, "http_requests_in_flight",
                                           "Requests that wait for their reply.");
    service->routes =
        osy_alloc_array(api_router_count(service->router) + 1, sizeof *service->routes);
    return service;
}

void api_service_destroy(struct api_service *service)
{
    if (!service)
        return;
    api_router_destroy(service->router);
    free(service->routes);
    free(service);
}

/* ---- the steps: each returns false when it has replied ---- */

/* Decodes the route's parameters: "name NUL value NUL" each, in param_text. */
static bool take_params(struct api_request *request, const struct api_route_match *match)
{
    size_t bytes = 0;
    char *out;

    for (size_t i = 0; i < match->param_count; i++)
        bytes += match->params[i].name_length + match->params[i].value_length + 2;
    osy_buffer_reserve(&request->param_text, bytes);
    out = request->param_text.bytes;
    for (size_t i = 0; i < match->param_count; i++) {
        request->params[i].name = out;
        memcpy(out, match->params[i].name, match->params[i].name_length);
        out += match->params[i].name_length;
        *out++ = '\0';
        request->params[i].value = out;
        if (!api_percent_decode(match->params[i].value, match->params[i].value_length, false, out))
            return false;
        out += strlen(out) + 1;
    }
    request->param_count = match->param_count;
    return true;
}

static bool find_route(struct api_service *service, struct api_request *request)
{
    struct api_route_match match;

    request->route_index = api_router_count(service->router);
    switch (api_router_match(service->router, request->method, request->path, strlen(request->path),
                             &match)) {
    case API_MATCH_NO_PATH:
        api_reply_error(request, 404, "NOT_FOUND", "there is nothing at this path", NULL);
        return false;
    case API_MATCH_NO_METHOD:
        if (api_cors_answer(service->cors, request, match.allow))
            return false;
        api_reply_header(request, "Allow", match.allow);
        api_reply_error(request, 405, "METHOD_NOT_ALLOWED", NULL, NULL);
        return false;
    case API_MATCH_FOUND: break;
    }
    request->route = match.route;
    request->route_index = match.index;
    if (!take_params(request, &match)) {
        api_reply_error(request, 400, "INVALID_REQUEST", "the path is not percent-encoded UTF-8",
                        NULL);
        return false;
    }
    return true;
}

static bool refuse_rate(struct api_request *request)
{
    char seconds[12];

    snprintf(seconds, sizeof seconds, "%u", request->budget.reset_s);
    api_reply_header(request, "Retry-After", seconds);
    api_reply_error(request, 429, "RATE_LIMITED", "too many requests within a short time", NULL);
    return false;
}

static bool refuse_token(struct api_request *request, const char *challenge, const char *detail)
{
    api_reply_header(request, "WWW-Authenticate", challenge);
    api_reply_error(request, 401, "UNAUTHENTICATED", detail, NULL);
    return false;
}

/* Nobody can tell which tokens are revoked. */
static bool is_blind(const struct api_context *context)
{
    return context->revocations && !osy_revocation_feed_is_current(context->revocations);
}

/* A token that is shown must be good, also where none is needed: who sends one relies on it. */
static bool authenticate(struct api_service *service, struct api_request *request)
{
    const char *header = api_request_header(request, "authorization");
    const char *token;
    struct osy_error err = {0};

    if (!header || !service->authenticator)
        return true;
    if (is_blind(service->context)) {
        api_reply_overloaded(request);
        return false;
    }
    if (strncasecmp(header, "Bearer ", 7) != 0)
        return refuse_token(request, "Bearer", "only the Bearer scheme is known");
    if (service->limiter &&
        !api_limiter_takes_tokens(service->limiter, request->client, &request->budget))
        return refuse_rate(request);
    token = header + 7;
    token += strspn(token, " ");
    request->principal = api_authenticate(service->authenticator, token, strlen(token),
                                          osy_clock_wall_ms() / 1000, &err);
    if (request->principal)
        return true;
    if (service->limiter)
        api_limiter_note_bad_token(service->limiter, request->client);
    return refuse_token(request, "Bearer error=\"invalid_token\"", err.message);
}

/* Before rights and bodies: who asks too much costs as little as can be. */
static bool limit_rate(struct api_service *service, struct api_request *request)
{
    uint32_t cost = request->route->cost > 0 ? request->route->cost : API_COST_USUAL;

    return !service->limiter || cost == API_COST_FREE ||
           api_limiter_admit(service->limiter, request->client, api_request_principal(request),
                             cost, &request->budget) ||
           refuse_rate(request);
}

static bool authorize(struct api_request *request)
{
    const struct api_principal *principal = api_request_principal(request);

    if (api_principal_has(principal, request->route->needs))
        return true;
    if (principal->kind == API_PRINCIPAL_NONE)
        return refuse_token(request, "Bearer", "a token is needed");
    api_reply_error(request, 403, "INSUFFICIENT_PERMISSION",
                    api_permission_name(request->route->needs), NULL);
    return false;
}

/* "application/json", with or without parameters. */
static bool is_json(const char *content_type)
{
    size_t length = strcspn(content_type, "; \t");
    return length == strlen("application/json") &&
           strncasecmp(content_type, "application/json", length) == 0;
}

static bool check_body(struct api_request *request)
{
    const char *content_type = api_request_header(request, "content-type");

    if (request->body.length == 0 || (content_type && is_json(content_type)))
        return true;
    api_reply_error(request, 415, "UNSUPPORTED_MEDIA_TYPE", "a body must be application/json",
                    NULL);
    return false;
}

/* ---- the handler ---- */

static struct api_request *request_of(struct api_job *job)
{
    return (struct api_request *)((char *)job - offsetof(struct api_request, job));
}

/* In less time nothing is done but to keep PostgreSQL busy for nobody. */
static int64_t least_left_ms(const struct api_service *service)
{
    return service->worker_ms < 2 * LEAST_LEFT_MS ? service->worker_ms / 2 : LEAST_LEFT_MS;
}

static void on_work(struct api_worker *worker, struct api_job *job)
{
    struct api_request *request = request_of(job);
    if (request->due_ms != 0 &&
        request->due_ms - osy_clock_monotonic_ms() < least_left_ms(request->service)) {
        api_reply_overloaded(request); /* it waited so long that its client is about to give up */
        return;
    }
    osy_log_set_trace(request->trace.trace_id);
    osy_pg_set_deadline(worker->pg, request->due_ms);
    request->route->on_worker(worker, request);
    osy_log_set_trace(NULL);
    assert(request->replied);
}

static void on_work_done(struct api_job *job)
{
    struct api_request *request = request_of(job);
    request->on_worker = false;
    if (request->replied)
        api_request_finish(request);
    else
        api_reply_overloaded(request); /* the pool ended before its turn came */
}

static void run_handler(struct api_service *service, struct api_request *request)
{
    if (request->route->on_loop) {
        request->route->on_loop(service->context, request);
        return;
    }
    request->job = (struct api_job){.work = on_work, .done = on_work_done};
    request->due_ms = service->worker_ms ? osy_clock_monotonic_ms() + service->worker_ms : 0;
    request->on_worker = true;
    if (!api_workers_submit(service->workers[request->route->pool], &request->job)) {
        request->on_worker = false;
        api_reply_overloaded(request);
    }
}

static void handle(struct api_service *service, struct api_request *request)
{
    api_cors_note(service->cors, request);
    if (find_route(service, request) && authenticate(service, request) &&
        limit_rate(service, request) && authorize(request) && check_body(request))
        run_handler(service, request);
}

void api_service_on_request(void *context, struct api_request *request)
{
    struct api_service *service = context;

    request->service = service;
    osy_metric_inc(service->in_flight);
    api_request_identify(request);
    osy_log_set_trace(request->trace.trace_id);
    handle(service, request);
    osy_log_set_trace(NULL);
}

/* ---- with the reply ---- */

static struct osy_metric *find_duration(struct api_service *service,
                                        const struct api_request *request)
{
    struct route_metrics *metrics = &service->routes[request->route_index];
    bool is_head = strcmp(request->method, "HEAD") == 0;
    char status[12];
    const char *labels[3] = {request->method, "unmatched", status};
    struct osy_metric *duration;

    for (size_t i = 0; i < metrics->count; i++) {
        if (metrics->known[i].status == request->status && metrics->known[i].is_head == is_head)
            return metrics->known[i].duration;
    }
    snprintf(status, sizeof status, "%d", request->status);
    if (request->route)
        labels[1] = request->route->path;
    else
        labels[0] = "any"; /* the client's choice must not make time series */
    duration = osy_metric_with(service->durations, labels);
    if (metrics->count < STATUS_CACHE) {
        metrics->known[metrics->count].status = request->status;
        metrics->known[metrics->count].is_head = request->route && is_head;
        metrics->known[metrics->count++].duration = duration;
    }
    return duration;
}

/* A token that is not good, a right that somebody has not, a thing that is not theirs, or not there: the same to them. */
static void note_denial(struct api_service *service, const struct api_request *request)
{
    bool has_token = api_request_header(request, "authorization") != NULL;
    const char *action = NULL;
    if (request->status == 401 && has_token)
        action = "token.refused";
    else if (request->status == 403)
        action = "access.denied";
    else if (request->status == 404 && has_token && request->route)
        action = "access.not_found";
    if (action && service->context->notes)
        api_audit_note(service->context->notes, request, action, request->status);
}

void api_service_observe(struct api_service *service, const struct api_request *request)
{
    uint64_t took_ns = osy_clock_monotonic_ns() - request->started_ns;

    osy_metric_dec(service->in_flight);
    osy_metric_observe(find_duration(service, request), (double)took_ns / 1e9);
    note_denial(service, request);
    osy_log_set_trace(request->trace.trace_id); /* a later reply comes from some other callback */
    OSY_DEBUG("http_request", OSY_STR("request_id", request->id),
              OSY_STR("method", request->method), OSY_STR("route", api_request_route(request)),
              OSY_INT("status", request->status), OSY_NUM("ms", (double)took_ns / 1e6));
    osy_log_set_trace(NULL);
}
