/* The hub's settings. The table in config.c is the one place that knows names, defaults and limits. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/config.h"

struct hub_config {
    /* common to every program */
    char *database_url, *redis_url, *redis_urls, *keys_dir, *log_level, *public_url, *environment;
    const char *redis; /* whichever of the two is set; borrowed from it */
    /* the hub's own */
    char *listen, *admin_listen, *allowed_origins, *hub_id;
    int64_t sockets_max, upgrades_per_second;
    int64_t database_threads, database_queue;
    int64_t token_cache;
    int64_t auth_timeout_ms, resume_timeout_ms, data_timeout_ms;
    int64_t ping_idle_ms, ping_busy_ms, pong_timeout_ms;
    int64_t heartbeat_ms, stale_ms;
    int64_t queue_messages, queue_bytes;
    int64_t message_rate, message_burst;
    int64_t topic_grace_ms, replay_max, check_interval_ms, drain_wait_ms, drain_ms;
    int64_t revocation_poll_ms, revocation_max_age_ms;
    int64_t report_interval_ms, receipt_interval_ms, lease_ms;
};

extern const struct osy_setting hub_settings[];

/* config is zeroed by the caller. OSY_ERR_INVALID names the variable. */
OSY_MUST_CHECK bool hub_config_load(char *const *environment, struct hub_config *config,
                                    struct osy_error *err);
