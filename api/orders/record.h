/*
 * A record: one order as PostgreSQL has it (find_order.sql), its personal columns still encrypted.
 * Borrowing from it ends with api_order_record_deinit. Found on a worker; read on any one thread at a time.
 */
#pragma once
#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#include "shared/buffer.h"
#include "shared/error.h"
#include "shared/uuid.h"

struct api_db_scope;
struct osy_keyring;
struct osy_pg;

struct api_order_record {
    PGresult *row; /* owned */
    struct osy_uuid order_id, restaurant_id, last_event_id;
    struct osy_uuid customer_id; /* nil: a guest's */
    uint64_t version;
    const char *data; /* borrowed; the public JSON */
    size_t data_length;
};

/* OSY_ERR_NOT_FOUND: no such order, or none that the scope may see. Else as osy_pg_query. */
OSY_MUST_CHECK bool api_order_record_find(struct api_order_record *record, struct osy_pg *pg,
                                          const struct api_db_scope *scope,
                                          const struct osy_uuid *order_id, struct osy_error *err);
/* Appends the personal data as members of an object: `"customer":{...},"note":...,"line_notes":[...]`. What was erased
 * is null. */
OSY_MUST_CHECK bool api_order_record_append_personal(const struct api_order_record *record,
                                                     const struct osy_keyring *keyring,
                                                     struct osy_buffer *out, struct osy_error *err);
void api_order_record_deinit(struct api_order_record *record); /* a zeroed one is fine */
