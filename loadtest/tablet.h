/*
 * A tablet: follows all events of its restaurant, and checks each against the restaurant's log. It
 * starts as a real one does: the list over HTTP, which names a position, then the socket from there.
 * A dashboard's streams are judged by the same rule (load_watch_event).
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "loadtest/feed.h"
#include "loadtest/ledger.h"

struct load_run;

/*
 * An event has reached somebody who watches a whole restaurant: judges it, counts it, and records its
 * latencies. False when it was not for this watcher, or not new.
 */
bool load_watch_event(struct load_run *run, struct load_view *view, size_t restaurant,
                      const struct load_message *event, uint64_t now_ns);

struct load_tablet {
    struct load_run *run;   /* borrowed */
    size_t restaurant;      /* its number */
    struct load_feed *feed; /* owned; NULL until the list has come */
    struct load_view view;
};

/* Loads the list and opens the socket. Events count from load_tablet_judge on. */
void load_tablet_start(struct load_tablet *tablet, struct load_run *run, size_t restaurant);
void load_tablet_judge(struct load_tablet *tablet);
void load_tablet_deinit(struct load_tablet *tablet);
