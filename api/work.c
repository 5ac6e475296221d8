/*
 * `ordersync-api work`: a loop thread that answers /health, /ready and /metrics on the admin port, and
 * the threads that do the work. SIGTERM or SIGINT ends it after what is under way.
 */
#include <stdlib.h>
#include <uv.h>

#include "api/background/background.h"
#include "api/config.h"
#include "api/context.h"
#include "api/escalation/sender.h"
#include "api/escalation/watchdog.h"
#include "api/escalation/webhook_client.h"
#include "api/health/health.h"
#include "api/http/server.h"
#include "api/http/service.h"
#include "api/main.h"
#include "api/menus/sales.h"
#include "api/presence/reachability.h"
#include "api/privacy/keyring.h"
#include "api/process.h"
#include "api/restaurants/timekeeper.h"
#include "shared/key_watch.h"
#include "shared/log.h"
#include "shared/metrics.h"

static const char usage[] =
    "Usage: ordersync-api work [--check-config | --help | --version]\n\n"
    "Publishes events that an API process could not, raises the alarm about\n"
    "orders that nobody shows or accepts in time and rejects them in the end,\n"
    "accepts orders for restaurants that want that, ends their pauses,\n"
    "decides which restaurants orders can reach, counts what is sold and warns\n"
    "of what there is little of, makes audit partitions\n"
    "ahead and deletes old idempotency records, receipts, alerts and devices.\n"
    "Any number may run.\n"
    "Settings marked `serve:` have no effect here.\n";

static const struct api_route *const route_tables[] = {api_health_routes, NULL};

static const struct api_http_limits admin_limits = {
    .header_bytes = 8192,
    .url_bytes = 1024,
    .body_bytes = 1024,
    .pipeline_max = 4,
    .connections_max = 64,
    .header_ms = 5000,
    .body_ms = 5000,
    .idle_ms = 75000,
    .write_ms = 10000,
};

struct worker_process {
    uv_loop_t loop;
    uv_signal_t sigterm, sigint;
    struct api_config config;
    struct api_context context;
    struct api_service *service;
    struct api_server *server;
    struct api_background *background;
    struct api_watchdog *watchdog;
    struct api_sender *sender;
    struct osy_keyring *keyring;
    struct osy_key_watch *key_watch;
    struct api_reachability *reachability;
    struct api_sales *sales;
    struct api_timekeeper *timekeeper;
};

static void on_signal(uv_signal_t *handle, int number)
{
    struct worker_process *process = handle->data;
    OSY_INFO("stopping", OSY_INT("signal", number));
    uv_stop(&process->loop);
}

static void watch_signal(struct worker_process *process, uv_signal_t *handle, int number)
{
    uv_signal_init(&process->loop, handle);
    handle->data = process;
    uv_signal_start(handle, on_signal, number);
}

static bool start(struct worker_process *process, struct osy_error *err)
{
    process->context.loop = &process->loop;
    process->context.config = &process->config;
    process->context.metrics = osy_metrics_create();
    process->keyring = api_keyring_load(&process->config, OSY_KEYS_DATA, err);
    if (!process->keyring || !api_webhook_init(err))
        return false;
    process->key_watch =
        osy_key_watch_create(&process->loop, process->keyring, api_process_note_keys, NULL);
    process->context.health =
        api_health_create(&process->loop, &process->config, process->context.metrics, err);
    if (!process->context.health)
        return false;
    process->service = api_service_create(&(struct api_service_options){
        .tables = route_tables, .context = &process->context, .metrics = process->context.metrics});
    process->server =
        api_server_create(&process->loop,
                          &(struct api_server_options){.listen = process->config.admin_listen,
                                                       .limits = admin_limits,
                                                       .metrics = process->context.metrics,
                                                       .on_request = api_service_on_request,
                                                       .context = process->service},
                          err);
    if (!process->server)
        return false;
    process->background = api_background_start(&process->config, process->context.metrics, err);
    if (!process->background)
        return false;
    process->watchdog = api_watchdog_start(&process->config, process->context.metrics, err);
    if (!process->watchdog)
        return false;
    process->sender =
        api_sender_start(&process->config, process->keyring, process->context.metrics, err);
    if (!process->sender)
        return false;
    process->reachability = api_reachability_start(&process->config, process->context.metrics, err);
    if (!process->reachability)
        return false;
    process->sales = api_sales_start(&process->config, err);
    if (!process->sales)
        return false;
    process->timekeeper = api_timekeeper_start(&process->config, err);
    return process->timekeeper != NULL;
}

static void stop(struct worker_process *process)
{
    api_sales_stop(process->sales);
    api_sender_stop(process->sender);
    api_timekeeper_stop(process->timekeeper);
    api_reachability_stop(process->reachability);
    api_watchdog_stop(process->watchdog);
    api_background_stop(process->background);
    api_server_destroy(process->server);
    osy_key_watch_destroy(process->key_watch);
    api_health_destroy(process->context.health);
    uv_close((uv_handle_t *)&process->sigterm, NULL);
    uv_close((uv_handle_t *)&process->sigint, NULL);
    uv_run(&process->loop, UV_RUN_DEFAULT);
    api_service_destroy(process->service);
    osy_keyring_destroy(process->keyring);
    osy_metrics_destroy(process->context.metrics);
    uv_loop_close(&process->loop);
}

int api_work_main(int argc, char **argv)
{
    struct worker_process process = {0};
    struct osy_error err = {0};
    int exit_code = 0;
    if (!api_config_start(&process.config, API_CONFIG_DATABASE | API_CONFIG_REDIS | API_CONFIG_KEYS,
                          usage, argc, argv, &exit_code))
        return exit_code;
    uv_loop_init(&process.loop);
    watch_signal(&process, &process.sigterm, SIGTERM);
    watch_signal(&process, &process.sigint, SIGINT);
    if (start(&process, &err)) {
        OSY_INFO("started", OSY_INT("admin_port", api_server_port(process.server)));
        uv_run(&process.loop, UV_RUN_DEFAULT);
    } else {
        OSY_ERROR("start_failed", OSY_ERR(&err));
        exit_code = err.code == OSY_ERR_INVALID ? 2 : 1;
    }
    stop(&process);
    api_config_deinit(&process.config);
    return exit_code;
}
