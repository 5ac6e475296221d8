/*
 * Settings of ordersync-api, all subcommands: the table in config.c is the one place that knows their
 * names, types, defaults and limits.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "shared/error.h"

struct api_config {
    /* common */
    char *database_url, *redis_url, *redis_urls, *keys_dir, *log_level, *public_url, *environment,
        *phone_country;
    char *kms_url, *kms_key_id, *kms_region, *kms_credentials_file,
        *kms_ca_file; /* url empty: none */
    int64_t kms_timeout_ms;
    bool webhook_allow_private;
    const char *redis; /* whichever of the two is set; borrowed from it; NULL: neither */
    /* serve */
    char *listen, *trusted_proxies;
    int64_t http_connections_max, http_header_bytes, http_body_bytes, http_pipeline_max;
    int64_t http_header_ms, http_body_ms, http_idle_ms, http_write_ms;
    int64_t shutdown_ms;
    int64_t token_cache_entries;
    char *cors_origins;
    char *rate_exempt;
    int64_t rate_window_s, rate_address, rate_user, rate_restaurant, rate_tokens;
    int64_t rate_entries, rate_sync_ms;
    int64_t revocation_poll_ms, revocation_max_age_ms;
    int64_t worker_threads, worker_queue_max, request_ms;
    char *password_hash;
    int64_t password_threads, password_queue_max;
    int64_t order_writers, order_queue_max, order_batch_max, order_linger_ms, order_deadline_ms;
    int64_t stream_events_max; /* of a restaurant's Redis stream */
    /* work */
    char *admin_listen;
    char *audit_heads_dir; /* empty: none are written */
    int64_t audit_heads_ms;
    int64_t reconcile_interval_ms, watch_interval_ms;
    int64_t webhook_timeout_ms, webhook_retry_ms;
    int64_t presence_interval_ms, presence_grace_ms, stock_interval_ms, sales_interval_ms,
        receipt_days, device_days;
    int64_t statutory_days;
};

/* What a command cannot do without; the rest may be unset. */
enum api_config_needs {
    API_CONFIG_DATABASE = 1 << 0,
    API_CONFIG_REDIS = 1 << 1,
    API_CONFIG_KEYS = 1 << 2,
};

/* From the environment. OSY_ERR_INVALID names the variable. */
OSY_MUST_CHECK bool api_config_load(struct api_config *config, unsigned needs,
                                    struct osy_error *err);
void api_config_deinit(struct api_config *config);

/*
 * The start of every command that has no options of its own but --help, --version and --check-config
 * (serve, work): handles those, loads the configuration and starts the log. True: go on, and deinit
 * config at the end. False: exit with *exit_code. usage is printed before the settings.
 */
OSY_MUST_CHECK bool api_config_start(struct api_config *config, unsigned needs, const char *usage,
                                     int argc, char **argv, int *exit_code);
