/*
 * Writing signed heads (audit/head_file.h): what the worker does every minute, and when it stops. First it looks
 * whether the heads that it signed last are still in the chains, so that a chain that was made anew or cut is noticed
 * within a minute. Chains that nobody writes go on by a row a month, so that old months can be dropped.
 * Blocking; one thread.
 */
#pragma once
#include <stdbool.h>

#include "shared/error.h"

struct api_audit_heads;
struct osy_metrics;
struct osy_pg;

/* keys_dir: has an audit key that can sign. OSY_ERR_INVALID, OSY_ERR_NOT_FOUND, OSY_ERR_IO: it has not. */
struct api_audit_heads *api_audit_heads_create(const char *folder, const char *keys_dir,
                                               struct osy_metrics *metrics, struct osy_error *err);
void api_audit_heads_destroy(struct api_audit_heads *heads); /* NULL is fine */
/* Writes the heads that have moved. While another process has the folder it does nothing. */
OSY_MUST_CHECK bool api_audit_heads_write(struct api_audit_heads *heads, struct osy_pg *pg,
                                          struct osy_error *err);
