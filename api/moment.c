#include "api/moment.h"

#include <inttypes.h>
#include <string.h>

#include "shared/clock.h"

enum { MINUTE_MS = 60 * 1000 };

static bool read_time(const struct api_moment *moment, int64_t now_ms, int64_t *wall_ms,
                      struct osy_error *err)
{
    if (!osy_time_parse(moment->time, strlen(moment->time), wall_ms))
        return osy_error_set(err, OSY_ERR_INVALID,
                             "'%s' must be a time like 2026-01-31T12:00:00.000Z",
                             moment->time_field);
    if (*wall_ms < now_ms - MINUTE_MS || *wall_ms > now_ms + moment->minutes_max * MINUTE_MS)
        return osy_error_set(err, OSY_ERR_INVALID,
                             "'%s' must lie within the next %" PRId64 " minutes",
                             moment->time_field, moment->minutes_max);
    return true;
}

bool api_moment_read(const struct api_moment *moment, int64_t *wall_ms, struct osy_error *err)
{
    int64_t now_ms = osy_clock_wall_ms();
    *wall_ms = 0;
    if (moment->minutes && moment->time)
        return osy_error_set(err, OSY_ERR_INVALID, "'%s' and '%s' exclude each other",
                             moment->minutes_field, moment->time_field);
    if (moment->time)
        return read_time(moment, now_ms, wall_ms, err);
    if (moment->minutes)
        *wall_ms = now_ms + moment->minutes * MINUTE_MS;
    return true;
}
