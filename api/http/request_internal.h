/*
 * The inside of a request: for http/ alone. The parser fills it, the service routes it, a handler replies,
 * the connection sends the reply. api_request_finish is the one way from "replied" onwards.
 *
 *   connection ends first:  connection NULL, the reply is freed unsent
 */
#pragma once
#include "api/auth/principal.h"
#include "api/http/budgets.h"
#include "api/http/request.h"
#include "api/http/router.h"
#include "api/http/workers.h"

#define API_REQUEST_HEADERS_MAX 100
#define API_REQUEST_QUERY_MAX   16

struct api_connection;
struct api_service;

struct api_request_header {
    uint32_t name, value; /* offsets of C strings in head */
};

struct api_request_pair {
    const char *name, *value; /* in query_text */
};

struct api_request {
    struct api_connection *connection; /* loop only; borrowed; NULL: nobody waits for the reply */
    struct api_request *next;          /* in the connection's pipeline */

    /* the message */
    const char *method;     /* static */
    struct osy_buffer head; /* C strings: target, then name and value of each header */
    struct osy_buffer body;
    size_t header_count;
    struct api_request_header headers[API_REQUEST_HEADERS_MAX];
    const char *path;  /* in head */
    const char *query; /* in head; NULL: none */
    bool is_http_1_0, keep_alive;
    bool expects_continue; /* and has not got it yet */
    uint64_t started_ns;
    char client[46]; /* address text */

    /* what the service finds out */
    struct api_service *service; /* NULL: the request never came so far */
    const struct api_route *route;
    size_t route_index;
    size_t param_count;
    struct api_request_pair params[API_ROUTE_PARAMS_MAX];
    struct osy_buffer param_text;
    char id[65];
    struct osy_trace trace;
    struct api_principal *principal; /* counted; NULL: none shown */
    struct api_job job;              /* for worker handlers */
    int64_t due_ms;                  /* of a worker handler; monotonic; 0: none */
    bool on_worker;                  /* the worker's until the pool gives it back */
    struct api_budget_state budget;  /* the tightest that it counts against; limit 0: none */

    /* the query string, split on first use */
    bool query_is_split, query_is_bad;
    size_t query_count;
    struct api_request_pair query_pairs[API_REQUEST_QUERY_MAX];
    char *query_text; /* owned */

    /* the reply */
    bool replied;
    int status;
    const char *content_type;        /* static */
    struct osy_buffer reply_headers; /* "Name: value\r\n"... */
    struct osy_buffer reply_body;
};

struct api_request *api_request_create(void);
void api_request_destroy(struct api_request *request);
/* Takes request id and trace from the headers, or makes them. */
void api_request_identify(struct api_request *request);
/* On the loop, once the reply is there: counts and logs it, and hands it to the connection, or to free. */
void api_request_finish(struct api_request *request);
/* Percent-decodes length bytes into out (which holds length + 1), NUL-terminated. False unless the result is
 * UTF-8 without control characters. */
bool api_percent_decode(const char *text, size_t length, bool plus_is_space, char *out);
/* "Not Found"; "Unknown" for what we never send. */
const char *api_status_reason(int status);
