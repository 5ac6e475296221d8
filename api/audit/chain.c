#include "api/audit/chain.h"

#include <endian.h>
#include <openssl/evp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/alloc.h"
#include "shared/error.h"

#define DISPLACED_MAX 64 /* altered rows that are looked through for one another's place */

static const char *const fault_names[] = {
    [API_AUDIT_ALTERED] = "altered",   [API_AUDIT_REORDERED] = "reordered",
    [API_AUDIT_MISSING] = "missing",   [API_AUDIT_FORKED] = "forked",
    [API_AUDIT_UNLINKED] = "unlinked", [API_AUDIT_TRUNCATED] = "truncated",
    [API_AUDIT_INSERTED] = "inserted", [API_AUDIT_REWRITTEN] = "rewritten",
};

const char *api_audit_fault_name(enum api_audit_fault fault)
{
    return fault_names[fault];
}

struct head_list { /* borrowed, and how many of them have been passed */
    const struct api_audit_head *heads;
    size_t count, next;
};

/* An altered row: perhaps it was recorded under the number of another one. */
struct displaced {
    int64_t number;
    uint8_t digest[OSY_SHA256_BYTES];
};

struct api_audit_checker {
    bool is_partial;
    struct head_list heads, signed_heads;
    api_audit_finding_fn on_finding;
    void *context;
    EVP_MD_CTX *link; /* of the hash before it and of its digests so far */

    /* the present chain */
    bool in_chain;
    int32_t chain_id;
    int64_t number;     /* of the last row */
    int64_t link_first; /* number */
    bool is_open;       /* the link has rows, and no end yet */
    bool is_doubtful;   /* something of the link is known not to be as it was */
    bool
        was_doubtful; /* of the link before it: what that one says of its hash need not be true either */
    struct osy_uuid row_id;
    uint8_t hash[OSY_SHA256_BYTES]; /* of the last link */
    struct displaced displaced[DISPLACED_MAX];
    size_t displaced_count;
};

struct api_audit_checker *
api_audit_checker_create(bool is_partial, const struct api_audit_head *heads, size_t head_count,
                         const struct api_audit_head *signed_heads, size_t signed_count,
                         api_audit_finding_fn on_finding, void *context)
{
    struct api_audit_checker *checker = osy_alloc(sizeof *checker);
    checker->is_partial = is_partial;
    checker->heads = (struct head_list){heads, head_count, 0};
    checker->signed_heads = (struct head_list){signed_heads, signed_count, 0};
    checker->on_finding = on_finding;
    checker->context = context;
    checker->link = EVP_MD_CTX_new();
    EVP_DigestInit_ex(checker->link, EVP_sha256(), NULL);
    return checker;
}

void api_audit_checker_destroy(struct api_audit_checker *checker)
{
    if (!checker)
        return;
    EVP_MD_CTX_free(checker->link);
    free(checker);
}

static void OSY_PRINTF(6, 7)
    tell(struct api_audit_checker *checker, enum api_audit_fault fault, int64_t first, int64_t last,
         const struct osy_uuid *row_id, const char *fmt, ...)
{
    struct api_audit_finding finding = {
        .fault = fault, .chain_id = checker->chain_id, .first = first, .last = last};
    va_list arguments;
    if (row_id)
        finding.row_id = *row_id;
    va_start(arguments, fmt);
    vsnprintf(finding.detail, sizeof finding.detail, fmt, arguments);
    va_end(arguments);
    checker->on_finding(checker->context, &finding);
}

/* ---- digests and links ---- */

static void compute_digest(const struct api_audit_row *row, int64_t number,
                           uint8_t digest[OSY_SHA256_BYTES])
{
    uint32_t chain_id = htobe32((uint32_t)row->chain_id);
    uint64_t place = htobe64((uint64_t)number);
    const struct osy_piece pieces[] = {
        {&chain_id, sizeof chain_id}, {&place, sizeof place}, {row->entry, row->entry_length}};
    osy_sha256(pieces, sizeof pieces / sizeof *pieces, digest);
}

static void begin_link(struct api_audit_checker *checker, const uint8_t *hash)
{
    EVP_DigestInit_ex(checker->link, NULL, NULL); /* as before, anew */
    if (hash)
        EVP_DigestUpdate(checker->link, hash, OSY_SHA256_BYTES);
    checker->is_open = checker->is_doubtful = false;
}

static void end_link(struct api_audit_checker *checker, const struct api_audit_row *row)
{
    uint8_t hash[OSY_SHA256_BYTES];
    EVP_DigestFinal_ex(checker->link, hash, NULL);
    if (!checker->is_doubtful && !checker->was_doubtful &&
        memcmp(hash, row->hash, sizeof hash) != 0)
        tell(checker, API_AUDIT_UNLINKED, checker->link_first, row->number, &row->id,
             "the hash does not follow from the rows and the link before them");
    memcpy(checker->hash, row->hash, sizeof hash);
    checker->was_doubtful = checker->is_doubtful;
    begin_link(checker, checker->hash);
}

/* ---- rows ---- */

/* Whether the row was recorded as another one that is altered, too: then the two have changed places. */
static bool was_moved(struct api_audit_checker *checker, const struct api_audit_row *row,
                      int64_t *from)
{
    uint8_t digest[OSY_SHA256_BYTES];
    for (size_t i = 0; i < checker->displaced_count; i++) {
        compute_digest(row, checker->displaced[i].number, digest);
        if (memcmp(digest, row->digest, sizeof digest) == 0 ||
            memcmp(digest, checker->displaced[i].digest, sizeof digest) == 0) {
            *from = checker->displaced[i].number;
            return true;
        }
    }
    return false;
}

static void check_digest(struct api_audit_checker *checker, const struct api_audit_row *row)
{
    uint8_t digest[OSY_SHA256_BYTES];
    int64_t from = 0;
    compute_digest(row, row->number, digest);
    if (memcmp(digest, row->digest, sizeof digest) == 0)
        return;
    checker->is_doubtful = true;
    if (was_moved(checker, row, &from))
        tell(checker, API_AUDIT_REORDERED, row->number, row->number, &row->id,
             "it was recorded as number %lld", (long long)from);
    else
        tell(checker, API_AUDIT_ALTERED, row->number, row->number, &row->id,
             "it does not say what was recorded");
    if (checker->displaced_count < DISPLACED_MAX) {
        struct displaced *displaced = &checker->displaced[checker->displaced_count++];
        displaced->number = row->number;
        memcpy(displaced->digest, row->digest, sizeof displaced->digest);
    }
}

/* False: it must not count, because its number has been there already. */
static bool check_number(struct api_audit_checker *checker, const struct api_audit_row *row)
{
    if (row->number <= checker->number) {
        tell(checker, API_AUDIT_FORKED, row->number, row->number, &row->id,
             "there is another row with this number");
        checker->is_doubtful = true;
        return false;
    }
    if (row->number > checker->number + 1) {
        tell(checker, API_AUDIT_MISSING, checker->number + 1, row->number - 1, &row->id,
             "the row is the next one that is there");
        checker->is_doubtful = true;
    }
    return true;
}

static bool is_before(const struct api_audit_head *head, int32_t chain_id, int64_t number)
{
    return head->chain_id < chain_id || (head->chain_id == chain_id && head->number < number);
}

/* A head that was signed when this row was the last one. Those of numbers that are missing are passed over. */
static void check_signed(struct api_audit_checker *checker, const struct api_audit_row *row)
{
    struct head_list *list = &checker->signed_heads;
    bool is_told = false;
    while (list->next < list->count &&
           is_before(&list->heads[list->next], row->chain_id, row->number))
        list->next++;
    for (; list->next < list->count; list->next++) {
        const struct api_audit_head *head = &list->heads[list->next];
        if (head->chain_id != row->chain_id || head->number != row->number)
            return;
        if (!is_told && (!row->has_hash || memcmp(head->hash, row->hash, sizeof head->hash) != 0)) {
            tell(checker, API_AUDIT_REWRITTEN, row->number, row->number, &row->id,
                 "another hash was signed for this number: the chain was made anew up to here");
            is_told = true;
        }
    }
}

/* ---- chains ---- */

static const struct api_audit_head *find_head(const struct head_list *list, int32_t chain_id)
{
    for (size_t i = 0; i < list->count; i++) {
        if (list->heads[i].chain_id == chain_id)
            return &list->heads[i];
    }
    return NULL;
}

static void check_head(struct api_audit_checker *checker)
{
    const struct api_audit_head *head = find_head(&checker->heads, checker->chain_id);
    const struct osy_uuid *row_id = &checker->row_id;
    int64_t number = checker->number;
    if (!head)
        tell(checker, API_AUDIT_INSERTED, 1, number, row_id, "nobody has written such a chain");
    else if (head->number > number)
        tell(checker, API_AUDIT_TRUNCATED, number + 1, head->number, NULL,
             "the chain's head is ahead of its last row");
    else if (head->number < number)
        tell(checker, API_AUDIT_INSERTED, head->number + 1, number, row_id,
             "the rows stand behind the chain's head");
    else if (memcmp(head->hash, checker->hash, sizeof head->hash) != 0)
        tell(checker, API_AUDIT_REWRITTEN, number, number, row_id,
             "the chain's head has another hash");
}

/* Heads that were signed for rows that are no more. */
static void check_tail(struct api_audit_checker *checker)
{
    const struct api_audit_head *head = find_head(&checker->heads, checker->chain_id);
    struct head_list *list = &checker->signed_heads;
    int64_t most = 0;
    while (list->next < list->count && list->heads[list->next].chain_id <= checker->chain_id) {
        if (list->heads[list->next].chain_id == checker->chain_id)
            most = list->heads[list->next].number;
        list->next++;
    }
    if (most > checker->number && (!head || head->number < most))
        tell(checker, API_AUDIT_TRUNCATED, checker->number + 1, most, NULL,
             "a head was signed for rows that are not there");
}

static void end_chain(struct api_audit_checker *checker)
{
    if (!checker->in_chain)
        return;
    checker->in_chain = false;
    if (checker->is_partial)
        return;
    if (checker->is_open && !checker->is_doubtful)
        tell(checker, API_AUDIT_UNLINKED, checker->link_first, checker->number, &checker->row_id,
             "the last rows have no hash");
    check_head(checker);
    check_tail(checker);
}

static void begin_chain(struct api_audit_checker *checker, int32_t chain_id, int64_t number)
{
    checker->in_chain = true;
    checker->chain_id = chain_id;
    checker->number = checker->is_partial ? number - 1 : 0;
    checker->displaced_count = 0;
    memset(&checker->row_id, 0, sizeof checker->row_id);
    memset(checker->hash, 0, sizeof checker->hash);
    begin_link(checker, NULL);
    checker->was_doubtful = false;
    checker->is_doubtful = checker->is_partial && number > 1; /* what came before is not known */
}

/* Chains that should have rows and have none. */
static void pass_empty_chains(struct api_audit_checker *checker, int64_t before)
{
    const struct head_list *lists[] = {&checker->heads, &checker->signed_heads};
    if (checker->is_partial)
        return;
    for (;;) {
        int64_t next = before;
        for (size_t i = 0; i < 2; i++) {
            struct head_list *list = (struct head_list *)lists[i];
            while (list->next < list->count &&
                   checker->chain_id >= list->heads[list->next].chain_id)
                list->next++;
            if (list->next < list->count && list->heads[list->next].chain_id < next)
                next = list->heads[list->next].chain_id;
        }
        if (next == before)
            return;
        begin_chain(checker, (int32_t)next, 1);
        end_chain(checker);
    }
}

void api_audit_checker_add(struct api_audit_checker *checker, const struct api_audit_row *row)
{
    if (!checker->in_chain || checker->chain_id != row->chain_id) {
        end_chain(checker);
        pass_empty_chains(checker, row->chain_id);
        begin_chain(checker, row->chain_id, row->number);
    }
    if (!check_number(checker, row))
        return;
    check_digest(checker, row);
    checker->number = row->number;
    checker->row_id = row->id;
    if (!checker->is_open)
        checker->link_first = row->number;
    checker->is_open = true;
    EVP_DigestUpdate(checker->link, row->digest, sizeof row->digest);
    check_signed(checker, row);
    if (row->has_hash)
        end_link(checker, row);
}

void api_audit_checker_finish(struct api_audit_checker *checker)
{
    end_chain(checker);
    pass_empty_chains(checker, (int64_t)INT32_MAX + 1);
}
