#include "hub/history.h"

#include <assert.h>
#include <stdlib.h>

#include "shared/alloc.h"

static struct hub_event *at(const struct hub_history *history, size_t index)
{
    return history->ring[(history->head + index) % history->capacity];
}

static void resize(struct hub_history *history, size_t capacity)
{
    struct hub_event **ring = osy_alloc_array(capacity, sizeof *ring);
    for (size_t i = 0; i < history->count; i++)
        ring[i] = at(history, i);
    free(history->ring);
    *history = (struct hub_history){.ring = ring, .capacity = capacity, .count = history->count};
}

static void drop_oldest(struct hub_history *history)
{
    hub_event_unref(history->ring[history->head]);
    history->head = (history->head + 1) % history->capacity;
    history->count--;
}

void hub_history_add(struct hub_history *history, struct hub_event *event, size_t most)
{
    assert(most > 0);
    assert(history->count == 0 ||
           at(history, history->count - 1)->envelope.seq + 1 == event->envelope.seq);
    while (history->count >= most)
        drop_oldest(history);
    if (history->count == history->capacity)
        resize(history, history->capacity ? history->capacity * 2 : 8);
    else if (history->capacity > 64 && history->count < history->capacity / 4)
        resize(history, history->capacity / 2);
    assert(history->capacity > history->count);
    history->ring[(history->head + history->count++) % history->capacity] = hub_event_ref(event);
}

struct hub_event *hub_history_find(const struct hub_history *history, uint64_t seq)
{
    if (history->count == 0)
        return NULL;
    uint64_t first = at(history, 0)->envelope.seq;
    if (seq < first || seq - first >= history->count)
        return NULL;
    return at(history, (size_t)(seq - first));
}

bool hub_history_lacks_new_order(const struct hub_history *history, uint64_t after,
                                 const struct osy_position *position)
{
    const struct hub_event *newest = hub_history_find(history, position->number);
    if (!newest || !osy_uuid_equal(&newest->envelope.id, &position->event_id))
        return false;
    for (uint64_t seq = position->number; seq > after; seq--) {
        const struct hub_event *event = hub_history_find(history, seq);
        if (!event || event->envelope.version == 1) /* an order's first event */
            return false;
    }
    return true;
}

struct hub_event *hub_history_find_order(const struct hub_history *history,
                                         const struct osy_uuid *order_id)
{
    for (size_t i = history->count; i-- > 0;) {
        struct hub_event *event = at(history, i);
        if (event->envelope.version > 0 && osy_uuid_equal(&event->envelope.order_id, order_id))
            return event;
    }
    return NULL;
}

void hub_history_clear(struct hub_history *history)
{
    while (history->count)
        drop_oldest(history);
    free(history->ring);
    *history = (struct hub_history){0};
}
