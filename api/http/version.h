/*
 * Versions, for things that several people may edit at once: a reply's entity tag is the thing's version in quotes, and
 * who sends it back as If-Match changes only what they have seen (RFC 9110 section 13.1.1). Who sends none
 * overwrites what is there.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "shared/error.h"

struct api_request;

/* If-Match: *version is the one it names, 0 when it is absent or `*`. OSY_ERR_INVALID: it is no version. */
OSY_MUST_CHECK bool api_version_read(const struct api_request *request, int64_t *version,
                                     struct osy_error *err);
/* The same for a header's text, which may be NULL. */
OSY_MUST_CHECK bool api_version_parse(const char *if_match, int64_t *version,
                                      struct osy_error *err);
/* The ETag of the reply that follows. */
void api_version_reply_header(struct api_request *request, int64_t version);
/* 412 VERSION_CONFLICT, with the version that the thing has now. */
void api_version_reply_conflict(struct api_request *request, int64_t version);
