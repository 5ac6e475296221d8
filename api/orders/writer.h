/*
 * The order writer: every new order and every status change goes through it, many in one transaction
 * (group commit). While one transaction is under way, commands queue; they are the next one. So a
 * transaction holds one command when it is quiet and hundreds under load. With a linger, one that closely
 * follows another waits for company first: until its oldest command is so old, longer the busier the writer is, or
 * until enough have come.
 *
 * It has a number of lanes: a thread with its own connection each. While there is little to do the first one
 * works alone, unless it hangs. A restaurant's commands under way are all in one lane, so they are decided in the
 * order in which they came, and lanes of one process never wait for each other's row locks.
 *
 *   loop: submit -> lane's queue -> lane: batch -> PostgreSQL -> done list -> loop: on_done, then publish
 *
 * A batch that the database refuses is halved until the bad command stands alone. A batch whose answer
 * was lost is run again after reconnecting: the statements find what was committed. A command is tried
 * until its deadline, and answered at the end of the try that was under way. submit and all callbacks are
 * on the loop thread.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "shared/error.h"

struct api_order_command;
struct api_order_writer;
struct api_publisher;
struct osy_metrics;

struct osy_breaker;

struct api_order_writer_options {
    const char *database_url; /* copied */
    uint32_t lanes;           /* threads and connections */
    uint32_t queue_max;       /* commands that have not come back yet */
    uint32_t batch_max;       /* commands in a transaction */
    uint32_t linger_ms;   /* how long at least; up to eight times of it under load; 0: no wait */
    uint32_t deadline_ms; /* a command that took longer is answered without an outcome */
    struct osy_metrics *metrics;
    struct api_publisher *publisher; /* borrowed; NULL: events are left to the reconciler */
    struct osy_breaker *breaker;     /* borrowed; NULL: none */
};

/* Connects on first use. NULL: OSY_ERR_IO when a thread cannot be started. */
struct api_order_writer *api_order_writer_create(uv_loop_t *loop,
                                                 const struct api_order_writer_options *options,
                                                 struct osy_error *err);
/* Whether a command would be taken now. Ask before the work of making one: under overload most are refused. */
bool api_order_writer_has_room(const struct api_order_writer *writer);
/* Takes command, calls its on_done later (soon, while the breaker is open) and destroys it. False: the queue is full, and command is still the
 * caller's. */
OSY_MUST_CHECK bool api_order_writer_submit(struct api_order_writer *writer,
                                            struct api_order_command *command);
/* Commands that were taken and have not come back. */
size_t api_order_writer_pending(const struct api_order_writer *writer);
/* Finishes what was taken (within its deadline), calls the remaining on_done, ends the threads; blocks
 * for that long. Memory goes when libuv has closed the handle. NULL is fine. */
void api_order_writer_destroy(struct api_order_writer *writer);
