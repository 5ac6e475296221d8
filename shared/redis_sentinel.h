/*
 * Where a master is, by word of its Sentinels. They are asked one after the other until one knows;
 * which one is asked first changes with every failure, so that one that lags behind the others does
 * not mislead for ever. What it says may be outdated: whoever connects asks the server for its ROLE.
 * Blocking, and without state: any thread. Sentinels are not given a password.
 */
#pragma once
#include <stdint.h>

#include "shared/error.h"

/* sentinels: as in struct osy_redis_url. timeout_ms: for each of them. OSY_ERR_IO: none knows; err
 * tells what became of the last one. */
OSY_MUST_CHECK bool osy_redis_sentinel_find(const char *sentinels, const char *master,
                                            unsigned failures, uint32_t timeout_ms, char host[256],
                                            uint16_t *port, struct osy_error *err);
