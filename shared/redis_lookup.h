/*
 * Where to connect to, for shared/redis.c alone: the address behind a URL's name, or that of the master
 * that Sentinels know, found on libuv's threads, so that the loop goes on meanwhile. Every look-up asks
 * anew: that is how a failover is followed. Loop thread.
 */
#pragma once
#include <stdint.h>
#include <uv.h>

#include "shared/error.h"
#include "shared/redis_common.h"

struct osy_redis_lookup;

/* ip is numeric. err: NULL, or why there is none. The look-up is over; both are borrowed. */
typedef void (*osy_redis_found_fn)(void *context, const char *ip, uint16_t port,
                                   const struct osy_error *err);

/*
 * url, of TCP or Sentinels, is not needed any more afterwards. failures, a count, chooses among several
 * addresses and Sentinels; timeout_ms is for each Sentinel. fn is called once, and not before this has
 * returned. NULL: OSY_ERR_IO, and fn will not be called.
 */
struct osy_redis_lookup *osy_redis_lookup_start(uv_loop_t *loop, const struct osy_redis_url *url,
                                                unsigned failures, uint32_t timeout_ms,
                                                osy_redis_found_fn fn, void *context,
                                                struct osy_error *err);
/* fn will not be called; memory goes when the thread has come to an end (run the loop). NULL is fine. */
void osy_redis_lookup_forget(struct osy_redis_lookup *lookup);
