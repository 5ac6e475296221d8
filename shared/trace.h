/* W3C Trace Context: the `traceparent` that goes from request through event to socket. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#define OSY_TRACEPARENT_BYTES 56 /* "00-<32 hex>-<16 hex>-<2 hex>" and the NUL */
#define OSY_TRACE_ID_BYTES    33

struct osy_trace {
    char trace_id[OSY_TRACE_ID_BYTES]; /* 32 lower-case hex digits */
    char span_id[17];                  /* 16 */
    unsigned char flags;               /* bit 0: sampled */
};

/* Parses version 00 (and, as the text demands, the known part of a higher version). All-zero ids
 * and upper case are refused. header need not be NUL-terminated. */
bool osy_trace_parse(const char *header, size_t length, struct osy_trace *trace);
/* A child of parent, or a new root when parent is NULL: new span id. */
void osy_trace_start(const struct osy_trace *parent, struct osy_trace *trace);
void osy_trace_format(const struct osy_trace *trace, char text[OSY_TRACEPARENT_BYTES]);
