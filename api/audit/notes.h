/*
 * Notes: security events that no transaction of their own belongs to (a token that was refused, a right that somebody
 * has not) on their way into the audit log. Whoever provokes them must not get the log to grow, nor anybody to wait: a
 * note is a look into a table of fixed size; the same event from the same address (an IPv6 /64 counts as one) and the
 * same account becomes a row at once, and for the rest of its minute one more row with a count: the address, session,
 * route and trace are the first one's. What finds no room is counted (audit_notes_dropped_total) and lost.
 * One thread writes them, over a connection of its own, and again when PostgreSQL was away. api_audit_note is for any
 * thread.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "shared/error.h"

struct api_audit_notes;
struct api_request;
struct osy_keyring;
struct osy_metrics;

/* keyring is borrowed. NULL: OSY_ERR_IO without a thread. */
struct api_audit_notes *api_audit_notes_create(const char *database_url,
                                               const struct osy_keyring *keyring,
                                               struct osy_metrics *metrics, struct osy_error *err);
/* What is noted is written first, if PostgreSQL is there. NULL is fine. */
void api_audit_notes_destroy(struct api_audit_notes *notes);
/* action: static. status: of the reply. The subject is whoever sent the request, or nobody (the nil UUID). */
void api_audit_note(struct api_audit_notes *notes, const struct api_request *request,
                    const char *action, int status);
