/*
 * CORS (Fetch standard): which other origins' pages may read our replies. Origins are compared whole; there are no
 * wildcards and no credentials, for tokens come in a header that a page sets itself. An origin that is not listed is
 * told nothing, and its browser keeps the reply from it; that is no protection of ours against anybody but browsers.
 * Immutable once made.
 */
#pragma once
#include <stdbool.h>

#include "shared/error.h"

struct api_cors;
struct api_request;

/* list: origins as browsers send them ("https://shop.example"), by comma or blank; may be empty. NULL:
 * OSY_ERR_INVALID names the bad one. */
struct api_cors *api_cors_create(const char *list, struct osy_error *err);
void api_cors_destroy(struct api_cors *cors); /* NULL is fine */
/* Notes in request, which has no reply yet, what its page may read. NULL: none may. */
void api_cors_note(const struct api_cors *cors, struct api_request *request);
/* Answers a page that asks whether it may send a request; methods: those of the path. False: it is no such question. */
bool api_cors_answer(const struct api_cors *cors, struct api_request *request, const char *methods);
