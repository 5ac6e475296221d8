/* `GET /api/v1/restaurants/me/orders`: a page of the restaurant's orders, newest first. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/db/scope.h"
#include "api/http/request.h"
#include "api/http/workers.h"
#include "api/orders/filter.h"
#include "api/orders/handlers.h"
#include "api/orders/page.h"
#include "api/orders/reply.h"
#include "api/orders/scope.h"
#include "embedded/api_core.h"
#include "shared/clock.h"
#include "shared/pg.h"

enum { NUMBER_BYTES = 24 };

/* Columns of list_orders.sql. */
enum { PAGE_SEQ = 0, PAGE_LAST_EVENT, PAGE_ID, PAGE_DATA };

struct query {
    struct osy_uuid restaurant_id;
    struct api_order_filter filter;
    struct api_order_page page;
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
    };
    api_db_scope_fill(&scope, request, &query->restaurant_id);
    if (filter->is_only_open)
        return api_db_query(worker->pg, &scope, sql_list_open_orders, 4, values, err);
    return api_db_query(worker->pg, &scope, sql_list_orders, sizeof values / sizeof values[0],
                        values, err);
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

void api_handle_list_orders(struct api_worker *worker, struct api_request *request)
{
    struct osy_error err = {0};
    struct query query = {0};
    struct osy_buffer body = OSY_BUFFER_INIT;
    if (!api_order_filter_read(request, &query.filter, &err) ||
        !api_order_page_read(request, &query.page, &err)) {
        api_reply_invalid(request, &err);
        return;
    }
    if (!api_scope_restaurant(request, &query.restaurant_id))
        return;
    PGresult *rows = run_query(worker, request, &query, &err);
    if (!rows) {
        api_reply_database_error(request, &err);
    } else if (PQntuples(rows) == 0) {
        api_order_reply_outcome(request, API_ORDER_RESTAURANT_NOT_FOUND);
    } else {
        append_list(&body, &query, rows);
        api_reply_json(request, 200, &body);
    }
    PQclear(rows);
}
