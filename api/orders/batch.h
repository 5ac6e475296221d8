/*
 * A session: a writer thread's connection to PostgreSQL, over which it runs batches of commands.
 * A batch is one transaction and one round trip (libpq's pipeline mode): lock the restaurants' streams,
 * create, change, commit. What each command comes to is decided by the statements (create_orders.sql,
 * change_orders.sql), which are safe to run again for a command whose answer was lost.
 * One thread at a time.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "shared/error.h"

struct api_order_command;
struct api_order_session;

enum api_batch_end {
    API_BATCH_COMMITTED = 0, /* every command has its outcome (which may be API_ORDER_RETRY) */
    API_BATCH_REFUSED, /* rolled back: a command broke a rule that the statements do not know */
    API_BATCH_BUSY,    /* rolled back: not now (deadlock, lock or statement timeout, disk full) */
    API_BATCH_UNSENT,  /* there is no connection; nothing has happened */
    API_BATCH_LOST,    /* the connection broke or was too slow: nobody knows */
};

struct api_order_session *api_order_session_create(const char *database_url);
void api_order_session_destroy(struct api_order_session *session); /* NULL is fine */
/* Fills the commands' results. err tells why it was not COMMITTED. Waits until deadline_ms (monotonic). */
enum api_batch_end api_order_session_run(struct api_order_session *session,
                                         struct api_order_command *const *commands, size_t count,
                                         int64_t deadline_ms, struct osy_error *err);
