/*
 * The hub: what its parts share. One process, one loop thread; there is exactly one of these, main makes
 * it, and every part borrows it. Only store and reports have threads of their own.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

#include "hub/config.h"
#include "hub/grants.h"
#include "hub/metrics.h"
#include "hub/source.h"
#include "hub/stages.h"
#include "hub/wheel.h"

struct hub_bearers;
struct hub_owners;
struct hub_topic;
struct hub_server;
struct hub_reports;

enum hub_phase {
    HUB_SERVING = 0,
    HUB_LEAVING,  /* not ready any more, but whoever comes is served: balancers need a moment */
    HUB_DRAINING, /* refuses upgrades and closes its sockets */
};

struct hub {
    const struct hub_config *config;
    uv_loop_t *loop;
    struct hub_metrics metrics;
    struct hub_stages stages;
    struct hub_wheel wheel;
    struct hub_grants *grants; /* owned by main, as is the rest */
    struct hub_bearers *bearers;
    struct hub_owners *owners;
    struct osy_revocation_feed *revocations;
    struct hub_source source;
    struct hub_reports *reports;
    struct hub_topic *topics;  /* by restaurant id; see hub/topic.h */
    struct hub_server *server; /* the listening side; see hub/socket.h */
    enum hub_phase phase;
    bool is_blind; /* nobody can tell who is revoked */
};
