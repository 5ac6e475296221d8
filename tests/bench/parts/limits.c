/* Rate limits: what judging and counting one request costs, for a user and for one guest of many. */
#include <stdio.h>
#include <stdlib.h>

#include "api/auth/principal.h"
#include "api/http/limiter.h"
#include "shared/alloc.h"
#include "shared/metrics.h"
#include "tests/bench/parts/part.h"

enum { GUESTS = 16384 }; /* a power of two */

struct limits {
    uv_loop_t loop;
    struct osy_metrics *metrics;
    struct api_limiter *limiter;
    struct api_principal user;
    char (*addresses)[16]; /* owned */
};

static void *begin(const struct osy_keyring *keyring)
{
    struct limits *limits = osy_alloc(sizeof *limits);
    (void)keyring;
    uv_loop_init(&limits->loop);
    limits->metrics = osy_metrics_create();
    limits->limiter = api_limiter_create(
        &limits->loop, &(struct api_limiter_options){
                           .budgets = {.slots = 65536,
                                       .window_ms = 60000,
                                       .limits = {[API_BUDGET_ADDRESS] = 2000000000,
                                                  [API_BUDGET_USER] = 2000000000,
                                                  [API_BUDGET_RESTAURANT] = 2000000000}},
                           .metrics = limits->metrics,
                       });
    limits->user = (struct api_principal){.kind = API_PRINCIPAL_USER,
                                          .claims = {.subject = osy_uuid_v7(),
                                                     .restaurant_count = 1,
                                                     .restaurants = {osy_uuid_v7()}}};
    limits->addresses = osy_alloc_array(GUESTS, sizeof *limits->addresses);
    for (unsigned i = 0; i < GUESTS; i++)
        snprintf(limits->addresses[i], sizeof *limits->addresses, "198.51.%u.%u", i / 256, i % 256);
    return limits;
}

static void end(void *state)
{
    struct limits *limits = state;
    api_limiter_destroy(limits->limiter);
    uv_run(&limits->loop, UV_RUN_DEFAULT);
    uv_loop_close(&limits->loop);
    osy_metrics_destroy(limits->metrics);
    free(limits->addresses);
    free(limits);
}

static void admit_users(void *state, size_t times)
{
    struct limits *limits = state;
    struct api_budget_state budget;
    while (times-- > 0)
        bench_check(api_limiter_admit(limits->limiter, "198.51.100.7", &limits->user, 1, &budget),
                    "admitting a user");
}

static void admit_guests(void *state, size_t times)
{
    struct limits *limits = state;
    struct api_budget_state budget;
    for (size_t i = 0; i < times; i++)
        bench_check(api_limiter_admit(limits->limiter, limits->addresses[i * 7919 & (GUESTS - 1)],
                                      &api_principal_none, 1, &budget),
                    "admitting a guest");
}

const struct bench_part bench_limit_parts[] = {
    {"limit.user", begin, admit_users, end},
    {"limit.guests", begin, admit_guests, end},
    {0},
};
