#include "shared/redis.h"

#include <assert.h>
#include <fcntl.h>
#include <hiredis/async.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>
#include <uthash.h>

#include "shared/alloc.h"
#include "shared/backoff.h"
#include "shared/redis_common.h"
#include "shared/redis_lookup.h"
#include "shared/redis_wire.h"
#include "shared/uuid.h"

#define DEFAULT_TIMEOUT_MS  2000
#define DEFAULT_PING_MS     2000
#define DEFAULT_PENDING     10000
#define DEFAULT_FIRST_MS    50
#define DEFAULT_MOST_MS     2000
#define TICKS_PER_TIMEOUT   4 /* how finely silence is measured */
#define REASON_BYTES        128
#define SENTINELS_IN_TIME   4 /* so many may be silent within the time limit of an attempt */
#define ALIVE_CHANNEL_BYTES (sizeof "os:alive:" - 1 + OSY_UUID_TEXT_BYTES)

enum link_role { ROLE_COMMANDS = 0, ROLE_SUBSCRIPTIONS, ROLE_COUNT };

/* CONNECTING lasts from the name look-up to the answer to the greeting (AUTH, SELECT, PING or the
 * first SUBSCRIBE): a server that accepts sockets but does not answer is not up. */
enum link_state { LINK_DOWN = 0, LINK_CONNECTING, LINK_UP, LINK_CLOSED };

/* A command without an answer yet. Answers come in the order of the commands. */
struct pending {
    STAILQ_ENTRY(pending) next;
    osy_redis_reply_fn fn; /* may be NULL */
    void *context;
    uint64_t sent_ms;
    bool counted;                /* of a caller, not of ours */
    struct osy_redis_call *call; /* owned; an EVALSHA's; else NULL */
};
STAILQ_HEAD(pending_list, pending);

struct link {
    struct osy_redis *redis;
    enum link_role role;
    enum link_state state;
    uv_timer_t timer; /* DOWN: the backoff. CONNECTING: the time limit. UP: the tick */
    struct osy_redis_lookup *lookup; /* CONNECTING only */
    redisAsyncContext *context;      /* hiredis frees it; NULL without a socket */
    redisContextFuncs functions;     /* of the subscriptions' context */
    struct pending_list pending;
    struct osy_backoff backoff;
    unsigned failures;   /* which of the server's addresses is tried next */
    uint64_t heard_ms;   /* when the server last said anything */
    uint64_t probed_ms;  /* when we last made it say something */
    const char **loaded; /* owned array: the scripts' texts that this connection has sent */
    size_t loaded_count;
};

/*
 * A channel that somebody wants, or wanted until a moment ago. The server answers every SUBSCRIBE
 * and UNSUBSCRIBE in order, so the channel is what we want it to be once nothing is unanswered.
 */
struct channel {
    char *name; /* owned */
    size_t length;
    bool wanted, sharded;
    unsigned unanswered;
    UT_hash_handle hh;
};

/* A SUBSCRIBE or its like without an answer yet: an error does not say which channel it is about. */
struct question {
    STAILQ_ENTRY(question) next;
    const char *verb;
    struct channel *channel; /* stays while it has questions */
};
STAILQ_HEAD(question_list, question);

struct osy_redis {
    uv_loop_t *loop;
    struct osy_redis_url url;
    struct osy_redis_options options; /* without url; defaults filled in */
    struct link links[ROLE_COUNT];
    uint32_t pending_count;   /* counted ones */
    struct channel *channels; /* uthash, by name */
    struct question_list questions;
    char alive_channel[ALIVE_CHANNEL_BYTES];
    char reason[REASON_BYTES]; /* why a link went down last */
    bool destroyed;
    int open_handles;
};

static void start_attempt(uv_timer_t *timer);
static void link_down(struct link *link, const char *reason);

static void set_state(struct link *link, enum link_state state)
{
    static const bool legal[4][4] = {
        [LINK_DOWN] = {[LINK_CONNECTING] = true, [LINK_CLOSED] = true},
        [LINK_CONNECTING] = {[LINK_DOWN] = true, [LINK_UP] = true, [LINK_CLOSED] = true},
        [LINK_UP] = {[LINK_DOWN] = true, [LINK_CLOSED] = true},
    };

    assert(legal[link->state][state]);
    link->state = state;
}

static void report_state(struct osy_redis *redis)
{
    if (redis->options.on_state && !redis->destroyed)
        redis->options.on_state(redis->options.context, osy_redis_commands_up(redis),
                                osy_redis_subscriptions_up(redis));
}

/* ---- commands and their answers ---- */

static void free_pending(struct pending *pending)
{
    free(pending->call);
    free(pending);
}

/* Calls back and forgets. The callback may do anything, also destroy redis. */
static void complete(struct osy_redis *redis, struct pending *pending,
                     const struct osy_redis_reply *reply, const struct osy_error *err)
{
    osy_redis_reply_fn fn = pending->fn;
    void *context = pending->context;

    if (pending->counted)
        redis->pending_count--;
    free_pending(pending);
    if (fn)
        fn(context, reply, err);
}

static void fail_all_pending(struct link *link, const struct osy_error *err)
{
    struct pending *pending = NULL;

    while ((pending = STAILQ_FIRST(&link->pending)) != NULL) {
        STAILQ_REMOVE_HEAD(&link->pending, next);
        complete(link->redis, pending, NULL, err);
    }
}

static void on_reply(redisAsyncContext *context, void *answer, void *data);

/*
 * On the subscriber link hiredis only reads and writes; we tell answers from messages (read_pushed). It
 * would do so by the verbs that it knows, and SSUBSCRIBE is none of them.
 */
static bool send_unheard(struct link *link, int argc, const char **argv, const size_t *lengths)
{
    redisAsyncContext *context = link->context;

    if (!context || redisAppendCommandArgv(&context->c, argc, argv, lengths) != REDIS_OK)
        return false;
    context->ev.addWrite(context->ev.data);
    return true;
}

static bool send_heard(struct link *link, struct pending *pending, int argc, const char **argv,
                       const size_t *lengths)
{
    return link->context &&
           redisAsyncCommandArgv(link->context, on_reply, pending, argc, argv, lengths) == REDIS_OK;
}

/* Takes pending when it returns true. */
static bool send_pending(struct link *link, struct pending *pending, int argc, const char **argv,
                         const size_t *lengths)
{
    if (link->role == ROLE_SUBSCRIPTIONS ? !send_unheard(link, argc, argv, lengths)
                                         : !send_heard(link, pending, argc, argv, lengths))
        return false;
    pending->sent_ms = uv_now(link->redis->loop);
    STAILQ_INSERT_TAIL(&link->pending, pending, next);
    return true;
}

/* A command of our own; context is the link. A failure shows itself: the link goes down. */
static void send_own(struct link *link, int argc, const char **argv, osy_redis_reply_fn fn)
{
    struct pending *pending = osy_alloc(sizeof *pending);

    pending->fn = fn;
    pending->context = link;
    if (!send_pending(link, pending, argc, argv, NULL))
        free_pending(pending);
}

/* The server has lost the script (SCRIPT FLUSH): send its text. */
static bool send_again_as_text(struct link *link, struct pending *pending)
{
    struct osy_redis_call *call = pending->call;
    struct osy_redis_arguments arguments;
    bool ok = false;

    osy_redis_arguments_init(&arguments, call->script, true, call->key_count, call->argc,
                             call->argv, call->lengths);
    ok = send_pending(link, pending, arguments.argc, arguments.argv, arguments.lengths);
    osy_redis_arguments_deinit(&arguments);
    if (ok) {
        pending->call = NULL;
        free(call);
    }
    return ok;
}

static void take_answer(struct link *link, redisReply *answer)
{
    struct pending *pending = STAILQ_FIRST(&link->pending);
    struct osy_redis_reply view;

    STAILQ_REMOVE_HEAD(&link->pending, next);
    link->heard_ms = uv_now(link->redis->loop);
    if (pending->call && osy_redis_reply_is_no_script(answer) && send_again_as_text(link, pending))
        return;
    view = osy_redis_reply_view(answer);
    complete(link->redis, pending, &view, NULL);
    /* The name, or the Sentinels, lead to another server by now. */
    if (osy_redis_reply_is_read_only(answer))
        link_down(link, "the server has become a replica");
}

static void on_reply(redisAsyncContext *context, void *answer, void *data)
{
    struct link *link = context->data;

    /* No link: we have let go of this context. No answer: it is going down, and link_down, which is
     * about to be called, tells everybody who waits. */
    if (!link || !answer)
        return;
    assert(data == STAILQ_FIRST(&link->pending));
    (void)data;
    take_answer(link, answer);
}

/* ---- going down ---- */

/* hiredis frees the context now, or when its callback, which we may be inside of, has returned. */
static void let_go(struct link *link)
{
    redisAsyncContext *context = link->context;

    osy_redis_lookup_forget(link->lookup);
    link->lookup = NULL;
    link->context = NULL;
    link->loaded_count = 0;
    if (!context)
        return;
    context->data = NULL;
    redisAsyncFree(context);
}

static void remove_channel(struct osy_redis *redis, struct channel *channel)
{
    HASH_DEL(redis->channels, channel);
    free(channel->name);
    free(channel);
}

static void forget_question(struct osy_redis *redis)
{
    struct question *question = STAILQ_FIRST(&redis->questions);

    STAILQ_REMOVE_HEAD(&redis->questions, next);
    question->channel->unanswered--;
    free(question);
}

/* What was on its way to the server is void. */
static void reset_channels(struct osy_redis *redis)
{
    struct channel *channel = NULL, *next = NULL;

    while (!STAILQ_EMPTY(&redis->questions))
        forget_question(redis);
    HASH_ITER(hh, redis->channels, channel, next) {
        if (!channel->wanted)
            remove_channel(redis, channel);
    }
}

static void link_down(struct link *link, const char *reason)
{
    struct osy_redis *redis = link->redis;
    struct osy_error err = {OSY_OK, ""};
    bool was_up = link->state == LINK_UP;

    if (link->state == LINK_DOWN || link->state == LINK_CLOSED)
        return;
    snprintf(redis->reason, sizeof redis->reason, "%s", reason);
    let_go(link);
    if (link->role == ROLE_SUBSCRIPTIONS)
        reset_channels(redis);
    if (!was_up)
        link->failures++;
    set_state(link, LINK_DOWN);
    uv_timer_start(&link->timer, start_attempt, osy_backoff_next_ms(&link->backoff), 0);
    /* Everything is in order again before a caller hears of it, whatever it does then. */
    osy_error_set(&err, OSY_ERR_IO, "Redis: %s", redis->reason);
    fail_all_pending(link, &err);
    if (was_up)
        report_state(redis);
}

static const char *reason_of(const redisAsyncContext *context)
{
    return context->c.err && context->c.errstr[0] ? context->c.errstr : "connection closed";
}

/* hiredis frees the context itself after these two; freeing it inside of them is what breaks it. */
static void on_disconnected(const redisAsyncContext *context, int status)
{
    struct link *link = context->data;

    (void)status;
    if (!link)
        return;
    link->context = NULL;
    link_down(link, reason_of(context));
}

static void on_connected(const redisAsyncContext *context, int status)
{
    if (status != REDIS_OK)
        on_disconnected(context, status);
}

/* ---- up: the tick ---- */

static bool is_overdue(const struct link *link)
{
    const struct osy_redis_options *options = &link->redis->options;
    const struct pending *oldest = STAILQ_FIRST(&link->pending);
    uint64_t now_ms = uv_now(link->redis->loop);

    if (oldest && now_ms - oldest->sent_ms > options->command_timeout_ms)
        return true;
    return link->role == ROLE_SUBSCRIPTIONS &&
           now_ms - link->heard_ms > options->ping_interval_ms + options->command_timeout_ms;
}

/* Subscriptions are tested end to end: the message must come back. It takes the other link, and
 * while that one is down, silence counts against this one too: the server is the same. */
static void send_probe(struct link *link)
{
    struct link *commands = &link->redis->links[ROLE_COMMANDS];
    const char *ping[] = {"PING"};
    const char *publish[] = {"PUBLISH", link->redis->alive_channel, ""};

    link->probed_ms = uv_now(link->redis->loop);
    if (link->role == ROLE_COMMANDS)
        send_own(link, 1, ping, NULL);
    else if (commands->state == LINK_UP)
        send_own(commands, 3, publish, NULL);
}

static void on_tick(uv_timer_t *timer)
{
    struct link *link = timer->data;

    /* Timers run before sockets: after a pause of our own the answer may be waiting to be read. */
    if (is_overdue(link) && link->context)
        osy_redis_wire_drain(link->context);
    if (link->state != LINK_UP)
        return;
    if (is_overdue(link))
        link_down(link, "no answer in time");
    else if (uv_now(link->redis->loop) - link->probed_ms >= link->redis->options.ping_interval_ms)
        send_probe(link);
}

static void become_up(struct link *link)
{
    const struct osy_redis_options *options = &link->redis->options;
    uint32_t shorter_ms = options->command_timeout_ms < options->ping_interval_ms
                              ? options->command_timeout_ms
                              : options->ping_interval_ms;
    uint32_t tick_ms = shorter_ms / TICKS_PER_TIMEOUT + 1;

    set_state(link, LINK_UP);
    osy_backoff_reset(&link->backoff);
    link->heard_ms = link->probed_ms = uv_now(link->redis->loop);
    uv_timer_start(&link->timer, on_tick, tick_ms, tick_ms);
    report_state(link->redis);
}

/* ---- subscriptions ---- */

static void ask(struct osy_redis *redis, const char *verb, struct channel *channel)
{
    const char *argv[] = {verb, channel->name};
    const size_t lengths[] = {strlen(verb), channel->length};
    struct question *question = NULL;

    if (!send_unheard(&redis->links[ROLE_SUBSCRIPTIONS], 2, argv, lengths))
        return;
    question = osy_alloc(sizeof *question);
    *question = (struct question){.verb = verb, .channel = channel};
    STAILQ_INSERT_TAIL(&redis->questions, question, next);
    channel->unanswered++;
}

static void ask_for(struct osy_redis *redis, struct channel *channel)
{
    ask(redis, channel->sharded ? "SSUBSCRIBE" : "SUBSCRIBE", channel);
}

/* reason: NULL, or the server's words. */
static void lose_channel(struct osy_redis *redis, struct channel *channel, const char *reason)
{
    HASH_DEL(redis->channels, channel); /* the callback may subscribe to it anew */
    if (redis->options.on_lost)
        redis->options.on_lost(redis->options.context, channel->name, channel->length, reason);
    free(channel->name);
    free(channel);
}

static void on_confirmed(struct osy_redis *redis, struct channel *channel)
{
    forget_question(redis);
    if (channel->unanswered > 0)
        return;
    if (!channel->wanted)
        remove_channel(redis, channel);
    else if (redis->options.on_subscribed)
        redis->options.on_subscribed(redis->options.context, channel->name, channel->length);
}

/* One that is not sharded is tried again on the next connection. Without a question it is the MOVED of a SUNSUBSCRIBE
 * for which the server's own, sent when the slot left it, has passed already. */
static void on_refused(struct link *link, const char *reason)
{
    struct osy_redis *redis = link->redis;
    struct question *question = STAILQ_FIRST(&redis->questions);
    struct channel *channel = question ? question->channel : NULL;

    if (link->state == LINK_CONNECTING) { /* our own channel's */
        link_down(link, reason);
        return;
    }
    if (!channel)
        return;
    forget_question(redis);
    if (channel->unanswered > 0)
        return;
    if (!channel->wanted)
        remove_channel(redis, channel);
    else if (channel->sharded)
        lose_channel(redis, channel, reason);
}

static bool is_answer(const struct question *question, const struct channel *channel,
                      const char *kind)
{
    return question && question->channel == channel && strcasecmp(question->verb, kind) == 0;
}

static bool is_alive_channel(const struct osy_redis *redis, const redisReply *name)
{
    return name->len == strlen(redis->alive_channel) &&
           memcmp(name->str, redis->alive_channel, name->len) == 0;
}

/* [kind, channel, count or message] */
static void on_pushed(struct link *link, const char *kind, const redisReply *name,
                      const redisReply *message)
{
    struct osy_redis *redis = link->redis;
    struct channel *channel = NULL;

    if (is_alive_channel(redis, name)) {
        if (link->state == LINK_CONNECTING)
            become_up(link);
        return;
    }
    HASH_FIND(hh, redis->channels, name->str, name->len, channel);
    if (!channel)
        return;
    if (is_answer(STAILQ_FIRST(&redis->questions), channel, kind))
        on_confirmed(redis, channel);
    else if (!channel->wanted || channel->unanswered > 0)
        return; /* what it is will be known with the answer */
    else if (strcmp(kind, "sunsubscribe") == 0)
        lose_channel(redis, channel, NULL);
    else if (redis->options.on_message && message->type == REDIS_REPLY_STRING)
        redis->options.on_message(redis->options.context, name->str, name->len, message->str,
                                  message->len);
}

/* Nothing is pushed before the first subscription is answered, so whatever was asked before it, the
 * greeting, is answered first. */
static void take_pushed(struct link *link, redisReply *reply)
{
    link->heard_ms = uv_now(link->redis->loop);
    if (!STAILQ_EMPTY(&link->pending))
        take_answer(link, reply);
    else if (reply->type == REDIS_REPLY_ERROR)
        on_refused(link, reply->str);
    else if (reply->type == REDIS_REPLY_ARRAY && reply->elements >= 3 &&
             reply->element[0]->type == REDIS_REPLY_STRING &&
             reply->element[1]->type == REDIS_REPLY_STRING)
        on_pushed(link, reply->element[0]->str, reply->element[1], reply->element[2]);
}

/* In place of hiredis' own. Any reply may be the end of context, but link stays. */
static void read_pushed(redisAsyncContext *context)
{
    struct link *link = context->data;
    void *reply = NULL;

    if (redisBufferRead(&context->c) != REDIS_OK) {
        link_down(link, context->c.errstr);
        return;
    }
    while (link->context == context) {
        if (redisReaderGetReply(context->c.reader, &reply) != REDIS_OK) {
            link_down(link, context->c.reader->errstr);
            return;
        }
        if (!reply)
            return;
        take_pushed(link, reply);
        freeReplyObject(reply);
    }
}

/* ---- connecting ---- */

static void on_greeting_reply(void *context, const struct osy_redis_reply *reply,
                              const struct osy_error *err)
{
    struct link *link = context;
    char reason[REASON_BYTES];

    (void)err;
    if (!reply || reply->type != OSY_REDIS_ERROR)
        return;
    snprintf(reason, sizeof reason, "%.*s", (int)reply->length, reply->text);
    link_down(link, reason);
}

static void on_first_pong(void *context, const struct osy_redis_reply *reply,
                          const struct osy_error *err)
{
    struct link *link = context;

    on_greeting_reply(context, reply, err);
    if (reply && link->state == LINK_CONNECTING)
        become_up(link);
}

/* Sentinels may lag behind, and a failover be under way. */
static void on_role(void *context, const struct osy_redis_reply *reply, const struct osy_error *err)
{
    (void)err;
    if (reply && !osy_redis_reply_is_master(reply))
        link_down(context, "the server is no master");
}

/* hiredis keeps all of this until the socket is connected. */
static void send_greeting(struct link *link)
{
    struct osy_redis *redis = link->redis;
    struct channel *channel = NULL, *next = NULL;
    const char *auth[OSY_REDIS_AUTH_ARGUMENTS];
    const char *select[] = {"SELECT", redis->url.database}, *ping[] = {"PING"}, *role[] = {"ROLE"};
    const char *subscribe[] = {"SUBSCRIBE", redis->alive_channel};
    int auth_count = osy_redis_url_auth(&redis->url, auth);

    if (auth_count > 0)
        send_own(link, auth_count, auth, on_greeting_reply);
    if (redis->url.sentinels)
        send_own(link, 1, role, on_role);
    if (link->role == ROLE_COMMANDS) {
        if (redis->url.database)
            send_own(link, 2, select, on_greeting_reply);
        send_own(link, 1, ping, on_first_pong);
        return;
    }
    (void)send_unheard(link, 2, subscribe, NULL);
    HASH_ITER(hh, redis->channels, channel, next) {
        ask_for(redis, channel);
    }
}

static void read_by(struct link *link, void (*read)(redisAsyncContext *))
{
    link->functions = *link->context->c.funcs;
    link->functions.async_read = read;
    link->context->c.funcs = &link->functions;
}

static void connect_socket(struct link *link, const redisOptions *options)
{
    redisAsyncContext *context = redisAsyncConnectWithOptions(options);
    char reason[REASON_BYTES] = "out of memory";

    if (context && context->err == 0 && osy_redis_wire_attach(link->redis->loop, context)) {
        fcntl(context->c.fd, F_SETFD, FD_CLOEXEC);
        context->data = link;
        link->context = context;
        if (link->role == ROLE_SUBSCRIPTIONS)
            read_by(link, read_pushed);
        redisAsyncSetDisconnectCallback(context, on_disconnected);
        redisAsyncSetConnectCallback(context, on_connected);
        send_greeting(link);
        return;
    }
    if (context)
        snprintf(reason, sizeof reason, "%s", reason_of(context));
    redisAsyncFree(context);
    link_down(link, reason);
}

static void on_found(void *context, const char *ip, uint16_t port, const struct osy_error *err)
{
    struct link *link = context;
    redisOptions options = {0};

    link->lookup = NULL;
    if (err) {
        link_down(link, err->message);
        return;
    }
    REDIS_OPTIONS_SET_TCP(&options, ip, port);
    connect_socket(link, &options);
}

/* hiredis would look names up on this thread and hold the loop up. */
static void start_lookup(struct link *link)
{
    const struct osy_redis *redis = link->redis;
    uint32_t timeout_ms = redis->options.connect_timeout_ms / SENTINELS_IN_TIME;
    struct osy_error err = {OSY_OK, ""};

    link->lookup = osy_redis_lookup_start(redis->loop, &redis->url, link->failures, timeout_ms,
                                          on_found, link, &err);
    if (!link->lookup)
        link_down(link, err.message);
}

static void on_connect_timeout(uv_timer_t *timer)
{
    link_down(timer->data, "no connection in time");
}

static void start_attempt(uv_timer_t *timer)
{
    struct link *link = timer->data;
    redisOptions options = {0};

    set_state(link, LINK_CONNECTING);
    uv_timer_start(&link->timer, on_connect_timeout, link->redis->options.connect_timeout_ms, 0);
    if (link->redis->url.path) {
        REDIS_OPTIONS_SET_UNIX(&options, link->redis->url.path);
        connect_socket(link, &options);
    } else {
        start_lookup(link);
    }
}

/* ---- life and death ---- */

static void set_default(uint32_t *field, uint32_t value)
{
    if (*field == 0)
        *field = value;
}

static void init_link(struct osy_redis *redis, enum link_role role)
{
    struct link *link = &redis->links[role];

    link->redis = redis;
    link->role = role;
    link->backoff.first_ms = redis->options.backoff_first_ms;
    link->backoff.most_ms = redis->options.backoff_most_ms;
    STAILQ_INIT(&link->pending);
    uv_timer_init(redis->loop, &link->timer);
    link->timer.data = link;
    redis->open_handles++;
    uv_timer_start(&link->timer, start_attempt, 0, 0); /* nothing calls back before we return */
}

struct osy_redis *osy_redis_create(uv_loop_t *loop, const struct osy_redis_options *options,
                                   struct osy_error *err)
{
    struct osy_redis *redis = osy_alloc(sizeof *redis);
    struct osy_uuid random = osy_uuid_v4();

    if (!osy_redis_url_parse(options->url, &redis->url, err)) {
        free(redis);
        return NULL;
    }
    STAILQ_INIT(&redis->questions);
    redis->loop = loop;
    redis->options = *options;
    redis->options.url = NULL;
    set_default(&redis->options.connect_timeout_ms, DEFAULT_TIMEOUT_MS);
    set_default(&redis->options.command_timeout_ms, DEFAULT_TIMEOUT_MS);
    set_default(&redis->options.ping_interval_ms, DEFAULT_PING_MS);
    set_default(&redis->options.max_pending, DEFAULT_PENDING);
    set_default(&redis->options.backoff_first_ms, DEFAULT_FIRST_MS);
    set_default(&redis->options.backoff_most_ms, DEFAULT_MOST_MS);
    snprintf(redis->reason, sizeof redis->reason, "not connected yet");
    memcpy(redis->alive_channel, "os:alive:", strlen("os:alive:"));
    osy_uuid_format(&random, redis->alive_channel + strlen("os:alive:"));
    init_link(redis, ROLE_COMMANDS);
    if (options->want_subscriptions)
        init_link(redis, ROLE_SUBSCRIPTIONS);
    return redis;
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct link *link = handle->data;
    struct osy_redis *redis = link->redis;
    struct channel *channel = NULL, *next = NULL;

    if (--redis->open_handles > 0)
        return;
    while (!STAILQ_EMPTY(&redis->questions))
        forget_question(redis);
    HASH_ITER(hh, redis->channels, channel, next) {
        remove_channel(redis, channel);
    }
    for (size_t i = 0; i < ROLE_COUNT; i++)
        free(redis->links[i].loaded);
    osy_redis_url_deinit(&redis->url);
    free(redis);
}

void osy_redis_destroy(struct osy_redis *redis)
{
    struct osy_error err = {OSY_OK, ""};

    if (!redis)
        return;
    assert(!redis->destroyed);
    redis->destroyed = true;
    for (size_t i = 0; i < ROLE_COUNT; i++) {
        struct link *link = &redis->links[i];
        if (!link->redis)
            continue; /* never opened */
        let_go(link);
        set_state(link, LINK_CLOSED);
        uv_close((uv_handle_t *)&link->timer, on_timer_closed);
    }
    osy_error_set(&err, OSY_ERR_IO, "Redis: the client is closing");
    for (size_t i = 0; i < ROLE_COUNT; i++)
        if (redis->links[i].redis)
            fail_all_pending(&redis->links[i], &err);
}

/* ---- what callers do ---- */

bool osy_redis_commands_up(const struct osy_redis *redis)
{
    return redis->links[ROLE_COMMANDS].state == LINK_UP;
}

bool osy_redis_subscriptions_up(const struct osy_redis *redis)
{
    return redis->links[ROLE_SUBSCRIPTIONS].state == LINK_UP;
}

const char *osy_redis_reason(const struct osy_redis *redis)
{
    return redis->reason;
}

static bool check_ready(const struct osy_redis *redis, struct osy_error *err)
{
    if (!osy_redis_commands_up(redis))
        return osy_error_set(err, OSY_ERR_IO, "Redis is not connected: %s", redis->reason);
    if (redis->pending_count >= redis->options.max_pending)
        return osy_error_set(err, OSY_ERR_LIMIT, "%u Redis commands wait for an answer already",
                             redis->pending_count);
    return true;
}

/* call: NULL, or taken. */
static bool send_counted(struct osy_redis *redis, int argc, const char **argv,
                         const size_t *lengths, struct osy_redis_call *call, osy_redis_reply_fn fn,
                         void *context, struct osy_error *err)
{
    struct pending *pending = osy_alloc(sizeof *pending);

    pending->fn = fn;
    pending->context = context;
    pending->counted = true;
    pending->call = call;
    if (!send_pending(&redis->links[ROLE_COMMANDS], pending, argc, argv, lengths)) {
        free_pending(pending);
        return osy_error_set(err, OSY_ERR_IO, "Redis does not take the command");
    }
    redis->pending_count++;
    return true;
}

bool osy_redis_command(struct osy_redis *redis, int argc, const char *const *argv,
                       const size_t *lengths, osy_redis_reply_fn fn, void *context,
                       struct osy_error *err)
{
    /* hiredis does not write to argv, whatever its prototype says. */
    return check_ready(redis, err) && send_counted(redis, argc, (const char **)(uintptr_t)argv,
                                                   lengths, NULL, fn, context, err);
}

/* Whether this connection has sent the script's text before; from now on it has. */
static bool was_loaded(struct link *link, const struct osy_redis_script *script)
{
    for (size_t i = 0; i < link->loaded_count; i++)
        if (link->loaded[i] == script->text)
            return true;
    link->loaded = osy_realloc_array(link->loaded, link->loaded_count + 1, sizeof(char *));
    link->loaded[link->loaded_count++] = script->text;
    return false;
}

/*
 * The first call on a connection carries the text, and so loads it; those behind it name it by its
 * hash, and the server runs them in order. Were the first one to wait for NOSCRIPT instead, after a
 * restart, a later call could overtake it: an event with a higher number would make the stream
 * refuse the lower one.
 */
bool osy_redis_eval(struct osy_redis *redis, const struct osy_redis_script *script, int key_count,
                    int argc, const char *const *keys_and_args, const size_t *lengths,
                    osy_redis_reply_fn fn, void *context, struct osy_error *err)
{
    struct osy_redis_arguments arguments;
    struct osy_redis_call *call = NULL;
    bool by_name = false, ok = false;

    if (!check_ready(redis, err))
        return false;
    by_name = was_loaded(&redis->links[ROLE_COMMANDS], script);
    if (by_name)
        call = osy_redis_call_copy(script, key_count, argc, keys_and_args, lengths);
    osy_redis_arguments_init(&arguments, script, !by_name, key_count, argc, keys_and_args, lengths);
    ok = send_counted(redis, arguments.argc, arguments.argv, arguments.lengths, call, fn, context,
                      err);
    osy_redis_arguments_deinit(&arguments);
    return ok;
}

static void subscribe(struct osy_redis *redis, const char *name, bool sharded)
{
    struct channel *channel = NULL;
    size_t length = strlen(name);

    HASH_FIND(hh, redis->channels, name, length, channel);
    if (!channel) {
        channel = osy_alloc(sizeof *channel);
        channel->name = osy_strdup(name);
        channel->length = length;
        channel->sharded = sharded;
        HASH_ADD_KEYPTR(hh, redis->channels, channel->name, length, channel);
    }
    if (channel->wanted)
        return;
    channel->wanted = true;
    ask_for(redis, channel);
}

void osy_redis_subscribe(struct osy_redis *redis, const char *name)
{
    subscribe(redis, name, false);
}

void osy_redis_subscribe_sharded(struct osy_redis *redis, const char *name)
{
    subscribe(redis, name, true);
}

void osy_redis_unsubscribe(struct osy_redis *redis, const char *name)
{
    struct channel *channel = NULL;

    HASH_FIND(hh, redis->channels, name, strlen(name), channel);
    if (!channel || !channel->wanted)
        return;
    channel->wanted = false;
    ask(redis, channel->sharded ? "SUNSUBSCRIBE" : "UNSUBSCRIBE", channel);
    if (channel->unanswered == 0) /* the server has never heard of it */
        remove_channel(redis, channel);
}
