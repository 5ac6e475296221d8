/*
 * What handlers get: the parts of the running process, wired once in serve.c or work.c. All pointers are
 * borrowed and stay as they are while requests run. Workers use only what is marked as safe for them.
 */
#pragma once
#include <uv.h>

#include "api/auth/password.h"
#include "api/http/router.h"

struct api_audit_notes;
struct api_breakers;
struct api_config;
struct api_health;
struct api_menu_cache;
struct api_order_writer;
struct api_subject_keys;
struct api_workers;
struct osy_keyring;
struct osy_metrics;
struct osy_redis_shards;
struct osy_revocation_feed;

struct api_context {
    uv_loop_t *loop;
    const struct api_config *config;   /* any thread */
    const struct osy_keyring *keyring; /* any thread */
    char *public_keys; /* loop; JWK Set; owned by serve.c, which replaces it when keys change */
    enum api_password_method password_method; /* any thread; these two: not in `work` */
    const char *
        decoy_password_hash; /* any thread; of a password that nobody knows: who has no account is asked as long */
    struct osy_metrics *metrics;   /* any thread */
    struct api_breakers *breakers; /* any thread; NULL in `work` */
    struct api_health *health;
    struct api_menu_cache *menus;                /* any thread; NULL in `work` */
    struct osy_redis_shards *redis;              /* loop; publication after commit */
    struct osy_revocation_feed *revocations;     /* loop; NULL in `work` */
    struct api_workers *workers[API_POOL_COUNT]; /* loop */
    struct api_order_writer *writer;             /* loop; NULL in `work` */
    struct api_subject_keys *subject_keys;       /* loop; NULL in `work` */
    struct api_audit_notes *notes;               /* any thread; NULL in `work` */
};
