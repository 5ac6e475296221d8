/*
 * A change of a menu: one transaction that holds the restaurant's stream, so that changes of a menu come one after the
 * other and orders meet it either before or after; it ends with an event and an audit row. Afterwards the event is
 * published, which also ends what caches have of the menu.
 *
 *     struct api_menu_change change;
 *     if (!api_menu_change_begin(&change, worker, request, "item"))
 *         return; // a reply was given
 *     ... statements, and api_menu_change_note for what they have changed ...
 *     api_menu_change_reply(&change, 200, &body);
 *
 * or api_menu_change_abandon and a reply of one's own, or api_menu_change_fail. Thread of the worker.
 */
#pragma once
#include <libpq-fe.h>
#include <stdbool.h>

#include "api/db/idempotency.h"
#include "api/db/scope.h"
#include "shared/buffer.h"
#include "shared/uuid.h"

struct api_menu_change {
    struct api_worker *worker;   /* borrowed, */
    struct api_request *request; /* as is this */
    struct osy_uuid restaurant_id;
    char restaurant[OSY_UUID_TEXT_BYTES]; /* the same as text */
    struct api_db_scope scope;
    struct api_idempotency once;
};

/* False: a reply was given. Of a restaurant that may not be seen, or is none: 404. The change must stay where it is. */
OSY_MUST_CHECK bool api_menu_change_begin(struct api_menu_change *change, struct api_worker *worker,
                                          struct api_request *request);
/* What has been done, for the event and the audit: change is "created", "changed", ...; ids is a JSON array; subject
 * is the id, or, of several, the restaurant's. Then commits, publishes, and replies with body, whose content it
 * takes. before and after: JSON for the audit; NULL: none. */
struct api_menu_news {
    const char *kind, *change, *ids;
    struct osy_uuid subject;
    const char *before, *after;
};
void api_menu_change_reply(struct api_menu_change *change, const struct api_menu_news *news,
                           int status, struct osy_buffer *body);
/* A query failed: rolls back and replies. */
void api_menu_change_fail(struct api_menu_change *change, const struct osy_error *err);
/* Rolls back; the reply is still owed. */
void api_menu_change_abandon(struct api_menu_change *change);
