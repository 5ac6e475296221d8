/*
 * A page of a list of orders, newest first. Its cursor is the id of its last order: ids ascend with time, so whatever is
 * placed meanwhile comes before the first page, and nothing that was there is shown twice or left out.
 */
#pragma once
#include <libpq-fe.h>
#include <stdbool.h>

#include "shared/buffer.h"
#include "shared/error.h"
#include "shared/uuid.h"

struct api_request;

struct api_order_page {
    int limit;
    bool has_after;
    struct osy_uuid after; /* only orders before this one */
};

/* From the parameters `limit` and `after`. OSY_ERR_INVALID names the one that is wrong. */
OSY_MUST_CHECK bool api_order_page_read(struct api_request *request, struct api_order_page *page,
                                        struct osy_error *err);
/* The number of rows to ask for: one more than the page holds tells whether there is a next one. */
int api_order_page_rows(const struct api_order_page *page);
/* Appends `"orders":[...],"next":...`. A row with a null id is none. */
void api_order_page_append(struct osy_buffer *out, const struct api_order_page *page,
                           const PGresult *rows, int id_column, int data_column);
