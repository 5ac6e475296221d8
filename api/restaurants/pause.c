/* When it is too much: a restaurant pauses, or says that everything takes longer. Both end by themselves at a moment that
 * has to be named, because what nobody ends costs orders. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/http/request.h"
#include "api/moment.h"
#include "api/orders/scope.h"
#include "api/restaurants/change.h"
#include "api/restaurants/handlers.h"
#include "api/text.h"
#include "embedded/api_core.h"
#include "shared/alloc.h"
#include "shared/json.h"

enum {
    PAUSE_MINUTES_MAX = 7 * 24 * 60,
    BUSY_MINUTES_MAX = 24 * 60,
    EXTRA_MINUTES_MAX = 240,
    REASON_MAX_CHARACTERS = 200,
    NUMBER_BYTES = 24,
};

struct respite {
    int64_t until_ms;
    int64_t extra_minutes; /* of busy */
    char *reason;          /* of a pause; owned; NULL: none */
};

static bool read_until(const struct api_moment *until, struct respite *respite,
                       struct osy_error *err)
{
    return api_moment_read(until, &respite->until_ms, err) &&
           (respite->until_ms ||
            osy_error_set(err, OSY_ERR_INVALID, "'minutes' or 'until' is missing"));
}

static bool read_pause(json_t *root, struct respite *respite, struct osy_error *err)
{
    struct api_moment until = {"minutes", "until", PAUSE_MINUTES_MAX, 0, NULL};
    const char *reason = NULL;
    struct api_text text;
    const struct osy_json_field fields[] = {
        {"minutes", OSY_JSON_INTEGER, true, 1, PAUSE_MINUTES_MAX, &until.minutes},
        {"until", OSY_JSON_STRING, true, 1, API_MOMENT_TIME_MAX, &until.time},
        {"reason", OSY_JSON_STRING, true, 1, REASON_MAX_CHARACTERS, &reason},
        {0},
    };
    if (!osy_json_read(root, "", fields, err) || !read_until(&until, respite, err))
        return false;
    if (!reason)
        return true;
    if (!api_text_trim("reason", reason, API_TEXT_ONE_LINE, &text, err))
        return false;
    respite->reason = osy_strndup(text.bytes, text.length);
    return true;
}

static bool read_busy(json_t *root, struct respite *respite, struct osy_error *err)
{
    struct api_moment until = {"minutes", "until", BUSY_MINUTES_MAX, 0, NULL};
    const struct osy_json_field fields[] = {
        {"minutes", OSY_JSON_INTEGER, true, 1, BUSY_MINUTES_MAX, &until.minutes},
        {"until", OSY_JSON_STRING, true, 1, API_MOMENT_TIME_MAX, &until.time},
        {"extra_minutes", OSY_JSON_INTEGER, false, 1, EXTRA_MINUTES_MAX, &respite->extra_minutes},
        {0},
    };
    return osy_json_read(root, "", fields, err) && read_until(&until, respite, err);
}

static bool read_body(const struct api_request *request,
                      bool (*read)(json_t *, struct respite *, struct osy_error *),
                      struct respite *respite, struct osy_error *err)
{
    size_t length = 0;
    const char *text = api_request_body(request, &length);
    json_t *root = osy_json_parse(text, length, JSON_OBJECT, err);
    bool ok = root && read(root, respite, err);
    json_decref(root);
    return ok;
}

void api_handle_pause(struct api_worker *worker, struct api_request *request)
{
    struct osy_error err = {0};
    struct osy_uuid restaurant_id;
    struct respite pause = {0};
    char until[NUMBER_BYTES];
    if (!api_scope_restaurant(request, &restaurant_id))
        return;
    if (!read_body(request, read_pause, &pause, &err)) {
        api_reply_invalid(request, &err);
        return;
    }
    snprintf(until, sizeof until, "%" PRId64, pause.until_ms);
    const char *const values[] = {until, pause.reason};
    const struct api_restaurant_change change = {
        "restaurant.paused", api_restaurant_find_public, sql_pause, values, 2,
    };
    api_restaurant_change(worker, request, &restaurant_id, &change);
    free(pause.reason);
}

void api_handle_start_busy(struct api_worker *worker, struct api_request *request)
{
    struct osy_error err = {0};
    struct osy_uuid restaurant_id;
    struct respite busy = {0};
    char until[NUMBER_BYTES], extra[NUMBER_BYTES];
    if (!api_scope_restaurant(request, &restaurant_id))
        return;
    if (!read_body(request, read_busy, &busy, &err)) {
        api_reply_invalid(request, &err);
        return;
    }
    snprintf(until, sizeof until, "%" PRId64, busy.until_ms);
    snprintf(extra, sizeof extra, "%" PRId64, busy.extra_minutes);
    const char *const values[] = {until, extra};
    const struct api_restaurant_change change = {
        "restaurant.busy", api_restaurant_find_public, sql_start_busy, values, 2,
    };
    api_restaurant_change(worker, request, &restaurant_id, &change);
}

/* For what is said by the path alone. Again: nothing happens. */
static void end(struct api_worker *worker, struct api_request *request, const char *action,
                const char *sql)
{
    struct osy_uuid restaurant_id;
    const struct api_restaurant_change change = {
        .action = action, .find = api_restaurant_find_public, .sql = sql};
    if (api_scope_restaurant(request, &restaurant_id))
        api_restaurant_change(worker, request, &restaurant_id, &change);
}

void api_handle_resume(struct api_worker *worker, struct api_request *request)
{
    end(worker, request, "restaurant.resumed", sql_resume);
}

void api_handle_end_busy(struct api_worker *worker, struct api_request *request)
{
    end(worker, request, "restaurant.busy_ended", sql_end_busy);
}
