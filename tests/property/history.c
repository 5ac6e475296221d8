#include <stdlib.h>
#include <string.h>

#include "shared/alloc.h"
#include "shared/buffer.h"
#include "shared/event.h"
#include "tests/property/world.h"

enum { ALERT_ONE_IN = 10, RESTORE_MOST = 6, VERSION_MOST = 7 };

struct osy_uuid restaurant_ids[RESTAURANTS], order_ids[RESTAURANTS][ORDERS];
struct row *heads[RESTAURANTS];
static struct row *made; /* all, the newest first */
static uint64_t id_count;

/* Ids need no chance: they must only differ. */
static struct osy_uuid make_id(uint8_t kind)
{
    struct osy_uuid id = {{kind}};
    id_count++;
    memcpy(&id.bytes[8], &id_count, sizeof id_count);
    return id;
}

void history_begin(void)
{
    id_count = 0;
    memset(heads, 0, sizeof heads);
    for (int restaurant = 0; restaurant < RESTAURANTS; restaurant++) {
        restaurant_ids[restaurant] = make_id(1);
        for (int order = 0; order < ORDERS; order++)
            order_ids[restaurant][order] = make_id(2);
    }
}

void history_end(void)
{
    while (made) {
        struct row *next = made->next_made;
        free(made->envelope);
        free(made);
        made = next;
    }
}

int find_restaurant(const struct osy_uuid *id)
{
    for (int restaurant = 0; restaurant < RESTAURANTS; restaurant++) {
        if (osy_uuid_equal(&restaurant_ids[restaurant], id))
            return restaurant;
    }
    return -1;
}

const struct row *history_find_id(const struct osy_uuid *id)
{
    const struct row *row = made;
    while (row && !osy_uuid_equal(&row->id, id))
        row = row->next_made;
    return row;
}

struct row *history_newest_of_order(struct row *row, int order)
{
    while (row && (row->order != order || row->version == 0))
        row = row->before;
    return row;
}

static bool is_of_stream(const struct row *row, int restaurant, int order)
{
    return row->restaurant == restaurant &&
           (order < 0 || (row->order == order && row->version > 0));
}

struct row *history_draw(int restaurant, int order)
{
    size_t count = 0;
    for (struct row *row = made; row; row = row->next_made)
        count += is_of_stream(row, restaurant, order);
    if (count == 0)
        return NULL;
    size_t chosen = below(count);
    struct row *row = made;
    for (;; row = row->next_made) {
        if (is_of_stream(row, restaurant, order) && chosen-- == 0)
            return row;
    }
}

bool history_is_at_or_before(const struct row *row, const struct row *later)
{
    while (later && (!row || later->seq > row->seq))
        later = later->before;
    return later == row;
}

bool history_is_true(const struct row *row)
{
    return !row || history_is_at_or_before(row, heads[row->restaurant]);
}

struct row *history_view(int restaurant, struct row *asked)
{
    struct row *now = heads[restaurant];
    if (!history_is_at_or_before(asked, now))
        return one_in(2) ? asked : now;
    size_t back = below((size_t)((now ? now->seq : 0) - (asked ? asked->seq : 0)) + 1);
    while (back-- > 0)
        now = now->before;
    return now;
}

/* An order that was lost is lost for ever: its id is not given out again. */
static bool is_lost(int restaurant, int order)
{
    for (const struct row *row = made; row; row = row->next_made) {
        if (is_of_stream(row, restaurant, order))
            return !history_newest_of_order(heads[restaurant], order);
    }
    return false;
}

static void write_envelope(struct row *row)
{
    struct osy_event event = {
        .seq = row->seq,
        .version = row->version,
        .id = row->id,
        .restaurant_id = restaurant_ids[row->restaurant],
        .order_id = order_ids[row->restaurant][row->order],
        .type = row->version ? "order.created" : "order.alerted",
        .time_ms = 1769860800123,
        .traceparent = "",
        .data = "{}",
        .data_length = 2,
    };
    if (row->before)
        event.previous_id = row->before->id;
    struct osy_buffer envelope = OSY_BUFFER_INIT;
    osy_event_write_envelope(&event, &envelope);
    row->envelope = osy_buffer_take(&envelope, &row->length);
}

struct row *history_commit(int restaurant)
{
    int order = (int)below(ORDERS);
    if (is_lost(restaurant, order))
        return NULL;
    struct row *before_in_order = history_newest_of_order(heads[restaurant], order);
    bool is_done = before_in_order && before_in_order->version == VERSION_MOST;
    bool is_alert = before_in_order && (is_done || one_in(ALERT_ONE_IN));
    struct row *row = osy_alloc(sizeof *row);
    *row = (struct row){
        .before = heads[restaurant],
        .before_in_order = before_in_order,
        .seq = heads[restaurant] ? heads[restaurant]->seq + 1 : 1,
        .version = is_alert ? 0 : (before_in_order ? before_in_order->version : 0) + 1,
        .restaurant = restaurant,
        .order = order,
        .id = make_id(3),
        .next_made = made,
    };
    write_envelope(row);
    made = heads[restaurant] = row;
    trace("commit %d/%d of order %d: number %d", restaurant, (int)row->version, order,
          (int)row->seq);
    return row;
}

void history_restore(int restaurant)
{
    if (!heads[restaurant])
        return;
    world.has_restored = true;
    for (size_t back = 1 + below(RESTORE_MOST); back > 0 && heads[restaurant]; back--)
        heads[restaurant] = heads[restaurant]->before;
    trace("restore %d to number %d", restaurant,
          heads[restaurant] ? (int)heads[restaurant]->seq : 0);
}
