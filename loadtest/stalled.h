/*
 * Tablets that stall: they authenticate, resume, and from some moment on read nothing more, as a frozen
 * browser does. What they miss is not judged; how long the server holds on to them is. Their receive
 * buffers are small, so that their windows close with the first few events and not after a megabyte.
 * None comes back.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "loadtest/endpoint.h"
#include "loadtest/stats.h"

struct load_run;
struct load_stalled_socket;

struct load_stalled {
    struct load_run *run; /* borrowed */
    struct load_endpoint endpoint;
    uv_timer_t watch;
    struct load_stalled_socket *sockets; /* owned; options->stalled of them */
    size_t count, live;                  /* those that are through with their replay, once */
    struct load_stalled_counts *counts;  /* borrowed: in the run's figures */
    uint64_t stalled_ns;                 /* when they did; 0: they have not */
};

/* In place: a timer lives in it. */
void load_stalled_init(struct load_stalled *stalled, struct load_run *run);
void load_stalled_deinit(struct load_stalled *stalled);
void load_stalled_start(struct load_stalled *stalled, size_t index); /* opens one socket */
void load_stalled_begin(struct load_stalled *stalled);               /* all stop reading */
bool load_stalled_are_held(const struct load_stalled *stalled); /* they stall, and some are open */
