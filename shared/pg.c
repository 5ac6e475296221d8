#include "shared/pg.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/alloc.h"
#include "shared/breaker.h"
#include "shared/buffer.h"
#include "shared/clock.h"

#define CONNECT_TIMEOUT_S    3
#define STATEMENT_TIMEOUT_MS 5000
/* No transaction of ours waits for anything but PostgreSQL. One that does belongs to a process that is frozen
 * or whose host is lost, and its locks are given back to the others. */
#define IDLE_TIMEOUT_MS      5000
#define ANSWER_GRACE_MS      1000 /* for the way there and back, beside the statement's own time */
#define STATEMENT_NAME_BYTES 24
#define PARAMETERS_MAX       64 /* libpq knows some forty */
#define LITTLE_MS            1000 /* who has less time for an answer does not tell a slow server from haste */

struct osy_pg {
    PQconninfoOption *url;      /* owned; NULL: it could not be parsed */
    struct osy_buffer settings; /* command-line options for the server process */
    char *application_name;     /* owned */
    char connect_timeout_s[12];
    uint32_t answer_ms, little_ms;
    int64_t until_ms;            /* 0: no limit */
    struct osy_breaker *breaker; /* borrowed; NULL: none */
    bool has_leave;              /* the breaker allows what is asked now, since */
    int64_t asked_ms;
    PGconn *connection; /* owned; NULL until the first use and after a failure */
    uint64_t connections_made;
    const char *
        *prepared; /* the array is owned, the statements live for ever; s<index> is their name */
    size_t prepared_count, prepared_capacity;
    char name[STATEMENT_NAME_BYTES]; /* the one that osy_pg_prepare has last returned */
};

/* ---- connecting ---- */

static const char *url_value(const struct osy_pg *pg, const char *keyword)
{
    for (const PQconninfoOption *option = pg->url; option && option->keyword; option++) {
        if (strcmp(option->keyword, keyword) == 0)
            return option->val;
    }
    return NULL;
}

/* Whoever has a short deadline has little time always: to them a server that does not answer within half of it is slow. */
static uint32_t little_of(uint32_t deadline_ms)
{
    return deadline_ms != 0 && deadline_ms < 2 * LITTLE_MS ? deadline_ms / 2 : LITTLE_MS;
}

struct osy_pg *osy_pg_create(const struct osy_pg_options *options)
{
    struct osy_pg *pg = osy_alloc(sizeof *pg);
    uint32_t statement_timeout_ms = options->statement_timeout_ms;
    uint32_t connect_timeout_s = options->connect_timeout_s;
    const char *own;

    pg->url = PQconninfoParse(options->url, NULL); /* its error text may quote a password */
    pg->breaker = options->breaker;
    pg->answer_ms =
        (statement_timeout_ms ? statement_timeout_ms : STATEMENT_TIMEOUT_MS) + ANSWER_GRACE_MS;
    pg->little_ms = little_of(options->deadline_ms);
    pg->application_name = osy_strdup(options->application_name ? options->application_name : "");
    snprintf(pg->connect_timeout_s, sizeof pg->connect_timeout_s, "%u",
             connect_timeout_s ? connect_timeout_s : CONNECT_TIMEOUT_S);
    own = url_value(pg, "options");
    osy_buffer_printf(
        &pg->settings, "%s%s-c statement_timeout=%u -c idle_in_transaction_session_timeout=%u",
        own ? own : "", own ? " " : "",
        statement_timeout_ms ? statement_timeout_ms : STATEMENT_TIMEOUT_MS, IDLE_TIMEOUT_MS);
    if (options->read_only)
        osy_buffer_text(&pg->settings, " -c default_transaction_read_only=on");
    if (options->settings)
        osy_buffer_printf(&pg->settings, " %s", options->settings);
    return pg;
}

void osy_pg_destroy(struct osy_pg *pg)
{
    if (!pg)
        return;
    osy_pg_reset(pg);
    PQconninfoFree(pg->url);
    osy_buffer_deinit(&pg->settings);
    free(pg->application_name);
    free(pg->prepared);
    free(pg);
}

void osy_pg_reset(struct osy_pg *pg)
{
    PQfinish(pg->connection);
    pg->connection = NULL;
    pg->prepared_count = 0;
}

struct parameters {
    const char *keywords[PARAMETERS_MAX + 1], *values[PARAMETERS_MAX + 1]; /* end with NULL */
    size_t count;
};

static void add_parameter(struct parameters *parameters, const char *keyword, const char *value)
{
    if (!value || parameters->count == PARAMETERS_MAX)
        return;
    parameters->keywords[parameters->count] = keyword;
    parameters->values[parameters->count] = value;
    parameters->count++;
}

/* What the URL says comes last and wins, except for `options`, which hold both. */
static void collect_parameters(const struct osy_pg *pg, struct parameters *parameters)
{
    /* A peer that vanished without a word is noticed 25 s (waiting) or 15 s (writing) later. */
    static const char *const defaults[][2] = {
        {"keepalives", "1"},       {"keepalives_idle", "10"},     {"keepalives_interval", "5"},
        {"keepalives_count", "3"}, {"tcp_user_timeout", "15000"}, {"client_encoding", "UTF8"},
    };

    add_parameter(parameters, "application_name", pg->application_name);
    add_parameter(parameters, "connect_timeout", pg->connect_timeout_s);
    for (size_t i = 0; i < sizeof defaults / sizeof defaults[0]; i++)
        add_parameter(parameters, defaults[i][0], defaults[i][1]);
    for (const PQconninfoOption *option = pg->url; option->keyword; option++) {
        if (strcmp(option->keyword, "options") != 0)
            add_parameter(parameters, option->keyword, option->val);
    }
    add_parameter(parameters, "options", pg->settings.bytes);
}

/* Notices would go to stderr, between the log's lines. */
static void ignore_notice(void *context, const PGresult *notice)
{
    (void)context;
    (void)notice;
}

static bool connect_now(struct osy_pg *pg, struct osy_error *err)
{
    struct parameters parameters = {.count = 0};

    if (!pg->url)
        return osy_error_set(err, OSY_ERR_INVALID, "the database URL cannot be parsed");
    collect_parameters(pg, &parameters);
    pg->connection = PQconnectdbParams(parameters.keywords, parameters.values, 0);
    if (PQstatus(pg->connection) == CONNECTION_OK) {
        PQsetNoticeReceiver(pg->connection, ignore_notice, NULL);
        pg->connections_made++;
        return true;
    }
    osy_pg_error(pg->connection, NULL, err);
    osy_pg_reset(pg);
    return false;
}

/* Whether the server has hung up while nobody looked: its restart leaves such connections. */
static bool is_hung_up(const struct osy_pg *pg)
{
    struct pollfd socket = {.fd = PQsocket(pg->connection), .events = POLLRDHUP};

    return poll(&socket, 1, 0) > 0;
}

void osy_pg_set_deadline(struct osy_pg *pg, int64_t until_ms)
{
    pg->until_ms = until_ms;
}

int64_t osy_pg_answer_deadline(const struct osy_pg *pg)
{
    int64_t deadline_ms = osy_clock_monotonic_ms() + pg->answer_ms;

    return pg->until_ms != 0 && pg->until_ms < deadline_ms ? pg->until_ms : deadline_ms;
}

static bool is_in_transaction(const struct osy_pg *pg)
{
    return pg->connection && PQtransactionStatus(pg->connection) != PQTRANS_IDLE;
}

/* Whether nobody answered because the caller had little time left to wait. */
static bool was_hasty(const struct osy_pg *pg, int64_t now_ms)
{
    return pg->until_ms != 0 && now_ms >= pg->until_ms &&
           pg->until_ms - pg->asked_ms < pg->little_ms;
}

void osy_pg_note(struct osy_pg *pg, bool was_answered)
{
    if (pg->breaker && pg->has_leave) {
        int64_t now_ms = osy_clock_monotonic_ms();
        if (!was_answered && was_hasty(pg, now_ms))
            osy_breaker_withdraw(pg->breaker);
        else
            osy_breaker_note(pg->breaker, was_answered, pg->asked_ms, now_ms);
    }
    pg->has_leave = false;
}

/* A transaction goes on whatever the breaker says: what it holds has to be given back. */
static bool may_ask(struct osy_pg *pg, struct osy_error *err)
{
    int64_t now_ms = pg->breaker || pg->until_ms != 0 ? osy_clock_monotonic_ms() : 0;

    if (pg->until_ms != 0 && now_ms >= pg->until_ms) {
        if (is_in_transaction(pg))
            osy_pg_reset(pg);
        return osy_error_set(err, OSY_ERR_IO, "PostgreSQL: the caller's time is over");
    }
    if (!pg->breaker || pg->has_leave || is_in_transaction(pg))
        return true;
    pg->has_leave = osy_breaker_allows(pg->breaker, now_ms);
    pg->asked_ms = now_ms;
    return pg->has_leave ||
           osy_error_set(err, OSY_ERR_IO, "PostgreSQL: not asked, for it does not answer now");
}

PGconn *osy_pg_connection(struct osy_pg *pg, struct osy_error *err)
{
    if (!may_ask(pg, err))
        return NULL;
    if (pg->connection && (PQstatus(pg->connection) != CONNECTION_OK ||
                           (PQtransactionStatus(pg->connection) == PQTRANS_IDLE && is_hung_up(pg))))
        osy_pg_reset(pg);
    if (!pg->connection && !connect_now(pg, err)) {
        osy_pg_note(pg, false);
        return NULL;
    }
    return pg->connection;
}

PGconn *osy_pg_present(const struct osy_pg *pg)
{
    return pg->connection;
}

uint64_t osy_pg_connection_number(const struct osy_pg *pg)
{
    return pg->connections_made;
}

/* ---- errors ---- */

struct error_class {
    const char *prefix; /* of the SQLSTATE */
    enum osy_error_code code;
};

static enum osy_error_code classify(const char *sqlstate)
{
    static const struct error_class classes[] = {
        {"40001", OSY_ERR_CONFLICT}, /* serialization failure */
        {"40P01", OSY_ERR_CONFLICT}, /* deadlock */
        {"55P03", OSY_ERR_CONFLICT}, /* lock not available */
        {"08", OSY_ERR_IO},          /* connection exceptions */
        {"25006", OSY_ERR_IO},       /* read-only transaction: see needs_new_connection */
        {"25P03", OSY_ERR_IO},       /* the transaction was idle for too long, and is over */
        {"26000", OSY_ERR_IO},       /* unknown statement name: the same */
        {"0A000", OSY_ERR_IO},       /* a plan that a migration has made stale: the same */
        {"53", OSY_ERR_IO},          /* disk full, out of memory, too many connections */
        {"57", OSY_ERR_IO},          /* shutdown, crash, statement timeout */
        {"58", OSY_ERR_IO},          /* system errors */
        {"XX", OSY_ERR_IO},          /* internal errors */
    };

    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++) {
        if (strncmp(sqlstate, classes[i].prefix, strlen(classes[i].prefix)) == 0)
            return classes[i].code;
    }
    return OSY_ERR_INVALID;
}

/* libpq's own text has several lines when several addresses were tried. */
static bool connection_error(const PGconn *connection, struct osy_error *err)
{
    char text[sizeof err->message];
    size_t length;

    snprintf(text, sizeof text, "%s", PQerrorMessage(connection));
    for (length = 0; text[length] != '\0'; length++) {
        if (text[length] == '\n' || text[length] == '\t')
            text[length] = ' ';
    }
    while (length > 0 && text[length - 1] == ' ')
        text[--length] = '\0';
    return osy_error_set(err, OSY_ERR_IO, "PostgreSQL: %s", text);
}

bool osy_pg_error(const PGconn *connection, const PGresult *result, struct osy_error *err)
{
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

    if (!sqlstate && PQstatus(connection) != CONNECTION_OK)
        return connection_error(connection, err);
    if (!sqlstate)
        return osy_error_set(err, OSY_ERR_IO, "PostgreSQL gave an answer that was not expected");
    /* Class 22's primary texts quote the value that was refused. */
    if (!text || strncmp(sqlstate, "22", 2) == 0)
        text = "a value does not fit its type";
    return osy_error_set(err, classify(sqlstate), "PostgreSQL %s: %s", sqlstate, text);
}

/* ---- statements ---- */

static bool succeeded(const PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);

    return status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK;
}

/* The server is there, but this connection would fail for ever: the primary it led to has become a
 * standby, or its prepared statements are gone or planned for tables that have changed since. */
static bool needs_new_connection(const PGresult *result)
{
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);

    return sqlstate && (strcmp(sqlstate, "25006") == 0 || strcmp(sqlstate, "26000") == 0 ||
                        strcmp(sqlstate, "0A000") == 0);
}

/* result NULL: there was no answer, and err tells why. */
static void fail(struct osy_pg *pg, PGresult *result, struct osy_error *err)
{
    bool was_answered = result && PQstatus(pg->connection) == CONNECTION_OK;
    bool reset = !was_answered || needs_new_connection(result);

    if (result)
        osy_pg_error(pg->connection, result, err);
    PQclear(result);
    if (reset)
        osy_pg_reset(pg);
    osy_pg_note(pg, was_answered);
}

bool osy_pg_next_result(PGconn *connection, int64_t deadline_ms, PGresult **result,
                        struct osy_error *err)
{
    *result = NULL;
    while (PQisBusy(connection)) {
        struct pollfd socket = {.fd = PQsocket(connection), .events = POLLIN};
        int64_t left_ms = deadline_ms - osy_clock_monotonic_ms();
        /* Who was frozen meanwhile finds the answer there, late as it is. */
        int ready = poll(&socket, 1, left_ms > 0 ? (int)left_ms : 0);
        if (ready == 0 && left_ms <= 0)
            return osy_error_set(err, OSY_ERR_IO, "PostgreSQL did not answer in time");
        if (ready > 0 && !PQconsumeInput(connection))
            return osy_pg_error(connection, NULL, err);
    }
    *result = PQgetResult(connection);
    if (*result || PQstatus(connection) == CONNECTION_OK)
        return true;
    return osy_pg_error(connection, NULL, err);
}

/* Until the end of an answer, as PQexec and its kin: the last result. NULL: none came, for whatever reason. */
static PGresult *read_answer(struct osy_pg *pg, bool is_sent, struct osy_error *err)
{
    int64_t deadline_ms = osy_pg_answer_deadline(pg);
    PGresult *answer = NULL, *next;

    if (!is_sent) {
        osy_pg_error(pg->connection, NULL, err);
        return NULL;
    }
    for (;;) {
        if (!osy_pg_next_result(pg->connection, deadline_ms, &next, err)) {
            if (succeeded(answer)) { /* but what came of it after that, nobody knows */
                PQclear(answer);
                answer = NULL;
            }
            return answer;
        }
        if (!next)
            return answer;
        PQclear(answer);
        answer = next;
    }
}

static void remember_prepared(struct osy_pg *pg, const char *sql)
{
    if (pg->prepared_count == pg->prepared_capacity) {
        pg->prepared_capacity = pg->prepared_capacity ? 2 * pg->prepared_capacity : 16;
        pg->prepared = osy_realloc_array(pg->prepared, pg->prepared_capacity, sizeof *pg->prepared);
    }
    pg->prepared[pg->prepared_count++] = sql;
}

const char *osy_pg_prepare(struct osy_pg *pg, const char *sql, int count, struct osy_error *err)
{
    size_t index = 0;
    PGresult *result;

    if (!pg->connection) {
        osy_error_set(err, OSY_ERR_IO, "PostgreSQL: the connection is lost");
        return NULL;
    }
    /* A program has some dozens of statements: a walk over their addresses is nothing beside the
     * round trip that follows. */
    while (index < pg->prepared_count && pg->prepared[index] != sql)
        index++;
    snprintf(pg->name, sizeof pg->name, "s%zu", index);
    if (index < pg->prepared_count)
        return pg->name;
    result = read_answer(pg, PQsendPrepare(pg->connection, pg->name, sql, count, NULL) == 1, err);
    if (!succeeded(result)) {
        fail(pg, result, err);
        return NULL;
    }
    PQclear(result);
    remember_prepared(pg, sql);
    return pg->name;
}

PGresult *osy_pg_query_params(struct osy_pg *pg, const char *sql, int count,
                              const char *const *values, const int *lengths, const int *formats,
                              int result_format, struct osy_error *err)
{
    const char *name = osy_pg_connection(pg, err) ? osy_pg_prepare(pg, sql, count, err) : NULL;
    PGresult *result;

    if (!name)
        return NULL;
    result = read_answer(pg,
                         PQsendQueryPrepared(pg->connection, name, count, values, lengths, formats,
                                             result_format) == 1,
                         err);
    if (succeeded(result)) {
        osy_pg_note(pg, true);
        return result;
    }
    fail(pg, result, err);
    return NULL;
}

PGresult *osy_pg_query(struct osy_pg *pg, const char *sql, int count, const char *const *values,
                       struct osy_error *err)
{
    return osy_pg_query_params(pg, sql, count, values, NULL, NULL, 0, err);
}
