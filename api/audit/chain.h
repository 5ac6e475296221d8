/*
 * The audit log's chains, checked (api/db/migrations/0012_audit_chain.sql says how they are made). A checker is fed
 * all rows, chain by chain, ascending by number, and tells of everything that is not as it was recorded:
 *
 *   a row whose digest is not that of what it says      altered, or reordered when it was recorded as another number
 *   a number that is not there                          missing
 *   a number that is there twice                        forked
 *   a link whose hash does not follow from its digests  unlinked
 *   a chain that ends before its head, or behind it     truncated, inserted
 *   a head, or one that was signed, with another hash   rewritten
 *
 * After a finding it goes on with the next link as that one says of itself, so that one fault is told once.
 * Memory does not depend on the number of rows. One thread at a time.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/digest.h"
#include "shared/uuid.h"

/* How far a chain has come: its last row's number, and its hash. */
struct api_audit_head {
    int32_t chain_id;
    int64_t number;
    uint8_t hash[OSY_SHA256_BYTES];
};

struct api_audit_row {
    int32_t chain_id;
    int64_t number;
    struct osy_uuid id;
    const void *entry; /* what it says: an audit_entry in PostgreSQL's binary format */
    size_t entry_length;
    uint8_t digest[OSY_SHA256_BYTES];
    bool has_hash; /* it is the last of its link */
    uint8_t hash[OSY_SHA256_BYTES];
};

enum api_audit_fault {
    API_AUDIT_ALTERED = 0,
    API_AUDIT_REORDERED,
    API_AUDIT_MISSING,
    API_AUDIT_FORKED,
    API_AUDIT_UNLINKED,
    API_AUDIT_TRUNCATED,
    API_AUDIT_INSERTED,
    API_AUDIT_REWRITTEN,
};

const char *api_audit_fault_name(enum api_audit_fault fault); /* "altered" */

struct api_audit_finding {
    enum api_audit_fault fault;
    int32_t chain_id;
    int64_t first, last;    /* numbers */
    struct osy_uuid row_id; /* the row; of missing ones the next that is there; nil: none */
    char detail[160];
};

typedef void (*api_audit_finding_fn)(void *context, const struct api_audit_finding *finding);

struct api_audit_checker;

/* is_partial: the rows do not begin with the chains' first, and need not end with their last. heads are those of
 * the database, signed_heads those kept outside of it; both ascending by chain and number, borrowed. */
struct api_audit_checker *
api_audit_checker_create(bool is_partial, const struct api_audit_head *heads, size_t head_count,
                         const struct api_audit_head *signed_heads, size_t signed_count,
                         api_audit_finding_fn on_finding, void *context);
void api_audit_checker_destroy(struct api_audit_checker *checker); /* NULL is fine */
void api_audit_checker_add(struct api_audit_checker *checker, const struct api_audit_row *row);
/* There are no more rows. */
void api_audit_checker_finish(struct api_audit_checker *checker);
