/* `GET /api/v1/orders/mine`: a page of the orders that a customer has placed, newest first, wherever it was. */
#include <stdio.h>

#include "api/auth/principal.h"
#include "api/db/scope.h"
#include "api/http/request.h"
#include "api/http/workers.h"
#include "api/orders/handlers.h"
#include "api/orders/page.h"
#include "embedded/api_core.h"
#include "shared/pg.h"

/* Columns of list_own_orders.sql. */
enum { PAGE_ID = 0, PAGE_DATA };

static PGresult *run_query(struct api_worker *worker, const struct api_request *request,
                           const struct api_order_page *page, struct osy_error *err)
{
    struct api_db_scope scope;
    char customer_id[OSY_UUID_TEXT_BYTES], after[OSY_UUID_TEXT_BYTES], rows[12];
    osy_uuid_format(&api_request_principal(request)->claims.subject, customer_id);
    osy_uuid_format(&page->after, after);
    snprintf(rows, sizeof rows, "%d", api_order_page_rows(page));
    api_db_scope_fill(&scope, request, NULL);
    return api_db_query(worker->pg, &scope, sql_list_own_orders, 3,
                        (const char *const[]){customer_id, page->has_after ? after : NULL, rows},
                        err);
}

void api_handle_list_own_orders(struct api_worker *worker, struct api_request *request)
{
    struct osy_error err = {0};
    struct api_order_page page;
    struct osy_buffer body = OSY_BUFFER_INIT;
    if (!api_order_page_read(request, &page, &err)) {
        api_reply_invalid(request, &err);
        return;
    }
    PGresult *rows = run_query(worker, request, &page, &err);
    if (!rows) {
        api_reply_database_error(request, &err);
        return;
    }
    osy_buffer_char(&body, '{');
    api_order_page_append(&body, &page, rows, PAGE_ID, PAGE_DATA);
    osy_buffer_char(&body, '}');
    api_reply_json(request, 200, &body);
    PQclear(rows);
}
