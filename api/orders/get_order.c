/* `GET /api/v1/orders/:id`: the order, for the restaurant's people with the customer's data. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "api/auth/principal.h"
#include "api/context.h"
#include "api/db/scope.h"
#include "api/http/request.h"
#include "api/http/workers.h"
#include "api/orders/handlers.h"
#include "api/orders/reply.h"
#include "api/privacy/order_cipher.h"
#include "embedded/api_core.h"
#include "shared/log.h"
#include "shared/pg.h"

/* Columns of find_order.sql. */
enum {
    ORDER_RESTAURANT = 0,
    ORDER_VERSION,
    ORDER_LAST_EVENT,
    ORDER_DATA,
    ORDER_NAME,
    ORDER_PHONE,
    ORDER_ADDRESS,
    ORDER_NOTE,
    ORDER_LINE_NOTES,
    ORDER_DATA_KEY, /* and the two behind it: see api_order_opener_init */
};

static void read_uuid(const PGresult *row, int column, struct osy_uuid *uuid)
{
    bool ok = osy_uuid_parse(PQgetvalue(row, 0, column), (size_t)PQgetlength(row, 0, column), uuid);
    assert(ok); /* the column's type is uuid */
    (void)ok;
}

/* Appends the decrypted notes of the lines, which are a JSON array already; an empty one when there are none. */
static bool append_line_notes(struct osy_buffer *out, const struct api_order_opener *opener,
                              const PGresult *row, struct osy_error *err)
{
    bool is_there = false;
    if (!api_order_opener_read(opener, row, 0, ORDER_LINE_NOTES, out, &is_there, err))
        return false;
    if (!is_there)
        osy_buffer_text(out, "[]");
    return true;
}

/* Opens the order's object again and adds what only the restaurant may see. */
static bool append_customer(struct osy_buffer *out, const struct osy_keyring *keyring,
                            const PGresult *row, const struct osy_uuid *order_id,
                            struct osy_error *err)
{
    static const struct {
        const char *text;
        int column;
    } members[] = {{",\"customer\":{\"name\":", ORDER_NAME},
                   {",\"phone\":", ORDER_PHONE},
                   {",\"address\":", ORDER_ADDRESS},
                   {"},\"note\":", ORDER_NOTE}};
    struct api_order_opener opener;
    bool ok = api_order_opener_init(&opener, keyring, order_id, row, 0, ORDER_DATA_KEY, err);
    if (!ok)
        return false;
    out->length--;
    for (size_t i = 0; ok && i < sizeof members / sizeof members[0]; i++) {
        osy_buffer_text(out, members[i].text);
        ok = api_order_opener_append_json(&opener, row, 0, members[i].column, out, err);
    }
    osy_buffer_text(out, ",\"line_notes\":");
    ok = ok && append_line_notes(out, &opener, row, err);
    osy_buffer_char(out, '}');
    api_order_opener_deinit(&opener);
    return ok;
}

static void reply_order(struct api_worker *worker, struct api_request *request, const PGresult *row,
                        const struct osy_uuid *order_id)
{
    struct osy_buffer body = OSY_BUFFER_INIT;
    struct osy_error err = {0};
    struct osy_uuid event_id;
    bool is_restaurant = api_request_principal(request)->kind == API_PRINCIPAL_USER;

    osy_buffer_text(&body, "{\"order\":");
    osy_buffer_append(&body, PQgetvalue(row, 0, ORDER_DATA),
                      (size_t)PQgetlength(row, 0, ORDER_DATA));
    if (is_restaurant && !append_customer(&body, worker->context->keyring, row, order_id, &err)) {
        OSY_ERROR("decryption_failed", OSY_ERR(&err));
        api_reply_error(request, 500, "INTERNAL_ERROR", NULL, NULL);
        osy_buffer_deinit(&body);
        return;
    }
    read_uuid(row, ORDER_LAST_EVENT, &event_id);
    osy_buffer_char(&body, ',');
    api_order_append_position(&body, OSY_POSITION_ORDER,
                              strtoull(PQgetvalue(row, 0, ORDER_VERSION), NULL, 10), &event_id);
    osy_buffer_char(&body, '}');
    api_reply_json(request, 200, &body);
}

void api_handle_get_order(struct api_worker *worker, struct api_request *request)
{
    struct osy_error err = {0};
    struct osy_uuid order_id, restaurant_id;
    struct api_db_scope scope;
    char id[OSY_UUID_TEXT_BYTES];
    if (!api_request_param_uuid(request, "id", &order_id, &err)) {
        api_reply_invalid(request, &err);
        return;
    }
    osy_uuid_format(&order_id, id);
    api_db_scope_fill_order(&scope, request, &order_id);
    PGresult *row =
        api_db_query(worker->pg, &scope, sql_find_order, 1, (const char *const[]){id}, &err);
    if (!row) {
        api_reply_database_error(request, &err);
        return;
    }
    bool is_visible = PQntuples(row) == 1;
    if (is_visible) {
        read_uuid(row, ORDER_RESTAURANT, &restaurant_id);
        is_visible =
            api_principal_covers_order(api_request_principal(request), &restaurant_id, &order_id);
    }
    if (is_visible)
        reply_order(worker, request, row, &order_id);
    else
        api_order_reply_outcome(request, API_ORDER_NOT_FOUND);
    PQclear(row);
}
