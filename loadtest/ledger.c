#include "loadtest/ledger.h"

#include <stdlib.h>
#include <string.h>

#include "shared/alloc.h"

struct entry {
    const struct load_order *order;
    uint32_t version;
    char position[LOAD_POSITION_BYTES];
};

struct alert {
    char position[LOAD_POSITION_BYTES]; /* the key */
    size_t index;                       /* in the log */
    UT_hash_handle hh;
};

struct log {
    struct entry *entries; /* owned */
    size_t count, capacity;
    struct alert *alerts; /* owned; a hash by position */
};

struct load_ledger {
    struct load_order *orders; /* owned; a hash by id */
    struct log *logs;          /* owned; one for each restaurant */
    size_t restaurants;
};

struct load_ledger *load_ledger_create(size_t restaurants)
{
    struct load_ledger *ledger = osy_alloc(sizeof(*ledger));
    ledger->logs = osy_alloc_array(restaurants, sizeof(*ledger->logs));
    ledger->restaurants = restaurants;
    return ledger;
}

static void deinit_log(struct log *log)
{
    struct alert *alert, *next;
    HASH_ITER(hh, log->alerts, alert, next) {
        HASH_DEL(log->alerts, alert);
        free(alert);
    }
    free(log->entries);
}

void load_ledger_destroy(struct load_ledger *ledger)
{
    if (!ledger)
        return;
    struct load_order *order, *next;
    HASH_ITER(hh, ledger->orders, order, next) {
        HASH_DEL(ledger->orders, order);
        free(order->early_ns);
        free(order);
    }
    for (size_t i = 0; i < ledger->restaurants; i++)
        deinit_log(&ledger->logs[i]);
    free(ledger->logs);
    free(ledger);
}

struct load_order *load_ledger_order(struct load_ledger *ledger, size_t restaurant,
                                     const struct osy_uuid *id)
{
    struct load_order *order;
    HASH_FIND(hh, ledger->orders, id, sizeof(*id), order);
    if (order)
        return order;
    order = osy_alloc(sizeof(*order));
    order->id = *id;
    order->restaurant = restaurant;
    for (size_t i = 0; i < LOAD_VERSIONS; i++)
        order->log_index[i] = -1;
    HASH_ADD(hh, ledger->orders, id, sizeof(order->id), order);
    return order;
}

void load_order_acknowledge(struct load_order *order, uint32_t version)
{
    if (version > order->acknowledged && version <= LOAD_VERSIONS)
        order->acknowledged = version;
}

void load_order_note_early(struct load_order *order, uint64_t seen_ns)
{
    order->early_ns =
        osy_realloc_array(order->early_ns, order->early_count + 1, sizeof(*order->early_ns));
    order->early_ns[order->early_count++] = seen_ns;
}

static size_t unseen_versions(const struct load_order *order)
{
    size_t count = 0;
    for (uint32_t i = 0; i < order->acknowledged; i++)
        count += order->log_index[i] < 0;
    return count;
}

size_t load_ledger_unseen(const struct load_ledger *ledger, size_t *counts,
                          const struct load_order **example)
{
    size_t total = 0;
    if (counts)
        memset(counts, 0, ledger->restaurants * sizeof(*counts));
    if (example)
        *example = NULL;
    for (const struct load_order *order = ledger->orders; order; order = order->hh.next) {
        size_t count = unseen_versions(order);
        total += count;
        if (counts)
            counts[order->restaurant] += count;
        if (count && example)
            *example = order;
    }
    return total;
}

/* --- tablets --- */

void load_view_start(const struct load_ledger *ledger, struct load_view *view, size_t restaurant)
{
    view->restaurant = restaurant;
    view->started = true;
    view->next = ledger->logs[restaurant].count;
}

void load_view_deinit(struct load_view *view)
{
    free(view->missing);
    *view = (struct load_view){0};
}

static size_t log_append(struct log *log, const struct load_order *order, uint32_t version,
                         const char *position)
{
    if (log->count == log->capacity) {
        log->capacity = log->capacity ? 2 * log->capacity : 64;
        log->entries = osy_realloc_array(log->entries, log->capacity, sizeof(*log->entries));
    }
    struct entry *entry = &log->entries[log->count];
    *entry = (struct entry){.order = order, .version = version};
    strncpy(entry->position, position, sizeof(entry->position) - 1);
    return log->count++;
}

/* Where the log has the alert; at its end when nobody has seen it before. */
static size_t place_alert(struct log *log, const struct load_order *order, const char *position)
{
    struct alert *alert;
    HASH_FIND_STR(log->alerts, position, alert);
    if (alert)
        return alert->index;
    alert = osy_alloc(sizeof(*alert));
    strncpy(alert->position, position, sizeof(alert->position) - 1);
    alert->index = log_append(log, order, 0, position);
    HASH_ADD_STR(log->alerts, position, alert);
    return alert->index;
}

/* The same of a change, which is version 1 or more of its order. */
static size_t place_change(struct log *log, struct load_order *order, uint32_t version,
                           const char *position)
{
    int32_t *index = &order->log_index[version - 1];
    if (*index < 0)
        *index = (int32_t)log_append(log, order, version, position);
    return (size_t)*index;
}

static void add_missing(struct load_view *view, size_t index)
{
    if (view->missing_count == view->missing_capacity) {
        view->missing_capacity = view->missing_capacity ? 2 * view->missing_capacity : 8;
        view->missing =
            osy_realloc_array(view->missing, view->missing_capacity, sizeof(*view->missing));
    }
    view->missing[view->missing_count++] = index;
}

static bool remove_missing(struct load_view *view, size_t index)
{
    for (size_t i = 0; i < view->missing_count; i++) {
        if (view->missing[i] == index) {
            view->missing[i] = view->missing[--view->missing_count];
            return true;
        }
    }
    return false;
}

/* Where an anchored view goes on. False while nobody has seen the event that it was reset to. */
static bool find_anchor(const struct log *log, struct load_view *view)
{
    for (size_t i = log->count; i > 0; i--) {
        if (strcmp(log->entries[i - 1].position, view->anchor) == 0) {
            view->next = i;
            view->anchor[0] = '\0';
            return true;
        }
    }
    return false;
}

enum load_verdict load_view_event(struct load_ledger *ledger, struct load_view *view,
                                  struct load_order *order, uint32_t version, const char *position)
{
    if (!view->started || version > LOAD_VERSIONS)
        return LOAD_VERDICT_FOREIGN;
    if (version == 0 && order->log_index[0] < 0)
        return LOAD_VERDICT_NOT_OURS;
    struct log *log = &ledger->logs[view->restaurant];
    size_t index = version > 0 ? place_change(log, order, version, position)
                               : place_alert(log, order, position);
    if (view->anchor[0] && !find_anchor(log, view)) {
        view->anchor[0] = '\0';
        view->next = index;
    }
    if (index < view->next)
        return remove_missing(view, index) ? LOAD_VERDICT_OUT_OF_ORDER : LOAD_VERDICT_DUPLICATE;
    for (size_t skipped = view->next; skipped < index; skipped++)
        add_missing(view, skipped);
    view->next = index + 1;
    return LOAD_VERDICT_GOOD;
}

void load_view_reset(const struct load_ledger *ledger, struct load_view *view, const char *position)
{
    view->resets++;
    view->missing_count = 0;
    strncpy(view->anchor, position, sizeof(view->anchor) - 1);
    find_anchor(&ledger->logs[view->restaurant], view);
}

size_t load_view_lacks(const struct load_ledger *ledger, struct load_view *view)
{
    const struct log *log = &ledger->logs[view->restaurant];
    if (view->anchor[0] && !find_anchor(log, view))
        return 0;
    return view->missing_count + (log->count - view->next);
}

const struct load_order *load_view_example(const struct load_ledger *ledger, struct load_view *view,
                                           uint32_t *version)
{
    if (load_view_lacks(ledger, view) == 0)
        return NULL;
    size_t index = view->missing_count ? view->missing[0] : view->next;
    const struct entry *entry = &ledger->logs[view->restaurant].entries[index];
    *version = entry->version;
    return entry->order;
}

/* --- customers --- */

void load_trail_start(struct load_trail *trail, struct load_order *order, uint32_t have_version)
{
    *trail =
        (struct load_trail){.order = order, .first = have_version + 1, .highest = have_version};
}

enum load_verdict load_trail_event(struct load_trail *trail, uint32_t version)
{
    if (version < 1 || version > LOAD_VERSIONS)
        return LOAD_VERDICT_FOREIGN;
    uint64_t bit = UINT64_C(1) << version;
    if (version < trail->first || (trail->seen & bit))
        return LOAD_VERDICT_DUPLICATE;
    trail->seen |= bit;
    if (version < trail->highest)
        return LOAD_VERDICT_OUT_OF_ORDER;
    trail->highest = version;
    return LOAD_VERDICT_GOOD;
}

void load_trail_reset(struct load_trail *trail, uint32_t version)
{
    trail->first = version + 1;
    trail->highest = version;
}

size_t load_trail_lacks(const struct load_trail *trail)
{
    size_t count = 0;
    for (uint32_t version = trail->first; version <= trail->order->acknowledged; version++)
        count += !(trail->seen & UINT64_C(1) << version);
    return count;
}
