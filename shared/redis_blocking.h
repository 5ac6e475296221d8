/*
 * The blocking twin of shared/redis.h, for worker threads and commands: one connection, one thread
 * at a time. It connects on first use and again after a failure (at most one attempt per call),
 * with timeouts. A command is never sent twice: what became of one that failed is for the caller to
 * find out.
 */
#pragma once
#include "shared/redis.h"

struct osy_redis_blocking;

/* timeout_ms for connecting and for each command. OSY_ERR_INVALID when the URL cannot be parsed. */
struct osy_redis_blocking *osy_redis_blocking_create(const char *url, uint32_t timeout_ms,
                                                     struct osy_error *err);
void osy_redis_blocking_destroy(struct osy_redis_blocking *redis); /* NULL is fine */

/*
 * Sends a command and hands its reply to fn (may be NULL) before returning. False with OSY_ERR_IO
 * when the server is not there or did not answer in time, and with OSY_ERR_INVALID and the server's
 * text for an error reply (fn is not called then).
 */
OSY_MUST_CHECK bool osy_redis_blocking_command(struct osy_redis_blocking *redis, int argc,
                                               const char *const *argv, const size_t *lengths,
                                               osy_redis_reply_fn fn, void *context,
                                               struct osy_error *err);
/* The server's words when the last call failed with OSY_ERR_INVALID, else "". Borrowed until the next call. */
const char *osy_redis_blocking_refusal(const struct osy_redis_blocking *redis);
OSY_MUST_CHECK bool osy_redis_blocking_eval(struct osy_redis_blocking *redis,
                                            const struct osy_redis_script *script, int key_count,
                                            int argc, const char *const *keys_and_args,
                                            const size_t *lengths, osy_redis_reply_fn fn,
                                            void *context, struct osy_error *err);
