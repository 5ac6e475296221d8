/* An event as the database has it, on its way to Redis. */
#pragma once
#include <libpq-fe.h>

#include "shared/error.h"
#include "shared/event.h"

/* A row of find_events.sql. Texts are borrowed from rows. OSY_ERR_INVALID: its ids are none. */
OSY_MUST_CHECK bool api_event_row_read(const PGresult *rows, int row,
                                       const struct osy_uuid *restaurant_id,
                                       struct osy_event *event, struct osy_error *err);
