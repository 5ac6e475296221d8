#include "api/privacy/subject_keys.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "api/context.h"
#include "api/db/scope.h"
#include "api/http/workers.h"
#include "api/privacy/subject_key.h"
#include "shared/alloc.h"
#include "shared/clock.h"
#include "shared/pg.h"

#define PLACES   4096 /* a power of two; a newer key takes the place of another user's */
#define LIFE_MS  60000
#define FETCH_MS 3000

struct place {
    struct osy_uuid user_id;
    struct osy_data_key key;
    int64_t expires_ms; /* monotonic; 0: empty */
};

struct api_subject_keys {
    const struct api_context *context; /* borrowed */
    struct place *places;              /* owned */
};

struct fetch {
    struct api_job job;
    struct api_subject_keys *keys;
    struct osy_uuid user_id;
    struct osy_data_key key;
    bool ok;
    struct osy_error err;
    api_subject_key_fn on_key;
    void *context;
};

struct api_subject_keys *api_subject_keys_create(const struct api_context *context)
{
    struct api_subject_keys *keys = osy_alloc(sizeof *keys);
    keys->context = context;
    keys->places = osy_alloc_array(PLACES, sizeof *keys->places);
    return keys;
}

void api_subject_keys_destroy(struct api_subject_keys *keys)
{
    if (!keys)
        return;
    OPENSSL_cleanse(keys->places, PLACES * sizeof *keys->places);
    free(keys->places);
    free(keys);
}

/* The last bytes of a UUID are random in every version that we make. */
static struct place *find_place(struct api_subject_keys *keys, const struct osy_uuid *user_id)
{
    uint32_t hash;
    memcpy(&hash, user_id->bytes + OSY_UUID_BYTES - sizeof hash, sizeof hash);
    return &keys->places[hash & (PLACES - 1)];
}

const struct osy_data_key *api_subject_keys_find(struct api_subject_keys *keys,
                                                 const struct osy_uuid *user_id)
{
    struct place *place = find_place(keys, user_id);
    if (place->expires_ms == 0 || !osy_uuid_equal(&place->user_id, user_id))
        return NULL;
    if (osy_clock_monotonic_ms() < place->expires_ms)
        return &place->key;
    OPENSSL_cleanse(place, sizeof *place);
    return NULL;
}

void api_subject_keys_forget(struct api_subject_keys *keys, const struct osy_uuid *user_id)
{
    struct place *place = find_place(keys, user_id);
    if (osy_uuid_equal(&place->user_id, user_id))
        OPENSSL_cleanse(place, sizeof *place);
}

static void remember(struct api_subject_keys *keys, const struct fetch *fetch)
{
    *find_place(keys, &fetch->user_id) =
        (struct place){.user_id = fetch->user_id,
                       .key = fetch->key,
                       .expires_ms = osy_clock_monotonic_ms() + LIFE_MS};
}

/* ---- on a worker ---- */

static void on_work(struct api_worker *worker, struct api_job *job)
{
    struct fetch *fetch = (struct fetch *)job;
    const struct api_db_scope scope = {.user_id = &fetch->user_id, .actor_role = "customer"};
    osy_pg_set_deadline(worker->pg, osy_clock_monotonic_ms() + FETCH_MS);
    fetch->ok = api_subject_key_take(worker->pg, &scope, worker->context->keyring, &fetch->user_id,
                                     &fetch->key, &fetch->err);
}

/* ---- on the loop ---- */

static void on_done(struct api_job *job)
{
    struct fetch *fetch = (struct fetch *)job;
    if (fetch->ok)
        remember(fetch->keys, fetch);
    fetch->on_key(fetch->context, fetch->ok ? &fetch->key : NULL, &fetch->err);
    OPENSSL_cleanse(fetch, sizeof *fetch);
    free(fetch);
}

bool api_subject_keys_fetch(struct api_subject_keys *keys, const struct osy_uuid *user_id,
                            api_subject_key_fn on_key, void *context)
{
    struct fetch *fetch = osy_alloc(sizeof *fetch);
    *fetch = (struct fetch){.job = {.work = on_work, .done = on_done},
                            .keys = keys,
                            .user_id = *user_id,
                            .err = {OSY_ERR_IO, "the worker pool has ended"},
                            .on_key = on_key,
                            .context = context};
    if (api_workers_submit(keys->context->workers[API_POOL_WORKERS], &fetch->job))
        return true;
    free(fetch);
    return false;
}
