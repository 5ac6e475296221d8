/*
 * The values of an audit row: what there was before a change and what there is after it, as JSON text, encrypted
 * (shared/column_cipher.h) and bound to the row's subject. What tells of a person is encrypted with that person's data key:
 * rows of the log cannot be changed, so the end of the key is what erases it, and the chain, which has values as they are
 * stored, does not notice. The row's other columns are never personal.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "shared/buffer.h"
#include "shared/error.h"
#include "shared/uuid.h"

struct osy_data_key;
struct osy_keyring;
struct osy_pg;

/* The columns of audit_logs that hold values. */
#define API_AUDIT_OLD "old_value"
#define API_AUDIT_NEW "new_value"

/* Appends what is stored for this value as a bytea literal: a parameter of record_audit(). person: the data key of the
 * subject; NULL when the value tells of nobody. */
OSY_MUST_CHECK bool api_audit_value_seal(const struct osy_keyring *keyring,
                                         const struct osy_data_key *person, const char *column,
                                         const struct osy_uuid *subject_id, const char *json,
                                         struct osy_buffer *literal, struct osy_error *err);
/* Appends the JSON of stored bytes. person: NULL when the subject has no key (any more). OSY_ERR_INVALID: they were
 * altered, or their key is gone. */
OSY_MUST_CHECK bool api_audit_value_open(const struct osy_keyring *keyring,
                                         const struct osy_data_key *person, const char *column,
                                         const struct osy_uuid *subject_id, const void *stored,
                                         size_t length, struct osy_buffer *json,
                                         struct osy_error *err);

/* A change to be put on record. */
struct api_audit_change {
    const char *action;                   /* "webhook.set" */
    const struct osy_uuid *restaurant_id; /* whose; NULL: no restaurant's */
    const struct osy_uuid *subject_id;    /* what was changed */
    const char *old_json, *new_json;      /* NULL: nothing before, or nothing after */
    bool is_personal; /* they tell of the subject, a person, who is the user of the scope, too */
};

/* Records a change in the running transaction (api_db_begin), which says who makes it. Of a person who is erased in this
 * moment the values are not kept. Blocking. */
OSY_MUST_CHECK bool api_audit_record(struct osy_pg *pg, const struct osy_keyring *keyring,
                                     const struct api_audit_change *change, struct osy_error *err);
