#include "hub/owners.h"

#include <stdlib.h>
#include <uthash.h>
#include <utlist.h>

#include "hub/store.h"
#include "shared/alloc.h"

/* Both, since a socket names both: an answer about an order in a restaurant where it is not is another answer. */
struct key {
    struct osy_uuid restaurant_id, order_id;
};

struct hub_owner {
    struct hub_owners *owners; /* borrowed */
    struct key key;
    bool is_known; /* else PostgreSQL is being asked */
    struct osy_uuid customer_id;
    struct hub_owner_question *questions; /* borrowed: they are in the sessions */
    UT_hash_handle hh;
};

struct hub_owners {
    struct hub_store *store; /* borrowed */
    size_t max_entries;
    hub_owner_fn fn;
    struct hub_owner *entries; /* owned; in order of use, the oldest first */
};

struct hub_owners *hub_owners_create(struct hub_store *store, size_t max_entries, hub_owner_fn fn)
{
    struct hub_owners *owners = osy_alloc(sizeof *owners);
    owners->store = store;
    owners->max_entries = max_entries;
    owners->fn = fn;
    return owners;
}

static void remove_entry(struct hub_owners *owners, struct hub_owner *owner)
{
    HASH_DEL(owners->entries, owner);
    free(owner);
}

void hub_owners_destroy(struct hub_owners *owners)
{
    if (!owners)
        return;
    while (owners->entries)
        remove_entry(owners, owners->entries);
    free(owners);
}

static struct hub_owner *find_entry(struct hub_owners *owners, const struct key *key)
{
    struct hub_owner *owner;
    HASH_FIND(hh, owners->entries, key, sizeof *key, owner);
    if (owner) { /* to the end of the order: most recently used */
        HASH_DEL(owners->entries, owner);
        HASH_ADD(hh, owners->entries, key, sizeof owner->key, owner);
    }
    return owner;
}

/* Those that are being asked for are as many as sockets wait, which is bounded elsewhere. */
static void make_room(struct hub_owners *owners)
{
    struct hub_owner *owner, *following;
    HASH_ITER(hh, owners->entries, owner, following) {
        if (HASH_COUNT(owners->entries) < owners->max_entries)
            return;
        if (owner->is_known)
            remove_entry(owners, owner);
    }
}

static void on_answer(void *context, const struct hub_customer *customer,
                      const struct osy_error *err)
{
    struct hub_owner *owner = context;
    struct hub_owners *owners = owner->owners;
    bool is_there = !err && customer->found;
    if (is_there)
        owner->customer_id = customer->customer_id;
    while (owner->questions) {
        struct hub_session *session = owner->questions->session;
        hub_owners_forget(owner->questions);
        owners->fn(session, &owner->customer_id, err);
    }
    owner->is_known = is_there;
    if (!is_there) /* it may come yet, or come back */
        remove_entry(owners, owner);
}

static struct hub_owner *ask_store(struct hub_owners *owners, const struct key *key)
{
    make_room(owners);
    struct hub_owner *owner = osy_alloc(sizeof *owner);
    owner->owners = owners;
    owner->key = *key;
    HASH_ADD(hh, owners->entries, key, sizeof owner->key, owner);
    hub_store_find_customer(owners->store, &key->restaurant_id, &key->order_id, on_answer, owner);
    return owner;
}

void hub_owners_ask(struct hub_owners *owners, struct hub_owner_question *question,
                    struct hub_session *session, const struct hub_target *target)
{
    const struct key key = {target->restaurant_id, target->order_id};
    struct hub_owner *owner = find_entry(owners, &key);
    if (owner && owner->is_known) {
        owners->fn(session, &owner->customer_id, NULL);
        return;
    }
    if (!owner)
        owner = ask_store(owners, &key);
    *question = (struct hub_owner_question){.owner = owner, .session = session};
    DL_APPEND(owner->questions, question);
}

void hub_owners_forget(struct hub_owner_question *question)
{
    if (!question->owner)
        return;
    DL_DELETE(question->owner->questions, question);
    *question = (struct hub_owner_question){0};
}
