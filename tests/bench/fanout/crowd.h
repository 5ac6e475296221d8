/*
 * The crowd: WebSockets that watch restaurants and count what they are sent. One epoll, no copy of any
 * message: of a frame only the header and the beginning of its payload are looked at, because the
 * receiver shares the machine with what is measured. A socket that ends ends the program.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "tests/bench/fanout/feed.h"

/* A restaurant, what was published of it, and what has come back. */
struct bench_room {
    struct bench_stream stream;
    uint32_t watchers;
    uint64_t published, received;
    uint64_t waiting_since_ns; /* when the first event that it has not received whole was due */
};

struct bench_samples {
    uint64_t *values; /* owned */
    size_t count, capacity;
};

struct bench_socket;

struct bench_crowd {
    int epoll;
    struct bench_socket *sockets; /* owned */
    size_t count, greeted, live;
    uint64_t deliveries;
    struct bench_samples latencies; /* from when an event was due to its last watcher, ns */
};

/* Opens `count` sockets, in turn on each of the rooms; returns when all are greeted. Each room's stream
 * then stands where the server says. */
void bench_crowd_open(struct bench_crowd *crowd, uint16_t port, const char *token, size_t count,
                      struct bench_room *rooms, size_t room_count);
/* Says `resume` on all, and returns when all are live. */
void bench_crowd_resume(struct bench_crowd *crowd);
/* Reads what has come; waits so long for it. */
void bench_crowd_poll(struct bench_crowd *crowd, int timeout_ms);
void bench_crowd_close(struct bench_crowd *crowd);

void bench_samples_add(struct bench_samples *samples, uint64_t value);
/* Sorts. share: 0.5 is the median. 0 when there are none. */
uint64_t bench_samples_quantile(struct bench_samples *samples, double share);
