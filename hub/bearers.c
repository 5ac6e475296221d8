#include "hub/bearers.h"

#include <assert.h>
#include <stdlib.h>
#include <uthash.h>
#include <utlist.h>

#include "hub/session.h"
#include "shared/alloc.h"

/* One user, or one login session, with at least one socket. */
struct hub_bearer {
    struct osy_uuid id;
    struct hub_bearer_link *links; /* borrowed: they are in the sessions */
    UT_hash_handle hh;
};

struct hub_bearers {
    struct hub_bearer *by_kind[OSY_REVOCATION_KINDS]; /* owned */
};

struct hub_bearers *hub_bearers_create(void)
{
    return osy_alloc(sizeof(struct hub_bearers));
}

void hub_bearers_destroy(struct hub_bearers *bearers)
{
    if (!bearers)
        return;
    for (int kind = 0; kind < OSY_REVOCATION_KINDS; kind++)
        assert(!bearers->by_kind[kind]);
    free(bearers);
}

static struct hub_bearer *find(const struct hub_bearers *bearers, enum osy_revocation_kind kind,
                               const struct osy_uuid *id)
{
    struct hub_bearer *bearer;
    HASH_FIND(hh, bearers->by_kind[kind], id, sizeof *id, bearer);
    return bearer;
}

static void add(struct hub_bearers *bearers, enum osy_revocation_kind kind,
                const struct osy_uuid *id, struct hub_bearer_link *link,
                struct hub_session *session)
{
    if (osy_uuid_is_nil(id))
        return;
    struct hub_bearer *bearer = find(bearers, kind, id);
    if (!bearer) {
        bearer = osy_alloc(sizeof *bearer);
        bearer->id = *id;
        HASH_ADD(hh, bearers->by_kind[kind], id, sizeof bearer->id, bearer);
    }
    link->bearer = bearer;
    link->session = session;
    DL_APPEND(bearer->links, link);
}

static void remove_link(struct hub_bearers *bearers, enum osy_revocation_kind kind,
                        struct hub_bearer_link *link)
{
    struct hub_bearer *bearer = link->bearer;
    if (!bearer)
        return;
    DL_DELETE(bearer->links, link);
    *link = (struct hub_bearer_link){0};
    if (bearer->links)
        return;
    HASH_DEL(bearers->by_kind[kind], bearer);
    free(bearer);
}

void hub_bearers_add(struct hub_bearers *bearers, struct hub_bearer_links *links,
                     struct hub_session *session, const struct osy_credential *credential)
{
    hub_bearers_remove(bearers, links);
    add(bearers, OSY_REVOCATION_USER, &credential->subject, &links->by_kind[OSY_REVOCATION_USER],
        session);
    add(bearers, OSY_REVOCATION_SESSION, &credential->session_id,
        &links->by_kind[OSY_REVOCATION_SESSION], session);
}

void hub_bearers_remove(struct hub_bearers *bearers, struct hub_bearer_links *links)
{
    for (int kind = 0; kind < OSY_REVOCATION_KINDS; kind++)
        remove_link(bearers, (enum osy_revocation_kind)kind, &links->by_kind[kind]);
}

/* A session that closes stays in its lists until its socket is gone, so the walk is safe. */
size_t hub_bearers_revoke(struct hub_bearers *bearers, const struct osy_revocation *revocation)
{
    struct hub_bearer *bearer = find(bearers, revocation->kind, &revocation->id);
    struct hub_bearer_link *link;
    size_t count = 0;
    if (!bearer)
        return 0;
    DL_FOREACH(bearer->links, link) {
        if (!osy_revocation_covers(revocation, &link->session->grant.credential))
            continue;
        hub_session_revoke(link->session);
        count++;
    }
    return count;
}
