/*
 * The Redis client of a loop thread: hiredis on libuv, everything else hidden. One struct is one
 * server link with two connections: one for commands, one for subscriptions. Each reconnects by
 * itself with full-jitter backoff; subscriptions are renewed after a reconnect; a link that has
 * died silently is found by a liveness ping (commands: PING; subscriptions: a message published to
 * a channel of our own) and cut. Commands wait in hiredis' buffer only while connected, and their
 * number is bounded: when the link is down or the bound is reached a command fails at once, because
 * our callers know better than to wait (a publication is repaired by the reconciler, a replay goes
 * to PostgreSQL). Up means that the server has answered our greeting, not only that it accepted a
 * socket. Every attempt looks the host's name up again, or asks the Sentinels who is master, and a
 * server that has become a replica is left: so a failover is followed. Everything here runs on the
 * loop's thread. The program ignores SIGPIPE.
 *
 *   state of each connection:  DOWN -> CONNECTING -> UP -> DOWN (backoff) -> CONNECTING ...
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "shared/error.h"

struct osy_redis;

/* A reply without hiredis' types. Borrowed for the callback. */
enum osy_redis_type {
    OSY_REDIS_NIL = 0,
    OSY_REDIS_STRING, /* also status replies */
    OSY_REDIS_INTEGER,
    OSY_REDIS_ARRAY,
    OSY_REDIS_ERROR, /* the server's error text */
};

struct osy_redis_reply {
    enum osy_redis_type type;
    int64_t integer;
    const char *text; /* STRING, ERROR; length bytes */
    size_t length;
    size_t count;         /* ARRAY */
    const void *elements; /* read with osy_redis_reply_at */
};

struct osy_redis_reply osy_redis_reply_at(const struct osy_redis_reply *array, size_t index);

/* reply is NULL when the link failed or timed out before an answer came (err tells). Called exactly
 * once for every command that was accepted, also at destroy. */
typedef void (*osy_redis_reply_fn)(void *context, const struct osy_redis_reply *reply,
                                   const struct osy_error *err);
/* A published message on a subscribed channel. */
typedef void (*osy_redis_message_fn)(void *context, const char *channel, size_t channel_length,
                                     const char *message, size_t length);
/* commands_up / subscriptions_up: what can be used now. Called on every change; after subscriptions
 * came (back) up, messages may have been lost in between: whoever cares repairs its gap. */
typedef void (*osy_redis_state_fn)(void *context, bool commands_up, bool subscriptions_up);
/* The server has confirmed the subscription; from now on every message arrives. Also after a
 * renewal. */
typedef void (*osy_redis_subscribed_fn)(void *context, const char *channel, size_t channel_length);
/* A sharded channel has been taken from us, because its slot has left the server (reason NULL), or has
 * been refused (reason: the server's words). It is forgotten as if nobody had subscribed to it. */
typedef void (*osy_redis_lost_fn)(void *context, const char *channel, size_t channel_length,
                                  const char *reason);

struct osy_redis_options {
    const char *url;             /* as struct osy_redis_url says (shared/redis_common.h); copied */
    bool want_subscriptions;     /* open the second connection */
    uint32_t connect_timeout_ms; /* 0: 2000 */
    uint32_t command_timeout_ms; /* 0: 2000; a command without an answer cuts the link */
    uint32_t ping_interval_ms;   /* 0: 2000; liveness check of each connection */
    uint32_t max_pending;        /* 0: 10000 commands waiting for an answer */
    uint32_t backoff_first_ms, backoff_most_ms; /* 0: 50, 2000 */
    osy_redis_message_fn on_message;
    osy_redis_subscribed_fn on_subscribed;
    osy_redis_lost_fn on_lost; /* NULL when nothing sharded is subscribed to */
    osy_redis_state_fn on_state;
    void *context;
};

/* NULL (OSY_ERR_INVALID) when the URL cannot be parsed; a server that is not there is no error. */
struct osy_redis *osy_redis_create(uv_loop_t *loop, const struct osy_redis_options *options,
                                   struct osy_error *err);
/* Ends both connections; pending callbacks are called with reply NULL before it returns, nothing is
 * called afterwards; memory goes when libuv has closed the handles (run the loop). NULL is fine.
 * Safe inside any callback. */
void osy_redis_destroy(struct osy_redis *redis);

/* argv and lengths are copied; lengths may be NULL when every argument is a C string. False
 * (nothing will be called): OSY_ERR_IO link down, OSY_ERR_LIMIT too many pending. fn may be NULL
 * when the answer does not matter. */
OSY_MUST_CHECK bool osy_redis_command(struct osy_redis *redis, int argc, const char *const *argv,
                                      const size_t *lengths, osy_redis_reply_fn fn, void *context,
                                      struct osy_error *err);
/*
 * A Lua script: the first call on a connection carries its text, the others its SHA-1; when the
 * server has forgotten it meanwhile (SCRIPT FLUSH), the call is sent again with the text, and only
 * then may a later one overtake it. script must live as long as redis; keys_and_args: key_count
 * keys, then the arguments.
 */
struct osy_redis_script {
    const char *text;
    char sha1[41]; /* filled by osy_redis_script_init */
};
void osy_redis_script_init(struct osy_redis_script *script, const char *text);
OSY_MUST_CHECK bool osy_redis_eval(struct osy_redis *redis, const struct osy_redis_script *script,
                                   int key_count, int argc, const char *const *keys_and_args,
                                   const size_t *lengths, osy_redis_reply_fn fn, void *context,
                                   struct osy_error *err);
/* The channel of that name is remembered, and the command sent as soon as the link is up. Subscribing
 * twice is one subscription. */
void osy_redis_subscribe(struct osy_redis *redis, const char *name);
/* The same for a channel of the cluster slot that its name has, published to by SPUBLISH. */
void osy_redis_subscribe_sharded(struct osy_redis *redis, const char *name);
void osy_redis_unsubscribe(struct osy_redis *redis, const char *name);
/* Why a link went down last, for the log line about it. Borrowed until the next call into redis. */
const char *osy_redis_reason(const struct osy_redis *redis);
bool osy_redis_commands_up(const struct osy_redis *redis);
bool osy_redis_subscriptions_up(const struct osy_redis *redis);
