/*
 * The life of an order, as one table of steps:
 *
 *   PENDING -accept-> ACCEPTED -prepare-> PREPARING -ready-> READY -complete-> COMPLETED
 *   PENDING -reject-> REJECTED        PENDING or ACCEPTED -cancel-> CANCELLED
 *   ACCEPTED or PREPARING -estimate-> the same: only when it will be ready has changed
 *
 * A new status is a row here, and a migration that extends the CHECK of orders.status; one that still
 * needs somebody is named in list_open_orders.sql and in its index orders_active, too. The database
 * compares an order's status with `from` under the lock of its restaurant, so the first step wins.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#define API_ORDER_STATUS_FIRST "PENDING"

/* Whether a step's request may have a field. */
enum api_step_field { API_STEP_REFUSES = 0, API_STEP_MAY_HAVE, API_STEP_NEEDS };

struct api_order_step {
    const char *name; /* last segment of the path: "accept" */
    const char *from; /* statuses that it may start from, as a PostgreSQL array literal */
    const char *to;   /* NULL: the status stays */
    const char *event_type;
    enum api_step_field reason;
    enum api_step_field estimate; /* ready_in_min or ready_at */
    bool is_for_guests;           /* a customer may take it, too */
    bool restocks;                /* counted stock is given back: nothing was cooked yet */
};

/* NULL when there is no such step. */
const struct api_order_step *api_order_step_find(const char *name);
/* The status in its static form, or NULL when there is no such status. */
const char *api_order_status_find(const char *text, size_t length);
/* Whether a step starts from it: somebody still has to do something. */
bool api_order_status_is_open(const char *status);
/* For whoever must walk them all: NULL past the last. */
const struct api_order_step *api_order_step_at(size_t index);
