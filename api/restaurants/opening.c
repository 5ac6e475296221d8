#include "api/restaurants/opening.h"

#include <stdio.h>
#include <string.h>

#include "api/text.h"
#include "shared/json.h"

enum {
    RANGES_MAX = 6, /* of a day */
    EXCEPTIONS_MAX = 200,
    REASON_MAX_CHARACTERS = 200,
    TIME_ZONE_MAX = 64,
    DAY_MINUTES = 24 * 60,
    PATH_BYTES = 64,
    DATE_LENGTH = 10,
};

static const char *const weekdays[] = {"monday", "tuesday",  "wednesday", "thursday",
                                       "friday", "saturday", "sunday"};
enum { WEEKDAY_COUNT = sizeof weekdays / sizeof weekdays[0] };

/* Minutes of the day on which it opens. */
struct range {
    int opens, closes; /* closes > opens */
};

/* "HH:MM" up to `latest` minutes. */
static bool parse_time(const char *text, int latest, int *minutes)
{
    static const char form[] = "00:00";
    for (size_t i = 0; i < sizeof form - 1; i++) {
        bool is_digit = text[i] >= '0' && text[i] <= '9';
        if (form[i] == ':' ? text[i] != ':' : !is_digit)
            return false;
    }
    int hour = (text[0] - '0') * 10 + text[1] - '0', minute = (text[3] - '0') * 10 + text[4] - '0';
    *minutes = hour * 60 + minute;
    return text[5] == '\0' && minute < 60 && *minutes <= latest;
}

static bool read_range(json_t *json, const char *path, struct range *range, struct osy_error *err)
{
    const char *opens = NULL, *closes = NULL;
    const struct osy_json_field fields[] = {
        {"opens", OSY_JSON_STRING, false, 1, 8, &opens},
        {"closes", OSY_JSON_STRING, false, 1, 8, &closes},
        {0},
    };
    if (!osy_json_read(json, path, fields, err))
        return false;
    if (!parse_time(opens, DAY_MINUTES - 1, &range->opens))
        return osy_error_set(err, OSY_ERR_INVALID, "'%sopens' must be a time from 00:00 to 23:59",
                             path);
    if (!parse_time(closes, DAY_MINUTES, &range->closes))
        return osy_error_set(err, OSY_ERR_INVALID, "'%scloses' must be a time from 00:00 to 24:00",
                             path);
    if (range->closes <= range->opens)
        range->closes += DAY_MINUTES;
    return true;
}

/* path: "weekly.monday". */
static bool check_ranges(const json_t *ranges, const char *path, struct osy_error *err)
{
    struct range known[RANGES_MAX] = {{0}};
    size_t count = json_array_size(ranges);
    char place[PATH_BYTES];
    if (!json_is_array(ranges) || count > RANGES_MAX)
        return osy_error_set(err, OSY_ERR_INVALID, "'%s' must be an array of at most %d ranges",
                             path, RANGES_MAX);
    for (size_t i = 0; i < count; i++) {
        json_t *json = json_array_get(ranges, i);
        snprintf(place, sizeof place, "%s[%zu].", path, i);
        if (!json_is_object(json))
            return osy_error_set(err, OSY_ERR_INVALID, "'%s[%zu]' must be an object", path, i);
        if (!read_range(json, place, &known[i], err))
            return false;
        for (size_t j = 0; j < i; j++) {
            if (known[j].opens < known[i].closes && known[i].opens < known[j].closes)
                return osy_error_set(err, OSY_ERR_INVALID, "'%s[%zu]' overlaps '%s[%zu]'", path, i,
                                     path, j);
        }
    }
    return true;
}

static bool is_weekday(const char *name)
{
    for (size_t i = 0; i < WEEKDAY_COUNT; i++) {
        if (strcmp(weekdays[i], name) == 0)
            return true;
    }
    return false;
}

static bool check_weekly(json_t *weekly, struct osy_error *err)
{
    const char *day;
    json_t *ranges;
    char path[PATH_BYTES];
    json_object_foreach(weekly, day, ranges)
    {
        if (!is_weekday(day))
            return osy_error_set(err, OSY_ERR_INVALID, "'weekly' may only have monday to sunday");
        snprintf(path, sizeof path, "weekly.%s", day);
        if (!check_ranges(ranges, path, err))
            return false;
    }
    return true;
}

/* "YYYY-MM-DD", a day that there is. */
static bool is_date(const char *text)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int year, month, day, length = 0;
    if (strlen(text) != DATE_LENGTH || strspn(text, "0123456789-") != DATE_LENGTH ||
        sscanf(text, "%4d-%2d-%2d%n", &year, &month, &day, &length) != 3 || length != DATE_LENGTH)
        return false;
    bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return year >= 2000 && month >= 1 && month <= 12 && day >= 1 &&
           day <= days[month - 1] + (month == 2 && is_leap);
}

static bool is_there_before(const json_t *exceptions, size_t index, const char *date)
{
    for (size_t i = 0; i < index; i++) {
        const json_t *earlier = json_array_get(exceptions, i);
        if (strcmp(json_string_value(json_object_get(earlier, "date")), date) == 0)
            return true;
    }
    return false;
}

static bool trim_reason(json_t *exception, const char *path, const char *reason,
                        struct osy_error *err)
{
    struct api_text text;
    char field[PATH_BYTES + 8];
    if (!reason)
        return true;
    snprintf(field, sizeof field, "%sreason", path);
    if (!api_text_trim(field, reason, API_TEXT_ONE_LINE, &text, err))
        return false;
    json_object_set_new(exception, "reason", json_stringn(text.bytes, text.length));
    return true;
}

static bool check_exception(const json_t *exceptions, size_t index, struct osy_error *err)
{
    json_t *exception = json_array_get(exceptions, index), *ranges = NULL;
    const char *date = NULL, *reason = NULL;
    char path[PATH_BYTES], place[PATH_BYTES + 8];
    const struct osy_json_field fields[] = {
        {"date", OSY_JSON_STRING, false, 1, DATE_LENGTH, &date},
        {"ranges", OSY_JSON_ARRAY, false, 0, RANGES_MAX, &ranges},
        {"reason", OSY_JSON_STRING, true, 1, REASON_MAX_CHARACTERS, &reason},
        {0},
    };
    snprintf(path, sizeof path, "exceptions[%zu].", index);
    snprintf(place, sizeof place, "%sranges", path);
    if (!json_is_object(exception))
        return osy_error_set(err, OSY_ERR_INVALID, "'exceptions[%zu]' must be an object", index);
    if (!osy_json_read(exception, path, fields, err))
        return false;
    if (!is_date(date))
        return osy_error_set(err, OSY_ERR_INVALID, "'%sdate' must be a day like 2026-12-25", path);
    if (is_there_before(exceptions, index, date))
        return osy_error_set(err, OSY_ERR_INVALID, "'%sdate' is there twice", path);
    return check_ranges(ranges, place, err) && trim_reason(exception, path, reason, err);
}

static bool check_exceptions(const json_t *exceptions, struct osy_error *err)
{
    for (size_t i = 0; i < json_array_size(exceptions); i++) {
        if (!check_exception(exceptions, i, err))
            return false;
    }
    return true;
}

bool api_opening_read(json_t *root, struct api_opening *opening, struct osy_error *err)
{
    json_t *weekly = NULL, *exceptions = NULL;
    *opening = (struct api_opening){0};
    const struct osy_json_field fields[] = {
        {"time_zone", OSY_JSON_STRING, false, 1, TIME_ZONE_MAX, &opening->time_zone},
        {"weekly", OSY_JSON_OBJECT, true, 0, 0, &weekly},
        {"exceptions", OSY_JSON_ARRAY, true, 0, EXCEPTIONS_MAX, &exceptions},
        {0},
    };
    if (!osy_json_read(root, "", fields, err) || !check_weekly(weekly, err) ||
        !check_exceptions(exceptions, err))
        return false;
    /* null means "no hours"; nobody says that by forgetting the field. */
    if (!json_object_get(root, "weekly"))
        return osy_error_set(err, OSY_ERR_INVALID, "'weekly' is missing");
    if (!weekly && json_array_size(exceptions) > 0)
        return osy_error_set(err, OSY_ERR_INVALID, "'exceptions' must be empty without 'weekly'");
    opening->weekly = weekly;
    opening->exceptions = exceptions;
    return true;
}
