#include "api/audit/heads.h"

#include <stdlib.h>
#include <string.h>

#include "api/audit/head_file.h"
#include "embedded/api_core.h"
#include "shared/alloc.h"
#include "shared/buffer.h"
#include "shared/clock.h"
#include "shared/keys.h"
#include "shared/log.h"
#include "shared/metrics.h"
#include "shared/pg.h"

struct api_audit_heads {
    char *folder; /* owned, as is all the rest */
    struct osy_keyring *keyring;
    struct api_audit_head_file *file; /* NULL: not yet, or another process has it */
    struct osy_metric *broken;
};

struct api_audit_heads *api_audit_heads_create(const char *folder, const char *keys_dir,
                                               struct osy_metrics *metrics, struct osy_error *err)
{
    struct osy_keyring *keyring = osy_keyring_load(keys_dir, OSY_KEYS_AUDIT_PRIVATE, err);
    if (!keyring)
        return NULL;
    struct api_audit_heads *heads = osy_alloc(sizeof *heads);
    heads->folder = osy_strdup(folder);
    heads->keyring = keyring;
    heads->broken =
        osy_metrics_gauge(metrics, "audit_broken_chains",
                          "Chains of the audit log that do not have the head that was signed.");
    return heads;
}

void api_audit_heads_destroy(struct api_audit_heads *heads)
{
    if (!heads)
        return;
    api_audit_head_file_close(heads->file);
    osy_keyring_destroy(heads->keyring);
    free(heads->folder);
    free(heads);
}

/* The files may have been signed with a key of now by whoever had them before; without it the old ones have to do. */
static void read_keys(struct api_audit_heads *heads)
{
    struct osy_error err = {0};
    bool is_changed = false;
    if (!osy_keyring_reload(heads->keyring, &is_changed, &err))
        OSY_WARN("audit_keys_not_read", OSY_ERR(&err));
}

/* True with the file NULL: another process writes these files. */
static bool open_file(struct api_audit_heads *heads, struct osy_error *err)
{
    struct osy_error why = {0};
    if (heads->file)
        return true;
    heads->file = api_audit_head_file_open(heads->folder, heads->keyring, &why);
    if (heads->file || why.code == OSY_ERR_CONFLICT)
        return true;
    return osy_error_set(err, why.code, "%s", why.message);
}

/* ---- what was signed last ---- */

struct signed_heads {
    struct osy_buffer chains, numbers, hashes; /* PostgreSQL arrays */
};

static void add_signed(struct signed_heads *list, const struct api_audit_head *head)
{
    const char *comma = list->chains.length > 1 ? "," : "";
    osy_buffer_texts(&list->chains, comma, NULL);
    osy_buffer_i64(&list->chains, head->chain_id);
    osy_buffer_texts(&list->numbers, comma, NULL);
    osy_buffer_i64(&list->numbers, head->number);
    osy_buffer_texts(&list->hashes, comma, NULL);
    for (size_t i = 0; i < sizeof head->hash; i++)
        osy_buffer_printf(&list->hashes, "%02x", head->hash[i]);
}

static PGresult *find_broken(struct osy_pg *pg, const struct api_audit_head *last, size_t count,
                             struct osy_error *err)
{
    struct signed_heads list = {0};
    struct osy_buffer *arrays[] = {&list.chains, &list.numbers, &list.hashes};
    for (size_t i = 0; i < 3; i++)
        osy_buffer_char(arrays[i], '{');
    for (size_t i = 0; i < count; i++)
        add_signed(&list, &last[i]);
    for (size_t i = 0; i < 3; i++)
        osy_buffer_char(arrays[i], '}');
    const char *const values[] = {list.chains.bytes, list.numbers.bytes, list.hashes.bytes};
    PGresult *broken = osy_pg_query(pg, sql_find_hashes, 3, values, err);
    for (size_t i = 0; i < 3; i++)
        osy_buffer_deinit(arrays[i]);
    return broken;
}

/* Tells of chains that have another past than the one that was signed. They are signed on all the same: what was
 * signed before stays in the files, and is the proof. */
static bool check_signed(struct api_audit_heads *heads, struct osy_pg *pg, int *broken_count,
                         struct osy_error *err)
{
    size_t count = 0;
    const struct api_audit_head *last = api_audit_head_file_all(heads->file, &count);
    PGresult *broken = find_broken(pg, last, count, err);
    for (int row = 0; row < PQntuples(broken); row++)
        OSY_ERROR("audit_chain_broken", OSY_STR("chain", PQgetvalue(broken, row, 0)),
                  OSY_STR("number", PQgetvalue(broken, row, 1)));
    *broken_count = PQntuples(broken);
    if (broken)
        osy_metric_set(heads->broken, *broken_count);
    PQclear(broken);
    return broken != NULL;
}

/* ---- what is signed now ---- */

/* Each month a chain that nobody writes goes on by one row: a month that is dropped has nobody's head then. */
static bool continue_chains(struct osy_pg *pg, struct osy_error *err)
{
    PGresult *result = osy_pg_query(pg, sql_continue_chains, 0, NULL, err);
    PQclear(result);
    return result != NULL;
}

static bool read_hex(const char *text, uint8_t *bytes, size_t length)
{
    if (strlen(text) != 2 + 2 * length || strncmp(text, "\\x", 2) != 0)
        return false;
    for (size_t i = 0; i < length; i++) {
        const char pair[] = {text[2 + 2 * i], text[3 + 2 * i], '\0'};
        bytes[i] = (uint8_t)strtoul(pair, NULL, 16);
    }
    return true;
}

static bool append(struct api_audit_heads *heads, const PGresult *rows, struct osy_error *err)
{
    size_t count = (size_t)PQntuples(rows);
    struct api_audit_head *now = osy_alloc_array(count + 1, sizeof *now);
    bool ok = true;
    for (size_t i = 0; i < count; i++) {
        now[i].chain_id = (int32_t)strtol(PQgetvalue(rows, (int)i, 0), NULL, 10);
        now[i].number = strtoll(PQgetvalue(rows, (int)i, 1), NULL, 10);
        ok = ok && read_hex(PQgetvalue(rows, (int)i, 2), now[i].hash, sizeof now[i].hash);
    }
    ok = ok ? api_audit_head_file_append(heads->file, now, count, osy_clock_wall_ms(), err)
            : osy_error_set(err, OSY_ERR_INVALID, "PostgreSQL's hashes are not readable");
    free(now);
    if (ok)
        return true;
    api_audit_head_file_close(
        heads->file); /* what of it was written is seen when it is opened again */
    heads->file = NULL;
    return false;
}

bool api_audit_heads_write(struct api_audit_heads *heads, struct osy_pg *pg, struct osy_error *err)
{
    int broken_count = 0;
    read_keys(heads);
    if (!open_file(heads, err))
        return false;
    if (!heads->file)
        return true;
    if (!check_signed(heads, pg, &broken_count, err))
        return false;
    /* A chain that is broken is not grown over by us: that it is shows until somebody has seen to it. */
    if (broken_count == 0 && !continue_chains(pg, err))
        return false;
    PGresult *rows = osy_pg_query(pg, sql_list_heads, 0, NULL, err);
    bool ok = rows && append(heads, rows, err);
    PQclear(rows);
    return ok;
}
