/* `GET /api/v1/restaurants/me/orders`: a page of the restaurant's orders, newest first. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/db/scope.h"
#include "api/http/request.h"
#include "api/http/workers.h"
#include "api/orders/handlers.h"
#include "api/orders/reply.h"
#include "api/orders/scope.h"
#include "api/orders/status.h"
#include "embedded/api_core.h"
#include "shared/base64url.h"
#include "shared/pg.h"

#define CURSOR_TEXT_BYTES (OSY_BASE64URL_LENGTH(OSY_UUID_BYTES) + 1)
#define STATUSES_BYTES    160 /* "{A,B,...}": all of them, once each */

enum { LIMIT_DEFAULT = 50, LIMIT_MAX = 100 };

/* Columns of list_orders.sql. */
enum { PAGE_SEQ = 0, PAGE_LAST_EVENT, PAGE_ID, PAGE_DATA };

struct query {
    struct osy_uuid restaurant_id;
    char statuses[STATUSES_BYTES]; /* a PostgreSQL array; empty: all */
    bool only_open;
    bool has_after;
    struct osy_uuid after;
    int limit;
};

/* A repeated status would be harmless, but then the list has no longest length. */
static bool add_status(struct query *query, const char *text, size_t length, struct osy_error *err)
{
    const char *status = api_order_status_find(text, length);
    size_t used = strlen(query->statuses);
    if (!status)
        return osy_error_set(err, OSY_ERR_INVALID,
                             "'status' must be a comma separated list of statuses");
    if (strstr(query->statuses, status))
        return osy_error_set(err, OSY_ERR_INVALID, "'status' names %s twice", status);
    query->only_open = query->only_open && api_order_status_is_open(status);
    snprintf(query->statuses + used, sizeof query->statuses - used, "%c%s", used == 0 ? '{' : ',',
             status);
    return true;
}

static bool parse_statuses(struct query *query, const char *text, struct osy_error *err)
{
    query->only_open = text != NULL;
    if (!text)
        return true;
    for (;;) {
        size_t length = strcspn(text, ",");
        if (!add_status(query, text, length, err))
            return false;
        if (text[length] == '\0')
            break;
        text += length + 1;
    }
    strcat(query->statuses, "}");
    return true;
}

static bool parse_limit(struct query *query, const char *text, struct osy_error *err)
{
    query->limit = LIMIT_DEFAULT;
    if (!text)
        return true;
    size_t digits = strspn(text, "0123456789");
    query->limit = digits <= 3 ? atoi(text) : 0;
    if (digits == 0 || text[digits] != '\0' || query->limit < 1 || query->limit > LIMIT_MAX)
        return osy_error_set(err, OSY_ERR_INVALID, "'limit' must be an integer from 1 to %d",
                             LIMIT_MAX);
    return true;
}

static bool parse_after(struct query *query, const char *text, struct osy_error *err)
{
    size_t length = 0;
    query->has_after = text != NULL;
    if (!text)
        return true;
    if (strlen(text) == CURSOR_TEXT_BYTES - 1 &&
        osy_base64url_decode(text, strlen(text), query->after.bytes, &length) &&
        length == OSY_UUID_BYTES)
        return true;
    return osy_error_set(err, OSY_ERR_INVALID, "'after' must be the 'next' of the page before");
}

static bool parse_query(struct api_request *request, struct query *query, struct osy_error *err)
{
    const char *status = NULL, *limit = NULL, *after = NULL;
    return api_request_query(request, "status", &status, err) &&
           api_request_query(request, "limit", &limit, err) &&
           api_request_query(request, "after", &after, err) && parse_statuses(query, status, err) &&
           parse_limit(query, limit, err) && parse_after(query, after, err);
}

/* One row more than the page holds tells whether there is a next one. */
static PGresult *run_query(struct api_worker *worker, const struct api_request *request,
                           const struct query *query, struct osy_error *err)
{
    struct api_db_scope scope;
    char restaurant_id[OSY_UUID_TEXT_BYTES], after[OSY_UUID_TEXT_BYTES], rows[12];
    api_db_scope_fill(&scope, request, &query->restaurant_id);
    osy_uuid_format(&query->restaurant_id, restaurant_id);
    osy_uuid_format(&query->after, after);
    snprintf(rows, sizeof rows, "%d", query->limit + 1);
    const char *const values[] = {restaurant_id, *query->statuses ? query->statuses : NULL,
                                  query->has_after ? after : NULL, rows};
    return api_db_query(worker->pg, &scope,
                        query->only_open ? sql_list_open_orders : sql_list_orders, 4, values, err);
}

static void append_next(struct osy_buffer *out, const PGresult *page, int last_row)
{
    struct osy_uuid id = {{0}};
    char cursor[CURSOR_TEXT_BYTES];
    osy_uuid_parse(PQgetvalue(page, last_row, PAGE_ID), OSY_UUID_TEXT_BYTES - 1, &id);
    osy_base64url_encode(id.bytes, OSY_UUID_BYTES, cursor);
    osy_buffer_printf(out, "\"next\":\"%s\",", cursor);
}

static void append_page(struct osy_buffer *out, const PGresult *page, int limit)
{
    struct osy_uuid event_id = {{0}};
    int rows = PQgetisnull(page, 0, PAGE_ID) ? 0 : PQntuples(page);
    int shown = rows < limit ? rows : limit;
    osy_buffer_text(out, "{\"orders\":[");
    for (int row = 0; row < shown; row++) {
        if (row > 0)
            osy_buffer_char(out, ',');
        osy_buffer_append(out, PQgetvalue(page, row, PAGE_DATA),
                          (size_t)PQgetlength(page, row, PAGE_DATA));
    }
    osy_buffer_text(out, "],");
    if (rows > shown)
        append_next(out, page, shown - 1);
    else
        osy_buffer_text(out, "\"next\":null,");
    if (!PQgetisnull(page, 0, PAGE_LAST_EVENT))
        osy_uuid_parse(PQgetvalue(page, 0, PAGE_LAST_EVENT), OSY_UUID_TEXT_BYTES - 1, &event_id);
    api_order_append_position(out, OSY_POSITION_RESTAURANT,
                              strtoull(PQgetvalue(page, 0, PAGE_SEQ), NULL, 10), &event_id);
    osy_buffer_char(out, '}');
}

void api_handle_list_orders(struct api_worker *worker, struct api_request *request)
{
    struct osy_error err = {0};
    struct query query = {0};
    struct osy_buffer body = OSY_BUFFER_INIT;
    if (!parse_query(request, &query, &err)) {
        api_reply_invalid(request, &err);
        return;
    }
    if (!api_scope_restaurant(request, &query.restaurant_id))
        return;
    PGresult *page = run_query(worker, request, &query, &err);
    if (!page) {
        api_reply_database_error(request, &err);
    } else if (PQntuples(page) == 0) {
        api_order_reply_outcome(request, API_ORDER_RESTAURANT_NOT_FOUND);
    } else {
        append_page(&body, page, query.limit);
        api_reply_json(request, 200, &body);
    }
    PQclear(page);
}
