#include "api/config.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/auth/password.h"
#include "api/http/cors.h"
#include "api/http/networks.h"
#include "api/process.h"
#include "shared/config.h"
#include "shared/log.h"
#include "shared/redis_map.h"

#define INT(field, name, default_value, least, most, help) \
    OSY_SETTING_INT(struct api_config, field, name, default_value, least, most, help)
#define STRING(field, name, default_value, least, most, help) \
    OSY_SETTING_STRING(struct api_config, field, name, default_value, least, most, help)
#define SECRET(field, name, default_value, least, most, help) \
    OSY_SETTING_SECRET(struct api_config, field, name, default_value, least, most, help)
#define BOOL(field, name, default_value, help) \
    OSY_SETTING_BOOL(struct api_config, field, name, default_value, help)
#define CHOICE(field, name, default_value, choices, help) \
    OSY_SETTING_CHOICE(struct api_config, field, name, default_value, choices, help)
#define ADDRESS(field, name, default_value, help) \
    OSY_SETTING_ADDRESS(struct api_config, field, name, default_value, help)

/* clang-format off: a row each */
static const struct osy_setting settings[] = {
    SECRET(database_url, "ORDERSYNC_DATABASE_URL", "", 0, 2000,
           "PostgreSQL, as a libpq URI; required"),
    SECRET(
        redis_url, "ORDERSYNC_REDIS_URL", "", 0, 2000,
        "redis://[:password@]host:port[/db], sentinel://... or cluster://...; required by serve, work; or:"),
    SECRET(redis_urls, "ORDERSYNC_REDIS_URLS", "", 0, 16384,
           "several Redis servers, name=URL each, by comma or blank; names decide whose is whose"),
    STRING(keys_dir, "ORDERSYNC_KEYS_DIR", "", 0, 4000,
           "folder of the keys (ordersync-api keys); required by serve and work"),
    STRING(
        kms_url, "ORDERSYNC_KMS_URL", "", 0, 500,
        "AWS KMS, as https://kms.REGION.amazonaws.com; opens data keys that lie wrapped. Empty: none do"),
    STRING(kms_key_id, "ORDERSYNC_KMS_KEY_ID", "", 0, 2048,
           "the KMS key that wraps them: id, ARN or alias/NAME"),
    STRING(kms_region, "ORDERSYNC_KMS_REGION", "", 0, 64, "its region"),
    STRING(kms_credentials_file, "ORDERSYNC_KMS_CREDENTIALS_FILE", "", 0, 4000,
           "file of an AWS access key, with one profile; read for each call"),
    STRING(kms_ca_file, "ORDERSYNC_KMS_CA_FILE", "", 0, 4000,
           "PEM of who vouches for KMS' certificate; empty: whom the system trusts"),
    INT(kms_timeout_ms, "ORDERSYNC_KMS_TIMEOUT_MS", "10000", 100, 60000,
        "time for KMS to open or make one key, all tries together, ms"),
    CHOICE(log_level, "ORDERSYNC_LOG_LEVEL", "info", "debug|info|warn|error",
           "least level that is logged"),
    STRING(public_url, "ORDERSYNC_PUBLIC_URL", "http://127.0.0.1:8080", 8, 500,
           "what clients call us, without a slash at the end"),
    BOOL(webhook_allow_private, "ORDERSYNC_WEBHOOK_ALLOW_PRIVATE", "false",
         "serve, work: webhooks may lead to private addresses, to any port and over plain HTTP"),
    STRING(environment, "ORDERSYNC_ENV", "", 0, 64, "name of this installation"),
    INT(statutory_days, "ORDERSYNC_STATUTORY_DAYS", "1827", 1, 36500,
        "how long the law wants the contract of an erased order kept, days from the order"),
    STRING(phone_country, "ORDERSYNC_PHONE_COUNTRY", "82", 1, 3,
           "country code of phone numbers that are written without one; never to be changed"),

    ADDRESS(listen, "ORDERSYNC_LISTEN", "127.0.0.1:8081", "serve: address of the API"),
    STRING(trusted_proxies, "ORDERSYNC_TRUSTED_PROXIES", "127.0.0.1", 0, 2000,
           "serve: whose X-Forwarded-For is believed; addresses or networks, by comma"),
    INT(http_connections_max, "ORDERSYNC_HTTP_CONNECTIONS", "10000", 1, 1000000,
        "serve: open connections; more get 503"),
    INT(http_header_bytes, "ORDERSYNC_HTTP_HEADER_BYTES", "16384", 1024, 65536,
        "serve: request line and headers, bytes"),
    INT(http_body_bytes, "ORDERSYNC_HTTP_BODY_BYTES", "65536", 1024, 1048576,
        "serve: a request's body, bytes"),
    INT(http_pipeline_max, "ORDERSYNC_HTTP_PIPELINE", "16", 1, 1000,
        "serve: requests in flight on one connection"),
    INT(http_header_ms, "ORDERSYNC_HTTP_HEADER_MS", "5000", 100, 600000,
        "serve: time for a request's headers to arrive, ms"),
    INT(http_body_ms, "ORDERSYNC_HTTP_BODY_MS", "10000", 100, 600000,
        "serve: time for a request's body to arrive, ms"),
    INT(http_idle_ms, "ORDERSYNC_HTTP_IDLE_MS", "75000", 1000, 3600000,
        "serve: keep-alive between requests, ms"),
    INT(http_write_ms, "ORDERSYNC_HTTP_WRITE_MS", "10000", 100, 600000,
        "serve: time that a client may go without reading, ms"),
    INT(shutdown_ms, "ORDERSYNC_SHUTDOWN_MS", "15000", 0, 600000,
        "serve: time for the graceful stop, ms"),
    INT(token_cache_entries, "ORDERSYNC_TOKEN_CACHE", "8192", 1, 1048576,
        "serve: verified tokens that are remembered"),
    INT(rate_window_s, "ORDERSYNC_RATE_WINDOW_S", "60", 1, 3600,
        "serve: the time within which requests are counted, s"),
    INT(rate_address, "ORDERSYNC_RATE_ADDRESS", "1200", 0, 1000000000,
        "serve: cost of requests without a user that an address (IPv6: /64) has within it; 0: no limit"),
    INT(rate_user, "ORDERSYNC_RATE_USER", "1200", 0, 1000000000,
        "serve: the same of a user, wherever from"),
    INT(rate_restaurant, "ORDERSYNC_RATE_RESTAURANT", "12000", 0, 1000000000,
        "serve: the same of all who work at a restaurant"),
    INT(rate_tokens, "ORDERSYNC_RATE_TOKENS", "120", 0, 1000000000,
        "serve: tokens that are no good that an address may show within it; 0: no limit"),
    STRING(cors_origins, "ORDERSYNC_CORS_ORIGINS", "", 0, 4000,
           "serve: other origins whose pages may read replies, as https://host[:port], by comma"),
    STRING(rate_exempt, "ORDERSYNC_RATE_EXEMPT", "", 0, 2000,
           "serve: who has no limits; addresses or networks, by comma"),
    INT(rate_entries, "ORDERSYNC_RATE_ENTRIES", "65536", 8, 4194304,
        "serve: clients whose requests are counted at the same time; 52 bytes each"),
    INT(rate_sync_ms, "ORDERSYNC_RATE_SYNC_MS", "100", 10, 10000,
        "serve: time between two exchanges of counts among all processes, ms"),
    INT(revocation_poll_ms, "ORDERSYNC_REVOCATION_POLL_MS", "5000", 100, 60000,
        "serve: time between looks into PostgreSQL for revoked tokens, ms"),
    INT(revocation_max_age_ms, "ORDERSYNC_REVOCATION_MAX_AGE_MS", "60000", 1000, 3600000,
        "serve: tokens get 503 when revocations could not be asked for so long, ms"),
    INT(worker_threads, "ORDERSYNC_WORKER_THREADS", "4", 1, 256,
        "serve: threads for blocking handlers, a database connection each"),
    INT(worker_queue_max, "ORDERSYNC_WORKER_QUEUE", "256", 1, 100000,
        "serve: requests that wait for such a thread; more get 503"),
    INT(request_ms, "ORDERSYNC_REQUEST_MS", "10000", 100, 60000,
        "serve: time for a request on such a thread, its wait for one included, ms; then 503"),
    CHOICE(password_hash, "ORDERSYNC_PASSWORD_HASH", "yescrypt", API_PASSWORD_METHODS,
           "serve: how passwords are hashed; a change applies to each with its next sign-in"),
    INT(password_threads, "ORDERSYNC_PASSWORD_THREADS", "2", 1, 64,
        "serve: threads that hash passwords, a database connection each; they give way to all others"),
    INT(password_queue_max, "ORDERSYNC_PASSWORD_QUEUE", "32", 1, 10000,
        "serve: sign-ins that wait for such a thread; more get 503"),
    INT(order_writers, "ORDERSYNC_ORDER_WRITERS", "2", 1, 64,
        "serve: order writer's threads, a database connection each"),
    INT(order_queue_max, "ORDERSYNC_ORDER_QUEUE", "4096", 1, 1000000,
        "serve: orders and changes in flight; more get 503"),
    INT(order_batch_max, "ORDERSYNC_ORDER_BATCH", "512", 1, 10000,
        "serve: orders and changes in one transaction"),
    INT(order_linger_ms, "ORDERSYNC_ORDER_LINGER_MS", "1", 0, 20,
        "serve: wait for company before a transaction that follows another within 10 ms, ms; up to "
        "eight times of it under load"),
    INT(order_deadline_ms, "ORDERSYNC_ORDER_DEADLINE_MS", "5000", 100, 60000,
        "serve: time for an order to be committed, ms; then 503"),
    INT(stream_events_max, "ORDERSYNC_STREAM_EVENTS", "1000", 10, 1000000,
        "events of each restaurant that stay in Redis, approximately"),

    ADDRESS(admin_listen, "ORDERSYNC_ADMIN_LISTEN", "127.0.0.1:8091",
            "work: address of /health, /ready and /metrics"),
    STRING(
        audit_heads_dir, "ORDERSYNC_AUDIT_HEADS_DIR", "", 0, 4000,
        "work: folder for signed heads of the audit log, out of the database's reach; empty: none are written"),
    INT(audit_heads_ms, "ORDERSYNC_AUDIT_HEADS_MS", "60000", 100, 3600000,
        "work: time between two lines of such heads, ms"),
    INT(reconcile_interval_ms, "ORDERSYNC_RECONCILE_INTERVAL_MS", "500", 10, 60000,
        "work: time between two looks for unpublished events, ms"),
    INT(watch_interval_ms, "ORDERSYNC_WATCH_INTERVAL_MS", "500", 10, 60000,
        "work: time between two looks for orders that wait too long, ms"),
    INT(webhook_timeout_ms, "ORDERSYNC_WEBHOOK_TIMEOUT_MS", "5000", 100, 30000,
        "work: time for a webhook's receiver to answer, ms"),
    INT(webhook_retry_ms, "ORDERSYNC_WEBHOOK_RETRY_MS", "1000", 10, 60000,
        "work: pause before the second of a webhook's seven tries, ms; doubled each time"),
    INT(presence_interval_ms, "ORDERSYNC_PRESENCE_INTERVAL_MS", "1000", 10, 60000,
        "work: time between two looks for restaurants that come or go, ms"),
    INT(stock_interval_ms, "ORDERSYNC_STOCK_INTERVAL_MS", "2000", 10, 60000,
        "work: time between two looks for what there is little of, ms"),
    INT(sales_interval_ms, "ORDERSYNC_SALES_INTERVAL_MS", "30000", 10, 600000,
        "work: time between two counts of what was ordered most, ms"),
    INT(presence_grace_ms, "ORDERSYNC_PRESENCE_GRACE_MS", "10000", 0, 600000,
        "work: time that hubs get to report after PostgreSQL was away, ms"),
    INT(receipt_days, "ORDERSYNC_RECEIPT_DAYS", "35", 1, 3650,
        "work: how long it is known what reached which device, and who was alerted, days"),
    INT(device_days, "ORDERSYNC_DEVICE_DAYS", "90", 1, 3650,
        "work: how long a device that does not come back is known, days"),
    OSY_SETTING_END};
/* clang-format on */

static bool require(const char *value, unsigned needs, unsigned need, const char *name,
                    struct osy_error *err)
{
    if (!(needs & need) || *value)
        return true;
    return osy_error_set(err, OSY_ERR_INVALID, "%s is required", name);
}

static bool check_country(const char *code, struct osy_error *err)
{
    return code[strspn(code, "0123456789")] == '\0' ||
           osy_error_set(err, OSY_ERR_INVALID, "ORDERSYNC_PHONE_COUNTRY must be digits");
}

/* What goes into a signed header, and into libcurl's settings. */
static bool check_word(const char *name, const char *value, const char *more, struct osy_error *err)
{
    for (const char *c = value; *c; c++) {
        bool ok = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
                  (*c >= '0' && *c <= '9') || strchr(more, *c);
        if (!ok)
            return osy_error_set(err, OSY_ERR_INVALID, "%s must be letters, digits and %s", name,
                                 more);
    }
    return *value ||
           osy_error_set(err, OSY_ERR_INVALID, "%s is required with ORDERSYNC_KMS_URL", name);
}

static bool check_kms(const struct api_config *config, struct osy_error *err)
{
    static const char scheme[] = "https://";
    const char *host = config->kms_url + strlen(scheme);

    if (!*config->kms_url)
        return true;
    if (strncmp(config->kms_url, scheme, strlen(scheme)) != 0 || !*host ||
        strpbrk(host, "@?#\\ \t\r\n"))
        return osy_error_set(err, OSY_ERR_INVALID, "ORDERSYNC_KMS_URL must be https://host[:port]");
    if (!*config->kms_credentials_file)
        return osy_error_set(err, OSY_ERR_INVALID,
                             "ORDERSYNC_KMS_CREDENTIALS_FILE is required with ORDERSYNC_KMS_URL");
    return check_word("ORDERSYNC_KMS_KEY_ID", config->kms_key_id, ":/_-", err) &&
           check_word("ORDERSYNC_KMS_REGION", config->kms_region, "-", err);
}

static bool check_networks(const char *name, const char *list, struct osy_error *err)
{
    struct api_networks *networks = api_networks_create(list, err);
    api_networks_destroy(networks);
    return networks || osy_error_prefix(err, "%s", name);
}

static bool check_origins(const char *list, struct osy_error *err)
{
    struct api_cors *cors = api_cors_create(list, err);
    api_cors_destroy(cors);
    return cors || osy_error_prefix(err, "ORDERSYNC_CORS_ORIGINS");
}

/* Where Redis is; a command that needs none may go without. */
static bool choose_redis(struct api_config *config, unsigned needs, struct osy_error *err)
{
    struct osy_error why = {0};
    config->redis = osy_redis_map_choose(config->redis_url, config->redis_urls, &why);
    if (config->redis || (why.code == OSY_ERR_NOT_FOUND && !(needs & API_CONFIG_REDIS)))
        return true;
    return osy_error_set(err, OSY_ERR_INVALID, "%s", why.message);
}

bool api_config_load(struct api_config *config, unsigned needs, struct osy_error *err)
{
    if (!osy_config_load(settings, environ, config, err))
        return false;
    return check_networks("ORDERSYNC_TRUSTED_PROXIES", config->trusted_proxies, err) &&
           check_networks("ORDERSYNC_RATE_EXEMPT", config->rate_exempt, err) &&
           check_origins(config->cors_origins, err) && check_country(config->phone_country, err) &&
           check_kms(config, err) &&
           require(config->database_url, needs, API_CONFIG_DATABASE, "ORDERSYNC_DATABASE_URL",
                   err) &&
           choose_redis(config, needs, err) &&
           require(config->keys_dir, needs, API_CONFIG_KEYS, "ORDERSYNC_KEYS_DIR", err);
}

void api_config_deinit(struct api_config *config)
{
    osy_config_free(settings, config);
}

static int refuse_option(const char *usage)
{
    fputs(usage, stderr);
    return 2;
}

static int print_help(const char *usage)
{
    fputs(usage, stdout);
    printf("\nSettings, from the environment:\n");
    osy_config_print_help(settings, stdout);
    return 0;
}

bool api_config_start(struct api_config *config, unsigned needs, const char *usage, int argc,
                      char **argv, int *exit_code)
{
    const char *option = argc > 1 ? argv[1] : NULL;
    bool is_check = option && strcmp(option, "--check-config") == 0;
    struct osy_error err = {0};
    enum osy_log_level level;

    *exit_code = 0;
    if (option && (strcmp(option, "--help") == 0 || strcmp(option, "-h") == 0)) {
        *exit_code = print_help(usage);
        return false;
    }
    if (option && strcmp(option, "--version") == 0) {
        printf("ordersync-api %s\n", ORDERSYNC_VERSION);
        return false;
    }
    if (argc > 2 || (option && !is_check)) {
        *exit_code = refuse_option(usage);
        return false;
    }
    if (!api_config_load(config, needs, &err)) {
        fprintf(stderr, "ordersync-api %s: %s\n", argv[0], err.message);
        api_config_deinit(config);
        *exit_code = 2;
        return false;
    }
    if (is_check) {
        osy_config_print(settings, config, stdout);
        api_config_deinit(config);
        return false;
    }
    if (!osy_log_level_parse(config->log_level, &level))
        level = OSY_LOG_INFO; /* the table allows only known ones */
    osy_log_init("ordersync-api", level);
    api_process_prepare(needs & API_CONFIG_KEYS);
    return true;
}
