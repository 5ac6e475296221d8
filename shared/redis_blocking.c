#include "shared/redis_blocking.h"

#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "shared/alloc.h"
#include "shared/redis_common.h"
#include "shared/redis_sentinel.h"

#define REFUSAL_BYTES 320 /* a redirection to the longest of hosts */

struct osy_redis_blocking {
    struct osy_redis_url url;
    uint32_t timeout_ms;
    struct timeval timeout; /* the same */
    redisContext *context;  /* owned; NULL while not connected */
    unsigned failures;      /* which Sentinel is asked first */
    char refusal[REFUSAL_BYTES];
};

struct osy_redis_blocking *osy_redis_blocking_create(const char *url, uint32_t timeout_ms,
                                                     struct osy_error *err)
{
    struct osy_redis_blocking *redis = osy_alloc(sizeof *redis);

    if (!osy_redis_url_parse(url, &redis->url, err)) {
        free(redis);
        return NULL;
    }
    redis->timeout_ms = timeout_ms;
    redis->timeout.tv_sec = timeout_ms / 1000;
    redis->timeout.tv_usec = timeout_ms % 1000 * 1000;
    return redis;
}

static void disconnect(struct osy_redis_blocking *redis)
{
    redisFree(redis->context);
    redis->context = NULL;
}

void osy_redis_blocking_destroy(struct osy_redis_blocking *redis)
{
    if (!redis)
        return;
    disconnect(redis);
    osy_redis_url_deinit(&redis->url);
    free(redis);
}

/* The reply, to be given back; NULL when the connection failed, which it then is no more. */
static redisReply *send_once(struct osy_redis_blocking *redis, int argc, const char *const *argv,
                             const size_t *lengths, struct osy_error *err)
{
    /* hiredis does not write to argv, whatever its prototype says. */
    redisReply *reply =
        redisCommandArgv(redis->context, argc, (const char **)(uintptr_t)argv, lengths);

    if (!reply) {
        osy_error_set(err, OSY_ERR_IO, "Redis: %s", redis->context->errstr);
        disconnect(redis);
    }
    return reply;
}

/* AUTH or SELECT. */
static bool greet(struct osy_redis_blocking *redis, int argc, const char *const *argv,
                  struct osy_error *err)
{
    redisReply *reply = send_once(redis, argc, argv, NULL, err);
    bool ok = reply && reply->type != REDIS_REPLY_ERROR;

    if (reply && !ok) {
        osy_error_set(err, OSY_ERR_IO, "Redis: %s", reply->str);
        disconnect(redis);
    }
    freeReplyObject(reply);
    return ok;
}

/* Sentinels may lag behind, and a failover be under way. */
static bool check_role(struct osy_redis_blocking *redis, struct osy_error *err)
{
    const char *argv[] = {"ROLE"};
    redisReply *reply = send_once(redis, 1, argv, NULL, err);
    struct osy_redis_reply view = {.type = OSY_REDIS_NIL};
    bool ok = false;

    if (!reply)
        return false;
    view = osy_redis_reply_view(reply);
    ok = osy_redis_reply_is_master(&view);
    freeReplyObject(reply);
    if (!ok) {
        osy_error_set(err, OSY_ERR_IO, "Redis: the server is no master");
        disconnect(redis);
    }
    return ok;
}

static bool open_socket(struct osy_redis_blocking *redis, struct osy_error *err)
{
    const struct osy_redis_url *url = &redis->url;
    redisOptions options = {0};
    char host[256];
    uint16_t port = url->port;

    if (url->sentinels && !osy_redis_sentinel_find(url->sentinels, url->master, redis->failures,
                                                   redis->timeout_ms, host, &port, err))
        return osy_error_prefix(err, "Redis");
    if (url->path)
        REDIS_OPTIONS_SET_UNIX(&options, url->path);
    else
        REDIS_OPTIONS_SET_TCP(&options, url->sentinels ? host : url->host, port);
    options.connect_timeout = options.command_timeout = &redis->timeout;
    redis->context = redisConnectWithOptions(&options);
    if (!redis->context || redis->context->err) {
        osy_error_set(err, OSY_ERR_IO, "Redis: %s",
                      redis->context ? redis->context->errstr : "out of memory");
        disconnect(redis);
        return false;
    }
    fcntl(redis->context->fd, F_SETFD, FD_CLOEXEC);
    return true;
}

static bool introduce(struct osy_redis_blocking *redis, struct osy_error *err)
{
    const char *auth[OSY_REDIS_AUTH_ARGUMENTS];
    const char *select[] = {"SELECT", redis->url.database};
    int auth_count = osy_redis_url_auth(&redis->url, auth);

    return (auth_count == 0 || greet(redis, auth_count, auth, err)) &&
           (!redis->url.sentinels || check_role(redis, err)) &&
           (!redis->url.database || greet(redis, 2, select, err));
}

static bool open_connection(struct osy_redis_blocking *redis, struct osy_error *err)
{
    bool ok = open_socket(redis, err) && introduce(redis, err);

    redis->failures += !ok;
    return ok;
}

/* Nothing is on its way to us between two commands, so whatever there is to read is the end: the
 * server has closed, and a command written now would be lost. */
static bool is_stale(const redisContext *context)
{
    struct pollfd descriptor = {.fd = context->fd, .events = POLLIN};

    return poll(&descriptor, 1, 0) != 0;
}

static bool ensure_connected(struct osy_redis_blocking *redis, struct osy_error *err)
{
    redis->refusal[0] = '\0';
    if (redis->context && is_stale(redis->context))
        disconnect(redis);
    return redis->context || open_connection(redis, err);
}

/* Hands the reply over, or turns the server's error into ours, and frees it. NULL has failed
 * already. */
static bool deliver(struct osy_redis_blocking *redis, redisReply *reply, osy_redis_reply_fn fn,
                    void *context, struct osy_error *err)
{
    bool ok = reply && reply->type != REDIS_REPLY_ERROR;

    snprintf(redis->refusal, sizeof redis->refusal, "%s", reply && !ok ? reply->str : "");
    if (reply && !ok)
        osy_error_set(err, OSY_ERR_INVALID, "Redis: %s", reply->str);
    if (reply && osy_redis_reply_is_read_only(reply))
        disconnect(redis); /* the name, or the Sentinels, lead to another server by now */
    if (ok && fn) {
        struct osy_redis_reply view = osy_redis_reply_view(reply);
        fn(context, &view, NULL);
    }
    freeReplyObject(reply);
    return ok;
}

const char *osy_redis_blocking_refusal(const struct osy_redis_blocking *redis)
{
    return redis->refusal;
}

bool osy_redis_blocking_command(struct osy_redis_blocking *redis, int argc, const char *const *argv,
                                const size_t *lengths, osy_redis_reply_fn fn, void *context,
                                struct osy_error *err)
{
    return ensure_connected(redis, err) &&
           deliver(redis, send_once(redis, argc, argv, lengths, err), fn, context, err);
}

static redisReply *call_script(struct osy_redis_blocking *redis,
                               const struct osy_redis_script *script, bool with_text, int key_count,
                               int argc, const char *const *keys_and_args, const size_t *lengths,
                               struct osy_error *err)
{
    struct osy_redis_arguments arguments;
    redisReply *reply = NULL;

    osy_redis_arguments_init(&arguments, script, with_text, key_count, argc, keys_and_args,
                             lengths);
    reply = send_once(redis, arguments.argc, arguments.argv, arguments.lengths, err);
    osy_redis_arguments_deinit(&arguments);
    return reply;
}

bool osy_redis_blocking_eval(struct osy_redis_blocking *redis,
                             const struct osy_redis_script *script, int key_count, int argc,
                             const char *const *keys_and_args, const size_t *lengths,
                             osy_redis_reply_fn fn, void *context, struct osy_error *err)
{
    redisReply *reply = NULL;

    if (!ensure_connected(redis, err))
        return false;
    reply = call_script(redis, script, false, key_count, argc, keys_and_args, lengths, err);
    if (reply && osy_redis_reply_is_no_script(reply)) {
        freeReplyObject(reply);
        reply = call_script(redis, script, true, key_count, argc, keys_and_args, lengths, err);
    }
    return deliver(redis, reply, fn, context, err);
}
