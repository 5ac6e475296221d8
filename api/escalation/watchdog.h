/*
 * The watchdog: sees to it that no order waits for ever without anybody noticing. A thread of
 * `ordersync-api work` with connections of its own.
 *
 *   enrol      orders that are still PENDING after the shortest limit get a timer (order_watches)
 *   escalate   due timers: the steps of the restaurant's ladder that are due are taken (order_alerts), the
 *              alerts among them as events of the restaurant's stream, and the timer is set anew
 *   accept     an order of a restaurant that accepts by itself is accepted as by a person, once orders.accept_at has come
 *              (later, when it was refused: what comes after it is not held up)
 *   reject     an order that has waited for its restaurant's reject_after_s is rejected as by a person
 *
 * Timers, steps and events change in one transaction, a rejection is a transaction of its own through the
 * statement that serves people's rejections, and nothing lives in memory that cannot be lost: any number of
 * workers share the timers, and one that dies at any moment is continued by another. A step is taken once;
 * an order that was accepted a moment earlier is neither alerted nor rejected, because both happen under the
 * lock that orders all writers of a restaurant.
 */
#pragma once
#include "shared/error.h"

struct api_config;
struct api_watchdog;
struct osy_metrics;

/* Starts the thread. NULL: OSY_ERR_INVALID for a bad URL. config and metrics are borrowed. */
struct api_watchdog *api_watchdog_start(const struct api_config *config,
                                        struct osy_metrics *metrics, struct osy_error *err);
/* Waits for the transaction under way, then ends the thread. NULL is fine. */
void api_watchdog_stop(struct api_watchdog *watchdog);
