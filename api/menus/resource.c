/*
 * One thing of a menu, read and written by its owner: a category, an item, a group of options, an option or a price rule
 * (kind.h). PUT writes it whole, and makes it where it is not there, under an id that the client has chosen; so it may be
 * repeated. PATCH is a PUT of what is there with some fields replaced. POST chooses the id.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/http/request.h"
#include "api/http/version.h"
#include "api/http/workers.h"
#include "api/menus/change.h"
#include "api/menus/handlers.h"
#include "api/menus/kind.h"
#include "api/orders/scope.h"
#include "embedded/api_core.h"
#include "shared/alloc.h"
#include "shared/json.h"
#include "shared/pg.h"

enum { PARTS_MAX = 3000, DETAIL_BYTES = 160 };

/* What a request is about. */
struct part {
    const struct api_menu_kind *kind;
    struct osy_uuid id;
    char text[OSY_UUID_TEXT_BYTES]; /* the id */
    int64_t expected;               /* If-Match; 0: any */
};

/* As it was found. */
struct found {
    char *json; /* owned; NULL: it is not there */
    int64_t version;
};

static void name_part(struct part *part, const struct osy_uuid *id)
{
    part->id = *id;
    osy_uuid_format(id, part->text);
}

/* From the route and its header. False: a reply was given. */
static bool read_part(struct api_request *request, struct part *part)
{
    struct osy_error err = {0};
    struct osy_uuid id;
    *part = (struct part){.kind = api_menu_kind_of_route(api_request_route(request))};
    if (!api_request_param_uuid(request, "id", &id, &err) ||
        !api_version_read(request, &part->expected, &err)) {
        api_reply_invalid(request, &err);
        return false;
    }
    name_part(part, &id);
    return true;
}

static void reply_unknown(struct api_request *request, const struct part *part)
{
    char detail[DETAIL_BYTES];
    snprintf(detail, sizeof detail, "The menu has no such %s.", part->kind->name);
    api_reply_error(request, 404, "MENU_PART_NOT_FOUND", detail, NULL);
}

/* Takes the first row, if there is one. */
static void take(const PGresult *row, struct found *found)
{
    *found = (struct found){0};
    if (PQntuples(row) == 0)
        return;
    found->json = osy_strdup(PQgetvalue(row, 0, 0));
    found->version = strtoll(PQgetvalue(row, 0, 1), NULL, 10);
}

/* ---- reading ---- */

static void reply_found(struct api_request *request, const struct found *found)
{
    struct osy_buffer body = OSY_BUFFER_INIT;
    osy_buffer_text(&body, found->json);
    api_version_reply_header(request, found->version);
    api_reply_json(request, 200, &body);
}

void api_handle_get_menu_part(struct api_worker *worker, struct api_request *request)
{
    struct osy_error err = {0};
    struct osy_uuid restaurant_id;
    struct api_db_scope scope;
    struct part part;
    struct found found = {0};
    char restaurant[OSY_UUID_TEXT_BYTES];
    if (!read_part(request, &part) || !api_scope_restaurant(request, &restaurant_id))
        return;
    osy_uuid_format(&restaurant_id, restaurant);
    api_db_scope_fill(&scope, request, &restaurant_id);
    PGresult *row = api_db_query(worker->pg, &scope, part.kind->find, 2,
                                 (const char *const[]){restaurant, part.text}, &err);
    if (row)
        take(row, &found);
    if (!row)
        api_reply_database_error(request, &err);
    else if (!found.json)
        reply_unknown(request, &part);
    else
        reply_found(request, &found);
    free(found.json);
    PQclear(row);
}

/* ---- writing ---- */

/* False: err. */
static bool find(struct api_menu_change *change, const struct part *part, struct found *found,
                 struct osy_error *err)
{
    PGresult *row = osy_pg_query(change->worker->pg, part->kind->find, 2,
                                 (const char *const[]){change->restaurant, part->text}, err);
    if (row)
        take(row, found);
    PQclear(row);
    return row != NULL;
}

/* Whether it is what the client has seen. Else the change is abandoned and a reply given. */
static bool is_expected(struct api_menu_change *change, const struct part *part,
                        const struct found *found)
{
    if (part->expected == 0 || part->expected == found->version)
        return true;
    api_menu_change_abandon(change);
    if (found->json)
        api_version_reply_conflict(change->request, found->version);
    else
        reply_unknown(change->request, part);
    return false;
}

/* A menu has an end. Else the change is abandoned and a reply given. */
static bool has_room(struct api_menu_change *change)
{
    struct osy_error err = {0};
    PGresult *row = osy_pg_query(change->worker->pg, sql_count_menu, 1,
                                 (const char *const[]){change->restaurant}, &err);
    bool has = row && strtol(PQgetvalue(row, 0, 0), NULL, 10) < PARTS_MAX;
    if (!row) {
        api_menu_change_fail(change, &err);
    } else if (!has) {
        api_menu_change_abandon(change);
        api_reply_error(change->request, 409, "MENU_FULL", "A menu has no room for more.", NULL);
    }
    PQclear(row);
    return has;
}

static void reply_unknown_parent(struct api_menu_change *change, const struct part *part)
{
    char detail[DETAIL_BYTES];
    api_menu_change_abandon(change);
    snprintf(detail, sizeof detail, "The menu does not have what '%s' names.", part->kind->parents);
    api_reply_error(change->request, 422, "UNKNOWN_REFERENCE", detail, NULL);
}

/* One row: it is done. */
static PGresult *run_put(struct api_menu_change *change, const struct part *part,
                         const json_t *fields, struct osy_error *err)
{
    char *text = json_dumps(fields, JSON_COMPACT);
    PGresult *row = osy_pg_query(change->worker->pg, part->kind->put, 3,
                                 (const char *const[]){change->restaurant, part->text, text}, err);
    free(text);
    return row;
}

static void reply_change(struct api_menu_change *change, const struct part *part, const char *what,
                         int status, const struct found *before, const struct found *after)
{
    struct osy_buffer body = OSY_BUFFER_INIT;
    char ids[OSY_UUID_TEXT_BYTES + 8];
    snprintf(ids, sizeof ids, "[\"%s\"]", part->text);
    const struct api_menu_news news = {.kind = part->kind->name,
                                       .change = what,
                                       .ids = ids,
                                       .subject = part->id,
                                       .before = before->json,
                                       .after = after->json};
    if (after->json) {
        osy_buffer_text(&body, after->json);
        api_version_reply_header(change->request, after->version);
    }
    api_menu_change_reply(change, &news, status, &body);
}

/* fields are checked. */
static void put(struct api_menu_change *change, const struct part *part, const struct found *before,
                const json_t *fields)
{
    struct osy_error err = {0};
    struct found after = {0};
    if (!before->json && !has_room(change))
        return;
    PGresult *done = run_put(change, part, fields, &err);
    bool ok = done && PQntuples(done) == 1 && find(change, part, &after, &err);
    if (ok)
        reply_change(change, part, before->json ? "changed" : "created", before->json ? 200 : 201,
                     before, &after);
    else if (done && PQntuples(done) == 0)
        reply_unknown_parent(change, part);
    else
        api_menu_change_fail(change, &err);
    free(after.json);
    PQclear(done);
}

/* The body, whatever its fields; NULL: a reply was given. */
static json_t *read_body(struct api_request *request)
{
    struct osy_error err = {0};
    size_t length = 0;
    const char *text = api_request_body(request, &length);
    json_t *body = osy_json_parse(text, length, JSON_OBJECT, &err);
    if (!body)
        api_reply_invalid(request, &err);
    return body;
}

/* Begins a change and finds what is there. False: a reply was given. */
static bool begin(struct api_menu_change *change, struct api_worker *worker,
                  struct api_request *request, const struct part *part, struct found *found)
{
    struct osy_error err = {0};
    *found = (struct found){0};
    if (!api_menu_change_begin(change, worker, request))
        return false;
    if (!find(change, part, found, &err)) {
        api_menu_change_fail(change, &err);
        return false;
    }
    if (is_expected(change, part, found))
        return true;
    free(found->json);
    return false;
}

/* Sales change how much there is of an item without making another version of it, so who writes the rest of it, even what
 * they have just read, must not write that: it has a path of its own. */
static void keep_stock(const struct found *before, json_t *fields)
{
    json_t *there = json_loads(before->json, 0, NULL);
    json_t *stock = json_object_get(there, "stock");
    if (stock)
        json_object_set(fields, "stock", stock);
    json_decref(there);
}

/* POST and PUT: the whole of it. part->id may be new. */
static void write_whole(struct api_worker *worker, struct api_request *request,
                        const struct part *part)
{
    struct osy_error err = {0};
    struct api_menu_change change;
    struct found before;
    json_t *body = read_body(request);
    if (!body)
        return;
    if (!part->kind->check(body, &err)) {
        api_reply_invalid(request, &err);
    } else if (begin(&change, worker, request, part, &before)) {
        if (before.json)
            keep_stock(&before, body);
        put(&change, part, &before, body);
        free(before.json);
    }
    json_decref(body);
}

void api_handle_create_menu_part(struct api_worker *worker, struct api_request *request)
{
    struct osy_uuid id = osy_uuid_v7();
    struct part part = {.kind = api_menu_kind_of_route(api_request_route(request))};
    name_part(&part, &id);
    write_whole(worker, request, &part);
}

void api_handle_put_menu_part(struct api_worker *worker, struct api_request *request)
{
    struct part part;
    if (read_part(request, &part))
        write_whole(worker, request, &part);
}

/* What is there, with the fields of patch in place of its own, checked like a whole one. NULL: err. */
static json_t *merge(const struct part *part, const struct found *found, json_t *patch,
                     struct osy_error *err)
{
    json_t *fields = json_loads(found->json, 0, NULL);
    json_object_del(fields, "id");
    json_object_del(fields, "version");
    json_object_update(fields, patch);
    /* A time until when something is sold out says nothing of what is there again, nor of what is sold out anew: it may
     * have passed. */
    if (json_object_get(patch, "available") && !json_object_get(patch, "sold_out_until"))
        json_object_set_new(fields, "sold_out_until", json_null());
    if (part->kind->check(fields, err))
        return fields;
    json_decref(fields);
    return NULL;
}

static void patch_found(struct api_menu_change *change, const struct part *part,
                        const struct found *before, json_t *patch)
{
    struct osy_error err = {0};
    if (!before->json) {
        api_menu_change_abandon(change);
        reply_unknown(change->request, part);
        return;
    }
    json_t *fields = merge(part, before, patch, &err);
    if (fields) {
        put(change, part, before, fields);
    } else {
        api_menu_change_abandon(change);
        api_reply_invalid(change->request, &err);
    }
    json_decref(fields);
}

void api_handle_patch_menu_part(struct api_worker *worker, struct api_request *request)
{
    struct api_menu_change change;
    struct found before;
    struct part part;
    if (!read_part(request, &part))
        return;
    json_t *patch = read_body(request);
    if (patch && begin(&change, worker, request, &part, &before)) {
        patch_found(&change, &part, &before, patch);
        free(before.json);
    }
    json_decref(patch);
}

static void remove_found(struct api_menu_change *change, const struct part *part,
                         const struct found *before)
{
    struct osy_error err = {0};
    PGresult *done = osy_pg_query(change->worker->pg, part->kind->remove, 2,
                                  (const char *const[]){change->restaurant, part->text}, &err);
    if (!done) {
        api_menu_change_fail(change, &err);
    } else if (PQntuples(done) == 0) {
        api_menu_change_abandon(change);
        api_reply_error(change->request, 409, "CATEGORY_NOT_EMPTY", "The category still has items.",
                        NULL);
    } else {
        reply_change(change, part, "deleted", 204, before, &(struct found){0});
    }
    PQclear(done);
}

void api_handle_delete_menu_part(struct api_worker *worker, struct api_request *request)
{
    struct api_menu_change change;
    struct found before;
    struct part part;
    if (!read_part(request, &part) || !begin(&change, worker, request, &part, &before))
        return;
    if (before.json) {
        remove_found(&change, &part, &before);
    } else {
        api_menu_change_abandon(&change);
        reply_unknown(request, &part);
    }
    free(before.json);
}
