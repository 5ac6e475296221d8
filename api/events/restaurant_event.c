#include "api/events/restaurant_event.h"

#include <inttypes.h>
#include <stdio.h>

#include "api/config.h"
#include "api/context.h"
#include "api/db/scope.h"
#include "api/events/blocking_publisher.h"
#include "api/events/event_row.h"
#include "api/http/workers.h"
#include "api/menus/cache.h"
#include "embedded/api_core.h"
#include "shared/log.h"

static PGresult *find_event(struct api_worker *worker, const struct osy_uuid *restaurant_id,
                            uint64_t seq, struct osy_error *err)
{
    const struct api_db_scope scope = {.restaurant_id = restaurant_id};
    char id[OSY_UUID_TEXT_BYTES], after[24];
    osy_uuid_format(restaurant_id, id);
    snprintf(after, sizeof after, "%" PRIu64, seq - 1);
    return api_db_query(worker->pg, &scope, sql_find_events, 3,
                        (const char *const[]){id, after, "1"}, err);
}

static bool publish(struct api_worker *worker, const struct osy_event *event, struct osy_error *err)
{
    bool added = false;
    struct api_blocking_publisher *publisher = api_blocking_publisher_create(
        worker->redis, (uint64_t)worker->context->config->stream_events_max);
    bool ok = api_blocking_publisher_publish(publisher, event, &added, err);
    api_blocking_publisher_destroy(publisher);
    return ok;
}

void api_restaurant_event_end_caches(struct api_worker *worker,
                                     const struct osy_uuid *restaurant_id, uint64_t seq)
{
    struct osy_error err = {0};
    if (!api_menu_cache_end(worker->redis, restaurant_id, seq, &err))
        OSY_WARN("menu_cache_not_ended", OSY_ERR(&err));
}

void api_restaurant_event_publish(struct api_worker *worker, const struct osy_uuid *restaurant_id,
                                  uint64_t seq)
{
    struct osy_error err = {0};
    struct osy_event event;
    PGresult *rows = find_event(worker, restaurant_id, seq, &err);
    bool ok = rows && PQntuples(rows) == 1 &&
              api_event_row_read(rows, 0, restaurant_id, &event, &err) &&
              publish(worker, &event, &err);
    if (!ok)
        OSY_WARN("restaurant_event_not_published", OSY_ERR(&err));
    PQclear(rows);
}
