/*
 * What a menu is made of: categories, items, groups of options, options and price rules. Each kind is a row of a table:
 * its name in paths, its statements, and the check of its fields. How they are read and written is the same for all
 * (resource.c).
 */
#pragma once
#include <jansson.h>

#include "shared/error.h"

struct api_menu_kind {
    const char *path; /* "items": the segment behind /menu/ */
    const char *name; /* "item": in events, audit and problems */
    const char
        *parents; /* fields that refer to others of the menu, for people; NULL: there are none */
    const char *find, *put, *remove; /* SQL: $1 restaurant, $2 id, and $3 the fields for put */
    /* Checks the fields of a body and trims its texts in place. OSY_ERR_INVALID names the field. */
    bool (*check)(json_t *body, struct osy_error *err);
};

/* The kind whose path segment follows "/menu/" in a route. Never NULL: the routes name only those that there are. */
const struct api_menu_kind *api_menu_kind_of_route(const char *route);
/* By path; NULL: there is no such kind. */
const struct api_menu_kind *api_menu_kind_find(const char *path);
