/*
 * hiredis on libuv, for shared/redis.c alone. hiredis' own adapter starts and stops its poll handle
 * around every read and write, which costs two epoll_ctl each; this one
 *   - keeps the poll armed for reading from the connect to the end,
 *   - reads until the socket is empty (hiredis takes 16 KiB a call), so that a burst of messages
 *     reaches the caller in one turn of the loop and can be passed on in one write per socket,
 *   - gathers the commands of a loop turn and writes them with one system call at the next turn's
 *     beginning.
 * It has no timers: timeouts are the business of whoever owns the context. Loop thread only.
 */
#pragma once
#include <hiredis/async.h>
#include <stdbool.h>
#include <uv.h>

/* Before any callback is set on context. False when libuv refuses the socket. hiredis lets go of
 * the wire when it frees the context; its memory goes when libuv has closed its handles. */
bool osy_redis_wire_attach(uv_loop_t *loop, redisAsyncContext *context);
/* Reads and handles what has arrived, as if the loop had just seen it. Not inside one of hiredis'
 * callbacks; context may be gone afterwards. */
void osy_redis_wire_drain(redisAsyncContext *context);
