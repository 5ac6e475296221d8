/* Checks of single fields of what a menu is made of. All but the trimming ones take a value that may be NULL (absent), and
 * then say yes. OSY_ERR_INVALID names the field. */
#pragma once
#include <jansson.h>
#include <stdbool.h>

#include "shared/error.h"

#define API_MENU_URL_MAX  500
#define API_MENU_TIME_MAX 40

enum api_menu_clock { API_MENU_BEFORE_MIDNIGHT = 0, API_MENU_UP_TO_MIDNIGHT /* also "24:00" */ };

/* Trim the string of that name, where there is one, in place. A line must have something in it. */
OSY_MUST_CHECK bool api_menu_trim_line(json_t *body, const char *name, struct osy_error *err);
OSY_MUST_CHECK bool api_menu_trim_lines(json_t *body, const char *name, struct osy_error *err);
/* A list of short different lines. */
OSY_MUST_CHECK bool api_menu_trim_labels(json_t *list, const char *name, struct osy_error *err);
/* https, with a host and without user, in visible ASCII. */
OSY_MUST_CHECK bool api_menu_check_image_url(const char *name, const char *url,
                                             struct osy_error *err);
/* until, if it is there: RFC 3339 in UTC, and only of what is not available. */
OSY_MUST_CHECK bool api_menu_check_sold_out(const char *name, bool available, const char *until,
                                            struct osy_error *err);
/* Different numbers from 1 to 7. */
OSY_MUST_CHECK bool api_menu_check_weekdays(const char *name, const json_t *weekdays,
                                            struct osy_error *err);
/* "HH:MM" */
OSY_MUST_CHECK bool api_menu_check_clock(const char *name, const char *text,
                                         enum api_menu_clock clock, struct osy_error *err);
