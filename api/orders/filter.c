#include "api/orders/filter.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/http/request.h"
#include "api/orders/command.h"
#include "api/orders/status.h"
#include "shared/clock.h"

enum {
    CLOCKS_DIFFER_MS = 10 * 60 * 1000,
    AMOUNT_DIGITS_MAX = 15, /* no order comes near it */
};

/* A repeated status would be harmless, but then the list has no longest length. */
static bool add_status(struct api_order_filter *filter, const char *text, size_t length,
                       struct osy_error *err)
{
    const char *status = api_order_status_find(text, length);
    size_t used = strlen(filter->statuses);
    if (!status)
        return osy_error_set(err, OSY_ERR_INVALID,
                             "'status' must be a comma separated list of statuses");
    if (strstr(filter->statuses, status))
        return osy_error_set(err, OSY_ERR_INVALID, "'status' names %s twice", status);
    filter->is_only_open = filter->is_only_open && api_order_status_is_open(status);
    snprintf(filter->statuses + used, sizeof filter->statuses - used, "%c%s", used == 0 ? '{' : ',',
             status);
    return true;
}

static bool parse_statuses(struct api_order_filter *filter, const char *text, struct osy_error *err)
{
    filter->is_only_open = text != NULL;
    if (!text)
        return true;
    for (;;) {
        size_t length = strcspn(text, ",");
        if (!add_status(filter, text, length, err))
            return false;
        if (text[length] == '\0')
            break;
        text += length + 1;
    }
    strcat(filter->statuses, "}");
    return true;
}

static bool parse_time(const char *name, const char *text, bool *has, int64_t *time_ms,
                       struct osy_error *err)
{
    *has = text != NULL;
    if (!text || (osy_time_parse(text, strlen(text), time_ms) && *time_ms >= 0))
        return true;
    return osy_error_set(err, OSY_ERR_INVALID, "'%s' must be a time like 2026-01-31T12:00:00.000Z",
                         name);
}

/* The least id of a millisecond (RFC 9562, version 7: the time comes first). */
static struct osy_uuid least_id(int64_t time_ms)
{
    struct osy_uuid id = {{0}};
    uint64_t rest = time_ms > 0 ? (uint64_t)time_ms : 0;
    for (int i = 5; i >= 0; i--, rest >>= 8)
        id.bytes[i] = (uint8_t)rest;
    return id;
}

static bool parse_times(struct api_order_filter *filter, const char *from, const char *to,
                        struct osy_error *err)
{
    if (!parse_time("from", from, &filter->has_from, &filter->from_ms, err) ||
        !parse_time("to", to, &filter->has_to, &filter->to_ms, err))
        return false;
    filter->first = least_id(filter->from_ms - CLOCKS_DIFFER_MS);
    filter->behind = least_id(filter->to_ms + CLOCKS_DIFFER_MS);
    return true;
}

static bool parse_amount(const char *name, const char *text, bool *has, int64_t *amount,
                         struct osy_error *err)
{
    *has = text != NULL;
    if (!text)
        return true;
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > AMOUNT_DIGITS_MAX || text[digits] != '\0')
        return osy_error_set(err, OSY_ERR_INVALID, "'%s' must be an integer from 0 on", name);
    *amount = strtoll(text, NULL, 10);
    return true;
}

static bool parse_code(struct api_order_filter *filter, const char *text, struct osy_error *err)
{
    filter->has_code = text != NULL;
    if (!text || api_order_code_parse(text, &filter->code))
        return true;
    return osy_error_set(err, OSY_ERR_INVALID,
                         "'code' must be the 5 characters of an order's code");
}

bool api_order_filter_read(struct api_request *request, struct api_order_filter *filter,
                           struct osy_error *err)
{
    const char *status, *from, *to, *least, *most, *code;
    *filter = (struct api_order_filter){0};
    if (!api_request_query(request, "status", &status, err) ||
        !api_request_query(request, "from", &from, err) ||
        !api_request_query(request, "to", &to, err) ||
        !api_request_query(request, "min_amount", &least, err) ||
        !api_request_query(request, "max_amount", &most, err) ||
        !api_request_query(request, "code", &code, err))
        return false;
    if (!parse_statuses(filter, status, err) || !parse_times(filter, from, to, err) ||
        !parse_amount("min_amount", least, &filter->has_least, &filter->least_amount, err) ||
        !parse_amount("max_amount", most, &filter->has_most, &filter->most_amount, err) ||
        !parse_code(filter, code, err))
        return false;
    filter->is_only_open = filter->is_only_open && !from && !to && !least && !most && !code;
    return true;
}
