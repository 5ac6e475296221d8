/* A restaurant's ladder: by which steps somebody is told of an order that waits. */
#include <stdlib.h>
#include <string.h>

#include "api/audit/values.h"
#include "api/context.h"
#include "api/db/scope.h"
#include "api/escalation/handlers.h"
#include "api/http/request.h"
#include "api/http/workers.h"
#include "api/orders/scope.h"
#include "api/text.h"
#include "embedded/api_core.h"
#include "shared/json.h"
#include "shared/pg.h"

#define STEPS_MAX   20
#define AFTER_S_MAX 86400
#define TARGET_MAX  200

static const char *const reasons[] = {"not_displayed", "not_accepted", NULL};

static const struct action {
    const char *name;
    bool has_target; /* somebody in particular is called or written to */
} actions[] = {
    {"alert", false}, {"webhook", false}, {"sms", true}, {"call", true}, {"email", true},
};
enum { ACTION_COUNT = sizeof actions / sizeof actions[0] };

/* Columns of find_ladder.sql. */
enum {
    LADDER_IS_OWN = 0,
    LADDER_STEP,
    LADDER_REASON,
    LADDER_AFTER_S,
    LADDER_ACTION,
    LADDER_TARGET
};

/* ---- reading ---- */

static void write_step(const PGresult *ladder, int row, struct osy_buffer *body)
{
    bool has_time = !PQgetisnull(ladder, row, LADDER_AFTER_S);
    bool has_target = !PQgetisnull(ladder, row, LADDER_TARGET);
    osy_buffer_printf(
        body, "%s{\"step\":%s,\"reason\":\"%s\",\"after_s\":%s,\"action\":\"%s\",\"target\":",
        row > 0 ? "," : "", PQgetvalue(ladder, row, LADDER_STEP),
        PQgetvalue(ladder, row, LADDER_REASON),
        has_time ? PQgetvalue(ladder, row, LADDER_AFTER_S) : "null",
        PQgetvalue(ladder, row, LADDER_ACTION));
    osy_buffer_json_string(body, has_target ? PQgetvalue(ladder, row, LADDER_TARGET) : NULL);
    osy_buffer_char(body, '}');
}

static void write_ladder(const PGresult *ladder, struct osy_buffer *body)
{
    bool is_own = *PQgetvalue(ladder, 0, LADDER_IS_OWN) == 't';
    osy_buffer_printf(body, "{\"is_default\":%s,\"steps\":[", is_own ? "false" : "true");
    for (int row = 0; row < PQntuples(ladder); row++)
        write_step(ladder, row, body);
    osy_buffer_text(body, "]}");
}

static void reply_found(struct api_request *request, const PGresult *ladder)
{
    struct osy_buffer body = OSY_BUFFER_INIT;
    if (PQntuples(ladder) == 0) {
        api_reply_error(request, 404, "RESTAURANT_NOT_FOUND", "There is no such restaurant.", NULL);
        return;
    }
    write_ladder(ladder, &body);
    api_reply_json(request, 200, &body);
}

static void find_and_reply(struct api_worker *worker, struct api_request *request,
                           const struct osy_uuid *restaurant_id)
{
    struct osy_error err = {0};
    struct api_db_scope scope;
    char id[OSY_UUID_TEXT_BYTES];
    api_db_scope_fill(&scope, request, restaurant_id);
    osy_uuid_format(restaurant_id, id);
    PGresult *ladder =
        api_db_query(worker->pg, &scope, sql_find_ladder, 1, (const char *const[]){id}, &err);
    if (!ladder)
        api_reply_database_error(request, &err);
    else
        reply_found(request, ladder);
    PQclear(ladder);
}

void api_handle_get_ladder(struct api_worker *worker, struct api_request *request)
{
    struct osy_uuid restaurant_id;
    if (api_scope_restaurant(request, &restaurant_id))
        find_and_reply(worker, request, &restaurant_id);
}

/* ---- writing ---- */

static bool is_reason(const char *text)
{
    for (size_t i = 0; reasons[i]; i++) {
        if (strcmp(reasons[i], text) == 0)
            return true;
    }
    return false;
}

static const struct action *find_action(const char *text)
{
    for (size_t i = 0; i < ACTION_COUNT; i++) {
        if (strcmp(actions[i].name, text) == 0)
            return &actions[i];
    }
    return NULL;
}

/* Checks the target, where there is one, and leaves in the step what was checked. */
static bool trim_target(json_t *step, const char *path, const char *target, struct osy_error *err)
{
    char field[64];
    struct api_text trimmed;
    if (!target)
        return true;
    snprintf(field, sizeof field, "%starget", path);
    if (!api_text_trim(field, target, API_TEXT_ONE_LINE, &trimmed, err))
        return false;
    json_object_set_new(step, "target", json_stringn(trimmed.bytes, trimmed.length));
    return true;
}

/* Checks one step, and trims its target; path is "steps[2].". */
static bool check_step(json_t *step, const char *path, struct osy_error *err)
{
    const char *reason = NULL, *action_name = NULL, *target = NULL;
    int64_t after_s = 0;
    const struct osy_json_field fields[] = {
        {"reason", OSY_JSON_STRING, false, 1, 20, &reason},
        {"after_s", OSY_JSON_INTEGER, true, 1, AFTER_S_MAX, &after_s},
        {"action", OSY_JSON_STRING, false, 1, 20, &action_name},
        {"target", OSY_JSON_STRING, true, 1, TARGET_MAX, &target},
        {0},
    };
    if (!osy_json_read(step, path, fields, err))
        return false;
    if (!is_reason(reason))
        return osy_error_set(err, OSY_ERR_INVALID,
                             "'%sreason' must be not_displayed or not_accepted", path);
    const struct action *action = find_action(action_name);
    if (!action)
        return osy_error_set(err, OSY_ERR_INVALID,
                             "'%saction' must be alert, webhook, sms, call or email", path);
    if (action->has_target != (target != NULL))
        return osy_error_set(err, OSY_ERR_INVALID, "'%starget' %s with the action '%s'", path,
                             action->has_target ? "is required" : "must be absent", action->name);
    return trim_target(step, path, target, err);
}

static bool check_steps(json_t *steps, struct osy_error *err)
{
    char path[40];
    for (size_t i = 0; i < json_array_size(steps); i++) {
        snprintf(path, sizeof path, "steps[%zu].", i);
        json_t *step = json_array_get(steps, i);
        if (!json_is_object(step))
            return osy_error_set(err, OSY_ERR_INVALID, "'steps[%zu]' must be an object", i);
        if (!check_step(step, path, err))
            return false;
    }
    return true;
}

/* *steps is borrowed from the tree. */
static bool read_steps(json_t *root, json_t **steps, struct osy_error *err)
{
    const struct osy_json_field fields[] = {
        {"steps", OSY_JSON_ARRAY, false, 0, STEPS_MAX, steps},
        {0},
    };
    return root && osy_json_read(root, "", fields, err) && check_steps(*steps, err);
}

static bool record(struct api_worker *worker, const struct osy_uuid *restaurant_id,
                   const PGresult *before, const PGresult *after, struct osy_error *err)
{
    struct osy_buffer old_json = OSY_BUFFER_INIT, new_json = OSY_BUFFER_INIT;
    write_ladder(before, &old_json);
    write_ladder(after, &new_json);
    const struct api_audit_change change = {
        .action = "escalation.set",
        .restaurant_id = restaurant_id,
        .subject_id = restaurant_id,
        .old_json = old_json.bytes,
        .new_json = new_json.bytes,
    };
    bool ok = api_audit_record(worker->pg, worker->context->keyring, &change, err);
    osy_buffer_deinit(&old_json);
    osy_buffer_deinit(&new_json);
    return ok;
}

/* The ladder as it is then, with no row for a restaurant that does not exist; NULL: it failed, and nothing was done.
 * values: of put_ladder.sql; the restaurant comes first. */
static PGresult *replace_ladder(struct api_worker *worker, const struct api_db_scope *scope,
                                const char *const *values, struct osy_error *err)
{
    struct osy_pg *pg = worker->pg;
    PGresult *lock = NULL, *before = NULL, *put = NULL, *after = NULL;
    bool ok = api_db_begin(pg, scope, err) &&
              (lock = osy_pg_query(pg, sql_lock_ladder, 1, values, err)) &&
              (before = osy_pg_query(pg, sql_find_ladder, 1, values, err)) &&
              (put = osy_pg_query(pg, sql_put_ladder, 2, values, err)) &&
              (after = osy_pg_query(pg, sql_find_ladder, 1, values, err)) &&
              (PQntuples(after) == 0 || record(worker, scope->restaurant_id, before, after, err)) &&
              api_db_commit(pg, err);
    PQclear(lock);
    PQclear(before);
    PQclear(put);
    if (ok)
        return after;
    api_db_rollback(pg);
    PQclear(after);
    return NULL;
}

static void store(struct api_worker *worker, struct api_request *request,
                  const struct osy_uuid *restaurant_id, const json_t *steps)
{
    struct osy_error err = {0};
    struct api_db_scope scope;
    char id[OSY_UUID_TEXT_BYTES];
    char *text = json_dumps(steps, JSON_COMPACT);
    osy_uuid_format(restaurant_id, id);
    api_db_scope_fill(&scope, request, restaurant_id);
    PGresult *ladder = replace_ladder(worker, &scope, (const char *const[]){id, text}, &err);
    free(text);
    if (!ladder)
        api_reply_database_error(request, &err);
    else
        reply_found(request, ladder);
    PQclear(ladder);
}

void api_handle_put_ladder(struct api_worker *worker, struct api_request *request)
{
    struct osy_error err = {0};
    struct osy_uuid restaurant_id;
    json_t *steps = NULL;
    size_t length = 0;
    const char *text = api_request_body(request, &length);
    if (!api_scope_restaurant(request, &restaurant_id))
        return;
    json_t *root = osy_json_parse(text, length, JSON_OBJECT, &err);
    if (read_steps(root, &steps, &err))
        store(worker, request, &restaurant_id, steps);
    else
        api_reply_invalid(request, &err);
    json_decref(root);
}
