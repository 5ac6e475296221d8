/*
 * A Redis Cluster from outside: its URL, and the question which node has which slots.
 *
 *   cluster://[user:password@]host:port[;host:port...]
 *
 * Each address, a seed, is a node to begin with; the others are learnt from it. All nodes have the same user
 * and password. Blocking, and without state: any thread.
 */
#pragma once
#include "shared/redis_slots.h"

bool osy_redis_topology_is_cluster(const char *url);
/* OSY_ERR_INVALID; the message never quotes the URL. */
OSY_MUST_CHECK bool osy_redis_topology_check(const char *url, struct osy_error *err);
/* A node's own URL, as osy_redis_create reads it. */
char *osy_redis_topology_url_of(const char *url, const struct osy_redis_address *node);
/* Wipes the password, too. */
void osy_redis_topology_url_free(char *url);

/*
 * Asks the nodes of known, then the seeds, one after the other until one answers; timeout_ms for each. The
 * first one changes with round, so that one that lags behind the others does not mislead for ever.
 * OSY_ERR_IO: none answers; err tells what became of the last one.
 */
OSY_MUST_CHECK bool osy_redis_topology_find(const char *url, const struct osy_redis_slots *known,
                                            unsigned round, uint32_t timeout_ms,
                                            struct osy_redis_slots *fresh, struct osy_error *err);
