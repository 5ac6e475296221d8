/*
 * Events that are a restaurant's alone (menu.updated, restaurant.paused, ...): its tablets and dashboards get them, its
 * orders' streams do not have them. Handlers write them by the SQL function emit_restaurant_event(restaurant, type,
 * subject, data), in the transaction of the change that they tell of, and publish them once it is committed. What is
 * not published then, because Redis is away or the process has died, the reconciler publishes.
 */
#pragma once
#include <stdint.h>

#include "shared/uuid.h"

struct api_worker;

/*
 * Before the commit, while the stream is locked: what is kept of the restaurant's menu ends, and who reads it before the
 * commit cannot keep it any more. So it does not hang on whoever publishes the event: when an order's event of a later
 * number is published first, nobody ever does. A failure is logged.
 */
void api_restaurant_event_end_caches(struct api_worker *worker,
                                     const struct osy_uuid *restaurant_id, uint64_t seq);
/* seq: what emit_restaurant_event returned. A failure is logged; it costs latency only. */
void api_restaurant_event_publish(struct api_worker *worker, const struct osy_uuid *restaurant_id,
                                  uint64_t seq);
