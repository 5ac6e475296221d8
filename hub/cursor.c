#include "hub/cursor.h"

#include <assert.h>
#include <stddef.h>

#include "shared/bug.h"

enum hub_verdict hub_cursor_judge(const struct hub_cursor *cursor, const struct osy_envelope *event)
{
    if (event->seq < cursor->last)
        return HUB_VERDICT_DROP;
    if (event->seq > cursor->last + 1)
        return OSY_BUG("gap_accepted", "an event is delivered though one before it is missing")
                   ? HUB_VERDICT_DELIVER
                   : HUB_VERDICT_GAP;
    if (event->seq == cursor->last)
        return osy_uuid_equal(&event->id, &cursor->last_id) ? HUB_VERDICT_DROP : HUB_VERDICT_FORK;
    bool follows = osy_uuid_equal(&event->previous_id, &cursor->last_id);
    return follows || cursor->last == 0 ? HUB_VERDICT_DELIVER : HUB_VERDICT_FORK;
}

void hub_cursor_advance(struct hub_cursor *cursor, uint64_t number, const struct osy_uuid *id)
{
    assert(number == cursor->last + 1);
    cursor->last = number;
    cursor->last_id = *id;
    if (cursor->target <= number) {
        cursor->target = number;
        cursor->target_id = *id;
    }
}

void hub_cursor_expect(struct hub_cursor *cursor, uint64_t number, const struct osy_uuid *id)
{
    if (number < cursor->target || number <= cursor->last)
        return;
    if (number > cursor->target)
        cursor->target_id = (struct osy_uuid){0};
    cursor->target = number;
    if (id)
        cursor->target_id = *id;
}

bool hub_cursor_is_behind(const struct hub_cursor *cursor)
{
    return cursor->target > cursor->last;
}

void hub_cursor_give_up(struct hub_cursor *cursor)
{
    cursor->target = cursor->last;
    cursor->target_id = cursor->last_id;
}
