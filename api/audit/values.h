/*
 * The values of an audit row: what there was before a change and what there is after it, as JSON text, encrypted
 * (shared/column_cipher.h) and bound to the row's subject. What they hold may be personal; the row's other columns
 * may not.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "shared/buffer.h"
#include "shared/error.h"
#include "shared/uuid.h"

struct osy_keyring;
struct osy_pg;

/* The columns of audit_logs that hold values. */
#define API_AUDIT_OLD "old_value"
#define API_AUDIT_NEW "new_value"

/* Appends what is stored for this value as a bytea literal: a parameter of record_audit(). */
OSY_MUST_CHECK bool api_audit_value_seal(const struct osy_keyring *keyring, const char *column,
                                         const struct osy_uuid *subject_id, const char *json,
                                         struct osy_buffer *literal, struct osy_error *err);
/* Appends the JSON of stored bytes. OSY_ERR_INVALID: they were altered, or their key is gone. */
OSY_MUST_CHECK bool api_audit_value_open(const struct osy_keyring *keyring, const char *column,
                                         const struct osy_uuid *subject_id, const void *stored,
                                         size_t length, struct osy_buffer *json,
                                         struct osy_error *err);

/* A change to be put on record. */
struct api_audit_change {
    const char *action;                   /* "webhook.set" */
    const struct osy_uuid *restaurant_id; /* whose; NULL: no restaurant's */
    const struct osy_uuid *subject_id;    /* what was changed */
    const char *old_json, *new_json;      /* NULL: nothing before, or nothing after */
};

/* Records a change in the running transaction (api_db_begin), which says who makes it. Blocking. */
OSY_MUST_CHECK bool api_audit_record(struct osy_pg *pg, const struct osy_keyring *keyring,
                                     const struct api_audit_change *change, struct osy_error *err);
