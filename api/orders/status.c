#include "api/orders/status.h"

#include <string.h>

/* clang-format off: a row each */
static const struct api_order_step steps[] = {
    {"accept", "{PENDING}", "ACCEPTED", "order.accepted", API_STEP_REFUSES, API_STEP_MAY_HAVE,
     false, false},
    {"reject", "{PENDING}", "REJECTED", "order.rejected", API_STEP_NEEDS, API_STEP_REFUSES, false,
     true},
    {"prepare", "{ACCEPTED}", "PREPARING", "order.preparing", API_STEP_REFUSES, API_STEP_REFUSES,
     false, false},
    {"ready", "{PREPARING}", "READY", "order.ready", API_STEP_REFUSES, API_STEP_REFUSES, false,
     false},
    {"complete", "{READY}", "COMPLETED", "order.completed", API_STEP_REFUSES, API_STEP_REFUSES,
     false, false},
    {"cancel", "{PENDING,ACCEPTED}", "CANCELLED", "order.cancelled", API_STEP_MAY_HAVE,
     API_STEP_REFUSES, true, true},
    {"estimate", "{ACCEPTED,PREPARING}", NULL, "order.estimated", API_STEP_REFUSES, API_STEP_NEEDS,
     false, false},
};
/* clang-format on */

enum { STEP_COUNT = sizeof steps / sizeof steps[0] };

const struct api_order_step *api_order_step_find(const char *name)
{
    for (size_t i = 0; i < STEP_COUNT; i++) {
        if (strcmp(steps[i].name, name) == 0)
            return &steps[i];
    }
    return NULL;
}

static bool equals(const char *known, const char *text, size_t length)
{
    return strlen(known) == length && memcmp(known, text, length) == 0;
}

const char *api_order_status_find(const char *text, size_t length)
{
    if (equals(API_ORDER_STATUS_FIRST, text, length))
        return API_ORDER_STATUS_FIRST;
    for (size_t i = 0; i < STEP_COUNT; i++) {
        if (steps[i].to && equals(steps[i].to, text, length))
            return steps[i].to;
    }
    return NULL;
}

/* No status is a part of another one's name, so looking for the text is enough. */
bool api_order_status_is_open(const char *status)
{
    for (size_t i = 0; i < STEP_COUNT; i++) {
        if (strstr(steps[i].from, status))
            return true;
    }
    return false;
}

const struct api_order_step *api_order_step_at(size_t index)
{
    return index < STEP_COUNT ? &steps[index] : NULL;
}
