/*
 * The judge: what was acknowledged, and who has seen what of it. Pure bookkeeping, no clock and no
 * socket, so that its verdicts can be tested one by one.
 *
 * The first tablet to receive an event writes it into its restaurant's log; every tablet of the
 * restaurant then has to see exactly that log, in that order, each entry once. On top of it, every
 * version that the API acknowledged has to be in the log, so an event that nobody got is found as
 * well. The server's numbering is never consulted: a server cannot excuse a hole by numbering past it.
 *
 * An event is known by its order and version. An alert (order.alerted) leaves its order's version as it
 * is, so it is known by its position, which is the same for all who watch the restaurant. Alerts about orders of an
 * earlier run are not judged: one that comes while views are started would be in some of them alone.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uthash.h>

#include "loadtest/message.h"
#include "shared/uuid.h"

#define LOAD_VERSIONS 8 /* more than an order can have; later ones are foreign to us */

struct load_order {
    struct osy_uuid id;    /* the key */
    size_t restaurant;     /* its number */
    uint32_t acknowledged; /* the highest version that the API has answered for; 0: none */
    uint64_t intended_ns[LOAD_VERSIONS]; /* when version i + 1 was due; 0: not measured */
    int32_t log_index[LOAD_VERSIONS]; /* version i + 1 in the restaurant's log; -1: not seen yet */
    uint64_t *early_ns;               /* owned: sightings from before the POST was answered */
    size_t early_count;
    bool is_changing; /* the kitchen waits for an answer about it */
    UT_hash_handle hh;
};

struct load_ledger;

struct load_ledger *load_ledger_create(size_t restaurants);
void load_ledger_destroy(struct load_ledger *ledger); /* NULL is fine */
/* The order of that id, new when it was not known. Owned by the ledger and stays where it is. */
struct load_order *load_ledger_order(struct load_ledger *ledger, size_t restaurant,
                                     const struct osy_uuid *id);
void load_order_acknowledge(struct load_order *order, uint32_t version);
/* Notes that version 1 was seen before its POST was answered. */
void load_order_note_early(struct load_order *order, uint64_t seen_ns);
/*
 * Counts the acknowledged versions that no tablet has seen: all of them, and by restaurant in counts
 * (which may be NULL). *example, unless NULL, becomes an order that has one, or NULL.
 */
size_t load_ledger_unseen(const struct load_ledger *ledger, size_t *counts,
                          const struct load_order **example);

enum load_verdict {
    LOAD_VERDICT_GOOD = 0,
    LOAD_VERDICT_DUPLICATE,
    LOAD_VERDICT_OUT_OF_ORDER, /* late, or with a hole before it: counted where it is late */
    LOAD_VERDICT_FOREIGN,      /* before the view was started, or a version that we cannot know */
    LOAD_VERDICT_NOT_OURS,     /* an alert about an order that nobody has seen placed in this run */
};

/* What one tablet has seen of its restaurant's log. Zero it, then start it. */
struct load_view {
    size_t restaurant;
    bool started;
    size_t next;     /* everything below has been seen, but for what is in missing */
    size_t *missing; /* owned; indices */
    size_t missing_count, missing_capacity;
    unsigned resets;
    /* After a reset to an event that nobody has seen yet: where the view goes on; "" otherwise. */
    char anchor[LOAD_POSITION_BYTES];
};

void load_view_start(const struct load_ledger *ledger, struct load_view *view, size_t restaurant);
void load_view_deinit(struct load_view *view);
/* version: 0 for an alert. */
enum load_verdict load_view_event(struct load_ledger *ledger, struct load_view *view,
                                  struct load_order *order, uint32_t version, const char *position);
/* The tablet has reloaded the list: what lies before position is accounted for. */
void load_view_reset(const struct load_ledger *ledger, struct load_view *view,
                     const char *position);
/* Entries of the log that the view still lacks. */
size_t load_view_lacks(const struct load_ledger *ledger, struct load_view *view);
/*
 * One of them, for a person to look into: its order, and *version, 0 for an alert. NULL when the view
 * lacks nothing.
 */
const struct load_order *load_view_example(const struct load_ledger *ledger, struct load_view *view,
                                           uint32_t *version);

/* What one customer's socket has seen of its order. */
struct load_trail {
    struct load_order *order; /* borrowed from the ledger */
    uint32_t first;           /* the version from which on events are due */
    uint32_t highest;         /* seen */
    uint64_t seen;            /* bit n: version n */
};

void load_trail_start(struct load_trail *trail, struct load_order *order, uint32_t have_version);
enum load_verdict load_trail_event(struct load_trail *trail, uint32_t version);
/* The order was reloaded and stands at version. */
void load_trail_reset(struct load_trail *trail, uint32_t version);
/* Acknowledged versions that have not come. */
size_t load_trail_lacks(const struct load_trail *trail);
