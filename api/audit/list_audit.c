/*
 * `GET /api/v1/audit`: what is on record about a restaurant, or for administrators about the platform (what is no
 * restaurant's: sign-ins, denials, accounts), with the values in the clear. Each look is on record, too.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/audit/handlers.h"
#include "api/audit/values.h"
#include "api/auth/principal.h"
#include "api/context.h"
#include "api/db/bytea.h"
#include "api/db/scope.h"
#include "api/http/request.h"
#include "api/http/workers.h"
#include "api/orders/scope.h"
#include "api/privacy/subject_key.h"
#include "embedded/api_core.h"
#include "shared/clock.h"
#include "shared/column_cipher.h"
#include "shared/data_key.h"
#include "shared/json.h"
#include "shared/pg.h"

enum { LIMIT_DEFAULT = 50, LIMIT_MAX = 200, ACTION_MAX = 64, NUMBER_BYTES = 24 };

/* Parameters of list_by_restaurant.sql. */
enum {
    PARAM_RESTAURANT = 0,
    PARAM_SUBJECT,
    PARAM_ACTOR,
    PARAM_ACTION,
    PARAM_FROM,
    PARAM_TO,
    PARAM_BEFORE_US,
    PARAM_BEFORE_ID,
    PARAM_LIMIT,
    PARAM_COUNT
};

/* Its columns. */
enum {
    ROW_ID = 0,
    ROW_AT,
    ROW_AT_US,
    ROW_ACTOR_ROLE,
    ROW_ACTOR_ID,
    ROW_SESSION_ID,
    ROW_ADDRESS,
    ROW_ACTION,
    ROW_SUBJECT_ID,
    ROW_TRACE_ID,
    ROW_OLD,
    ROW_NEW
};

struct query {
    bool is_of_platform;
    struct osy_uuid restaurant_id; /* else */
    char restaurant[OSY_UUID_TEXT_BYTES], limit_text[NUMBER_BYTES];
    char before_us[NUMBER_BYTES], before_id[OSY_UUID_TEXT_BYTES];
    int limit;
    const char *values[PARAM_COUNT]; /* borrowed from the request, and from here */
};

/* ---- what is asked for ---- */

static bool read_uuid(struct api_request *request, const char *name, const char **value,
                      struct osy_error *err)
{
    struct osy_uuid id;
    if (!api_request_query(request, name, value, err))
        return false;
    return !*value || osy_uuid_parse(*value, strlen(*value), &id) ||
           osy_error_set(err, OSY_ERR_INVALID, "'%s' must be a UUID", name);
}

static bool read_time(struct api_request *request, const char *name, const char **value,
                      struct osy_error *err)
{
    int64_t time_ms = 0;
    if (!api_request_query(request, name, value, err))
        return false;
    return !*value || osy_time_parse(*value, strlen(*value), &time_ms) ||
           osy_error_set(err, OSY_ERR_INVALID,
                         "'%s' must be a time such as 2026-01-31T00:00:00.000Z", name);
}

static bool read_action(struct api_request *request, const char **value, struct osy_error *err)
{
    if (!api_request_query(request, "action", value, err))
        return false;
    return !*value ||
           (strlen(*value) <= ACTION_MAX &&
            (*value)[strspn(*value, "abcdefghijklmnopqrstuvwxyz_.")] == '\0') ||
           osy_error_set(err, OSY_ERR_INVALID,
                         "'action' must be the name of an action such as webhook.set");
}

static bool read_limit(struct api_request *request, struct query *query, struct osy_error *err)
{
    const char *text = NULL;
    if (!api_request_query(request, "limit", &text, err))
        return false;
    query->limit = LIMIT_DEFAULT;
    if (text) {
        size_t digits = strspn(text, "0123456789");
        query->limit = digits > 0 && digits <= 3 && !text[digits] ? atoi(text) : 0;
    }
    if (query->limit < 1 || query->limit > LIMIT_MAX)
        return osy_error_set(err, OSY_ERR_INVALID, "'limit' must be an integer from 1 to %d",
                             LIMIT_MAX);
    snprintf(query->limit_text, sizeof query->limit_text, "%d", query->limit + 1);
    query->values[PARAM_LIMIT] = query->limit_text;
    return true;
}

/* `<microseconds>.<id>` of the last row of the page before. */
static bool read_cursor(struct api_request *request, struct query *query, struct osy_error *err)
{
    const char *text = NULL;
    struct osy_uuid id;
    if (!api_request_query(request, "after", &text, err) || !text)
        return !err || err->code == OSY_OK;
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 18 || text[digits] != '.' ||
        !osy_uuid_parse(text + digits + 1, strlen(text + digits + 1), &id))
        return osy_error_set(err, OSY_ERR_INVALID, "'after' must be the 'next' of a page");
    snprintf(query->before_us, sizeof query->before_us, "%.*s", (int)digits, text);
    osy_uuid_format(&id, query->before_id);
    query->values[PARAM_BEFORE_US] = query->before_us;
    query->values[PARAM_BEFORE_ID] = query->before_id;
    return true;
}

static bool read_query(struct api_request *request, struct query *query, struct osy_error *err)
{
    const char **values = query->values;
    return read_uuid(request, "subject_id", &values[PARAM_SUBJECT], err) &&
           read_uuid(request, "actor_id", &values[PARAM_ACTOR], err) &&
           read_action(request, &values[PARAM_ACTION], err) &&
           read_time(request, "from", &values[PARAM_FROM], err) &&
           read_time(request, "to", &values[PARAM_TO], err) && read_limit(request, query, err) &&
           read_cursor(request, query, err);
}

/* False: a reply was given. */
static bool read_platform(struct api_request *request, bool *is_wanted)
{
    const char *platform = NULL, *restaurant = NULL;
    struct osy_error err = {0};
    bool ok = api_request_query(request, "platform", &platform, &err) &&
              api_request_query(request, "restaurant_id", &restaurant, &err);
    *is_wanted = platform && strcmp(platform, "true") == 0;
    if (ok && platform && !*is_wanted && strcmp(platform, "false") != 0)
        ok = osy_error_set(&err, OSY_ERR_INVALID, "'platform' must be true or false");
    if (ok && *is_wanted && restaurant)
        ok = osy_error_set(&err, OSY_ERR_INVALID,
                           "'platform' and 'restaurant_id' exclude each other");
    if (!ok)
        api_reply_invalid(request, &err);
    return ok;
}

/* Whose rows. What is no restaurant's only administrators may see, who have none. False: a reply was given. */
static bool choose_whose(struct api_request *request, struct query *query)
{
    const struct api_principal *principal = api_request_principal(request);
    if (!read_platform(request, &query->is_of_platform))
        return false;
    if (!query->is_of_platform) {
        if (!api_scope_restaurant(request, &query->restaurant_id))
            return false;
        osy_uuid_format(&query->restaurant_id, query->restaurant);
        query->values[PARAM_RESTAURANT] = query->restaurant;
        return true;
    }
    if (principal->kind == API_PRINCIPAL_USER && principal->claims.role == OSY_ROLE_ADMIN)
        return true;
    api_reply_error(request, 403, "INSUFFICIENT_PERMISSION",
                    "What is no restaurant's only administrators may see.", NULL);
    return false;
}

static const struct osy_uuid *restaurant_of(const struct query *query)
{
    return query->is_of_platform ? NULL : &query->restaurant_id;
}

/* ---- the answer ---- */

static void write_text_if(bool is_shown, struct osy_buffer *out, const char *name,
                          const PGresult *rows, int row, int column)
{
    bool is_there = is_shown && !PQgetisnull(rows, row, column) && *PQgetvalue(rows, row, column);
    osy_buffer_texts(out, ",\"", name, "\":", NULL);
    osy_buffer_json_string(out, is_there ? PQgetvalue(rows, row, column) : NULL);
}

static void write_text(struct osy_buffer *out, const char *name, const PGresult *rows, int row,
                       int column)
{
    write_text_if(true, out, name, rows, row, column);
}

/* Reads values. Those that tell of a person need the key of that person, whom mostly the next row tells of, too. */
struct reader {
    struct api_worker *worker;
    const struct api_principal *principal; /* who reads */
    struct api_db_scope scope;
    struct osy_uuid person_id; /* whose key was looked for; nil: nobody's yet */
    bool has_key;
    struct osy_data_key person;
};

/* Each person's key is their own, so it is read in their scope. False: the database failed; a key that is not there (any
 * more), or does not open, is no failure. */
static bool find_person(struct reader *reader, const struct osy_uuid *person_id,
                        struct osy_error *err)
{
    struct osy_error problem = {0};
    if (osy_uuid_equal(&reader->person_id, person_id))
        return true;
    reader->person_id = *person_id;
    reader->scope.user_id = &reader->person_id;
    osy_data_key_wipe(&reader->person);
    reader->has_key =
        api_subject_key_find(reader->worker->pg, &reader->scope, reader->worker->context->keyring,
                             person_id, &reader->person, &problem);
    return reader->has_key || problem.code != OSY_ERR_IO ||
           osy_error_set(err, problem.code, "%s", problem.message);
}

/* Appends nothing when nobody can read it any more. False: the database failed. */
static bool open_value(struct reader *reader, const struct osy_uuid *subject_id, const char *column,
                       const void *stored, size_t length, struct osy_buffer *json,
                       struct osy_error *err)
{
    const struct osy_keyring *keyring = reader->worker->context->keyring;
    const struct osy_data_key *person = NULL;
    if (osy_column_version(stored, length) == OSY_COLUMN_SEALED) {
        if (!find_person(reader, subject_id, err))
            return false;
        person = reader->has_key ? &reader->person : NULL;
    }
    if (!api_audit_value_open(keyring, person, column, subject_id, stored, length, json, NULL))
        osy_buffer_clear(json);
    return true;
}

static bool read_value(struct reader *reader, const PGresult *rows, int row, int column,
                       struct osy_buffer *json, struct osy_error *err)
{
    struct osy_uuid subject_id;
    size_t length = 0;
    const char *subject = PQgetvalue(rows, row, ROW_SUBJECT_ID);
    unsigned char *stored = api_db_bytea_read(rows, row, column, &length);
    bool ok = !stored || !osy_uuid_parse(subject, strlen(subject), &subject_id) ||
              open_value(reader, &subject_id, column == ROW_OLD ? API_AUDIT_OLD : API_AUDIT_NEW,
                         stored, length, json, err);
    PQfreemem(stored);
    return ok;
}

/* What was recorded, as JSON; null for nothing, and for what nobody can read any more. */
static bool write_value(struct osy_buffer *out, const char *name, struct reader *reader,
                        const PGresult *rows, int row, int column, struct osy_error *err)
{
    struct osy_buffer json = OSY_BUFFER_INIT;
    bool ok = read_value(reader, rows, row, column, &json, err);
    json_t *value =
        ok ? json_loadb(json.length ? json.bytes : "", json.length, JSON_DECODE_ANY, NULL) : NULL;
    osy_buffer_texts(out, ",\"", name, "\":", NULL);
    if (value)
        osy_buffer_append(out, json.bytes, json.length);
    else
        osy_buffer_text(out, "null");
    json_decref(value);
    osy_buffer_wipe(&json);
    return ok;
}

/* Where a guest or a customer was, and in which session, is none of the restaurant's business; an erased customer's
 * least of all. */
static bool may_see_origin(const struct api_principal *reader, const PGresult *rows, int row)
{
    const char *role = PQgetvalue(rows, row, ROW_ACTOR_ROLE);
    bool is_customer = strcmp(role, "guest") == 0 || strcmp(role, "customer") == 0;
    return !is_customer || reader->claims.role == OSY_ROLE_ADMIN;
}

static bool write_row(struct osy_buffer *out, struct reader *reader, const PGresult *rows, int row,
                      struct osy_error *err)
{
    bool shows_origin = may_see_origin(reader->principal, rows, row);
    osy_buffer_texts(out, row > 0 ? ",{" : "{", "\"id\":\"", PQgetvalue(rows, row, ROW_ID),
                     "\",\"at\":\"", PQgetvalue(rows, row, ROW_AT), "\"", NULL);
    write_text(out, "action", rows, row, ROW_ACTION);
    write_text(out, "subject_id", rows, row, ROW_SUBJECT_ID);
    write_text(out, "actor_role", rows, row, ROW_ACTOR_ROLE);
    write_text(out, "actor_id", rows, row, ROW_ACTOR_ID);
    write_text_if(shows_origin, out, "session_id", rows, row, ROW_SESSION_ID);
    write_text_if(shows_origin, out, "address", rows, row, ROW_ADDRESS);
    write_text(out, "trace_id", rows, row, ROW_TRACE_ID);
    bool ok = write_value(out, "old", reader, rows, row, ROW_OLD, err) &&
              write_value(out, "new", reader, rows, row, ROW_NEW, err);
    osy_buffer_char(out, '}');
    return ok;
}

static bool write_page(struct osy_buffer *body, struct reader *reader, const struct query *query,
                       const PGresult *rows, struct osy_error *err)
{
    bool has_more = PQntuples(rows) > query->limit;
    int shown = has_more ? query->limit : PQntuples(rows);
    bool ok = true;
    osy_buffer_text(body, "{\"entries\":[");
    for (int row = 0; ok && row < shown; row++)
        ok = write_row(body, reader, rows, row, err);
    osy_buffer_text(body, "],\"next\":");
    if (has_more)
        osy_buffer_texts(body, "\"", PQgetvalue(rows, shown - 1, ROW_AT_US), ".",
                         PQgetvalue(rows, shown - 1, ROW_ID), "\"", NULL);
    else
        osy_buffer_text(body, "null");
    osy_buffer_char(body, '}');
    return ok;
}

static void reply_page(struct api_worker *worker, struct api_request *request,
                       const struct query *query, const PGresult *rows)
{
    struct reader reader = {.worker = worker, .principal = api_request_principal(request)};
    struct osy_buffer body = OSY_BUFFER_INIT;
    struct osy_error err = {0};
    api_db_scope_fill(&reader.scope, request, restaurant_of(query));
    if (write_page(&body, &reader, query, rows, &err)) {
        api_reply_header(request, "Cache-Control", "no-store");
        api_reply_json(request, 200, &body);
    } else {
        api_reply_database_error(request, &err);
    }
    osy_buffer_deinit(&body);
    osy_data_key_wipe(&reader.person);
}

/* Who looked, and for what. The platform has no id: it is the nil UUID. */
static bool record_look(struct api_worker *worker, const struct query *query, struct osy_error *err)
{
    static const struct {
        const char *name;
        int param;
    } filters[] = {{"subject_id", PARAM_SUBJECT},
                   {"actor_id", PARAM_ACTOR},
                   {"action", PARAM_ACTION},
                   {"from", PARAM_FROM},
                   {"to", PARAM_TO}};
    struct osy_buffer json = OSY_BUFFER_INIT;
    osy_buffer_printf(&json, "{\"limit\":%d", query->limit);
    for (size_t i = 0; i < sizeof filters / sizeof *filters; i++) {
        if (!query->values[filters[i].param])
            continue;
        osy_buffer_texts(&json, ",\"", filters[i].name, "\":", NULL);
        osy_buffer_json_string(&json, query->values[filters[i].param]);
    }
    osy_buffer_char(&json, '}');
    const struct api_audit_change look = {.action = "audit.read",
                                          .restaurant_id = restaurant_of(query),
                                          .subject_id = &query->restaurant_id,
                                          .new_json = json.bytes};
    bool ok = api_audit_record(worker->pg, worker->context->keyring, &look, err);
    osy_buffer_deinit(&json);
    return ok;
}

/* A restaurant's rows may be gone through for what is rare in them, the platform's may not: they are everybody's. */
static const char *choose_statement(const struct query *query)
{
    if (query->values[PARAM_SUBJECT])
        return sql_list_by_subject;
    if (!query->is_of_platform)
        return sql_list_by_restaurant;
    if (query->values[PARAM_ACTOR])
        return sql_list_platform_by_actor;
    return query->values[PARAM_ACTION] ? sql_list_platform_by_action : sql_list_platform;
}

static PGresult *find_page(struct api_worker *worker, struct api_request *request,
                           const struct query *query, struct osy_error *err)
{
    const char *sql = choose_statement(query);
    struct api_db_scope scope;
    PGresult *rows = NULL;
    api_db_scope_fill(&scope, request, restaurant_of(query));
    if (api_db_begin(worker->pg, &scope, err) &&
        (rows = osy_pg_query(worker->pg, sql, PARAM_COUNT, query->values, err)) &&
        record_look(worker, query, err) && api_db_commit(worker->pg, err))
        return rows;
    api_db_rollback(worker->pg);
    PQclear(rows);
    return NULL;
}

void api_handle_list_audit(struct api_worker *worker, struct api_request *request)
{
    struct osy_error err = {0};
    struct query query = {.values = {0}};
    if (!choose_whose(request, &query))
        return;
    if (!read_query(request, &query, &err)) {
        api_reply_invalid(request, &err);
        return;
    }
    PGresult *rows = find_page(worker, request, &query, &err);
    if (rows)
        reply_page(worker, request, &query, rows);
    else
        api_reply_database_error(request, &err);
    PQclear(rows);
}
