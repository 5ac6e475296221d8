#include "api/events/event_row.h"

#include <stdlib.h>

/* Columns of find_events.sql. */
enum {
    EVENT_SEQ = 0,
    EVENT_ORDER,
    EVENT_VERSION,
    EVENT_ID,
    EVENT_TYPE,
    EVENT_TIME_MS,
    EVENT_TRACEPARENT,
    EVENT_DATA,
    EVENT_PREVIOUS,
};

static bool read_uuid(const PGresult *rows, int row, int column, struct osy_uuid *uuid)
{
    return osy_uuid_parse(PQgetvalue(rows, row, column), OSY_UUID_TEXT_BYTES - 1, uuid);
}

bool api_event_row_read(const PGresult *rows, int row, const struct osy_uuid *restaurant_id,
                        struct osy_event *event, struct osy_error *err)
{
    *event = (struct osy_event){
        .seq = strtoull(PQgetvalue(rows, row, EVENT_SEQ), NULL, 10),
        .version = strtoull(PQgetvalue(rows, row, EVENT_VERSION), NULL, 10), /* null: "", 0 */
        .restaurant_id = *restaurant_id,
        .type = PQgetvalue(rows, row, EVENT_TYPE),
        .time_ms = strtoll(PQgetvalue(rows, row, EVENT_TIME_MS), NULL, 10),
        .traceparent = PQgetvalue(rows, row, EVENT_TRACEPARENT),
        .data = PQgetvalue(rows, row, EVENT_DATA),
        .data_length = (size_t)PQgetlength(rows, row, EVENT_DATA),
    };
    bool is_first = PQgetisnull(rows, row, EVENT_PREVIOUS);
    if (!read_uuid(rows, row, EVENT_ORDER, &event->order_id) ||
        !read_uuid(rows, row, EVENT_ID, &event->id) ||
        (!is_first && !read_uuid(rows, row, EVENT_PREVIOUS, &event->previous_id)))
        return osy_error_set(err, OSY_ERR_INVALID, "order_events has a row with a bad id");
    return true;
}
