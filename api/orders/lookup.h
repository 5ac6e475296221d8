/*
 * A lookup: for a handler on the loop that must know more of an order than its id before it gives the writer a command.
 * A worker finds the order's record, then the loop goes on. Loop thread.
 */
#pragma once

struct api_context;
struct api_order_record;
struct api_request;
struct osy_uuid;

/* It owes the request its reply. record is borrowed for the call. */
typedef void (*api_order_found_fn)(struct api_context *context, struct api_request *request,
                                   const struct api_order_record *record);

/* Calls on_found later, if there is such an order and it is the principal's; else gives the reply. */
void api_order_look_up(struct api_context *context, struct api_request *request,
                       const struct osy_uuid *order_id, api_order_found_fn on_found);
