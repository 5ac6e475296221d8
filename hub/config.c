#include "hub/config.h"

#include "shared/redis_map.h"

#define INT(field, name, def, least, most, help) \
    OSY_SETTING_INT(struct hub_config, field, name, def, least, most, help)
#define STRING(field, name, def, least, most, help) \
    OSY_SETTING_STRING(struct hub_config, field, name, def, least, most, help)
#define SECRET(field, name, def, least, most, help) \
    OSY_SETTING_SECRET(struct hub_config, field, name, def, least, most, help)
#define ADDRESS(field, name, def, help) \
    OSY_SETTING_ADDRESS(struct hub_config, field, name, def, help)

const struct osy_setting hub_settings[] = {
    SECRET(database_url, "ORDERSYNC_DATABASE_URL", NULL, 1, 2048, "PostgreSQL, a libpq URI"),
    SECRET(redis_url, "ORDERSYNC_REDIS_URL", "", 0, 2048,
           "Redis, redis://[:password@]host:port/db, sentinel://... or cluster://...; or else:"),
    SECRET(redis_urls, "ORDERSYNC_REDIS_URLS", "", 0, 16384,
           "several Redis servers, name=URL each, by comma or blank; names decide whose is whose"),
    STRING(keys_dir, "ORDERSYNC_KEYS_DIR", NULL, 1, 4096,
           "folder of keys; the hub reads jwt-*.pub.pem and tracking-*.key"),
    OSY_SETTING_CHOICE(struct hub_config, log_level, "ORDERSYNC_LOG_LEVEL", "info",
                       "debug|info|warn|error", "least level that is logged"),
    STRING(public_url, "ORDERSYNC_PUBLIC_URL", "http://127.0.0.1:8080", 1, 512,
           "where the edge is; its origin may always open sockets"),
    STRING(environment, "ORDERSYNC_ENV", "", 0, 64, "free label, e.g. production"),

    ADDRESS(listen, "ORDERSYNC_LISTEN", "127.0.0.1:8082", "address for sockets"),
    ADDRESS(admin_listen, "ORDERSYNC_ADMIN_LISTEN", "127.0.0.1:8092",
            "address for /health, /ready and /metrics"),
    STRING(allowed_origins, "ORDERSYNC_ALLOWED_ORIGINS", "", 0, 8192,
           "further browser origins, comma separated, compared exactly"),
    STRING(hub_id, "ORDERSYNC_HUB_ID", "hub-1", 1, 64, "this hub's name in `hello`"),

    INT(sockets_max, "ORDERSYNC_SOCKETS_MAX", "10000", 1, 200000,
        "open sockets; further upgrades get 503"),
    INT(upgrades_per_second, "ORDERSYNC_UPGRADES_PER_SECOND", "3000", 1, 1000000,
        "upgrades admitted in a second; further ones get 503"),
    INT(database_threads, "ORDERSYNC_DATABASE_THREADS", "2", 1, 16,
        "threads (and connections) that read PostgreSQL"),
    INT(database_queue, "ORDERSYNC_DATABASE_QUEUE", "20000", 1, 1000000,
        "questions that wait for such a thread; sockets that come then are closed with 1013"),
    INT(token_cache, "ORDERSYNC_TOKEN_CACHE", "4096", 1, 100000, "verified tokens kept in memory"),
    INT(auth_timeout_ms, "ORDERSYNC_AUTH_TIMEOUT_MS", "5000", 100, 60000,
        "time to authenticate after the upgrade, ms"),
    INT(resume_timeout_ms, "ORDERSYNC_RESUME_TIMEOUT_MS", "5000", 100, 60000,
        "time to send `resume` after `hello`, ms"),
    INT(data_timeout_ms, "ORDERSYNC_DATA_TIMEOUT_MS", "30000", 100, 300000,
        "time a socket waits for its replay before it is closed with 1013, ms"),
    INT(ping_idle_ms, "ORDERSYNC_PING_IDLE_MS", "25000", 200, 600000,
        "silence after which a socket is pinged, ms"),
    INT(ping_busy_ms, "ORDERSYNC_PING_BUSY_MS", "3000", 200, 600000,
        "the same, from the first event that was sent into the silence, ms; half as much again if "
        "no other event comes, which would take the ping along"),
    INT(pong_timeout_ms, "ORDERSYNC_PONG_TIMEOUT_MS", "10000", 200, 600000,
        "time for the answer to a ping, ms"),
    INT(heartbeat_ms, "ORDERSYNC_HEARTBEAT_MS", "15000", 200, 600000,
        "time between the `heartbeat` messages to a socket, ms"),
    INT(stale_ms, "ORDERSYNC_STALE_MS", "15000", 200, 600000,
        "age from which a view counts as stale, ms; more than the check interval"),
    INT(queue_messages, "ORDERSYNC_QUEUE_MESSAGES", "256", 8, 10000,
        "messages queued for a socket before it counts as slow"),
    INT(queue_bytes, "ORDERSYNC_QUEUE_BYTES", "65536", 4096, 16777216,
        "bytes queued for a socket before it counts as slow"),
    INT(message_rate, "ORDERSYNC_MESSAGE_RATE", "20", 1, 1000000, "client messages per second"),
    INT(message_burst, "ORDERSYNC_MESSAGE_BURST", "40", 1, 1000000, "client messages at once"),
    INT(topic_grace_ms, "ORDERSYNC_TOPIC_GRACE_MS", "30000", 0, 3600000,
        "life of a topic after its last socket, ms"),
    INT(replay_max, "ORDERSYNC_REPLAY_MAX", "1000", 1, 10000,
        "events replayed to one socket; further behind gets `reset`"),
    INT(check_interval_ms, "ORDERSYNC_CHECK_INTERVAL_MS", "5000", 100, 600000,
        "time between position checks against PostgreSQL, ms (1 s at most while Redis is down)"),
    INT(revocation_poll_ms, "ORDERSYNC_REVOCATION_POLL_MS", "5000", 100, 60000,
        "time between looks into PostgreSQL for revoked tokens, ms"),
    INT(revocation_max_age_ms, "ORDERSYNC_REVOCATION_MAX_AGE_MS", "60000", 1000, 3600000,
        "sockets are closed with 1013 when revocations could not be asked for so long, ms"),
    INT(drain_wait_ms, "ORDERSYNC_DRAIN_WAIT_MS", "2000", 0, 600000,
        "time that a stopping hub is not ready but serves on, for balancers to notice, ms"),
    INT(drain_ms, "ORDERSYNC_DRAIN_MS", "5000", 0, 600000,
        "time over which a stopping hub spreads the closes of its sockets, ms"),
    INT(report_interval_ms, "ORDERSYNC_REPORT_INTERVAL_MS", "200", 10, 60000,
        "time between two batches of presence, ms"),
    INT(receipt_interval_ms, "ORDERSYNC_RECEIPT_INTERVAL_MS", "1000", 10, 60000,
        "time between two batches of receipts, ms; they come with the next batch of presence"),
    INT(lease_ms, "ORDERSYNC_LEASE_MS", "15000", 1000, 600000,
        "time after which a hub that says nothing counts as dead, ms"),
    OSY_SETTING_END,
};

bool hub_config_load(char *const *environment, struct hub_config *config, struct osy_error *err)
{
    if (!osy_config_load(hub_settings, environment, config, err))
        return false;
    config->redis = osy_redis_map_choose(config->redis_url, config->redis_urls, err);
    return config->redis != NULL;
}
