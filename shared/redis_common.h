/*
 * What the two Redis clients (shared/redis.c and shared/redis_blocking.c) have in common, and
 * nobody else needs: the URL, the greeting that it leads to, and the translation of hiredis'
 * replies.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/error.h"
#include "shared/redis.h"

struct redisReply;

/*
 *   redis://[user:password@]host:port[/db]
 *   sentinel://[user:password@]host:port[;host:port...]/master[/db]
 *   unix:/path
 *
 * Sentinels are asked where the master of that name is (shared/redis_sentinel.h); user and password
 * are the master's. All text is owned.
 */
struct osy_redis_url {
    char *host; /* redis: alone */
    uint16_t port;
    char *path;            /* unix: alone */
    char *sentinels;       /* sentinel: alone: host:port[;host:port...], */
    char *master;          /* and the name to ask for */
    char *user, *password; /* percent-decoded; NULL when absent */
    char *database;        /* decimal; NULL for 0 */
};

/* OSY_ERR_INVALID; the message never quotes the URL, because it may hold a password. */
OSY_MUST_CHECK bool osy_redis_url_parse(const char *text, struct osy_redis_url *url,
                                        struct osy_error *err);
void osy_redis_url_deinit(struct osy_redis_url *url); /* wipes the password */

/* Reads the first of a URL's Sentinels and moves on behind it; "" is the end. */
OSY_MUST_CHECK bool osy_redis_sentinels_next(const char **sentinels, char host[256], uint16_t *port,
                                             struct osy_error *err);

#define OSY_REDIS_AUTH_ARGUMENTS 3
/* Fills argv with AUTH and its arguments (borrowed from url) and returns their number; 0: none
 * needed. */
int osy_redis_url_auth(const struct osy_redis_url *url, const char *argv[OSY_REDIS_AUTH_ARGUMENTS]);

struct osy_redis_reply osy_redis_reply_view(const struct redisReply *reply); /* borrows reply */
/* The server does not know the script that EVALSHA named. */
bool osy_redis_reply_is_no_script(const struct redisReply *reply);
/* The server has become a replica, and takes no writes. */
bool osy_redis_reply_is_read_only(const struct redisReply *reply);
/* ROLE was answered by a master. */
bool osy_redis_reply_is_master(const struct osy_redis_reply *reply);

/* The arguments of EVAL (with_text) or EVALSHA. The arrays are owned, what they point to is
 * borrowed, in part from the struct itself: it must stay where it is. */
struct osy_redis_arguments {
    int argc;
    const char **argv;
    size_t *lengths;
    char key_count[12];
};
void osy_redis_arguments_init(struct osy_redis_arguments *arguments,
                              const struct osy_redis_script *script, bool with_text, int key_count,
                              int argc, const char *const *keys_and_args, const size_t *lengths);
void osy_redis_arguments_deinit(struct osy_redis_arguments *arguments);

/* A command, or a script's call, that may have to be sent again: a copy of all but the script. One block
 * of memory, for free(). */
struct osy_redis_call {
    const struct osy_redis_script *script; /* borrowed; NULL: a command */
    int key_count, argc;
    const char **argv;
    size_t *lengths;
};
struct osy_redis_call *osy_redis_call_copy(const struct osy_redis_script *script, int key_count,
                                           int argc, const char *const *argv,
                                           const size_t *lengths);
