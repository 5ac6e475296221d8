#include "shared/redis_sentinel.h"

#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "shared/redis_common.h"

/* [host, port], or nil when this Sentinel does not know the name. */
static bool read_address(const redisReply *reply, const char *master, char host[256],
                         uint16_t *port, struct osy_error *err)
{
    if (reply->type == REDIS_REPLY_ERROR)
        return osy_error_set(err, OSY_ERR_IO, "%s", reply->str);
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 ||
        reply->element[0]->type != REDIS_REPLY_STRING ||
        reply->element[1]->type != REDIS_REPLY_STRING || reply->element[0]->len >= 256)
        return osy_error_set(err, OSY_ERR_IO, "it knows no master '%s'", master);
    memcpy(host, reply->element[0]->str, reply->element[0]->len + 1);
    *port = (uint16_t)strtoul(reply->element[1]->str, NULL, 10);
    return true;
}

static bool ask(redisContext *context, const char *master, char host[256], uint16_t *port,
                struct osy_error *err)
{
    const char *argv[] = {"SENTINEL", "GET-MASTER-ADDR-BY-NAME", master};
    redisReply *reply = redisCommandArgv(context, 3, argv, NULL);
    bool ok = reply ? read_address(reply, master, host, port, err)
                    : osy_error_set(err, OSY_ERR_IO, "%s", context->errstr);

    freeReplyObject(reply);
    return ok;
}

/* host and port: the Sentinel's, then the master's. */
static bool ask_one(const char *master, uint32_t timeout_ms, char host[256], uint16_t *port,
                    struct osy_error *err)
{
    const struct timeval timeout = {timeout_ms / 1000, timeout_ms % 1000 * 1000};
    redisOptions options = {0};
    redisContext *context = NULL;
    char sentinel[320];
    bool ok = false;

    snprintf(sentinel, sizeof sentinel, "%s:%u", host, *port);
    REDIS_OPTIONS_SET_TCP(&options, host, *port);
    options.connect_timeout = options.command_timeout = &timeout;
    context = redisConnectWithOptions(&options);
    if (context && !context->err) {
        fcntl(context->fd, F_SETFD, FD_CLOEXEC);
        ok = ask(context, master, host, port, err);
    } else {
        osy_error_set(err, OSY_ERR_IO, "%s", context ? context->errstr : "out of memory");
    }
    redisFree(context);
    return ok || osy_error_prefix(err, "Sentinel %s", sentinel);
}

static unsigned count_all(const char *sentinels)
{
    unsigned count = 1;

    for (; *sentinels; sentinels++)
        count += *sentinels == ';' && sentinels[1] != '\0';
    return count;
}

bool osy_redis_sentinel_find(const char *sentinels, const char *master, unsigned failures,
                             uint32_t timeout_ms, char host[256], uint16_t *port,
                             struct osy_error *err)
{
    unsigned count = count_all(sentinels);
    const char *at = sentinels;

    for (unsigned i = failures % count; i > 0; i--)
        at = strchr(at, ';') + 1;
    for (unsigned i = 0; i < count; i++) {
        if (*at == '\0')
            at = sentinels;
        if (osy_redis_sentinels_next(&at, host, port, err) &&
            ask_one(master, timeout_ms, host, port, err))
            return true;
    }
    return false;
}
