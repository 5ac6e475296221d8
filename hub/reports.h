/*
 * The hub's writer to PostgreSQL: which devices are here and what they have acknowledged, and a lease that
 * says the hub itself still runs. The loop only notes; a thread with a connection of its own writes what
 * was noted, in sets: presence a few times a second, receipts once; never a write per message. While
 * PostgreSQL is away only the latest of each device is kept, and written when it is back. What is behind
 * a new connection may be a promoted standby or a restored copy: all devices are told again, and those that
 * it has too many are ended.
 *
 * A hub is known by its incarnation, one random id per run. When it dies its lease runs out, and its
 * devices count as seen until then; when it stops it says that they have left and gives the lease back. A
 * hub whose loop hangs is as good as dead: nothing is written, its lease least of all.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "shared/position.h"

struct hub_history;
struct hub_metrics;
struct hub_reported;
struct hub_reports;

/* On the loop thread: what PostgreSQL says about that restaurant's devices has changed. */
typedef void (*hub_reports_fn)(void *context, const struct osy_uuid *restaurant_id);

struct hub_reports_options {
    const char *url, *application_name, *hub_id; /* copied */
    int64_t interval_ms;                         /* between two batches of presence */
    int64_t receipt_interval_ms;                 /* between two batches of receipts */
    int64_t lease_ms;                            /* renewed thrice as often */
    size_t most;                 /* devices that are kept in mind; more are counted and left out */
    struct hub_metrics *metrics; /* borrowed */
    hub_reports_fn on_presence;
    void *context;
};

struct hub_reports *hub_reports_create(uv_loop_t *loop, const struct hub_reports_options *options);
/* The loop runs: to be said more often than a third of the lease. */
void hub_reports_beat(struct hub_reports *reports);
/* Tries once to write what is left, and gives the lease back. The memory goes when libuv has closed the
 * handle. NULL is fine. */
void hub_reports_destroy(struct hub_reports *reports);

/*
 * A socket's side of it: which device it is, and how far that has acknowledged. Zeroed at first. A socket
 * speaks for one device: the first that it names. Loop thread only.
 */
struct hub_reporter {
    uint64_t resumed; /* what it said to have in `resume`; 0: nothing */
    struct hub_reported
        *reported; /* owned; NULL while it has named no device, as customers never do */
};

/* `resume` has come. name and position (null: "from now on") may be NULL. */
void hub_reporter_resume(struct hub_reporter *reporter, struct hub_reports *reports,
                         const struct osy_uuid *restaurant_id, const char *name,
                         const struct osy_position *position);
/* history: the restaurant's; NULL: not known. Half of all acks follow a change of status: they tell of no order that the device
 * has not acknowledged before, and need not be written. */
void hub_reporter_ack(struct hub_reporter *reporter, struct hub_reports *reports,
                      const struct osy_uuid *restaurant_id, const char *name,
                      const struct osy_position *position, bool is_displayed,
                      const struct hub_history *history);
/* The socket is gone. Harmless when repeated. */
void hub_reporter_leave(struct hub_reporter *reporter, struct hub_reports *reports);
