#include "hub/wheel.h"

#include <assert.h>
#include <stddef.h>

static void link_into(struct hub_wheel_timer **list, struct hub_wheel_timer *timer)
{
    timer->next = *list;
    timer->link = list;
    if (timer->next)
        timer->next->link = &timer->next;
    *list = timer;
}

void hub_wheel_init(struct hub_wheel *wheel, int64_t now_ms)
{
    *wheel = (struct hub_wheel){.tick = now_ms / HUB_WHEEL_TICK_MS};
}

void hub_wheel_arm(struct hub_wheel *wheel, struct hub_wheel_timer *timer, int64_t due_ms,
                   hub_wheel_fn fn)
{
    hub_wheel_cancel(timer);
    /* Rounded up: never early. A tick that was handled already does not come again. */
    int64_t tick = (due_ms + HUB_WHEEL_TICK_MS - 1) / HUB_WHEEL_TICK_MS;
    timer->due_tick = tick > wheel->tick ? tick : wheel->tick + 1;
    timer->fn = fn;
    link_into(&wheel->slots[timer->due_tick % HUB_WHEEL_SLOTS], timer);
}

void hub_wheel_cancel(struct hub_wheel_timer *timer)
{
    if (!timer->link)
        return;
    *timer->link = timer->next;
    if (timer->next)
        timer->next->link = timer->link;
    timer->next = NULL;
    timer->link = NULL;
}

bool hub_wheel_is_armed(const struct hub_wheel_timer *timer)
{
    return timer->link != NULL;
}

/* Due timers move to a list of their own first, so that callbacks may touch the slot as they like. */
static void fire_slot(struct hub_wheel *wheel, int64_t tick)
{
    struct hub_wheel_timer *due = NULL;
    struct hub_wheel_timer *next;
    for (struct hub_wheel_timer *timer = wheel->slots[tick % HUB_WHEEL_SLOTS]; timer;
         timer = next) {
        next = timer->next;
        if (timer->due_tick > tick)
            continue;
        hub_wheel_cancel(timer);
        link_into(&due, timer);
    }
    while (due) {
        struct hub_wheel_timer *timer = due;
        hub_wheel_cancel(timer);
        timer->fn(timer);
    }
}

void hub_wheel_turn(struct hub_wheel *wheel, int64_t now_ms)
{
    int64_t now_tick = now_ms / HUB_WHEEL_TICK_MS;
    /* After a long stop (SIGSTOP) one round finds everything: each slot holds what was due meanwhile. */
    if (now_tick - wheel->tick > HUB_WHEEL_SLOTS)
        wheel->tick = now_tick - HUB_WHEEL_SLOTS;
    while (wheel->tick < now_tick) {
        wheel->tick++;
        fire_slot(wheel, wheel->tick);
    }
}
