/*
 * What the programs of this benchmark share: loopback connections, and one way to give up. They are
 * measuring tools, not servers: whatever fails ends the program with a sentence. One thread each.
 */
#pragma once
#include <stdint.h>

#include "shared/error.h"

_Noreturn void bench_fail(const char *fmt, ...) OSY_PRINTF(1, 2);
/* A connection to 127.0.0.1: non-blocking, small writes go out at once. */
int bench_connect(uint16_t port);
/* The same to a Redis, logged in. url: redis://[:password@]host:port, host being 127.0.0.1. */
int bench_connect_redis(const char *url);
/* A whole number within limits, or the end; name is for the message. */
uint64_t bench_number(const char *name, const char *text, uint64_t least, uint64_t most);
