/*
 * The data key of one person, where it is stored (the table subject_keys). Its rows are that person's alone, so the scope
 * has to be the person's, too. Blocking: for worker threads and commands; orders have a cache (subject_keys.h).
 * Whoever was given a key wipes it.
 */
#pragma once
#include "shared/data_key.h"
#include "shared/error.h"
#include "shared/uuid.h"

struct api_db_scope;
struct osy_pg;

/* Makes a key when there is none yet. scope NULL: in the transaction that is open. OSY_ERR_DENIED: the person has been
 * erased. */
OSY_MUST_CHECK bool api_subject_key_take(struct osy_pg *pg, const struct api_db_scope *scope,
                                         const struct osy_keyring *keyring,
                                         const struct osy_uuid *user_id, struct osy_data_key *key,
                                         struct osy_error *err);
/* OSY_ERR_NOT_FOUND: there never was one. Else as above. */
OSY_MUST_CHECK bool api_subject_key_find(struct osy_pg *pg, const struct api_db_scope *scope,
                                         const struct osy_keyring *keyring,
                                         const struct osy_uuid *user_id, struct osy_data_key *key,
                                         struct osy_error *err);
