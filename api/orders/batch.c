#include "api/orders/batch.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "api/orders/command.h"
#include "api/orders/status.h"
#include "embedded/api_core.h"
#include "shared/alloc.h"
#include "shared/bug.h"
#include "shared/clock.h"
#include "shared/failpoint.h"
#include "shared/pg.h"
#include "shared/pg_array.h"
#include "shared/pg_settings.h"

/* Parameters of create_orders.sql, in order. */
enum create_column {
    CREATE_ORDER = 0,
    CREATE_RESTAURANT,
    CREATE_CODE,
    CREATE_EVENT,
    CREATE_AUDIT,
    CREATE_ACTOR_ROLE,
    CREATE_ACTOR,
    CREATE_TRACEPARENT,
    CREATE_KEY_HASH,
    CREATE_BODY_HASH,
    CREATE_NAME,
    CREATE_PHONE,
    CREATE_ADDRESS,
    CREATE_NOTE,
    CREATE_FIRST_LINE,
    CREATE_LAST_LINE,
    CREATE_LINE_ITEM,
    CREATE_LINE_QUANTITY,
    CREATE_LINE_WANTED,
    CREATE_FIRST_OPTION,
    CREATE_LAST_OPTION,
    CREATE_OPTION,
    CREATE_LINE_NOTES,
    CREATE_DATA_KEY,
    CREATE_PHONE_INDEX,
    CREATE_SESSION,
    CREATE_ADDRESS_OF_ACTOR,
    CREATE_COLUMN_COUNT,
};

static const enum osy_pg_type create_types[CREATE_COLUMN_COUNT] = {
    OSY_PG_UUID, OSY_PG_UUID,  OSY_PG_TEXT,  OSY_PG_UUID,  OSY_PG_UUID,  OSY_PG_TEXT,  OSY_PG_UUID,
    OSY_PG_TEXT, OSY_PG_BYTEA, OSY_PG_BYTEA, OSY_PG_BYTEA, OSY_PG_BYTEA, OSY_PG_BYTEA, OSY_PG_BYTEA,
    OSY_PG_INT4, OSY_PG_INT4,  OSY_PG_UUID,  OSY_PG_INT4,  OSY_PG_INT4,  OSY_PG_INT4,  OSY_PG_INT4,
    OSY_PG_UUID, OSY_PG_BYTEA, OSY_PG_BYTEA, OSY_PG_BYTEA, OSY_PG_UUID,  OSY_PG_TEXT,
};

/* Parameters of change_orders.sql, in order. */
enum change_column {
    CHANGE_ORDER = 0,
    CHANGE_RESTAURANT,
    CHANGE_EVENT,
    CHANGE_AUDIT,
    CHANGE_ACTOR_ROLE,
    CHANGE_ACTOR,
    CHANGE_TRACEPARENT,
    CHANGE_KEY_HASH,
    CHANGE_BODY_HASH,
    CHANGE_STATUS,
    CHANGE_FROM,
    CHANGE_EVENT_TYPE,
    CHANGE_RESTOCK,
    CHANGE_REASON,
    CHANGE_VERSION,
    CHANGE_READY_MS,
    CHANGE_SESSION,
    CHANGE_ADDRESS_OF_ACTOR,
    CHANGE_DEVICE,
    CHANGE_COLUMN_COUNT,
};

static const enum osy_pg_type change_types[CHANGE_COLUMN_COUNT] = {
    OSY_PG_UUID,  OSY_PG_UUID,  OSY_PG_UUID, OSY_PG_UUID, OSY_PG_TEXT, OSY_PG_UUID, OSY_PG_TEXT,
    OSY_PG_BYTEA, OSY_PG_BYTEA, OSY_PG_TEXT, OSY_PG_TEXT, OSY_PG_TEXT, OSY_PG_BOOL, OSY_PG_TEXT,
    OSY_PG_INT8,  OSY_PG_INT8,  OSY_PG_UUID, OSY_PG_TEXT, OSY_PG_TEXT,
};

/* What both statements answer with. */
enum result_column {
    RESULT_N = 0,
    RESULT_OUTCOME,
    RESULT_ITEM,
    RESULT_ORDER,
    RESULT_SEQ,
    RESULT_VERSION,
    RESULT_EVENT,
    RESULT_TIME_MS,
    RESULT_DATA,
    RESULT_CHANGED_BY,
    RESULT_CHANGED_AT,
    RESULT_PREVIOUS_EVENT,
    RESULT_LINE, /* of create_orders.sql alone, as is the next */
    RESULT_CULPRIT,
};

#define COLUMNS_MAX          CREATE_COLUMN_COUNT
#define STATEMENT_NAME_BYTES 32

struct statement {
    char name[STATEMENT_NAME_BYTES]; /* prepared on this connection */
    struct osy_pg_array columns[COLUMNS_MAX];
    int column_count;
    size_t rows; /* commands; 0: the batch does not need it */
};

struct api_order_session {
    struct osy_pg *pg;
    struct statement enter, lock, create, change;
};

struct api_order_session *api_order_session_create(const char *database_url)
{
    struct api_order_session *session = osy_alloc(sizeof *session);
    session->pg = osy_pg_create(&(struct osy_pg_options){.url = database_url,
                                                         .application_name = "ordersync-writer",
                                                         .settings = OSY_PG_PROBES_ONLY});
    return session;
}

static void deinit_statement(struct statement *statement)
{
    for (size_t i = 0; i < COLUMNS_MAX; i++)
        osy_pg_array_deinit(&statement->columns[i]);
}

void api_order_session_destroy(struct api_order_session *session)
{
    if (!session)
        return;
    osy_pg_destroy(session->pg);
    deinit_statement(&session->enter);
    deinit_statement(&session->lock);
    deinit_statement(&session->create);
    deinit_statement(&session->change);
    free(session);
}

/* ---- parameters ---- */

static void begin_statement(struct statement *statement, const enum osy_pg_type *types, int count)
{
    statement->column_count = count;
    statement->rows = 0;
    for (int i = 0; i < count; i++)
        osy_pg_array_begin(&statement->columns[i], types[i]);
}

static void add_hashes(struct osy_pg_array *key, struct osy_pg_array *body,
                       const struct api_order_command *command)
{
    bool is_recorded =
        command->has_key && !OSY_BUG("key_not_recorded", "a repeated request makes a second order");
    osy_pg_array_add(key, is_recorded ? command->key_hash : NULL, API_ORDER_HASH_BYTES);
    osy_pg_array_add(body, is_recorded ? command->body_hash : NULL, API_ORDER_HASH_BYTES);
}

/* An item may stand in several lines, with different options; what there is of it has to do for all of them. */
static int32_t count_wanted(const struct api_order_draft *draft, const struct osy_uuid *item_id)
{
    int32_t wanted = 0;
    for (size_t i = 0; i < draft->line_count; i++) {
        if (osy_uuid_equal(&draft->lines[i].item_id, item_id))
            wanted += draft->lines[i].quantity;
    }
    return wanted;
}

static void add_line(struct osy_pg_array *columns, const struct api_order_draft *draft,
                     const struct api_order_line *line)
{
    osy_pg_array_add_uuid(&columns[CREATE_LINE_ITEM], &line->item_id);
    osy_pg_array_add_int4(&columns[CREATE_LINE_QUANTITY], line->quantity);
    osy_pg_array_add_int4(&columns[CREATE_LINE_WANTED], count_wanted(draft, &line->item_id));
    osy_pg_array_add_int4(&columns[CREATE_FIRST_OPTION], (int32_t)columns[CREATE_OPTION].count + 1);
    for (size_t i = 0; i < line->option_count; i++)
        osy_pg_array_add_uuid(&columns[CREATE_OPTION], &draft->options[line->first_option + i]);
    osy_pg_array_add_int4(&columns[CREATE_LAST_OPTION], (int32_t)columns[CREATE_OPTION].count);
}

/* What only the audit row says of who it was. */
static void add_whereabouts(struct osy_pg_array *session, struct osy_pg_array *address,
                            const struct api_order_command *command)
{
    osy_pg_array_add_uuid(session,
                          osy_uuid_is_nil(&command->session_id) ? NULL : &command->session_id);
    osy_pg_array_add_text(address, *command->address ? command->address : NULL);
}

static void add_create(struct statement *create, const struct api_order_command *command)
{
    struct osy_pg_array *columns = create->columns;
    const struct api_order_draft *draft = &command->draft;
    char code[API_ORDER_CODE_BYTES];

    api_order_code(&command->order_id, code);
    osy_pg_array_add_uuid(&columns[CREATE_ORDER], &command->order_id);
    osy_pg_array_add_uuid(&columns[CREATE_RESTAURANT], &command->restaurant_id);
    osy_pg_array_add_text(&columns[CREATE_CODE], code);
    osy_pg_array_add_uuid(&columns[CREATE_EVENT], &command->event_id);
    osy_pg_array_add_uuid(&columns[CREATE_AUDIT], &command->audit_id);
    osy_pg_array_add_text(&columns[CREATE_ACTOR_ROLE], command->actor_role);
    osy_pg_array_add_uuid(&columns[CREATE_ACTOR], command->has_actor ? &command->actor_id : NULL);
    osy_pg_array_add_text(&columns[CREATE_TRACEPARENT], command->traceparent);
    add_hashes(&columns[CREATE_KEY_HASH], &columns[CREATE_BODY_HASH], command);
    osy_pg_array_add(&columns[CREATE_NAME], draft->name.bytes, draft->name.length);
    osy_pg_array_add(&columns[CREATE_PHONE], draft->phone.bytes, draft->phone.length);
    osy_pg_array_add(&columns[CREATE_ADDRESS], draft->address.bytes, draft->address.length);
    osy_pg_array_add(&columns[CREATE_NOTE], draft->note.length ? draft->note.bytes : NULL,
                     draft->note.length);
    osy_pg_array_add(&columns[CREATE_LINE_NOTES],
                     draft->line_notes.length ? draft->line_notes.bytes : NULL,
                     draft->line_notes.length);
    osy_pg_array_add(&columns[CREATE_DATA_KEY],
                     draft->data_key.length ? draft->data_key.bytes : NULL, draft->data_key.length);
    osy_pg_array_add(&columns[CREATE_PHONE_INDEX],
                     draft->has_phone_index ? draft->phone_index : NULL, sizeof draft->phone_index);
    osy_pg_array_add_int4(&columns[CREATE_FIRST_LINE],
                          (int32_t)columns[CREATE_LINE_ITEM].count + 1);
    for (size_t i = 0; i < draft->line_count; i++)
        add_line(columns, draft, &draft->lines[i]);
    osy_pg_array_add_int4(&columns[CREATE_LAST_LINE], (int32_t)columns[CREATE_LINE_ITEM].count);
    add_whereabouts(&columns[CREATE_SESSION], &columns[CREATE_ADDRESS_OF_ACTOR], command);
    create->rows++;
}

/* 0 is null. */
static void add_number(struct osy_pg_array *column, int64_t number)
{
    if (number > 0)
        osy_pg_array_add_int8(column, number);
    else
        osy_pg_array_add(column, NULL, 0);
}

static void add_change(struct statement *statement, const struct api_order_command *command)
{
    struct osy_pg_array *columns = statement->columns;
    const struct api_order_step *step = command->step;
    const struct api_order_change *change = &command->change;

    osy_pg_array_add_uuid(&columns[CHANGE_ORDER], &command->order_id);
    osy_pg_array_add_uuid(&columns[CHANGE_RESTAURANT], &command->restaurant_id);
    osy_pg_array_add_uuid(&columns[CHANGE_EVENT], &command->event_id);
    osy_pg_array_add_uuid(&columns[CHANGE_AUDIT], &command->audit_id);
    osy_pg_array_add_text(&columns[CHANGE_ACTOR_ROLE], command->actor_role);
    osy_pg_array_add_uuid(&columns[CHANGE_ACTOR], command->has_actor ? &command->actor_id : NULL);
    osy_pg_array_add_text(&columns[CHANGE_TRACEPARENT], command->traceparent);
    add_hashes(&columns[CHANGE_KEY_HASH], &columns[CHANGE_BODY_HASH], command);
    osy_pg_array_add_text(&columns[CHANGE_STATUS], step->to);
    osy_pg_array_add_text(&columns[CHANGE_FROM], step->from);
    osy_pg_array_add_text(&columns[CHANGE_EVENT_TYPE], step->event_type);
    osy_pg_array_add_bool(&columns[CHANGE_RESTOCK], step->restocks);
    osy_pg_array_add_text(&columns[CHANGE_REASON], change->reason);
    add_number(&columns[CHANGE_VERSION], change->version);
    add_number(&columns[CHANGE_READY_MS], change->ready_ms);
    add_whereabouts(&columns[CHANGE_SESSION], &columns[CHANGE_ADDRESS_OF_ACTOR], command);
    osy_pg_array_add_text(&columns[CHANGE_DEVICE], *change->device ? change->device : NULL);
    statement->rows++;
}

static void collect_parameters(struct api_order_session *session,
                               struct api_order_command *const *commands, size_t count)
{
    static const enum osy_pg_type restaurant_types[] = {OSY_PG_UUID};

    begin_statement(&session->enter, restaurant_types, 1);
    begin_statement(&session->lock, restaurant_types, 1);
    begin_statement(&session->create, create_types, CREATE_COLUMN_COUNT);
    begin_statement(&session->change, change_types, CHANGE_COLUMN_COUNT);
    for (size_t i = 0; i < count; i++) {
        osy_pg_array_add_uuid(&session->enter.columns[0], &commands[i]->restaurant_id);
        osy_pg_array_add_uuid(&session->lock.columns[0], &commands[i]->restaurant_id);
        if (commands[i]->step)
            add_change(&session->change, commands[i]);
        else
            add_create(&session->create, commands[i]);
    }
    session->enter.rows = session->lock.rows = count;
}

/* ---- one round trip ---- */

static bool prepare(struct api_order_session *session, struct statement *statement, const char *sql,
                    struct osy_error *err)
{
    if (statement->rows == 0)
        return true;
    const char *name = osy_pg_prepare(session->pg, sql, statement->column_count, err);
    if (!name)
        return false;
    snprintf(statement->name, sizeof statement->name, "%s", name);
    return true;
}

static bool send_statement(PGconn *connection, struct statement *statement)
{
    const char *values[COLUMNS_MAX];
    int lengths[COLUMNS_MAX], formats[COLUMNS_MAX];

    if (statement->rows == 0)
        return true;
    for (int i = 0; i < statement->column_count; i++) {
        /* An array of nothing is null: of options there may be none in the whole batch. */
        bool is_empty = statement->columns[i].count == 0;
        values[i] = is_empty ? NULL : osy_pg_array_end(&statement->columns[i], &lengths[i]);
        formats[i] = 1;
    }
    return PQsendQueryPrepared(connection, statement->name, statement->column_count, values,
                               lengths, formats, 0) == 1;
}

static bool send_text(PGconn *connection, const char *sql)
{
    return PQsendQueryParams(connection, sql, 0, NULL, NULL, NULL, NULL, 0) == 1;
}

static bool send_batch(struct api_order_session *session, PGconn *connection, struct osy_error *err)
{
    bool ok = PQenterPipelineMode(connection) == 1 && send_text(connection, "BEGIN") &&
              send_statement(connection, &session->enter) &&
              send_statement(connection, &session->lock) &&
              send_statement(connection, &session->create) &&
              send_statement(connection, &session->change);
    OSY_FAILPOINT("writer.before_commit", "the COMMIT of a batch of orders is sent");
    ok = ok && send_text(connection, "COMMIT") && PQpipelineSync(connection) == 1;
    return ok || osy_pg_error(connection, NULL, err);
}

/* Ends the pipeline and a transaction that failed in it, so that the connection can be used again. */
static bool clean_up(PGconn *connection, int64_t deadline_ms)
{
    PGresult *result = NULL;
    ExecStatusType status = PGRES_EMPTY_QUERY;
    while (status != PGRES_PIPELINE_SYNC) {
        if (!osy_pg_next_result(connection, deadline_ms, &result, NULL))
            return false;
        status = result ? PQresultStatus(result) : PGRES_EMPTY_QUERY;
        PQclear(result);
    }
    if (PQexitPipelineMode(connection) != 1)
        return false;
    if (PQtransactionStatus(connection) == PQTRANS_IDLE)
        return true;
    if (PQsendQuery(connection, "ROLLBACK") != 1)
        return false;
    do {
        if (!osy_pg_next_result(connection, deadline_ms, &result, NULL))
            return false;
        PQclear(result);
    } while (result);
    return PQtransactionStatus(connection) == PQTRANS_IDLE;
}

/* The answer to the next statement of the pipeline; NULL when it failed: err tells, and the caller looks at
 * the connection. */
static PGresult *read_answer(PGconn *connection, int64_t deadline_ms, struct osy_error *err)
{
    PGresult *answer = NULL, *end = NULL;
    if (!osy_pg_next_result(connection, deadline_ms, &answer, err))
        return NULL;
    ExecStatusType status = PQresultStatus(answer);
    bool ok = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
    if (!ok)
        osy_pg_error(connection, answer, err);
    if (ok && osy_pg_next_result(connection, deadline_ms, &end, err) && !end)
        return answer;
    PQclear(end);
    PQclear(answer);
    return NULL;
}

static bool skip_answer(PGconn *connection, int64_t deadline_ms, struct osy_error *err)
{
    PGresult *answer = read_answer(connection, deadline_ms, err);
    PQclear(answer);
    return answer != NULL;
}

/* ---- results ---- */

static void read_uuid(const PGresult *answer, int row, int column, struct osy_uuid *uuid)
{
    if (!PQgetisnull(answer, row, column))
        osy_uuid_parse(PQgetvalue(answer, row, column), OSY_UUID_TEXT_BYTES - 1, uuid);
}

static uint64_t read_number(const PGresult *answer, int row, int column)
{
    return strtoull(PQgetvalue(answer, row, column), NULL, 10); /* null: "", 0 */
}

static void read_result(const PGresult *answer, int row, struct api_order_result *result)
{
    free(result->data);
    *result = (struct api_order_result){
        .outcome = api_order_outcome_parse(PQgetvalue(answer, row, RESULT_OUTCOME)),
        .seq = read_number(answer, row, RESULT_SEQ),
        .version = read_number(answer, row, RESULT_VERSION),
        .time_ms = (int64_t)read_number(answer, row, RESULT_TIME_MS),
    };
    read_uuid(answer, row, RESULT_ITEM, &result->item_id);
    read_uuid(answer, row, RESULT_ORDER, &result->order_id);
    read_uuid(answer, row, RESULT_EVENT, &result->event_id);
    read_uuid(answer, row, RESULT_PREVIOUS_EVENT, &result->previous_event_id);
    if (PQnfields(answer) > RESULT_CULPRIT) {
        result->line = read_number(answer, row, RESULT_LINE);
        read_uuid(answer, row, RESULT_CULPRIT, &result->culprit_id);
    }
    if (!PQgetisnull(answer, row, RESULT_DATA)) {
        result->data_length = (size_t)PQgetlength(answer, row, RESULT_DATA);
        result->data = osy_strndup(PQgetvalue(answer, row, RESULT_DATA), result->data_length);
    }
    snprintf(result->changed_by, sizeof result->changed_by, "%s",
             PQgetvalue(answer, row, RESULT_CHANGED_BY));
    snprintf(result->changed_at, sizeof result->changed_at, "%s",
             PQgetvalue(answer, row, RESULT_CHANGED_AT));
}

/* The rows stand in the order of the commands of that kind. */
static void read_results(const PGresult *answer, struct api_order_command *const *commands,
                         size_t count, bool is_change)
{
    int row = 0;
    for (size_t i = 0; i < count; i++) {
        if (!commands[i]->step == is_change)
            continue;
        read_result(answer, row, &commands[i]->result);
        row++;
    }
}

static bool read_answers(struct api_order_session *session, PGconn *connection,
                         struct api_order_command *const *commands, size_t count,
                         int64_t deadline_ms, struct osy_error *err)
{
    PGresult *created = NULL, *changed = NULL;
    bool ok = true;
    if (OSY_FAILPOINT_ERROR("writer.before_answer", "the outcome of a sent batch is read", NULL))
        shutdown(PQsocket(connection), SHUT_RDWR); /* it may be committed: nobody can tell */
    for (int i = 0; ok && i < 3; i++)              /* BEGIN, enter_restaurants, lock_streams */
        ok = skip_answer(connection, deadline_ms, err);
    if (ok && session->create.rows > 0)
        ok = (created = read_answer(connection, deadline_ms, err)) != NULL;
    if (ok && session->change.rows > 0)
        ok = (changed = read_answer(connection, deadline_ms, err)) != NULL;
    if (ok && !OSY_BUG("publish_before_commit", "orders are acknowledged before they are durable"))
        ok = skip_answer(connection, deadline_ms, err); /* COMMIT */
    if (ok) {                                           /* only now is it true */
        assert(!created || (size_t)PQntuples(created) == session->create.rows);
        assert(!changed || (size_t)PQntuples(changed) == session->change.rows);
        read_results(created, commands, count, false);
        read_results(changed, commands, count, true);
    }
    PQclear(created);
    PQclear(changed);
    return ok;
}

/* Why it failed decides what the writer does next. */
static enum api_batch_end classify(struct api_order_session *session, PGconn *connection,
                                   int64_t deadline_ms, const struct osy_error *err)
{
    bool is_answer = PQstatus(connection) == CONNECTION_OK && clean_up(connection, deadline_ms);
    if (!is_answer || err->code == OSY_ERR_IO) /* also a server that turned read-only, say */
        osy_pg_reset(session->pg);
    if (!is_answer)
        return API_BATCH_LOST;
    return err->code == OSY_ERR_INVALID ? API_BATCH_REFUSED : API_BATCH_BUSY;
}

enum api_batch_end api_order_session_run(struct api_order_session *session,
                                         struct api_order_command *const *commands, size_t count,
                                         int64_t deadline_ms, struct osy_error *err)
{
    assert(count > 0);
    collect_parameters(session, commands, count);
    PGconn *connection = osy_pg_connection(session->pg, err);
    if (!connection ||
        OSY_FAILPOINT_ERROR("writer.before_begin", "a batch of orders is sent", err) ||
        !prepare(session, &session->enter, sql_enter_restaurants, err) ||
        !prepare(session, &session->lock, sql_lock_streams, err) ||
        !prepare(session, &session->create, sql_create_orders, err) ||
        !prepare(session, &session->change, sql_change_orders, err))
        return API_BATCH_UNSENT;

    if (send_batch(session, connection, err) &&
        read_answers(session, connection, commands, count, deadline_ms, err)) {
        OSY_FAILPOINT("writer.committed", "a committed batch is handed to the loop");
        if (!clean_up(connection, deadline_ms))
            osy_pg_reset(session->pg);
        return API_BATCH_COMMITTED;
    }
    return classify(session, connection, deadline_ms, err);
}
