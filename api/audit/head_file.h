/*
 * Signed heads of the audit log's chains, in files outside of the database: whoever can rewrite chains cannot rewrite
 * these, so a chain that was cut or made anew shows.
 *
 * <folder>/heads-YYYYMM.jsonl, a line at a time, only ever appended to:
 *   {"time":"...","kid":"...","previous":"<hash>","heads":[[chain,number,"<hash>"],...],"signature":"..."}
 * previous is the SHA-256 of the line before it, also across files (zeros: there is none), so no line can be taken
 * out. The signature (Ed25519, base64url, an audit key of shared/keys.h) is of the line up to `,"signature"`.
 * A line has the heads that have moved since the one before it, the first of each file those of all chains.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/audit/chain.h"
#include "shared/error.h"

#define API_AUDIT_HEADS_PER_LINE 200

struct api_audit_head_file;
struct osy_keyring;

/* What was signed so far; *heads is borrowed until the next line. */
struct api_audit_head_line {
    int64_t time_ms;
    size_t count;
    struct api_audit_head heads[API_AUDIT_HEADS_PER_LINE];
};

/* False: stop reading. */
typedef bool (*api_audit_head_line_fn)(void *context, const struct api_audit_head_line *line);

/* Reads all lines, oldest first, and checks them. OSY_ERR_INVALID names the file and the line that is forged, altered
 * or out of place; OSY_ERR_IO the file that cannot be read. A folder without files has no lines. */
OSY_MUST_CHECK bool api_audit_head_files_read(const char *folder, const struct osy_keyring *keyring,
                                              api_audit_head_line_fn on_line, void *context,
                                              struct osy_error *err);

/* To append to the folder's files. It is made when it is missing. One process at a time has them (flock):
 * OSY_ERR_CONFLICT for the others. What a dying process left of a line is cut off. */
struct api_audit_head_file *api_audit_head_file_open(const char *folder,
                                                     const struct osy_keyring *keyring,
                                                     struct osy_error *err);
void api_audit_head_file_close(struct api_audit_head_file *file); /* NULL is fine */
/* The last head of each chain that was written; borrowed until the next line is. */
const struct api_audit_head *api_audit_head_file_all(const struct api_audit_head_file *file,
                                                     size_t *count);
/* Writes those of the heads that have moved, signed, to disk (fsync). now_ms: wall time. */
OSY_MUST_CHECK bool api_audit_head_file_append(struct api_audit_head_file *file,
                                               const struct api_audit_head *heads, size_t count,
                                               int64_t now_ms, struct osy_error *err);
