/*
 * ordersync-hub: wiring, signals, drain. Everything runs on this thread's loop except the database
 * threads of store and reports.
 */
#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "hub/bearers.h"
#include "hub/hub.h"
#include "hub/owners.h"
#include "hub/reports.h"
#include "hub/session.h"
#include "hub/socket.h"
#include "hub/sweep.h"
#include "hub/topic.h"
#include "shared/alloc.h"
#include "shared/bug.h"
#include "shared/clock.h"
#include "shared/failpoint.h"
#include "shared/key_watch.h"
#include "shared/log.h"
#include "shared/revocation_feed.h"

enum {
    EXIT_USAGE = 2,
    DRAIN_TICK_MS = 50,
    DRAIN_GRACE_MS = 6000, /* for the last close frames to be answered */
    GIVE_UP_MS = 1000,     /* to close all sockets when nobody can tell who is revoked */
    URGENT_CHECK_MS = 1000,
    FROZEN_MS = 1000, /* between two ticks of the wheel: the process did not run */
};

struct program {
    struct hub hub;
    struct hub_config config;
    struct osy_keyring *keyring;
    struct osy_key_watch *key_watch;
    uv_loop_t loop;
    uv_timer_t wheel_timer, check_timer, drain_timer;
    uv_signal_t on_term, on_int;
    int64_t turned_ms;       /* when the wheel was last turned, or its turn was skipped */
    bool has_skipped_a_turn; /* the last one */
    int64_t checked_ms;      /* when positions were last checked, of whichever topics; */
    int64_t check_due_ms;    /* and when those of all are again */
    struct hub_sweep sweep;
    int64_t drain_deadline_ms;
    bool is_stopped;
};

static void close_handle(uv_handle_t *handle)
{
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

/* Nothing is walked over or waited for any more: every part ends, and with the last handle the loop. */
static void stop(struct program *program)
{
    struct hub *hub = &program->hub;
    if (program->is_stopped)
        return;
    program->is_stopped = true;
    hub_server_destroy(hub->server);
    close_handle((uv_handle_t *)&program->wheel_timer);
    close_handle((uv_handle_t *)&program->check_timer);
    close_handle((uv_handle_t *)&program->drain_timer);
    hub_sweep_deinit(&program->sweep);
    close_handle((uv_handle_t *)&program->on_term);
    close_handle((uv_handle_t *)&program->on_int);
    osy_key_watch_destroy(program->key_watch);
    osy_revocation_feed_destroy(hub->revocations);
    hub_reports_destroy(hub->reports); /* the sockets are gone, and with them the devices */
    /* Redis first: it answers what is pending, and some of that turns to the store. */
    osy_redis_shards_destroy(hub->source.redis);
    hub->source.redis = NULL;
    hub_topics_end(hub);
    hub_store_destroy(hub->source.store);
}

/* --- drain ---------------------------------------------------------------------------------- */

/* First the signal makes /ready say no; then, once balancers have had the time to see it, the sockets are
 * closed, and the last one ends the program. */

static void on_drain_tick(uv_timer_t *timer)
{
    struct program *program = timer->data;
    if (hub_server_socket_count(program->hub.server) == 0 ||
        osy_clock_monotonic_ms() >= program->drain_deadline_ms) {
        OSY_FAILPOINT("drain.before_stop", "a hub without sockets ends");
        OSY_INFO("hub_stopped");
        stop(program);
    }
}

static void on_drain_wait_over(uv_timer_t *timer)
{
    struct program *program = timer->data;
    OSY_FAILPOINT("drain.before_closes", "a hub that leaves tells its clients");
    int64_t drain_ms = program->config.drain_ms;
    program->hub.phase = HUB_DRAINING;
    program->drain_deadline_ms = osy_clock_monotonic_ms() + drain_ms + DRAIN_GRACE_MS;
    OSY_INFO("hub_drain", OSY_INT("sockets", hub_server_socket_count(program->hub.server)));
    hub_sweep_begin(&program->sweep, program->hub.server, drain_ms, hub_session_drain);
    uv_timer_start(&program->drain_timer, on_drain_tick, 0, DRAIN_TICK_MS);
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct program *program = handle->data;
    if (program->hub.phase != HUB_SERVING) {
        OSY_WARN("hub_killed", OSY_INT("signal", number));
        _exit(EXIT_FAILURE);
    }
    program->hub.phase = HUB_LEAVING;
    OSY_INFO("hub_leaving", OSY_INT("signal", number));
    uv_timer_start(&program->drain_timer, on_drain_wait_over,
                   (uint64_t)program->config.drain_wait_ms, 0);
}

/* --- Redis and the position check ----------------------------------------------------------- */

static void schedule_check(struct program *program);

static void on_check(uv_timer_t *timer)
{
    struct program *program = timer->data;
    program->checked_ms = osy_clock_monotonic_ms();
    bool all = program->checked_ms >= program->check_due_ms;
    if (all)
        program->check_due_ms = program->checked_ms + program->config.check_interval_ms;
    hub_topics_check(&program->hub, all);
    schedule_check(program);
}

/* Topics whose Redis is away are checked more often than the others. */
static void schedule_check(struct program *program)
{
    const struct osy_redis_shards *redis = program->hub.source.redis;
    int64_t due_ms = program->check_due_ms;
    bool is_anyone_away = osy_redis_shards_count_up(redis) < osy_redis_shards_count(redis);
    if (is_anyone_away && due_ms > program->checked_ms + URGENT_CHECK_MS)
        due_ms = program->checked_ms + URGENT_CHECK_MS;
    int64_t delay_ms = due_ms - osy_clock_monotonic_ms();
    if (!uv_is_closing((uv_handle_t *)&program->check_timer))
        uv_timer_start(&program->check_timer, on_check, delay_ms > 0 ? (uint64_t)delay_ms : 0, 0);
}

static void on_redis_state(void *context, const char *name, bool commands_up, bool subscriptions_up)
{
    struct program *program = context;
    const struct osy_redis_shards *redis = program->hub.source.redis;
    bool are_all_up = osy_redis_shards_count_up(redis) == osy_redis_shards_count(redis);
    osy_metric_set(program->hub.metrics.redis_up, are_all_up ? 1 : 0);
    osy_metric_set(
        osy_metric_with(program->hub.metrics.redis_servers_up, (const char *const[]){name}),
        commands_up && subscriptions_up ? 1 : 0);
    if (program->is_stopped)
        return;
    OSY_INFO("redis_state", OSY_STR("server", name), OSY_INT("commands", commands_up),
             OSY_INT("subscriptions", subscriptions_up));
    schedule_check(program);
}

static void on_redis_message(void *context, const char *channel, size_t channel_length,
                             const char *message, size_t length)
{
    struct program *program = context;
    if (osy_revocation_feed_on_message(program->hub.revocations, channel, channel_length, message,
                                       length))
        return;
    hub_topics_on_message(&program->hub, channel, channel_length, message, length);
}

static void on_redis_subscribed(void *context, const char *channel, size_t channel_length)
{
    struct program *program = context;
    if (osy_revocation_feed_on_subscribed(program->hub.revocations, channel, channel_length))
        return;
    hub_topics_on_subscribed(&program->hub, channel, channel_length);
}

/* Nobody waits for it: dashboards look again by themselves now and then. */
static void on_presence(void *context, const struct osy_uuid *restaurant_id)
{
    struct program *program = context;
    char channel[HUB_REDIS_NAME_BYTES];
    struct osy_error err = {0};
    hub_source_presence_channel(restaurant_id, channel);
    struct osy_redis_shards *redis = program->hub.source.redis;
    const char *const command[] = {osy_redis_shards_publish_verb(redis), channel, "changed"};
    if (!osy_redis_shards_command(redis, restaurant_id, 3, command, NULL, NULL, NULL, &err))
        OSY_DEBUG("presence_not_published", OSY_ERR(&err));
}

static void on_wheel_tick(uv_timer_t *timer)
{
    struct program *program = timer->data;
    int64_t now_ms = osy_clock_monotonic_ms();
    int64_t gap_ms = now_ms - program->turned_ms;
    program->turned_ms = now_ms;
    hub_reports_beat(program->hub.reports);
    /* Whatever has come meanwhile, pongs and events above all, is read before timers judge its absence. Once:
     * a loop whose every turn takes that long has read it, and its timers have waited enough. */
    program->has_skipped_a_turn = gap_ms >= FROZEN_MS && !program->has_skipped_a_turn;
    if (gap_ms >= FROZEN_MS)
        OSY_WARN("hub_frozen", OSY_INT("ms", gap_ms));
    if (!program->has_skipped_a_turn)
        hub_wheel_turn(&program->hub.wheel, now_ms);
}

/* --- revocations ---------------------------------------------------------------------------- */

static void on_revoked(void *context, const struct osy_revocation *revocation)
{
    struct hub *hub = &((struct program *)context)->hub;
    size_t sockets = hub_bearers_revoke(hub->bearers, revocation);
    char id[OSY_UUID_TEXT_BYTES];
    osy_uuid_format(&revocation->id, id);
    osy_metric_add(hub->metrics.sockets_revoked, (double)sockets);
    if (sockets > 0)
        OSY_INFO("sockets_revoked", OSY_STR("kind", osy_revocation_kind_name(revocation->kind)),
                 OSY_STR("id", id), OSY_INT("sockets", sockets));
}

/* Whoever cannot know whom to refuse serves nobody. A drain closes its sockets anyway, but not as fast. */
static void on_revocations_stale(void *context, bool is_stale)
{
    struct program *program = context;
    struct hub *hub = &program->hub;
    hub->is_blind = is_stale;
    osy_metric_set(hub->metrics.revocations_stale, is_stale ? 1 : 0);
    if (is_stale) {
        OSY_ERROR("revocations_unknown",
                  OSY_INT("max_age_ms", program->config.revocation_max_age_ms));
        hub_sweep_begin(&program->sweep, hub->server, GIVE_UP_MS, hub_session_give_up);
    } else {
        OSY_INFO("revocations_known");
        if (hub->phase != HUB_DRAINING)
            hub_sweep_stop(&program->sweep);
    }
}

/* --- start ---------------------------------------------------------------------------------- */

static void start_timers(struct program *program)
{
    uv_timer_init(&program->loop, &program->wheel_timer);
    uv_timer_init(&program->loop, &program->check_timer);
    uv_timer_init(&program->loop, &program->drain_timer);
    hub_sweep_init(&program->sweep, &program->loop);
    uv_signal_init(&program->loop, &program->on_term);
    uv_signal_init(&program->loop, &program->on_int);
    program->wheel_timer.data = program->check_timer.data = program->drain_timer.data = program;
    program->on_term.data = program->on_int.data = program;
    uv_timer_start(&program->wheel_timer, on_wheel_tick, HUB_WHEEL_TICK_MS, HUB_WHEEL_TICK_MS);
    uv_signal_start(&program->on_term, on_signal, SIGTERM);
    uv_signal_start(&program->on_int, on_signal, SIGINT);
}

static void on_keys_changed(void *context, const struct osy_error *err)
{
    struct program *program = context;
    if (err) {
        OSY_ERROR("hub_keys_not_read", OSY_ERR(err)); /* those of before are used on */
        return;
    }
    hub_grants_clear(program->hub.grants);
    OSY_INFO("hub_keys_changed");
}

static bool start(struct program *program, struct osy_error *err)
{
    struct hub *hub = &program->hub;
    const struct hub_config *config = &program->config;
    hub->config = config;
    hub->loop = &program->loop;
    hub->source.loop = &program->loop;
    start_timers(program);
    program->turned_ms = osy_clock_monotonic_ms();
    hub_wheel_init(&hub->wheel, program->turned_ms);
    program->keyring =
        osy_keyring_load(config->keys_dir, OSY_KEYS_JWT_PUBLIC | OSY_KEYS_TRACKING, err);
    if (!program->keyring)
        return osy_error_prefix(err, "ORDERSYNC_KEYS_DIR");
    program->key_watch =
        osy_key_watch_create(hub->loop, program->keyring, on_keys_changed, program);
    hub->bearers = hub_bearers_create();
    hub->revocations = osy_revocation_feed_create(
        hub->loop,
        &(struct osy_revocation_feed_options){.database_url = config->database_url,
                                              .application_name = "ordersync-hub",
                                              .interval_ms = config->revocation_poll_ms,
                                              .max_age_ms = config->revocation_max_age_ms,
                                              .on_revoked = on_revoked,
                                              .on_stale = on_revocations_stale,
                                              .context = program});
    hub->grants = hub_grants_create(program->keyring, osy_revocation_feed_set(hub->revocations),
                                    (size_t)config->token_cache);

    hub->source.store = hub_store_create(
        hub->loop, &(struct hub_store_options){.url = config->database_url,
                                               .application_name = "ordersync-hub",
                                               .threads = (size_t)config->database_threads,
                                               .max_queued = (size_t)config->database_queue});
    hub->owners =
        hub_owners_create(hub->source.store, (size_t)config->token_cache, hub_session_note_owner);
    hub->source.redis = osy_redis_shards_create(
        hub->loop,
        &(struct osy_redis_shards_options){.servers = config->redis,
                                           .on_message = on_redis_message,
                                           .on_subscribed = on_redis_subscribed,
                                           .on_state = on_redis_state,
                                           .context = program},
        err);
    if (!hub->source.redis)
        return false;
    osy_revocation_feed_attach(hub->revocations, hub->source.redis);
    hub->reports = hub_reports_create(
        hub->loop, &(struct hub_reports_options){.url = config->database_url,
                                                 .application_name = "ordersync-hub-reports",
                                                 .hub_id = config->hub_id,
                                                 .interval_ms = config->report_interval_ms,
                                                 .receipt_interval_ms = config->receipt_interval_ms,
                                                 .lease_ms = config->lease_ms,
                                                 /* as many again may have left unsaid */
                                                 .most = 2 * (size_t)config->sockets_max,
                                                 .metrics = &hub->metrics,
                                                 .on_presence = on_presence,
                                                 .context = program});
    if (!hub_server_create(hub, err))
        return false;
    program->checked_ms = osy_clock_monotonic_ms();
    program->check_due_ms = program->checked_ms + config->check_interval_ms;
    schedule_check(program);
    return true;
}

static void free_program(struct program *program)
{
    hub_server_free(program->hub.server);
    hub_owners_destroy(program->hub.owners);
    hub_grants_destroy(program->hub.grants);
    hub_bearers_destroy(program->hub.bearers);
    osy_keyring_destroy(program->keyring);
    hub_metrics_deinit(&program->hub.metrics);
    osy_config_free(hub_settings, &program->config);
    free(program);
}

static int serve(struct program *program)
{
    struct osy_error err = {0};
    int status = EXIT_SUCCESS;
    json_object_seed(0);
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_DUMPABLE, 0); /* no core file with tokens in it */
    uv_loop_init(&program->loop);
    hub_metrics_init(&program->hub.metrics);
    if (start(program, &err)) {
        OSY_INFO("hub_started", OSY_STR("hub", program->config.hub_id),
                 OSY_STR("version", ORDERSYNC_VERSION),
                 OSY_INT("port", hub_server_port(program->hub.server)),
                 OSY_INT("admin_port", hub_server_admin_port(program->hub.server)));
        uv_run(&program->loop, UV_RUN_DEFAULT);
    } else {
        OSY_ERROR("hub_start_failed", OSY_ERR(&err));
        status = err.code == OSY_ERR_INVALID ? EXIT_USAGE : EXIT_FAILURE;
        stop(program);
        uv_run(&program->loop, UV_RUN_DEFAULT);
    }
    if (uv_loop_close(&program->loop) != 0)
        OSY_WARN("loop_busy");
    return status;
}

static int print_help(void)
{
    printf("ordersync-hub: the WebSocket tier of OrderSync.\n\n"
           "Usage: ordersync-hub [--help | --version | --check-config | --failpoints]\n\n"
           "--failpoints lists the places where tests can make it fail.\n\n"
           "Settings are environment variables:\n\n");
    osy_config_print_help(hub_settings, stdout);
    return EXIT_SUCCESS;
}

static bool is_option(const char *text)
{
    static const char *const options[] = {"--help", "--version", "--check-config", "--failpoints"};
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        if (strcmp(options[i], text) == 0)
            return true;
    }
    return false;
}

int main(int argc, char **argv)
{
    const char *option = argc > 1 ? argv[1] : "";
    if (argc > 2 || (argc == 2 && !is_option(option))) {
        fprintf(stderr,
                "Usage: ordersync-hub [--help | --version | --check-config | --failpoints]\n");
        return EXIT_USAGE;
    }
    if (strcmp(option, "--help") == 0)
        return print_help();
    if (strcmp(option, "--version") == 0) {
        printf("ordersync-hub %s\n", ORDERSYNC_VERSION);
        return EXIT_SUCCESS;
    }
    if (strcmp(option, "--failpoints") == 0) {
        osy_failpoints_print(stdout);
        osy_bugs_print(stdout);
        return EXIT_SUCCESS;
    }

    struct program *program = osy_alloc(sizeof *program);
    struct osy_error err = {0};
    if (!hub_config_load(environ, &program->config, &err)) {
        fprintf(stderr, "ordersync-hub: %s\n", err.message);
        osy_config_free(hub_settings, &program->config);
        free(program);
        return EXIT_USAGE;
    }
    int status = EXIT_SUCCESS;
    enum osy_log_level level = OSY_LOG_INFO;
    (void)osy_log_level_parse(program->config.log_level, &level);
    osy_log_init("ordersync-hub", level);
    if (strcmp(option, "--check-config") == 0)
        osy_config_print(hub_settings, &program->config, stdout);
    else
        status = serve(program);
    free_program(program);
    return status;
}
