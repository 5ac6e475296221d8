/* Texts that people wrote: what is accepted, and in which form it is kept. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "shared/error.h"

/* A slice of somebody else's text. */
struct api_text {
    const char *bytes;
    size_t length;
};

enum api_text_lines { API_TEXT_ONE_LINE = 0, API_TEXT_MANY_LINES };

/*
 * Cuts white space from both ends of a valid UTF-8 text. OSY_ERR_INVALID, naming field, when a control
 * character is in it (a line break is one unless lines says otherwise) or nothing is left.
 */
OSY_MUST_CHECK bool api_text_trim(const char *field, const char *text, enum api_text_lines lines,
                                  struct api_text *trimmed, struct osy_error *err);
