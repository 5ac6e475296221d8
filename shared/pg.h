/*
 * PostgreSQL for code that blocks: one connection, one thread at a time, prepared statements by
 * name, reconnects on next use after a failure. libpq is met here and in api/db/ alone. The text
 * of a statement is prepared once per connection, keyed by its address (statements are embedded
 * files with static life). An answer that does not come is waited for a second longer than the server should take for
 * its statement, and not past the caller's own deadline: a server that hangs holds up nobody for longer. A transaction that is left idle for 5 s is ended by the server, with its
 * session: whoever freezes or vanishes in one holds nobody else up for longer.
 */
#pragma once
#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/error.h"

struct osy_breaker;
struct osy_pg;

struct osy_pg_options {
    const char *url;               /* libpq URI; copied. What it says wins over our defaults */
    const char *application_name;  /* shown in pg_stat_activity; copied */
    uint32_t connect_timeout_s;    /* 0: 3 */
    uint32_t statement_timeout_ms; /* 0: 5000; set for the session */
    bool read_only;                /* default_transaction_read_only */
    struct osy_breaker *breaker;   /* asked before each statement outside a transaction, and told
                                      how it ended; borrowed; NULL: none */
    uint32_t deadline_ms;          /* how far ahead its user sets deadlines, at most
                                      (osy_pg_set_deadline); 0: seconds */
    const char *settings;          /* more of them, as "-c name=value ..."; copied; NULL: none */
};

struct osy_pg *osy_pg_create(const struct osy_pg_options *options); /* connects on first use */
void osy_pg_destroy(struct osy_pg *pg);                             /* NULL is fine */

/*
 * Runs one prepared statement with text parameters (NULL is SQL null). The result is owned by the
 * caller (PQclear) or NULL: OSY_ERR_IO when the server is not there or cannot serve now (shutdown,
 * disk full, statement timeout, or lately: the breaker is open; may work later), OSY_ERR_CONFLICT for SQLSTATE 40001/40P01/55P03,
 * OSY_ERR_INVALID for any other error. The message has the SQLSTATE and the primary text, never a
 * value.
 */
PGresult *osy_pg_query(struct osy_pg *pg, const char *sql, int count, const char *const *values,
                       struct osy_error *err);
/* The same for lengths/formats of PQexecParams (binary parameters and results). */
PGresult *osy_pg_query_params(struct osy_pg *pg, const char *sql, int count,
                              const char *const *values, const int *lengths, const int *formats,
                              int result_format, struct osy_error *err);
/* The live libpq connection for what the above cannot do (pipelines, migrations): NULL when it
 * cannot be made. Statements prepared through osy_pg_prepare are known to it. */
PGconn *osy_pg_connection(struct osy_pg *pg, struct osy_error *err);
/* The connection that is there, for what gives back: it neither connects nor asks the breaker. NULL: none. */
PGconn *osy_pg_present(const struct osy_pg *pg);
/* How many connections have been made so far: another number is another connection, and perhaps another
 * server behind the same address, which need not know what the one before was told. */
uint64_t osy_pg_connection_number(const struct osy_pg *pg);
/* The name under which sql is prepared on the connection that osy_pg_connection has given last; prepares it when it is
 * not yet. NULL on failure, after which that connection may be gone; it is never replaced by another. Borrowed until
 * the next call. */
const char *osy_pg_prepare(struct osy_pg *pg, const char *sql, int count, struct osy_error *err);
/*
 * From now on nothing is asked or waited for past until_ms (monotonic; 0: no such limit): OSY_ERR_IO. A transaction
 * that is not over by then is given up with its connection.
 */
void osy_pg_set_deadline(struct osy_pg *pg, int64_t until_ms);
/* Until when an answer to what is sent now is waited for (monotonic). */
int64_t osy_pg_answer_deadline(const struct osy_pg *pg);
/* PQgetResult that gives up at a time. *result may be NULL (the end of one statement's answer). False: OSY_ERR_IO,
 * and the connection is of no use any more. */
OSY_MUST_CHECK bool osy_pg_next_result(PGconn *connection, int64_t deadline_ms, PGresult **result,
                                       struct osy_error *err);
/* For those who ask through the connection itself: whether it was answered, be it with an error. Who had little time
 * for an answer (1 s, or half of deadline_ms when that is less), and got none, has learned nothing of the server. */
void osy_pg_note(struct osy_pg *pg, bool was_answered);
/* After a failure in the middle of a pipeline or transaction: drop the connection; the next use
 * makes a new one. */
void osy_pg_reset(struct osy_pg *pg);
/* Translates a failed result or connection into err and returns false. */
bool osy_pg_error(const PGconn *connection, const PGresult *result, struct osy_error *err);
