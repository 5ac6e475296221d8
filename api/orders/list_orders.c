/*
 * `GET /api/v1/restaurants/me/orders`: a page of the restaurant's orders, newest first; and
 * `POST /api/v1/restaurants/me/orders/search`: the same of one phone number, which has no place in a URL.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/config.h"
#include "api/context.h"
#include "api/db/bytea.h"
#include "api/db/scope.h"
#include "api/http/request.h"
#include "api/http/workers.h"
#include "api/orders/filter.h"
#include "api/orders/handlers.h"
#include "api/orders/page.h"
#include "api/orders/reply.h"
#include "api/orders/scope.h"
#include "embedded/api_core.h"
#include "shared/blind_index.h"
#include "shared/clock.h"
#include "shared/json.h"
#include "shared/pg.h"

enum { NUMBER_BYTES = 24, PHONE_MIN_CHARACTERS = 5, PHONE_MAX_CHARACTERS = 32 };

/* Columns of list_orders.sql. */
enum { PAGE_SEQ = 0, PAGE_LAST_EVENT, PAGE_ID, PAGE_DATA };

struct query {
    struct osy_uuid restaurant_id;
    struct api_order_filter filter;
    struct api_order_page page;
    bool has_phone;
    uint8_t phone_index[OSY_BLIND_INDEX_BYTES];
};

/* The query as text, as the statements take it. */
struct parameters {
    char restaurant_id[OSY_UUID_TEXT_BYTES], before[OSY_UUID_TEXT_BYTES],
        first[OSY_UUID_TEXT_BYTES];
    char rows[NUMBER_BYTES], least[NUMBER_BYTES], most[NUMBER_BYTES], code[NUMBER_BYTES];
    char from[OSY_TIME_TEXT_BYTES], to[OSY_TIME_TEXT_BYTES];
};

static const char *format_id(bool has, const struct osy_uuid *id, char text[OSY_UUID_TEXT_BYTES])
{
    osy_uuid_format(id, text);
    return has ? text : NULL;
}

static const char *format_time(bool has, int64_t time_ms, char text[OSY_TIME_TEXT_BYTES])
{
    osy_time_format(time_ms, text);
    return has ? text : NULL;
}

static const char *format_number(bool has, int64_t number, char text[NUMBER_BYTES])
{
    snprintf(text, NUMBER_BYTES, "%" PRId64, number);
    return has ? text : NULL;
}

/* The last page's end, or where the time ends, whichever comes first. */
static const char *format_before(const struct query *query, char text[OSY_UUID_TEXT_BYTES])
{
    const struct osy_uuid *after = &query->page.after, *behind = &query->filter.behind;
    bool is_behind = query->filter.has_to &&
                     (!query->page.has_after || memcmp(behind, after, sizeof *behind) < 0);
    return format_id(query->page.has_after || query->filter.has_to, is_behind ? behind : after,
                     text);
}

/* What tablets ask for all the time has a statement of its own, which takes the first four. */
static PGresult *run_query(struct api_worker *worker, const struct api_request *request,
                           const struct query *query, struct osy_error *err)
{
    const struct api_order_filter *filter = &query->filter;
    struct api_db_scope scope;
    struct parameters text;
    struct osy_buffer phone = OSY_BUFFER_INIT;
    api_db_bytea_append(&phone, query->phone_index, sizeof query->phone_index);
    const char *const values[] = {
        format_id(true, &query->restaurant_id, text.restaurant_id),
        *filter->statuses ? filter->statuses : NULL,
        format_before(query, text.before),
        format_number(true, api_order_page_rows(&query->page), text.rows),
        format_id(filter->has_from, &filter->first, text.first),
        format_time(filter->has_from, filter->from_ms, text.from),
        format_time(filter->has_to, filter->to_ms, text.to),
        format_number(filter->has_least, filter->least_amount, text.least),
        format_number(filter->has_most, filter->most_amount, text.most),
        format_number(filter->has_code, filter->code, text.code),
        phone.bytes,
    };
    enum { OPEN_VALUES = 4, LIST_VALUES = 10, SEARCH_VALUES = 11 };
    api_db_scope_fill(&scope, request, &query->restaurant_id);
    PGresult *rows =
        query->has_phone
            ? api_db_query(worker->pg, &scope, sql_search_orders, SEARCH_VALUES, values, err)
        : filter->is_only_open
            ? api_db_query(worker->pg, &scope, sql_list_open_orders, OPEN_VALUES, values, err)
            : api_db_query(worker->pg, &scope, sql_list_orders, LIST_VALUES, values, err);
    osy_buffer_deinit(&phone);
    return rows;
}

static void append_list(struct osy_buffer *out, const struct query *query, const PGresult *rows)
{
    struct osy_uuid event_id = {{0}};
    if (!PQgetisnull(rows, 0, PAGE_LAST_EVENT))
        osy_uuid_parse(PQgetvalue(rows, 0, PAGE_LAST_EVENT), OSY_UUID_TEXT_BYTES - 1, &event_id);
    osy_buffer_char(out, '{');
    api_order_page_append(out, &query->page, rows, PAGE_ID, PAGE_DATA);
    osy_buffer_char(out, ',');
    api_order_append_position(out, OSY_POSITION_RESTAURANT,
                              strtoull(PQgetvalue(rows, 0, PAGE_SEQ), NULL, 10), &event_id);
    osy_buffer_char(out, '}');
}

/* False: a reply was given. */
static bool read_query(struct api_request *request, struct query *query)
{
    struct osy_error err = {0};
    if (api_order_filter_read(request, &query->filter, &err) &&
        api_order_page_read(request, &query->page, &err))
        return api_scope_restaurant(request, &query->restaurant_id);
    api_reply_invalid(request, &err);
    return false;
}

static void reply(struct api_worker *worker, struct api_request *request, const struct query *query)
{
    struct osy_error err = {0};
    struct osy_buffer body = OSY_BUFFER_INIT;
    PGresult *rows = run_query(worker, request, query, &err);
    if (!rows) {
        api_reply_database_error(request, &err);
    } else if (PQntuples(rows) == 0) {
        api_order_reply_outcome(request, API_ORDER_RESTAURANT_NOT_FOUND);
    } else {
        append_list(&body, query, rows);
        api_reply_json(request, 200, &body);
    }
    PQclear(rows);
}

void api_handle_list_orders(struct api_worker *worker, struct api_request *request)
{
    struct query query = {0};
    if (read_query(request, &query))
        reply(worker, request, &query);
}

/* However the number is written: its index is made as that of orders is. */
static bool read_phone(const struct api_worker *worker, const struct api_request *request,
                       struct query *query, struct osy_error *err)
{
    size_t length = 0;
    const char *body = api_request_body(request, &length), *phone = NULL;
    const struct osy_json_field fields[] = {
        {"phone", OSY_JSON_STRING, false, PHONE_MIN_CHARACTERS, PHONE_MAX_CHARACTERS, &phone},
        {0},
    };
    json_t *root = osy_json_parse(body, length, JSON_OBJECT, err);
    query->has_phone = root && osy_json_read(root, "", fields, err);
    if (query->has_phone)
        osy_blind_index_phone(worker->context->keyring, worker->context->config->phone_country,
                              &query->restaurant_id, phone, strlen(phone), query->phone_index);
    json_decref(root);
    return query->has_phone;
}

void api_handle_search_orders(struct api_worker *worker, struct api_request *request)
{
    struct osy_error err = {0};
    struct query query = {0};
    if (!read_query(request, &query))
        return;
    if (read_phone(worker, request, &query, &err))
        reply(worker, request, &query);
    else
        api_reply_invalid(request, &err);
}
