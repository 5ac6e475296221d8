/*
 * Verifying the audit log: reads all rows of one moment, chain by chain, and has them checked (audit/chain.h), also
 * against the heads that were signed outside of the database (audit/head_file.h). Memory is bounded by the number of
 * signed heads, 48 bytes each, and not by the rows. Blocking: for commands.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "api/audit/chain.h"
#include "shared/error.h"

struct osy_keyring;
struct osy_pg;

struct api_audit_verification {
    const char *since, *until;         /* RFC 3339: rows of this time alone; NULL: all */
    const char *heads_dir;             /* NULL: signed heads are not looked at */
    const struct osy_keyring *keyring; /* with heads_dir: has the audit keys */
    api_audit_finding_fn on_finding;
    void (*on_progress)(void *context, int64_t rows); /* now and then; NULL: nobody wants to know */
    void *context;                                    /* of both */

    /* out */
    int64_t rows, chains, signed_heads, findings;
};

/* False: it could not be done to the end. OSY_ERR_INVALID also for a file of heads that is not as it was signed. */
OSY_MUST_CHECK bool api_audit_verify(struct osy_pg *pg, struct api_audit_verification *verification,
                                     struct osy_error *err);
