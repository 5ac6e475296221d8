/*
 * Allocation that never returns NULL: out of memory ends the process with a message, because no
 * caller could do better. So a size that comes from outside meets its limit before it gets here.
 * Everything is given back with free().
 */
#pragma once
#include <stddef.h>

#define OSY_MALLOC __attribute__((malloc, returns_nonnull, warn_unused_result))

/* Zeroed; 0 bytes is fine. A multiplication that overflows ends the process. */
void *osy_alloc(size_t bytes) OSY_MALLOC;
void *osy_alloc_array(size_t count, size_t bytes) OSY_MALLOC;
/* What is new is not zeroed. */
void *osy_realloc_array(void *old, size_t count, size_t bytes)
    __attribute__((returns_nonnull, warn_unused_result));
char *osy_strdup(const char *text) OSY_MALLOC;
char *osy_strndup(const char *text, size_t length) OSY_MALLOC; /* NUL-terminated copy */
