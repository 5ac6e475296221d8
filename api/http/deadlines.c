#include "api/http/deadlines.h"

#include <string.h>

void api_deadlines_init(struct api_deadlines *deadlines, int64_t now_ms)
{
    memset(deadlines, 0, sizeof *deadlines);
    deadlines->tick = now_ms / API_DEADLINES_TICK_MS;
}

static void insert(struct api_deadline **head, struct api_deadline *deadline)
{
    deadline->next = *head;
    deadline->link = head;
    if (*head)
        (*head)->link = &deadline->next;
    *head = deadline;
}

void api_deadline_clear(struct api_deadline *deadline)
{
    if (!deadline->link)
        return;
    *deadline->link = deadline->next;
    if (deadline->next)
        deadline->next->link = deadline->link;
    deadline->next = NULL;
    deadline->link = NULL;
}

void api_deadlines_set(struct api_deadlines *deadlines, struct api_deadline *deadline,
                       int64_t due_ms)
{
    /* Rounded up: the tick in which it lies has wholly passed when its slot is swept. */
    int64_t tick = due_ms / API_DEADLINES_TICK_MS + 1;

    if (tick <= deadlines->tick)
        tick = deadlines->tick + 1;
    api_deadline_clear(deadline);
    deadline->due_ms = due_ms;
    insert(&deadlines->slots[tick % API_DEADLINES_SLOTS], deadline);
}

static void sweep_slot(struct api_deadlines *deadlines, size_t slot, int64_t now_ms)
{
    struct api_deadline *due = NULL; /* a list of its own, so that fn may change any list */
    struct api_deadline *deadline = deadlines->slots[slot], *next;

    for (; deadline; deadline = next) {
        next = deadline->next;
        if (deadline->due_ms > now_ms)
            continue;
        api_deadline_clear(deadline);
        insert(&due, deadline);
    }
    while (due) {
        deadline = due;
        api_deadline_clear(deadline);
        deadline->fn(deadline->owner);
    }
}

void api_deadlines_sweep(struct api_deadlines *deadlines, int64_t now_ms)
{
    int64_t now_tick = now_ms / API_DEADLINES_TICK_MS;
    int64_t first = deadlines->tick + 1;

    if (now_tick - first >= API_DEADLINES_SLOTS)
        first = now_tick - API_DEADLINES_SLOTS + 1; /* one round visits every slot */
    deadlines->tick = now_tick;
    for (int64_t tick = first; tick <= now_tick; tick++)
        sweep_slot(deadlines, (size_t)(tick % API_DEADLINES_SLOTS), now_ms);
}
