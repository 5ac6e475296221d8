/*
 * A call of the HTTP API that wants a definite answer. Where the outcome is unknown (connection lost,
 * timeout, most 5xx) it goes out again after a full-jitter delay with the same Idempotency-Key, until
 * the answer is definite or the load test gives up on it. So an order is never placed twice, and never
 * forgotten because a server died at the wrong moment. Runs on the loop's thread.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "loadtest/http_client.h"

struct load_calls;

enum load_call_policy {
    /* Open-loop load: 503 OVERLOADED is an answer, the order is refused; unless an earlier attempt may have placed it. */
    LOAD_CALL_ONCE = 0,
    LOAD_CALL_INSIST, /* preparation: 503 OVERLOADED and 409 RESTAURANT_UNREACHABLE mean later */
};

/* reply is borrowed; NULL: given up, the outcome stayed unknown. Called once for each call. */
typedef void (*load_answer_fn)(void *context, const struct load_http_reply *reply);

/* Borrows http. */
struct load_calls *load_calls_create(uv_loop_t *loop, struct load_http *http);
/* Answers all calls with NULL. Then load_http_destroy, before the loop runs on to close the handles. */
void load_calls_destroy(struct load_calls *calls);
/* Copies request. A POST without idempotency_key gets a random one. */
void load_call(struct load_calls *calls, const struct load_http_request *request,
               enum load_call_policy policy, load_answer_fn on_answer, void *context);
/* From now on an unknown outcome is final; calls that wait for their next attempt end at once. */
void load_calls_give_up(struct load_calls *calls);
size_t load_calls_pending(const struct load_calls *calls);
uint64_t load_calls_retries(const struct load_calls *calls); /* attempts after the first */
/* Status and code of the last answer that was no success; "": there was none. */
const char *load_calls_last_refusal(const struct load_calls *calls);
