/* The body of `POST /api/v1/orders`, checked as far as that is possible without the database. */
#pragma once
#include <jansson.h>

#include "api/orders/command.h"
#include "api/text.h"
#include "shared/buffer.h"

struct api_new_order {
    json_t *root; /* owned; the texts point into it */
    struct osy_uuid restaurant_id;
    size_t line_count, option_count;
    struct osy_buffer line_notes; /* owned; empty: none; else as in struct api_order_draft */
    struct api_text name, phone, address;
    struct api_text note; /* length 0: none */
    /* So many as are counted above. The last, because the rest is not even cleared. */
    struct api_order_line lines[API_ORDER_LINES_MAX];
    struct osy_uuid options[API_ORDER_OPTIONS_MAX];
};

/* NULL: OSY_ERR_INVALID names the field. */
struct api_new_order *api_new_order_parse(const char *body, size_t length, struct osy_error *err);
/* The same from JSON that was read already. Takes root, also on failure. */
struct api_new_order *api_new_order_read(json_t *root, struct osy_error *err);
void api_new_order_destroy(struct api_new_order *order); /* NULL is fine */
