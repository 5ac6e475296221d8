/*
 * What devices have acknowledged and PostgreSQL has yet to hear. An ack covers everything before it, so of
 * one device and state only the furthest is kept: however long PostgreSQL is away, a device waits at most
 * twice. Which orders an ack covers is for PostgreSQL to find out. Pure data: whoever owns it does the
 * locking (hub/reports.c).
 */
#pragma once
#include "hub/devices.h"
#include "shared/position.h"

#define HUB_RECEIPT_EVENTS_MAX 1000 /* that one covers: whoever writes it looks at each of them */

/* A device has received, or shows, every event behind number `after` up to and including `upto`. */
struct hub_receipt {
    struct hub_device device;
    bool is_displayed;        /* else received */
    bool is_first;            /* of its socket and state: acks before it may have been lost */
    uint64_t after;           /* below upto.number, unless is_first */
    struct osy_position upto; /* proves itself by its event id */
    int64_t at_ms;            /* monotonic; when the ack came */
};

struct hub_receipts;

struct hub_receipts *hub_receipts_create(size_t most);
void hub_receipts_destroy(struct hub_receipts *receipts); /* NULL is fine */
/*
 * In whatever order receipts are added, the outcome is the same: their ranges become one, cut at its
 * beginning to what one may cover, and the furthest ack's time counts for all of it (later than some of it
 * was true, never earlier). False: there is no room.
 */
OSY_MUST_CHECK bool hub_receipts_add(struct hub_receipts *receipts,
                                     const struct hub_receipt *receipt);
/* Moves up to `most` of them out, oldest first. Whoever cannot write them adds them again. */
size_t hub_receipts_take(struct hub_receipts *receipts, struct hub_receipt *out, size_t most);
size_t hub_receipts_count(const struct hub_receipts *receipts);
