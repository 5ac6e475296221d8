/*
 * The data keys of customers with an account (shared/data_key.h), as far as orders need them: a bounded cache, in front
 * of the table subject_keys. Only a customer's first order in a while waits for a worker to fetch the key, or to make it.
 *
 * A key stays at most a minute. Erasing a customer revokes all tokens at once, in every process (auth/revocation.h), and
 * with the news of it the key goes: nothing is encrypted with it any more. Loop thread.
 */
#pragma once
#include <stdbool.h>

#include "shared/data_key.h"
#include "shared/error.h"
#include "shared/uuid.h"

struct api_context;
struct api_subject_keys;

/* key is NULL when there is none: OSY_ERR_DENIED, the customer has been erased; else the database's error. Borrowed for
 * the call. */
typedef void (*api_subject_key_fn)(void *context, const struct osy_data_key *key,
                                   const struct osy_error *err);

/* Borrows the context: its keyring now, its workers with each fetch. */
struct api_subject_keys *api_subject_keys_create(const struct api_context *context);
void api_subject_keys_destroy(struct api_subject_keys *keys); /* after the workers; NULL is fine */
/* NULL: not known, fetch it. Borrowed until the loop goes on. */
const struct osy_data_key *api_subject_keys_find(struct api_subject_keys *keys,
                                                 const struct osy_uuid *user_id);
/* on_key is called later, once. False: it will not be, too many are waiting. */
OSY_MUST_CHECK bool api_subject_keys_fetch(struct api_subject_keys *keys,
                                           const struct osy_uuid *user_id,
                                           api_subject_key_fn on_key, void *context);
void api_subject_keys_forget(struct api_subject_keys *keys, const struct osy_uuid *user_id);
