#include "api/audit/verify.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "api/audit/head_file.h"
#include "embedded/api_core.h"
#include "shared/alloc.h"
#include "shared/buffer.h"
#include "shared/pg.h"

#define PROGRESS_ROWS 100000

/* Columns of read_rows.sql. */
enum { ROW_CHAIN = 0, ROW_NUMBER, ROW_DIGEST, ROW_HASH, ROW_ENTRY, ROW_ID = ROW_ENTRY };

struct heads {
    struct api_audit_head *items; /* owned */
    size_t count, capacity;
};

struct run {
    struct api_audit_verification *verification;
    struct heads heads, signed_heads;
    struct api_audit_checker *checker;
    struct osy_buffer entry;
    int32_t chain_id;
};

static void add_head(struct heads *heads, const struct api_audit_head *head)
{
    if (heads->count == heads->capacity) {
        heads->capacity = heads->capacity ? 2 * heads->capacity : 64;
        heads->items = osy_realloc_array(heads->items, heads->capacity, sizeof *heads->items);
    }
    heads->items[heads->count++] = *head;
}

static int compare_heads(const void *a, const void *b)
{
    const struct api_audit_head *left = a, *right = b;
    if (left->chain_id != right->chain_id)
        return left->chain_id < right->chain_id ? -1 : 1;
    return (left->number > right->number) - (left->number < right->number);
}

/* ---- values in PostgreSQL's binary format ---- */

static uint32_t read_u32(const PGresult *rows, int row, int column)
{
    uint32_t value = 0;
    memcpy(&value, PQgetvalue(rows, row, column), sizeof value);
    return be32toh(value);
}

static int64_t read_i64(const PGresult *rows, int row, int column)
{
    uint64_t value = 0;
    memcpy(&value, PQgetvalue(rows, row, column), sizeof value);
    return (int64_t)be64toh(value);
}

/* False: it has another length, or is null. */
static bool read_bytes(const PGresult *rows, int row, int column, void *bytes, size_t length)
{
    if ((size_t)PQgetlength(rows, row, column) != length)
        return false;
    memcpy(bytes, PQgetvalue(rows, row, column), length);
    return true;
}

static void write_u32(struct osy_buffer *out, uint32_t value)
{
    value = htobe32(value);
    osy_buffer_append(out, &value, sizeof value);
}

/* What record_send() makes of an audit_entry: count, and of each field its type, its length and its bytes. */
static void write_entry(const PGresult *rows, int row, struct osy_buffer *entry)
{
    int columns = PQnfields(rows);
    osy_buffer_clear(entry);
    write_u32(entry, (uint32_t)(columns - ROW_ENTRY));
    for (int column = ROW_ENTRY; column < columns; column++) {
        bool is_null = PQgetisnull(rows, row, column);
        size_t length = (size_t)PQgetlength(rows, row, column);
        write_u32(entry, PQftype(rows, column));
        write_u32(entry, is_null ? UINT32_MAX : (uint32_t)length);
        osy_buffer_append(entry, PQgetvalue(rows, row, column), length);
    }
}

/* ---- rows ---- */

static void check_row(struct run *run, const PGresult *rows, int row)
{
    struct api_audit_verification *verification = run->verification;
    struct api_audit_row checked = {
        .chain_id = (int32_t)read_u32(rows, row, ROW_CHAIN),
        .number = read_i64(rows, row, ROW_NUMBER),
    };
    write_entry(rows, row, &run->entry);
    checked.entry = run->entry.bytes;
    checked.entry_length = run->entry.length;
    read_bytes(rows, row, ROW_ID, checked.id.bytes, sizeof checked.id.bytes);
    read_bytes(rows, row, ROW_DIGEST, checked.digest, sizeof checked.digest);
    checked.has_hash = read_bytes(rows, row, ROW_HASH, checked.hash, sizeof checked.hash);
    api_audit_checker_add(run->checker, &checked);
    verification->chains += checked.chain_id != run->chain_id;
    run->chain_id = checked.chain_id;
    verification->rows++;
    if (verification->on_progress && verification->rows % PROGRESS_ROWS == 0)
        verification->on_progress(verification->context, verification->rows);
}

/* One row at a time: however many there are, the client holds one, and the server waits for it. */
static bool send_query(struct osy_pg *pg, const char *sql, int count, const char *const *values,
                       struct osy_error *err)
{
    PGconn *connection = osy_pg_connection(pg, err);
    const char *name = connection ? osy_pg_prepare(pg, sql, count, err) : NULL;
    if (!name)
        return false;
    return (PQsendQueryPrepared(connection, name, count, values, NULL, NULL, 1) == 1 &&
            PQsetSingleRowMode(connection) == 1) ||
           osy_pg_error(connection, NULL, err);
}

static bool check_rows(struct run *run, struct osy_pg *pg, struct osy_error *err)
{
    const char *const times[] = {run->verification->since, run->verification->until};
    bool ok = send_query(pg, sql_read_rows, 2, times, err);
    if (!ok)
        return false;
    PGconn *connection = osy_pg_connection(pg, err);
    PGresult *result = NULL;
    while (connection && (result = PQgetResult(connection))) {
        ExecStatusType status = PQresultStatus(result);
        if (status == PGRES_SINGLE_TUPLE)
            check_row(run, result, 0);
        else if (status != PGRES_TUPLES_OK)
            ok = osy_pg_error(connection, result, err);
        PQclear(result);
    }
    return ok;
}

/* ---- heads ---- */

static bool read_heads(struct run *run, struct osy_pg *pg, struct osy_error *err)
{
    PGresult *rows = osy_pg_query_params(pg, sql_list_heads, 0, NULL, NULL, NULL, 1, err);
    for (int row = 0; row < PQntuples(rows); row++) {
        struct api_audit_head head = {.chain_id = (int32_t)read_u32(rows, row, 0),
                                      .number = read_i64(rows, row, 1)};
        read_bytes(rows, row, 2, head.hash, sizeof head.hash);
        add_head(&run->heads, &head);
    }
    PQclear(rows);
    return rows != NULL;
}

static bool on_line(void *context, const struct api_audit_head_line *line)
{
    struct run *run = context;
    for (size_t i = 0; i < line->count; i++)
        add_head(&run->signed_heads, &line->heads[i]);
    return true;
}

/* Before the database: what was signed by then must be in it. */
static bool read_signed_heads(struct run *run, struct osy_error *err)
{
    const struct api_audit_verification *verification = run->verification;
    if (!verification->heads_dir)
        return true;
    if (!api_audit_head_files_read(verification->heads_dir, verification->keyring, on_line, run,
                                   err))
        return false;
    if (run->signed_heads.count > 0)
        qsort(run->signed_heads.items, run->signed_heads.count, sizeof *run->signed_heads.items,
              compare_heads);
    run->verification->signed_heads = (int64_t)run->signed_heads.count;
    return true;
}

static void on_finding(void *context, const struct api_audit_finding *finding)
{
    struct api_audit_verification *verification = context;
    verification->findings++;
    verification->on_finding(verification->context, finding);
}

static bool execute(struct osy_pg *pg, const char *sql, int count, const char *const *values,
                    struct osy_error *err)
{
    PGresult *result = osy_pg_query(pg, sql, count, values, err);
    PQclear(result);
    return result != NULL;
}

static bool check(struct run *run, struct osy_pg *pg, struct osy_error *err)
{
    struct api_audit_verification *verification = run->verification;
    if (!read_signed_heads(run, err) ||
        !execute(pg, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", 0, NULL, err) ||
        /* The primary key has the order; sorting it all would need as much disk again. */
        !execute(pg, "SET LOCAL enable_sort = off", 0, NULL, err) || !read_heads(run, pg, err))
        return false;
    run->checker = api_audit_checker_create(
        verification->since || verification->until, run->heads.items, run->heads.count,
        run->signed_heads.items, run->signed_heads.count, on_finding, verification);
    if (!check_rows(run, pg, err))
        return false;
    api_audit_checker_finish(run->checker);
    return execute(pg, "COMMIT", 0, NULL, err);
}

bool api_audit_verify(struct osy_pg *pg, struct api_audit_verification *verification,
                      struct osy_error *err)
{
    struct run run = {.verification = verification};
    verification->rows = verification->chains = 0;
    verification->signed_heads = verification->findings = 0;
    bool ok = check(&run, pg, err);
    if (!ok)
        osy_pg_reset(pg);
    api_audit_checker_destroy(run.checker);
    osy_buffer_deinit(&run.entry);
    free(run.heads.items);
    free(run.signed_heads.items);
    return ok;
}
