/*
 * The figures of one generator: counters and latencies. Who counts what is in the names; report.c prints.
 * While a mark is set (something is being done to the stack), what reaches a socket is kept apart.
 *
 * All bytes zero is nothing counted, and there is no pointer in it: the generators of a run count in memory
 * that they share with the conductor, who adds them up.
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

#define LOAD_STATUSES    600
#define LOAD_CLOSE_CODES 16 /* different ones that are told apart; the rest counts as 0 */

struct load_posts {
    uint64_t offered, accepted, unanswered;
    uint64_t refused[LOAD_STATUSES]; /* by HTTP status */
};

struct load_close_count {
    int code; /* as in load_socket_handler's on_close */
    uint64_t count;
};

/* What became of the sockets of feeds. */
struct load_socket_counts {
    uint64_t followed; /* now: feeds; those that were refused stay among them */
    uint64_t live;     /* now: feeds that are up to date */
    uint64_t opened;   /* sockets that reached hello */
    uint64_t refused;  /* feeds that a hub sent away for good (4401, 4403, 4404) */
    uint64_t cuts;     /* sockets that we have cut */
    uint64_t reconnects, resets, drains;
    uint64_t heartbeats, presences, figures; /* messages of these kinds */
    uint64_t oldest_view_ms;                 /* the worst freshness that a heartbeat told */
    uint64_t errors;                         /* `error` messages */
    uint64_t violations;                     /* messages that break docs/protocol.md */
    struct load_close_count closes[LOAD_CLOSE_CODES];
    char last_error[256]; /* the last of either, for a person; "": none */
};

/* What became of the tablets that stopped reading. */
struct load_stalled_counts {
    uint64_t open;              /* of those that have stalled */
    uint64_t closed_early;      /* before they stalled: none of ours */
    uint64_t closed;            /* after it */
    uint64_t told;              /* of these: that found a close frame with 4008 */
    struct load_histogram held; /* stalled -> closed by the server, in us */
};

/* A run's load falls into three parts if something is done to the stack meanwhile. They are kept apart, because what
 * is done may leave less to do behind it: sockets that are gone get no events. */
enum load_part { LOAD_PART_BEFORE, LOAD_PART_MARKED, LOAD_PART_AFTER, LOAD_PARTS };

struct load_stats {
    bool is_measuring; /* latencies count */
    enum load_part part;
    struct load_histogram latencies[LOAD_LATENCIES];
    struct load_histogram to_socket[LOAD_PARTS]; /* due -> any socket */
    struct load_posts orders, changes;
    struct load_socket_counts sockets;
    struct load_stalled_counts stalled;
    uint64_t retries;      /* attempts after an unknown outcome */
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
};

/* Nothing unless is_measuring and due_ns is set. */
void load_stats_latency(struct load_stats *stats, enum load_latency latency, uint64_t due_ns,
                        uint64_t now_ns);
/* Adds what other has counted. The latest error is other's, if it has one. */
void load_stats_merge(struct load_stats *stats, const struct load_stats *other);
void load_posts_refuse(struct load_posts *posts, int status);  /* 0: no reply that we understand */
uint64_t load_posts_refused(const struct load_posts *posts);   /* of any status */
uint64_t load_stats_delivered(const struct load_stats *stats); /* to sockets of all kinds */
void load_socket_counts_close(struct load_socket_counts *sockets, int code, uint64_t count);
/* Whether something was acknowledged, unless nothing was asked for, and all of it reached everyone, once and in order. */
bool load_stats_are_good(const struct load_stats *stats);
