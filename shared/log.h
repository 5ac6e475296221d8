/*
 * Structured logs: one JSON object a line on stderr:
 *   {"time":"2026-01-31T12:00:00.123Z","level":"info","program":"ordersync-hub",
 *    "event":"socket_open","trace_id":"..","rid":".."}
 * The event is a fixed snake_case name; everything that varies is a field. Personal data, tokens
 * and payloads are never fields. Safe from any thread; a line is written with one write(2).
 *
 *   OSY_INFO("socket_open", OSY_STR("rid", rid), OSY_INT("sockets", count));
 */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/error.h"

enum osy_log_level {
    OSY_LOG_DEBUG = 0, /* each message */
    OSY_LOG_INFO,      /* lifecycle */
    OSY_LOG_WARN,      /* we went on, and how */
    OSY_LOG_ERROR,     /* someone must act */
};

enum osy_log_type { OSY_LOG_TYPE_END = 0, OSY_LOG_TYPE_STR, OSY_LOG_TYPE_INT, OSY_LOG_TYPE_NUM };

struct osy_log_field {
    const char *name;
    enum osy_log_type type;
    union {
        const char *text; /* NULL prints null */
        int64_t integer;
        double number;
    } value;
};

#define OSY_STR(n, v) \
    ((struct osy_log_field){.name = (n), .type = OSY_LOG_TYPE_STR, .value.text = (v)})
#define OSY_INT(n, v) \
    ((struct osy_log_field){.name = (n), .type = OSY_LOG_TYPE_INT, .value.integer = (int64_t)(v)})
#define OSY_NUM(n, v) \
    ((struct osy_log_field){.name = (n), .type = OSY_LOG_TYPE_NUM, .value.number = (v)})
#define OSY_ERR(err) OSY_STR("error", (err)->message)

/* The text of name is borrowed for the life of the process. Call once, before the first thread. */
void osy_log_init(const char *program, enum osy_log_level least);
bool osy_log_enabled(enum osy_log_level level);
bool osy_log_level_parse(const char *text, enum osy_log_level *level); /* debug info warn error */
/* fields end with a zeroed one. The calling thread's trace id, where set, is added. */
void osy_log(enum osy_log_level level, const char *event, const struct osy_log_field *fields);
/* 32 hex digits, borrowed until replaced; NULL ends it. Per thread. */
void osy_log_set_trace(const char *trace_id);

/*
 * For a line that every request of an outage would write: at most one a second, any thread. Zeroed (a static
 * one) it is ready. True: write it, with the number of lines that were left out since the last one.
 */
struct osy_log_limit {
    _Atomic int64_t due_ms;
    _Atomic uint64_t suppressed;
};
OSY_MUST_CHECK bool osy_log_limit_pass(struct osy_log_limit *limit, int64_t monotonic_ms,
                                       uint64_t *suppressed);

#define OSY_LOG_AT(level, ...) OSY_LOG_AT_(level, __VA_ARGS__, {0})
#define OSY_LOG_AT_(level, event, ...)                                          \
    do {                                                                        \
        if (osy_log_enabled(level))                                             \
            osy_log(level, event, (const struct osy_log_field[]){__VA_ARGS__}); \
    } while (0)
#define OSY_DEBUG(...) OSY_LOG_AT(OSY_LOG_DEBUG, __VA_ARGS__)
#define OSY_INFO(...)  OSY_LOG_AT(OSY_LOG_INFO, __VA_ARGS__)
#define OSY_WARN(...)  OSY_LOG_AT(OSY_LOG_WARN, __VA_ARGS__)
#define OSY_ERROR(...) OSY_LOG_AT(OSY_LOG_ERROR, __VA_ARGS__)
