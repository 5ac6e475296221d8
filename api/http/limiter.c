#include "api/http/limiter.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/auth/principal.h"
#include "api/http/networks.h"
#include "api/http/router.h"
#include "embedded/api_core.h"
#include "shared/alloc.h"
#include "shared/clock.h"
#include "shared/digest.h"
#include "shared/metrics.h"
#include "shared/redis_shards.h"

#define SHARES_PER_TURN 256 /* the rest waits for the next one: Redis has more to do than this */
#define KEYS_MOST       3   /* budgets that one request counts against */

struct api_limiter {
    uv_timer_t timer;
    struct api_budgets *budgets;
    const struct api_networks *exempt; /* borrowed */
    struct osy_redis_shards *redis;    /* borrowed */
    struct osy_redis_script script;
    uint8_t secret[API_LIMITER_SECRET_BYTES];
    uint32_t window_ms;
    struct osy_metric *refused[API_BUDGET_KINDS];
    struct osy_metric *shared, *share_failures, *evicted;
};

/* ---- sharing ---- */

struct sending { /* a share on its way */
    struct api_limiter *limiter;
    struct api_budget_share share;
};

static bool read_sum(const struct osy_redis_reply *reply, struct api_budget_sum *sum)
{
    uint32_t *const fields[] = {&sum->window, &sum->previous, &sum->current};

    if (!reply || reply->type != OSY_REDIS_ARRAY || reply->count != 3)
        return false;
    for (size_t i = 0; i < 3; i++) {
        const struct osy_redis_reply element = osy_redis_reply_at(reply, i);
        if (element.type != OSY_REDIS_INTEGER || element.integer < 0 ||
            element.integer > UINT32_MAX)
            return false;
        *fields[i] = (uint32_t)element.integer;
    }
    return true;
}

static void on_shared(void *context, const struct osy_redis_reply *reply,
                      const struct osy_error *err)
{
    struct sending *sending = context;
    struct api_limiter *limiter = sending->limiter;
    struct api_budget_sum sum;
    bool ok = read_sum(reply, &sum);

    (void)err;
    osy_metric_inc(ok ? limiter->shared : limiter->share_failures);
    api_budgets_settle(limiter->budgets, &sending->share, ok ? &sum : NULL);
    free(sending);
}

/* A name that tells nobody whose it is, in the form that finds a Redis server. */
static struct osy_uuid name_of(const struct api_limiter *limiter, const struct api_budget_key *key)
{
    const uint8_t kind = (uint8_t)key->kind;
    const struct osy_piece pieces[] = {{"rate", 4},
                                       {limiter->secret, sizeof limiter->secret},
                                       {&kind, 1},
                                       {key->who, sizeof key->who}};
    uint8_t digest[OSY_SHA256_BYTES];
    struct osy_uuid name;

    osy_sha256(pieces, sizeof pieces / sizeof pieces[0], digest);
    memcpy(name.bytes, digest, sizeof name.bytes);
    return name;
}

static bool send_share(struct api_limiter *limiter, struct sending *sending)
{
    const struct api_budget_share *share = &sending->share;
    struct osy_uuid name = name_of(limiter, &share->key);
    char name_text[OSY_UUID_TEXT_BYTES], key[64], window[12], cost[12], life_ms[12];
    const char *const arguments[] = {key, window, cost, life_ms};

    osy_uuid_format(&name, name_text);
    snprintf(key, sizeof key, "os:rate:{%s}", name_text);
    snprintf(window, sizeof window, "%" PRIu32, share->window);
    snprintf(cost, sizeof cost, "%" PRIu32, share->cost);
    snprintf(life_ms, sizeof life_ms, "%" PRIu32, 2 * limiter->window_ms);
    return osy_redis_shards_eval(limiter->redis, &name, &limiter->script, 1, 4, arguments, NULL,
                                 on_shared, sending, NULL);
}

static void on_timer(uv_timer_t *timer)
{
    struct api_limiter *limiter = timer->data;
    struct sending *sending;

    for (int i = 0; i < SHARES_PER_TURN; i++) {
        struct api_budget_share share;
        if (!api_budgets_next_share(limiter->budgets, osy_clock_wall_ms(), &share))
            break;
        sending = osy_alloc(sizeof *sending);
        *sending = (struct sending){limiter, share};
        if (!send_share(limiter, sending))
            on_shared(sending, NULL, NULL);
    }
    osy_metric_set(limiter->evicted, (double)api_budgets_evicted(limiter->budgets));
}

/* ---- life ---- */

static void register_metrics(struct api_limiter *limiter, struct osy_metrics *metrics)
{
    static const char *const names[API_BUDGET_KINDS] = {"address", "user", "restaurant", "tokens"};
    struct osy_metric_family *refused = osy_metrics_counter_family(
        metrics, "rate_limited_total", "Requests that were refused because of a spent budget.",
        "budget");

    for (size_t i = 0; i < API_BUDGET_KINDS; i++)
        limiter->refused[i] = osy_metric_with(refused, &names[i]);
    limiter->shared = osy_metrics_counter(metrics, "rate_limit_shares_total",
                                          "Counts that Redis has added to those of the others.");
    limiter->share_failures =
        osy_metrics_counter(metrics, "rate_limit_share_failures_total",
                            "Counts that Redis did not take: each process limits for itself.");
    limiter->evicted = osy_metrics_gauge(metrics, "rate_limit_evicted",
                                         "Budgets in use that made room for others so far.");
}

struct api_limiter *api_limiter_create(uv_loop_t *loop, const struct api_limiter_options *options)
{
    struct api_limiter *limiter = osy_alloc(sizeof *limiter);

    limiter->budgets = api_budgets_create(&options->budgets);
    limiter->exempt = options->exempt;
    limiter->redis = options->redis;
    limiter->window_ms = options->budgets.window_ms;
    memcpy(limiter->secret, options->secret, sizeof limiter->secret);
    osy_redis_script_init(&limiter->script, lua_count_requests);
    register_metrics(limiter, options->metrics);
    uv_timer_init(loop, &limiter->timer);
    limiter->timer.data = limiter;
    if (limiter->redis)
        uv_timer_start(&limiter->timer, on_timer, options->sync_ms, options->sync_ms);
    return limiter;
}

static void on_closed(uv_handle_t *handle)
{
    struct api_limiter *limiter = handle->data;
    api_budgets_destroy(limiter->budgets);
    free(limiter);
}

void api_limiter_destroy(struct api_limiter *limiter)
{
    if (limiter)
        uv_close((uv_handle_t *)&limiter->timer, on_closed);
}

/* ---- requests ---- */

/* False: it has no limits. */
static bool find_address(const struct api_limiter *limiter, const char *client,
                         struct api_budget_key *key)
{
    if (!api_address_parse(client, key->who) || api_networks_contain(limiter->exempt, key->who))
        return false;
    api_address_to_subscriber(key->who);
    return true;
}

static struct api_budget_key key_of(enum api_budget_kind kind, const struct osy_uuid *id)
{
    struct api_budget_key key = {.kind = kind};
    _Static_assert(sizeof key.who == sizeof id->bytes, "an id is a key");
    memcpy(key.who, id->bytes, sizeof key.who);
    return key;
}

/* Whose budgets a request counts against; how many there are. */
static size_t find_keys(const struct api_limiter *limiter, const char *client,
                        const struct api_principal *principal, uint32_t cost,
                        struct api_budget_key keys[KEYS_MOST])
{
    size_t count = cost > API_COST_USUAL ? 1 : 0; /* behind the address or in its place */

    keys[0].kind = API_BUDGET_ADDRESS;
    if (!find_address(limiter, client, &keys[0]))
        return 0;
    if (principal->kind != API_PRINCIPAL_USER)
        return 1;
    keys[count++] = key_of(API_BUDGET_USER, &principal->claims.subject);
    if (principal->claims.restaurant_count == 1)
        keys[count++] = key_of(API_BUDGET_RESTAURANT, &principal->claims.restaurants[0]);
    return count;
}

/* Of two budgets, the one of which a client should know. */
static bool is_tighter(const struct api_budget_state *a, const struct api_budget_state *b)
{
    return a->limit != 0 && (b->limit == 0 || a->remaining < b->remaining);
}

bool api_limiter_admit(struct api_limiter *limiter, const char *client,
                       const struct api_principal *principal, uint32_t cost,
                       struct api_budget_state *state)
{
    struct api_budget_key keys[KEYS_MOST];
    size_t count = find_keys(limiter, client, principal, cost, keys);
    int64_t now_ms = osy_clock_wall_ms();

    *state = (struct api_budget_state){0};
    for (size_t i = 0; i < count; i++) {
        struct api_budget_state one;
        if (!api_budgets_grants(limiter->budgets, &keys[i], cost, now_ms, &one)) {
            osy_metric_inc(limiter->refused[keys[i].kind]);
            *state = one;
            return false;
        }
        if (is_tighter(&one, state))
            *state = one;
    }
    for (size_t i = 0; i < count; i++)
        api_budgets_charge(limiter->budgets, &keys[i], cost, now_ms);
    return true;
}

bool api_limiter_takes_tokens(struct api_limiter *limiter, const char *client,
                              struct api_budget_state *state)
{
    struct api_budget_key key = {.kind = API_BUDGET_TOKENS};

    if (!find_address(limiter, client, &key) ||
        api_budgets_grants(limiter->budgets, &key, 1, osy_clock_wall_ms(), state))
        return true;
    osy_metric_inc(limiter->refused[API_BUDGET_TOKENS]);
    return false;
}

void api_limiter_note_bad_token(struct api_limiter *limiter, const char *client)
{
    struct api_budget_key key = {.kind = API_BUDGET_TOKENS};

    if (find_address(limiter, client, &key))
        api_budgets_charge(limiter->budgets, &key, 1, osy_clock_wall_ms());
}
