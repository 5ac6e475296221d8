/*
 * A small part of the product whose cost is measured by itself: one operation, done many times in a row in one
 * thread, without any system call that production would not make there. Each file here holds the parts of one noun
 * and ends with their table; main.c knows the tables.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct osy_keyring;

struct bench_part {
    const char *name; /* "event.parse"; NULL ends a table */
    /* What run needs, made once. keyring (of every kind) is borrowed for as long as the part lives. */
    void *(*begin)(const struct osy_keyring *keyring);
    void (*run)(void *state, size_t times);
    void (*end)(void *state);
};

extern const struct bench_part bench_event_parts[], bench_topic_parts[], bench_token_parts[],
    bench_cipher_parts[], bench_http_parts[], bench_metric_parts[], bench_order_parts[],
    bench_shard_parts[], bench_limit_parts[];

/* Keeps the compiler from leaving out what computes it. */
static inline void bench_use(const void *result)
{
    __asm__ volatile("" : : "r"(result) : "memory");
}
/* A part failed at what cannot fail: says so and ends the program. A figure of nothing done would be wrong. */
void bench_check(bool ok, const char *what);

/* An order's public JSON and its event, as the product makes them. */
#define BENCH_ORDER_JSON                                                                           \
    "{\"order_id\":\"01941f29-8f88-7c4c-8dcc-509a6f75849b\","                                      \
    "\"restaurant_id\":\"01890000-0000-7000-8000-000000010001\",\"code\":\"C4CA4\","               \
    "\"status\":\"PENDING\",\"version\":1,\"currency\":\"KRW\",\"total_amount\":27000,\"items\":[" \
    "{\"item_id\":\"01890000-0000-7000-8000-000000001001\",\"name\":\"비빔밥 Bibimbap\","       \
    "\"quantity\":2,\"unit_amount\":9000},"                                                        \
    "{\"item_id\":\"01890000-0000-7000-8000-000000001002\",\"name\":\"김밥 Gimbap\","            \
    "\"quantity\":2,\"unit_amount\":4500}],\"reason\":null,"                                       \
    "\"created_at\":\"2026-01-31T12:00:00.123Z\",\"updated_at\":\"2026-01-31T12:00:00.123Z\"}"

struct osy_event;
/* Event number seq of a restaurant of whom all events are like this one; previous_id and id follow from the number. */
void bench_make_event(struct osy_event *event, size_t seq);
