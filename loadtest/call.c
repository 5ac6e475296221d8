#include "loadtest/call.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/alloc.h"
#include "shared/backoff.h"
#include "shared/json.h"
#include "shared/uuid.h"

#define RETRY_FIRST_MS 100
#define RETRY_MOST_MS  3000

struct call {
    uv_timer_t timer;                          /* runs while the call waits for its next attempt */
    struct load_calls *calls;                  /* NULL once it is over */
    char *method, *path, *bearer, *key, *body; /* owned; all but the first two may be NULL */
    enum load_call_policy policy;
    load_answer_fn on_answer;
    void *context; /* borrowed */
    struct osy_backoff backoff;
    bool is_sent;      /* the HTTP client holds it */
    bool is_uncertain; /* an attempt may have had its effect, whatever the next ones are told */
    struct call *previous, *next;
};

struct load_calls {
    uv_loop_t *loop;
    struct load_http *http; /* borrowed */
    struct call *calls;
    size_t pending;
    uint64_t retries;
    bool gave_up;
    char last_refusal[80]; /* "409 RESTAURANT_UNREACHABLE"; "": none */
};

struct load_calls *load_calls_create(uv_loop_t *loop, struct load_http *http)
{
    struct load_calls *calls = osy_alloc(sizeof(*calls));
    calls->loop = loop;
    calls->http = http;
    return calls;
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct call *call = handle->data;
    free(call->method);
    free(call->path);
    free(call->bearer);
    free(call->key);
    free(call->body);
    free(call);
}

static void end_call(struct call *call)
{
    struct load_calls *calls = call->calls;
    if (call->previous)
        call->previous->next = call->next;
    else
        calls->calls = call->next;
    if (call->next)
        call->next->previous = call->previous;
    calls->pending--;
    call->calls = NULL;
    uv_close((uv_handle_t *)&call->timer, on_timer_closed);
}

static void answer(struct call *call, const struct load_http_reply *reply)
{
    end_call(call);
    call->on_answer(call->context, reply);
}

void load_calls_destroy(struct load_calls *calls)
{
    if (!calls)
        return;
    while (calls->calls)
        answer(calls->calls, NULL);
    free(calls);
}

/* The problem's code; "" when there is none. */
static void read_code(const struct load_http_reply *reply, char *out, size_t capacity)
{
    json_t *problem = osy_json_parse(reply->body, reply->body_length, JSON_OBJECT, NULL);
    const char *code = json_string_value(json_object_get(problem, "code"));
    snprintf(out, capacity, "%s", code ? code : "");
    json_decref(problem);
}

/*
 * A 5xx may hide a commit; a proxy's 5xx says nothing at all. 408 and 429 ask to come again. While we prepare, so does a
 * restaurant whose tablets have just come: it takes the servers a moment to notice.
 */
static bool is_definite(const struct call *call, const struct load_http_reply *reply)
{
    char code[64];
    if (reply->status >= 200 && reply->status < 300)
        return true;
    read_code(reply, code, sizeof(code));
    snprintf(call->calls->last_refusal, sizeof(call->calls->last_refusal), "%d %s", reply->status,
             code);
    if (reply->status == 408 || reply->status == 429)
        return false;
    if (call->policy == LOAD_CALL_INSIST && strcmp(code, "RESTAURANT_UNREACHABLE") == 0)
        return false;
    if (reply->status == 503 && call->policy == LOAD_CALL_ONCE)
        return !call->is_uncertain && strcmp(code, "OVERLOADED") == 0;
    return reply->status < 500;
}

static void send_call(struct call *call);

static void on_retry(uv_timer_t *timer)
{
    struct call *call = timer->data;
    call->calls->retries++;
    send_call(call);
}

static void on_reply(void *context, const struct load_http_reply *reply, const char *failure)
{
    struct call *call = context;
    (void)failure; /* what is unknown is tried again, whatever the reason */
    call->is_sent = false;
    if (reply && is_definite(call, reply)) {
        answer(call, reply);
        return;
    }
    if (call->calls->gave_up) {
        answer(call, NULL);
        return;
    }
    call->is_uncertain = true;
    uint64_t delay_ms = osy_backoff_next_ms(&call->backoff);
    if (reply && delay_ms < reply->retry_after_s * UINT64_C(1000))
        delay_ms += reply->retry_after_s * UINT64_C(1000);
    uv_timer_start(&call->timer, on_retry, delay_ms, 0);
}

static void send_call(struct call *call)
{
    const struct load_http_request request = {
        .method = call->method,
        .path = call->path,
        .bearer = call->bearer,
        .idempotency_key = call->key,
        .body = call->body,
    };
    call->is_sent = true;
    load_http_send(call->calls->http, &request, on_reply, call);
}

static char *copy(const char *text)
{
    return text ? osy_strdup(text) : NULL;
}

static char *random_key(void)
{
    char text[OSY_UUID_TEXT_BYTES];
    struct osy_uuid uuid = osy_uuid_v4();
    osy_uuid_format(&uuid, text);
    return osy_strdup(text);
}

void load_call(struct load_calls *calls, const struct load_http_request *request,
               enum load_call_policy policy, load_answer_fn on_answer, void *context)
{
    struct call *call = osy_alloc(sizeof(*call));
    call->calls = calls;
    call->method = copy(request->method);
    call->path = copy(request->path);
    call->bearer = copy(request->bearer);
    call->key = copy(request->idempotency_key);
    call->body = copy(request->body);
    if (!call->key && strcmp(call->method, "POST") == 0)
        call->key = random_key();
    call->policy = policy;
    call->on_answer = on_answer;
    call->context = context;
    call->backoff = (struct osy_backoff){.first_ms = RETRY_FIRST_MS, .most_ms = RETRY_MOST_MS};
    uv_timer_init(calls->loop, &call->timer);
    call->timer.data = call;
    call->next = calls->calls;
    if (calls->calls)
        calls->calls->previous = call;
    calls->calls = call;
    calls->pending++;
    send_call(call);
}

void load_calls_give_up(struct load_calls *calls)
{
    calls->gave_up = true;
    struct call *call = calls->calls;
    while (call) {
        struct call *next = call->next;
        if (!call->is_sent)
            answer(call, NULL);
        call = next;
    }
}

size_t load_calls_pending(const struct load_calls *calls)
{
    return calls->pending;
}

uint64_t load_calls_retries(const struct load_calls *calls)
{
    return calls->retries;
}

const char *load_calls_last_refusal(const struct load_calls *calls)
{
    return calls->last_refusal;
}
