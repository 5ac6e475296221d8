#include "hub/cursor.h"

#include <assert.h>
#include <stddef.h>

enum hub_verdict hub_cursor_judge(const struct hub_cursor *cursor, uint64_t number)
{
    if (number <= cursor->last)
        return HUB_VERDICT_DROP;
    return number == cursor->last + 1 ? HUB_VERDICT_DELIVER : HUB_VERDICT_GAP;
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
