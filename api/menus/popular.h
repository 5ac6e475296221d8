/*
 * What is sold most: for each restaurant and day (of its own clock) a sorted set in Redis, os:{<rid>}:popular:<yyyymmdd>, of
 * item ids with how many were ordered. It is counted after the fact from the restaurant's events (sales.h), with a mark
 * beside it that says up to which event: so nothing is counted twice, whoever counts and whoever dies. Sets are kept for
 * some days. A Redis that was lost costs what is older than the last thousand events.
 */
#pragma once
#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#include "shared/buffer.h"
#include "shared/error.h"
#include "shared/uuid.h"

#define API_POPULAR_DAYS 7

struct osy_redis_blocking_shards;

/* The best first, as PostgreSQL arrays of the same length. */
struct api_popular {
    struct osy_buffer ids, counts;
};

/* days: names of days, newest first. Appends to popular at most count items, of all these days together. */
OSY_MUST_CHECK bool api_popular_read(struct osy_redis_blocking_shards *redis,
                                     const struct osy_uuid *restaurant_id, const PGresult *days,
                                     int count, struct api_popular *popular, struct osy_error *err);
/* Up to which event has been counted; *is_known is false where nothing was. */
OSY_MUST_CHECK bool api_popular_find_mark(struct osy_redis_blocking_shards *redis,
                                          const struct osy_uuid *restaurant_id, bool *is_known,
                                          uint64_t *mark, struct osy_error *err);
/* Counts the rows of count_sold.sql, the events from mark (where is_known) up to upto. *counted is false when somebody else
 * has counted them. */
OSY_MUST_CHECK bool api_popular_count(struct osy_redis_blocking_shards *redis,
                                      const struct osy_uuid *restaurant_id, bool is_known,
                                      uint64_t mark, uint64_t upto, const PGresult *sold,
                                      bool *counted, struct osy_error *err);
