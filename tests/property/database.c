/* What the hub asks PostgreSQL, and when and how it is answered. */
#include <stdlib.h>

#include "hub/store.h"
#include "shared/alloc.h"
#include "tests/property/world.h"

enum { ASKED_MAX = 512, ROWS_MAX = 2048, FAILS_ONE_IN = 8 };

struct hub_store {
    int nothing;
};
static struct hub_store the_store;
struct hub_store *const database = &the_store;

static struct asked {
    int restaurant, order; /* order < 0: a run of the restaurant's, or the head */
    uint64_t first, last;
    struct row *head; /* when it was asked */
    hub_store_head_fn on_head;
    hub_store_events_fn on_events;
    void *context;
} asked[ASKED_MAX];
static size_t asked_count;

void database_begin(void)
{
    asked_count = 0;
}

static void ask(const struct asked *question)
{
    if (asked_count == ASKED_MAX)
        violated("the hub asks PostgreSQL without end");
    asked[asked_count] = *question;
    asked[asked_count++].head = heads[question->restaurant];
}

void hub_store_find_head(struct hub_store *store, const struct osy_uuid *restaurant_id,
                         hub_store_head_fn fn, void *context)
{
    (void)store;
    ask(&(struct asked){.restaurant = find_restaurant(restaurant_id),
                        .order = -1,
                        .on_head = fn,
                        .context = context});
}

void hub_store_find_events(struct hub_store *store, const struct osy_uuid *restaurant_id,
                           uint64_t first, uint64_t last, hub_store_events_fn fn, void *context)
{
    (void)store;
    ask(&(struct asked){.restaurant = find_restaurant(restaurant_id),
                        .order = -1,
                        .first = first,
                        .last = last,
                        .on_events = fn,
                        .context = context});
}

void hub_store_find_order_events(struct hub_store *store, const struct osy_uuid *restaurant_id,
                                 const struct osy_uuid *order_id, hub_store_events_fn fn,
                                 void *context)
{
    (void)store;
    int restaurant = find_restaurant(restaurant_id), order = 0;
    while (order < ORDERS && !osy_uuid_equal(&order_ids[restaurant][order], order_id))
        order++;
    ask(&(struct asked){
        .restaurant = restaurant, .order = order, .on_events = fn, .context = context});
}

void hub_store_find_customer(struct hub_store *store, const struct osy_uuid *restaurant_id,
                             const struct osy_uuid *order_id, hub_store_customer_fn fn,
                             void *context)
{
    (void)store, (void)restaurant_id, (void)order_id, (void)fn, (void)context;
    violated("customers have tracking tokens here, and nobody has to ask whose an order is");
}

bool hub_store_is_full(struct hub_store *store)
{
    (void)store;
    return false;
}

bool hub_store_is_busy(struct hub_store *store)
{
    (void)store;
    return false;
}

bool hub_store_is_up(const struct hub_store *store)
{
    (void)store;
    return !world.is_database_down;
}

static bool is_wanted(const struct asked *question, const struct row *row)
{
    if (question->order >= 0)
        return row->order == question->order && row->version > 0;
    return row->seq >= question->first && row->seq <= question->last;
}

static void answer_events(const struct asked *question, struct row *head)
{
    struct hub_event *events[ROWS_MAX];
    size_t count = 0, place = ROWS_MAX;
    for (const struct row *row = head; row; row = row->before) {
        if (!is_wanted(question, row))
            continue;
        struct osy_error err = {0};
        struct hub_event *event =
            hub_event_create(row->envelope, row->length, &restaurant_ids[row->restaurant], &err);
        if (!event)
            violated("an envelope is refused: %s", err.message);
        events[--place] = event;
        count++;
    }
    question->on_events(question->context, events + place, count, NULL);
    for (size_t i = 0; i < count; i++)
        hub_event_unref(events[place + i]);
}

static void answer_head(const struct asked *question, const struct row *head)
{
    struct hub_head answer = {.found = true};
    if (head) {
        answer.seq = head->seq;
        answer.event_id = head->id;
    }
    question->on_head(question->context, &answer, NULL);
}

static void fail(const struct asked *question)
{
    struct osy_error err = {OSY_ERR_IO, "the database is away"};
    struct hub_head nothing = {0};
    if (question->on_head)
        question->on_head(question->context, &nothing, &err);
    else
        question->on_events(question->context, NULL, 0, &err);
}

static const char *name(const struct asked *question)
{
    if (question->on_head)
        return "head";
    return question->order < 0 ? "events" : "order's events";
}

bool database_answer_one(void)
{
    if (asked_count == 0)
        return false;
    size_t place = below(asked_count);
    struct asked question = asked[place];
    asked[place] = asked[--asked_count];
    bool fails = !world.is_healed && (world.is_database_down || one_in(FAILS_ONE_IN));
    struct row *head = history_view(question.restaurant, question.head);
    trace("database: %s of %d, %s %d", name(&question), question.restaurant,
          fails ? "failed; would be at" : "answered at", head ? (int)head->seq : 0);
    if (fails)
        fail(&question);
    else if (question.on_head)
        answer_head(&question, head);
    else
        answer_events(&question, head);
    return true;
}
