/*
 * `ordersync-api serve`: wires the parts together and runs the loop.
 *
 * The graceful stop (SIGTERM, SIGINT; a second signal ends the process at once): /ready answers 503, the
 * listener closes, replies say `Connection: close`, requests in flight finish. When the last connection has
 * ended, or ORDERSYNC_SHUTDOWN_MS later, the order writer commits what it has taken, its events are
 * published, and everything is given back in the reverse order of its making.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include <uv.h>

#include "api/audit/notes.h"
#include "api/auth/authenticator.h"
#include "api/auth/password.h"
#include "api/breakers.h"
#include "api/config.h"
#include "api/context.h"
#include "api/events/publisher.h"
#include "api/health/health.h"
#include "api/http/cors.h"
#include "api/http/limiter.h"
#include "api/http/networks.h"
#include "api/http/server.h"
#include "api/http/service.h"
#include "api/http/workers.h"
#include "api/main.h"
#include "api/menus/cache.h"
#include "api/orders/writer.h"
#include "api/privacy/keyring.h"
#include "api/privacy/subject_keys.h"
#include "api/process.h"
#include "api/routes.h"
#include "shared/jwt.h"
#include "shared/key_watch.h"
#include "shared/log.h"
#include "shared/metrics.h"
#include "shared/redis_shards.h"
#include "shared/revocation_feed.h"

#define URL_BYTES_MAX     4096
#define PASSWORD_NICENESS 10
#define SPARE_FILES       128 /* beside connections: database, Redis, log, libuv's own */

static const char usage[] = "Usage: ordersync-api serve [--check-config | --help | --version]\n\n"
                            "Answers the HTTP API. Any number may run beside each other.\n";

struct process {
    uv_loop_t loop;
    uv_signal_t sigterm, sigint;
    uv_timer_t stop_deadline;
    struct api_config config;
    struct api_context context;
    struct osy_keyring *keyring;
    struct osy_key_watch *key_watch;
    struct api_networks *proxies, *rate_exempt;
    struct api_limiter *limiter;
    struct api_cors *cors;
    char decoy_password_hash[API_PASSWORD_HASH_BYTES];
    struct api_publisher *publisher;
    struct api_authenticator *authenticator;
    struct api_service *service;
    struct api_server *server;
    bool is_stopping;
};

/* ---- the graceful stop ---- */

static void on_drained(void *context)
{
    struct process *process = context;
    uv_stop(&process->loop);
}

static void on_stop_deadline(uv_timer_t *timer)
{
    struct process *process = timer->data;
    OSY_WARN("stop_deadline_passed",
             OSY_INT("connections", api_server_connections(process->server)));
    uv_stop(&process->loop);
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct process *process = handle->data;

    if (process->is_stopping)
        _exit(128 + number);
    process->is_stopping = true;
    OSY_INFO("stopping", OSY_INT("signal", number));
    api_health_set_draining(process->context.health);
    uv_timer_start(&process->stop_deadline, on_stop_deadline, (uint64_t)process->config.shutdown_ms,
                   0);
    api_server_drain(process->server, on_drained, process);
}

static void on_flushed(void *context, const struct osy_redis_reply *reply,
                       const struct osy_error *err)
{
    (void)reply;
    (void)err;
    --*(size_t *)context;
}

/* Redis answers in order: when this is answered (or its timeout came), so is every publication before. */
static void flush_publications(struct process *process)
{
    size_t unanswered = osy_redis_shards_ping(process->context.redis, on_flushed, &unanswered);

    while (unanswered > 0)
        uv_run(&process->loop, UV_RUN_ONCE);
}

/* ---- start ---- */

static void watch_signal(struct process *process, uv_signal_t *handle, int number)
{
    uv_signal_init(&process->loop, handle);
    handle->data = process;
    uv_signal_start(handle, on_signal, number);
}

/* No more connections than there are files for. */
static uint32_t limit_connections(int64_t wanted)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY ||
        limit.rlim_cur >= (rlim_t)wanted + SPARE_FILES)
        return (uint32_t)wanted;
    OSY_WARN("connections_limited_by_open_files", OSY_INT("open_files", limit.rlim_cur));
    return limit.rlim_cur > 2 * SPARE_FILES ? (uint32_t)(limit.rlim_cur - SPARE_FILES)
                                            : SPARE_FILES;
}

static struct api_http_limits find_limits(const struct api_config *config)
{
    return (struct api_http_limits){
        .header_bytes = (size_t)config->http_header_bytes,
        .url_bytes = URL_BYTES_MAX < config->http_header_bytes ? URL_BYTES_MAX
                                                               : (size_t)config->http_header_bytes,
        .body_bytes = (size_t)config->http_body_bytes,
        .pipeline_max = (uint32_t)config->http_pipeline_max,
        .connections_max = limit_connections(config->http_connections_max),
        .header_ms = (uint32_t)config->http_header_ms,
        .body_ms = (uint32_t)config->http_body_ms,
        .idle_ms = (uint32_t)config->http_idle_ms,
        .write_ms = (uint32_t)config->http_write_ms,
    };
}

static void on_revocations_stale(void *context, bool is_stale)
{
    (void)context;
    if (is_stale)
        OSY_ERROR("revocations_unknown");
    else
        OSY_INFO("revocations_known");
}

/* One who was erased is revoked with it. */
static void on_revoked(void *opaque, const struct osy_revocation *revocation)
{
    struct process *process = opaque;
    if (revocation->kind == OSY_REVOCATION_USER && process->context.subject_keys)
        api_subject_keys_forget(process->context.subject_keys, &revocation->id);
}

static void on_redis_message(void *context, const char *channel, size_t channel_length,
                             const char *message, size_t length)
{
    struct process *process = context;
    (void)osy_revocation_feed_on_message(process->context.revocations, channel, channel_length,
                                         message, length);
}

static void on_redis_subscribed(void *context, const char *channel, size_t channel_length)
{
    struct process *process = context;
    (void)osy_revocation_feed_on_subscribed(process->context.revocations, channel, channel_length);
}

/* Redis is where events go to, and where revocations come from. */
static bool start_redis(struct process *process, struct osy_error *err)
{
    const struct api_config *config = &process->config;
    struct api_context *context = &process->context;
    context->redis = osy_redis_shards_create(
        &process->loop,
        &(struct osy_redis_shards_options){.servers = config->redis,
                                           .on_message = on_redis_message,
                                           .on_subscribed = on_redis_subscribed,
                                           .context = process},
        err);
    if (!context->redis)
        return false;
    context->revocations = osy_revocation_feed_create(
        &process->loop,
        &(struct osy_revocation_feed_options){.database_url = config->database_url,
                                              .application_name = "ordersync-revocations",
                                              .interval_ms = config->revocation_poll_ms,
                                              .max_age_ms = config->revocation_max_age_ms,
                                              .on_revoked = on_revoked,
                                              .on_stale = on_revocations_stale,
                                              .context = process});
    osy_revocation_feed_attach(context->revocations, context->redis);
    return true;
}

static struct api_workers *start_workers(struct process *process,
                                         struct api_workers_options options, struct osy_error *err)
{
    options.deadline_ms = (uint32_t)process->config.request_ms;
    options.database_url = process->config.database_url;
    options.redis = process->config.redis;
    options.metrics = process->context.metrics;
    options.breakers = process->context.breakers;
    options.context = &process->context;
    return api_workers_create(&process->loop, &options, err);
}

static bool start_pools(struct process *process, struct osy_error *err)
{
    const struct api_config *config = &process->config;
    struct api_workers **pools = process->context.workers;
    pools[API_POOL_WORKERS] =
        start_workers(process,
                      (struct api_workers_options){.name = "worker",
                                                   .threads = (uint32_t)config->worker_threads,
                                                   .queue_max = (uint32_t)config->worker_queue_max},
                      err);
    if (!pools[API_POOL_WORKERS])
        return false;
    pools[API_POOL_PASSWORDS] = start_workers(
        process,
        (struct api_workers_options){.name = "password",
                                     .threads = (uint32_t)config->password_threads,
                                     .queue_max = (uint32_t)config->password_queue_max,
                                     .niceness = PASSWORD_NICENESS},
        err);
    return pools[API_POOL_PASSWORDS] != NULL;
}

/* Of a random password, with the present method. */
static bool make_decoy(struct process *process, struct osy_error *err)
{
    struct api_context *context = &process->context;
    const struct osy_uuid password = osy_uuid_v4();
    char text[OSY_UUID_TEXT_BYTES];
    if (!api_password_method_parse(process->config.password_hash, &context->password_method))
        context->password_method = API_PASSWORD_YESCRYPT; /* the table allows only known ones */
    osy_uuid_format(&password, text);
    context->decoy_password_hash = process->decoy_password_hash;
    return api_password_hash(context->keyring, context->password_method, text,
                             process->decoy_password_hash, err);
}

static void write_public_keys(struct process *process)
{
    free(process->context.public_keys);
    process->context.public_keys = osy_jwt_key_set(process->keyring);
}

static void on_keys_changed(void *context, const struct osy_error *err)
{
    struct process *process = context;
    api_process_note_keys(NULL, err);
    if (err)
        return;
    write_public_keys(process);
    if (process->authenticator)
        api_authenticator_forget(process->authenticator);
}

static bool start_context(struct process *process, struct osy_error *err)
{
    const struct api_config *config = &process->config;
    struct api_context *context = &process->context;

    context->loop = &process->loop;
    context->config = config;
    context->metrics = osy_metrics_create();
    process->keyring = api_keyring_load(config,
                                        OSY_KEYS_JWT_PRIVATE | OSY_KEYS_TRACKING | OSY_KEYS_DATA |
                                            OSY_KEYS_INDEX | OSY_KEYS_PEPPER,
                                        err);
    context->keyring = process->keyring;
    if (!context->keyring || !make_decoy(process, err))
        return false;
    write_public_keys(process);
    process->key_watch =
        osy_key_watch_create(&process->loop, process->keyring, on_keys_changed, process);
    context->breakers = api_breakers_create(config->redis, context->metrics, err);
    if (!context->breakers || !start_redis(process, err))
        return false;
    process->publisher =
        api_publisher_create(context->redis, (uint64_t)config->stream_events_max, context->metrics);
    context->writer = api_order_writer_create(
        &process->loop,
        &(struct api_order_writer_options){.database_url = config->database_url,
                                           .lanes = (uint32_t)config->order_writers,
                                           .queue_max = (uint32_t)config->order_queue_max,
                                           .batch_max = (uint32_t)config->order_batch_max,
                                           .linger_ms = (uint32_t)config->order_linger_ms,
                                           .deadline_ms = (uint32_t)config->order_deadline_ms,
                                           .metrics = context->metrics,
                                           .publisher = process->publisher,
                                           .breaker = api_breakers_orders(context->breakers)},
        err);
    if (!context->writer)
        return false;
    context->menus = api_menu_cache_create(context->metrics);
    if (!start_pools(process, err))
        return false;
    context->subject_keys = api_subject_keys_create(context);
    context->notes =
        api_audit_notes_create(config->database_url, context->keyring, context->metrics, err);
    if (!context->notes)
        return false;
    context->health = api_health_create(&process->loop, config, context->metrics, err);
    return context->health != NULL;
}

static bool start_limiter(struct process *process, struct osy_error *err)
{
    const struct api_config *config = &process->config;
    struct api_limiter_options options = {
        .budgets = {.slots = (size_t)config->rate_entries,
                    .window_ms = 1000 * (uint32_t)config->rate_window_s,
                    .limits = {[API_BUDGET_ADDRESS] = (uint32_t)config->rate_address,
                               [API_BUDGET_USER] = (uint32_t)config->rate_user,
                               [API_BUDGET_RESTAURANT] = (uint32_t)config->rate_restaurant,
                               [API_BUDGET_TOKENS] = (uint32_t)config->rate_tokens}},
        .sync_ms = (uint32_t)config->rate_sync_ms,
        .redis = process->context.redis,
        .metrics = process->context.metrics,
    };

    _Static_assert(sizeof options.secret == OSY_SECRET_BYTES, "a key is the secret");
    memcpy(options.secret, osy_keyring_active(process->keyring, OSY_KEY_TRACKING)->secret,
           sizeof options.secret);
    process->rate_exempt = api_networks_create(config->rate_exempt, err);
    if (!process->rate_exempt)
        return osy_error_prefix(err, "ORDERSYNC_RATE_EXEMPT");
    options.exempt = process->rate_exempt;
    process->limiter = api_limiter_create(&process->loop, &options);
    return true;
}

static bool start_server(struct process *process, struct osy_error *err)
{
    const struct api_config *config = &process->config;
    struct api_context *context = &process->context;

    process->proxies = api_networks_create(config->trusted_proxies, err);
    if (!process->proxies)
        return osy_error_prefix(err, "ORDERSYNC_TRUSTED_PROXIES");
    process->cors = api_cors_create(config->cors_origins, err);
    if (!process->cors)
        return osy_error_prefix(err, "ORDERSYNC_CORS_ORIGINS");
    process->authenticator =
        api_authenticator_create(context->keyring, osy_revocation_feed_set(context->revocations),
                                 (size_t)config->token_cache_entries, context->metrics);
    process->service = api_service_create(&(struct api_service_options){
        .tables = api_route_tables,
        .context = context,
        .authenticator = process->authenticator,
        .limiter = process->limiter,
        .cors = process->cors,
        .workers = {context->workers[API_POOL_WORKERS], context->workers[API_POOL_PASSWORDS]},
        .worker_ms = (uint32_t)config->request_ms,
        .metrics = context->metrics});
    process->server =
        api_server_create(&process->loop,
                          &(struct api_server_options){.listen = config->listen,
                                                       .limits = find_limits(config),
                                                       .proxies = process->proxies,
                                                       .metrics = context->metrics,
                                                       .on_request = api_service_on_request,
                                                       .context = process->service},
                          err);
    return process->server != NULL;
}

static void stop(struct process *process)
{
    struct api_context *context = &process->context;

    api_server_destroy(process->server);
    for (size_t i = 0; i < API_POOL_COUNT; i++)
        api_workers_destroy(context->workers[i]);
    api_menu_cache_destroy(context->menus);
    api_order_writer_destroy(context->writer);
    if (process->is_stopping)
        flush_publications(process);
    osy_key_watch_destroy(process->key_watch);
    osy_revocation_feed_destroy(context->revocations);
    api_subject_keys_destroy(context->subject_keys);
    api_audit_notes_destroy(context->notes);
    osy_redis_shards_destroy(context->redis);
    api_publisher_destroy(process->publisher);
    api_limiter_destroy(process->limiter);
    api_health_destroy(context->health);
    uv_close((uv_handle_t *)&process->sigterm, NULL);
    uv_close((uv_handle_t *)&process->sigint, NULL);
    uv_close((uv_handle_t *)&process->stop_deadline, NULL);
    uv_run(&process->loop, UV_RUN_DEFAULT); /* until libuv has closed every handle */
    api_service_destroy(process->service);
    api_authenticator_destroy(process->authenticator);
    api_networks_destroy(process->proxies);
    api_networks_destroy(process->rate_exempt);
    api_cors_destroy(process->cors);
    free(context->public_keys);
    osy_keyring_destroy(process->keyring);
    api_breakers_destroy(context->breakers);
    osy_metrics_destroy(context->metrics);
    uv_loop_close(&process->loop);
}

int api_serve_main(int argc, char **argv)
{
    struct process process = {0};
    struct osy_error err = {0};
    int exit_code = 0;

    if (!api_config_start(&process.config, API_CONFIG_DATABASE | API_CONFIG_REDIS | API_CONFIG_KEYS,
                          usage, argc, argv, &exit_code))
        return exit_code;
    uv_loop_init(&process.loop);
    uv_timer_init(&process.loop, &process.stop_deadline);
    process.stop_deadline.data = &process;
    watch_signal(&process, &process.sigterm, SIGTERM);
    watch_signal(&process, &process.sigint, SIGINT);
    if (start_context(&process, &err) && start_limiter(&process, &err) &&
        start_server(&process, &err)) {
        OSY_INFO("started", OSY_STR("version", ORDERSYNC_VERSION),
                 OSY_INT("port", api_server_port(process.server)));
        uv_run(&process.loop, UV_RUN_DEFAULT);
    } else {
        OSY_ERROR("start_failed", OSY_ERR(&err));
        exit_code = err.code == OSY_ERR_INVALID ? 2 : 1;
    }
    stop(&process);
    OSY_INFO("stopped");
    api_config_deinit(&process.config);
    return exit_code;
}
