/*
 * The figures of one run: counters and latencies. Who counts what is in the names; report.c prints.
 * While a mark is set (something is being done to the stack), what reaches a socket is kept apart.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "loadtest/histogram.h"

/* Latencies in microseconds. Those "to tablet" and "to customer" count from when the POST was due. */
enum load_latency {
    LOAD_LATENCY_ORDER_REPLY = 0,    /* due -> 201 */
    LOAD_LATENCY_CHANGE_REPLY,       /* due -> 200 */
    LOAD_LATENCY_ORDER_TO_TABLET,    /* due -> order.created on a tablet */
    LOAD_LATENCY_CHANGE_TO_TABLET,   /* due -> the status change on a tablet */
    LOAD_LATENCY_CHANGE_TO_CUSTOMER, /* due -> the status change on the customer's socket */
    LOAD_LATENCY_COMMIT_TO_SOCKET, /* the event's time -> received, on one machine's clock; to 1 ms */
    LOAD_LATENCY_RECOVERY,         /* a live socket's end -> all its streams current again */
    LOAD_LATENCY_REPLAY,           /* the same, but from when it has sent `resume` */
    LOAD_LATENCY_GENERATOR,        /* due -> sent: how late we ourselves are */
    LOAD_LATENCIES,
};

#define LOAD_STATUSES 600

struct load_posts {
    uint64_t offered, accepted, unanswered;
    uint64_t refused[LOAD_STATUSES]; /* by HTTP status */
};

struct load_stats {
    bool is_measuring; /* latencies count */
    bool is_marked;
    struct load_histogram latencies[LOAD_LATENCIES];
    struct load_histogram to_socket[2]; /* due -> any socket; [1]: while the mark was set */
    struct load_posts orders, changes;
    uint64_t kitchen_idle; /* status changes that were due when no order could take one */
    uint64_t to_tablets, to_customers, to_dashboards; /* events delivered */
    uint64_t alerts;                                  /* those of them that are order.alerted */
    uint64_t out_of_order;
    uint64_t duplicated;              /* on the wire: events that came to a client again */
    uint64_t duplicated_after_filter; /* that a client cannot tell by their version: alerts */
    uint64_t foreign;                 /* events from before the load, which we do not judge */
    uint64_t leaked; /* events outside rights: of another order or restaurant, a customer's alert */
    uint64_t lost;   /* at the end: events times the sockets that lack them */
    uint64_t behind; /* at the end: streams whose position is not the server's */
    uint64_t followed, current; /* at the end: feeds, and those of them that are up to date */
    double load_seconds, connect_seconds;
    uint64_t sockets; /* opened in connect_seconds */
};

void load_stats_init(struct load_stats *stats);
void load_stats_deinit(struct load_stats *stats);
/* Nothing unless is_measuring and due_ns is set. */
void load_stats_latency(struct load_stats *stats, enum load_latency latency, uint64_t due_ns,
                        uint64_t now_ns);
uint64_t load_posts_refused(const struct load_posts *posts); /* of any status */
