/*
 * Entity tags (RFC 9110 section 8.8.3): a reply's name for what it says, so that a client that has it already is told
 * so instead of being told it again. A tag is made of the body's SHA-256, so it is strong, and every process
 * gives the same.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "shared/buffer.h"

struct api_request;

#define API_ETAG_BYTES 25 /* 22 characters of base64url in quotes, and the NUL */

void api_etag_format(const void *body, size_t length, char etag[API_ETAG_BYTES]);
/* Whether one of If-None-Match's tags is this one, by the weak comparison, or it is `*`. What is malformed, from there
 * on, matches nothing. if_none_match may be NULL. */
bool api_etag_matches(const char *if_none_match, const char *etag);
/* 200 with body, whose content it takes, or 304 without when the client has it. Caches may keep it, but have to ask
 * each time whether it still holds (`Cache-Control: no-cache`). */
void api_etag_reply_json(struct api_request *request, struct osy_buffer *body);
