#include "api/escalation/sender.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "api/background/task_thread.h"
#include "api/config.h"
#include "api/escalation/webhook_client.h"
#include "embedded/api_core.h"
#include "shared/alloc.h"
#include "shared/buffer.h"
#include "shared/column_cipher.h"
#include "shared/failpoint.h"
#include "shared/log.h"
#include "shared/metrics.h"
#include "shared/pg.h"
#include "shared/pg_settings.h"

enum {
    INTERVAL_MS = 200,
    WAIT_MS = 50, /* for sockets, while messages are under way */
    UNDER_WAY_MAX = 64,
    RESTAURANT_MAX = 4, /* of these, for one restaurant */
    TRIES_MAX = 7,
    LEASE_MARGIN_MS = 10000, /* beyond a try's time-out, before another worker tries */
};

/* Columns of claim_messages.sql. */
enum {
    MESSAGE_ORDER = 0,
    MESSAGE_STEP,
    MESSAGE_RESTAURANT,
    MESSAGE_ATTEMPTS,
    MESSAGE_ACTION,
    MESSAGE_TARGET,
    MESSAGE_DELIVERY,
    MESSAGE_REASON,
    MESSAGE_WAITING_MS,
    MESSAGE_AT,
    MESSAGE_STATUS,
    MESSAGE_URL,
    MESSAGE_SECRET,
};

/* One try of one message: what the database has to be told when it is over. */
struct
try {
    struct try *prev, *next;
    char order[OSY_UUID_TEXT_BYTES], restaurant[OSY_UUID_TEXT_BYTES];
    char step[12], attempt[12];
    const char *action; /* static */
    int attempts;
};

struct api_sender {
    const struct api_config *config;   /* borrowed */
    const struct osy_keyring *keyring; /* borrowed */
    struct osy_pg *pg;                 /* owned, as are the next */
    struct api_webhook_client *client;
    struct try *tries; /* under way; a list */
    struct api_task_thread *thread;
    struct osy_metric_family *outcomes;
};

/* ---- how a try ends ---- */

/* Ends try. What cannot be written down now is sent again by whoever finds its lease ended. */
static void finish(struct api_sender *sender, struct try *try, const char *outcome,
                   const char *detail)
{
    struct osy_error err = {0};
    char pause_ms[24];
    OSY_FAILPOINT("sender.answered", "the outcome of a try is written down");
    snprintf(pause_ms, sizeof pause_ms, "%" PRId64,
             sender->config->webhook_retry_ms << (try->attempts - 1));
    const char *values[] = {try->order, try->step, try->attempt, outcome, detail, pause_ms};
    PGresult *result = osy_pg_query(sender->pg, sql_finish_message, 6, values, &err);
    if (!result)
        OSY_WARN("message_outcome_not_recorded", OSY_STR("order_id", try->order), OSY_ERR(&err));
    PQclear(result);
    bool is_retry = strcmp(outcome, "waiting") == 0;
    osy_metric_inc(osy_metric_with(
        sender->outcomes, (const char *const[]){try->action, is_retry ? "retried" : outcome}));
    DL_DELETE(sender->tries, try);
    free(try);
}

/* Ends a try that came to nothing: the next one may do better, while there are any left. */
static void fail(struct api_sender *sender, struct try *try, const char *detail)
{
    finish(sender, try, try->attempts < TRIES_MAX ? "waiting" : "failed", detail);
}

static void on_sent(void *context, void *tag, bool is_delivered, const char *detail)
{
    if (is_delivered)
        finish(context, tag, "done", detail);
    else
        fail(context, tag, detail);
}

/* ---- channels ---- */

static bool decrypt_secret(const struct api_sender *sender, const PGresult *messages, int row,
                           struct osy_buffer *secret, struct osy_error *err)
{
    struct osy_column place = {.table = "webhooks", .column = "secret"};
    size_t length = 0;
    if (!osy_uuid_parse(PQgetvalue(messages, row, MESSAGE_RESTAURANT), OSY_UUID_TEXT_BYTES - 1,
                        &place.row_id))
        return osy_error_set(err, OSY_ERR_INVALID, "a message has a bad restaurant id");
    unsigned char *stored =
        PQunescapeBytea((const unsigned char *)PQgetvalue(messages, row, MESSAGE_SECRET), &length);
    bool ok = stored ? osy_column_decrypt(sender->keyring, &place, stored, length, secret, err)
                     : osy_error_set(err, OSY_ERR_IO, "out of memory");
    PQfreemem(stored);
    return ok;
}

static void write_body(const PGresult *messages, int row, struct osy_buffer *body)
{
    osy_buffer_printf(
        body,
        "{\"type\":\"order.alerted\",\"order_id\":\"%s\",\"restaurant_id\":\"%s\","
        "\"status\":\"%s\",\"step\":%s,\"reason\":\"%s\",\"waiting_ms\":%s,\"at\":\"%s\"}",
        PQgetvalue(messages, row, MESSAGE_ORDER), PQgetvalue(messages, row, MESSAGE_RESTAURANT),
        PQgetvalue(messages, row, MESSAGE_STATUS), PQgetvalue(messages, row, MESSAGE_STEP),
        PQgetvalue(messages, row, MESSAGE_REASON), PQgetvalue(messages, row, MESSAGE_WAITING_MS),
        PQgetvalue(messages, row, MESSAGE_AT));
}

/* Takes try, now or when the answer has come. */
static void send_webhook(struct api_sender *sender, const PGresult *messages, int row,
                         struct try *try)
{
    struct osy_buffer secret = OSY_BUFFER_INIT, body = OSY_BUFFER_INIT;
    struct osy_error err = {0};
    const char *url = PQgetvalue(messages, row, MESSAGE_URL);
    if (PQgetisnull(messages, row, MESSAGE_URL)) {
        finish(sender, try, "skipped", "the restaurant has no webhook");
        return;
    }
    if (!api_webhook_check_url(url, sender->config->webhook_allow_private, &err)) {
        OSY_ERROR("webhook_not_usable", OSY_STR("order_id", try->order), OSY_ERR(&err));
        finish(sender, try, "failed", err.message);
        return;
    }
    /* Its key may be newer than this worker: another one, or this one started anew, can read it. */
    if (!decrypt_secret(sender, messages, row, &secret, &err)) {
        OSY_ERROR("webhook_secret_unreadable", OSY_STR("order_id", try->order), OSY_ERR(&err));
        fail(sender, try, err.message);
        return;
    }
    assert(secret.length == API_WEBHOOK_SECRET_BYTES);
    write_body(messages, row, &body);
    api_webhook_client_send(
        sender->client,
        &(struct api_webhook_message){.url = url,
                                      .secret = (const uint8_t *)secret.bytes,
                                      .delivery_id = PQgetvalue(messages, row, MESSAGE_DELIVERY),
                                      .body = body.bytes,
                                      .body_length = body.length},
        try);
    osy_buffer_deinit(&secret);
    osy_buffer_deinit(&body);
}

/*
 * How a message of each action leaves the house. A provider of text messages, calls or mail is a function
 * here, like send_webhook; until there is one the message is skipped, and the ladder goes on.
 */
static const struct channel {
    const char *action;
    void (*send)(struct api_sender *sender, const PGresult *messages, int row, struct try *try);
    const char *why_not; /* where there is no send */
} channels[] = {
    {"webhook", send_webhook, NULL},
    {"sms", NULL, "no provider of text messages is configured"},
    {"call", NULL, "no provider of calls is configured"},
    {"email", NULL, "no provider of mail is configured"},
};
enum { CHANNEL_COUNT = sizeof channels / sizeof channels[0] };

static const struct channel *find_channel(const char *action)
{
    for (size_t i = 0; i < CHANNEL_COUNT; i++) {
        if (strcmp(channels[i].action, action) == 0)
            return &channels[i];
    }
    return NULL;
}

static struct try *make_try(const PGresult *messages, int row)
{
    struct try *try = osy_alloc(sizeof *try);
    snprintf(try->order, sizeof try->order, "%s", PQgetvalue(messages, row, MESSAGE_ORDER));
    snprintf(try->restaurant, sizeof try->restaurant, "%s",
             PQgetvalue(messages, row, MESSAGE_RESTAURANT));
    snprintf(try->step, sizeof try->step, "%s", PQgetvalue(messages, row, MESSAGE_STEP));
    snprintf(try->attempt, sizeof try->attempt, "%s", PQgetvalue(messages, row, MESSAGE_ATTEMPTS));
    try->attempts = (int)strtol(try->attempt, NULL, 10);
    return try;
}

static void begin_try(struct api_sender *sender, const PGresult *messages, int row)
{
    const struct channel *channel = find_channel(PQgetvalue(messages, row, MESSAGE_ACTION));
    struct try *try = make_try(messages, row);
    assert(channel); /* the schema knows no other action that waits */
    try->action = channel->action;
    DL_APPEND(sender->tries, try);
    if (try->attempts > TRIES_MAX) /* whoever made the last one has died */
        finish(sender, try, "failed", "nobody knows how the last try ended");
    else if (channel->send)
        channel->send(sender, messages, row, try);
    else
        finish(sender, try, "skipped", channel->why_not);
}

/* ---- the task ---- */

/* The restaurants with messages under way, as a PostgreSQL array. */
static void list_busy(const struct api_sender *sender, struct osy_buffer *out)
{
    const struct try *try;
    osy_buffer_char(out, '{');
    DL_FOREACH(sender->tries, try) {
        if (out->length > 1)
            osy_buffer_char(out, ',');
        osy_buffer_text(out, try->restaurant);
    }
    osy_buffer_char(out, '}');
}

static bool claim(struct api_sender *sender, size_t most, struct osy_error *err)
{
    struct osy_buffer busy = OSY_BUFFER_INIT;
    char count[24], restaurant_max[16], lease_ms[24];
    snprintf(count, sizeof count, "%zu", most);
    snprintf(restaurant_max, sizeof restaurant_max, "%d", RESTAURANT_MAX);
    snprintf(lease_ms, sizeof lease_ms, "%" PRId64,
             sender->config->webhook_timeout_ms + LEASE_MARGIN_MS);
    list_busy(sender, &busy);
    PGresult *messages =
        osy_pg_query(sender->pg, sql_claim_messages, 4,
                     (const char *const[]){count, restaurant_max, busy.bytes, lease_ms}, err);
    osy_buffer_deinit(&busy);
    if (!messages)
        return false;
    if (PQntuples(messages) > 0)
        OSY_FAILPOINT("sender.claimed", "the claimed messages are sent");
    for (int row = 0; row < PQntuples(messages); row++)
        begin_try(sender, messages, row);
    PQclear(messages);
    return true;
}

/* While messages are under way it comes back at once, and waits for their sockets. */
static bool send_messages(void *context, bool *more, struct osy_error *err)
{
    struct api_sender *sender = context;
    size_t pending = api_webhook_client_pending(sender->client);
    bool ok = pending == UNDER_WAY_MAX || claim(sender, UNDER_WAY_MAX - pending, err);
    api_webhook_client_run(sender->client, WAIT_MS, on_sent, sender);
    *more = api_webhook_client_pending(sender->client) > 0;
    return ok;
}

/* ---- life ---- */

static void free_sender(struct api_sender *sender)
{
    struct try *try, *next;
    api_webhook_client_destroy(sender->client);
    DL_FOREACH_SAFE(sender->tries, try, next) {
        free(try);
    }
    osy_pg_destroy(sender->pg);
    free(sender);
}

struct api_sender *api_sender_start(const struct api_config *config,
                                    const struct osy_keyring *keyring, struct osy_metrics *metrics,
                                    struct osy_error *err)
{
    static const struct api_task tasks[] = {{"send_messages", INTERVAL_MS, send_messages}, {0}};
    struct api_sender *sender = osy_alloc(sizeof *sender);
    sender->config = config;
    sender->keyring = keyring;
    sender->pg = osy_pg_create(&(struct osy_pg_options){.url = config->database_url,
                                                        .application_name = "ordersync-sender",
                                                        .settings = OSY_PG_PROBES_ONLY});
    sender->client = api_webhook_client_create(
        &(struct api_webhook_client_options){.timeout_ms = (uint32_t)config->webhook_timeout_ms,
                                             .allow_private = config->webhook_allow_private});
    sender->outcomes = osy_metrics_counter_family(
        metrics, "escalation_messages_total", "Messages to the outside, by the outcome of each try",
        "action,outcome");
    sender->thread = api_task_thread_start(tasks, sender, err);
    if (sender->thread)
        return sender;
    free_sender(sender);
    return NULL;
}

void api_sender_stop(struct api_sender *sender)
{
    if (!sender)
        return;
    api_task_thread_stop(sender->thread);
    free_sender(sender);
}
