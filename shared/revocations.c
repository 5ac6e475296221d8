#include "shared/revocations.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "shared/alloc.h"
#include "shared/jwt.h"

struct entry {
    struct osy_uuid id;
    int64_t revoked_at_s;
    UT_hash_handle hh;
};

struct osy_revocations {
    struct entry *entries[OSY_REVOCATION_KINDS]; /* owned; in the order in which they came */
};

static const char *const kind_names[OSY_REVOCATION_KINDS] = {
    [OSY_REVOCATION_USER] = "user",
    [OSY_REVOCATION_SESSION] = "session",
};

const char *osy_revocation_kind_name(enum osy_revocation_kind kind)
{
    return kind_names[kind];
}

bool osy_revocation_kind_parse(const char *text, size_t length, enum osy_revocation_kind *kind)
{
    for (int i = 0; i < OSY_REVOCATION_KINDS; i++) {
        if (strlen(kind_names[i]) == length && memcmp(text, kind_names[i], length) == 0) {
            *kind = (enum osy_revocation_kind)i;
            return true;
        }
    }
    return false;
}

/* The tokens of a session end whenever they were issued: a session does not come back. */
bool osy_revocation_covers(const struct osy_revocation *revocation,
                           const struct osy_credential *credential)
{
    if (osy_uuid_is_nil(&revocation->id))
        return false;
    if (revocation->kind == OSY_REVOCATION_SESSION)
        return osy_uuid_equal(&revocation->id, &credential->session_id);
    return osy_uuid_equal(&revocation->id, &credential->subject) &&
           credential->issued_at_s <= revocation->revoked_at_s;
}

/* ---- the message ---- */

void osy_revocation_format(const struct osy_revocation *revocation,
                           char text[OSY_REVOCATION_TEXT_BYTES])
{
    char id[OSY_UUID_TEXT_BYTES];
    osy_uuid_format(&revocation->id, id);
    snprintf(text, OSY_REVOCATION_TEXT_BYTES, "%s %s %" PRId64, kind_names[revocation->kind], id,
             revocation->revoked_at_s);
}

static bool parse_seconds(const char *text, size_t length, int64_t *seconds)
{
    if (length == 0 || length > 12)
        return false;
    *seconds = 0;
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        *seconds = *seconds * 10 + (text[i] - '0');
    }
    return true;
}

bool osy_revocation_parse(const char *text, size_t length, struct osy_revocation *revocation)
{
    const size_t id_length = OSY_UUID_TEXT_BYTES - 1;
    const char *space = memchr(text, ' ', length);
    if (!space || !osy_revocation_kind_parse(text, (size_t)(space - text), &revocation->kind))
        return false;
    const char *id = space + 1;
    size_t rest = length - (size_t)(id - text);
    return rest > id_length + 1 && id[id_length] == ' ' &&
           osy_uuid_parse(id, id_length, &revocation->id) &&
           parse_seconds(id + id_length + 1, rest - id_length - 1, &revocation->revoked_at_s);
}

/* ---- the set ---- */

struct osy_revocations *osy_revocations_create(void)
{
    return osy_alloc(sizeof(struct osy_revocations));
}

static void remove_entry(struct entry **entries, struct entry *entry)
{
    HASH_DEL(*entries, entry);
    free(entry);
}

void osy_revocations_destroy(struct osy_revocations *revocations)
{
    if (!revocations)
        return;
    for (int kind = 0; kind < OSY_REVOCATION_KINDS; kind++) {
        while (revocations->entries[kind])
            remove_entry(&revocations->entries[kind], revocations->entries[kind]);
    }
    free(revocations);
}

static struct entry *find_entry(const struct osy_revocations *revocations,
                                enum osy_revocation_kind kind, const struct osy_uuid *id)
{
    struct entry *entry;
    HASH_FIND(hh, revocations->entries[kind], id, sizeof *id, entry);
    return entry;
}

bool osy_revocations_add(struct osy_revocations *revocations,
                         const struct osy_revocation *revocation)
{
    struct entry **entries = &revocations->entries[revocation->kind];
    struct entry *entry = find_entry(revocations, revocation->kind, &revocation->id);
    if (osy_uuid_is_nil(&revocation->id))
        return false;
    if (entry && entry->revoked_at_s >= revocation->revoked_at_s)
        return false;
    if (entry)
        remove_entry(entries, entry); /* to the end: see osy_revocations_forget */
    entry = osy_alloc(sizeof *entry);
    entry->id = revocation->id;
    entry->revoked_at_s = revocation->revoked_at_s;
    HASH_ADD(hh, *entries, id, sizeof entry->id, entry);
    return true;
}

static bool covers(const struct osy_revocations *revocations, enum osy_revocation_kind kind,
                   const struct osy_uuid *id, const struct osy_credential *credential)
{
    const struct entry *entry = find_entry(revocations, kind, id);
    if (!entry)
        return false;
    return osy_revocation_covers(&(struct osy_revocation){kind, entry->id, entry->revoked_at_s},
                                 credential);
}

bool osy_revocations_cover(const struct osy_revocations *revocations,
                           const struct osy_credential *credential)
{
    return covers(revocations, OSY_REVOCATION_USER, &credential->subject, credential) ||
           covers(revocations, OSY_REVOCATION_SESSION, &credential->session_id, credential);
}

/* Revocations come about in the order of their times, so a look at the oldest is enough; one that came out of
 * order is kept somewhat longer. */
void osy_revocations_forget(struct osy_revocations *revocations, int64_t now_s)
{
    for (int kind = 0; kind < OSY_REVOCATION_KINDS; kind++) {
        struct entry **entries = &revocations->entries[kind];
        while (*entries && (*entries)->revoked_at_s + OSY_JWT_LIFE_MAX_S < now_s)
            remove_entry(entries, *entries);
    }
}

size_t osy_revocations_count(const struct osy_revocations *revocations)
{
    return HASH_COUNT(revocations->entries[OSY_REVOCATION_USER]) +
           HASH_COUNT(revocations->entries[OSY_REVOCATION_SESSION]);
}
