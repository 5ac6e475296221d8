#include "api/menus/fields.h"

#include <stdio.h>
#include <string.h>

#include "api/text.h"
#include "shared/clock.h"

enum { LABEL_MAX = 40, PATH_BYTES = 40 };

static bool trim(json_t *body, const char *name, enum api_text_lines lines, struct osy_error *err)
{
    const char *text = json_string_value(json_object_get(body, name));
    struct api_text trimmed;
    if (!text)
        return true;
    if (!api_text_trim(name, text, lines, &trimmed, err))
        return false;
    json_object_set_new(body, name, json_stringn(trimmed.bytes, trimmed.length));
    return true;
}

bool api_menu_trim_line(json_t *body, const char *name, struct osy_error *err)
{
    return trim(body, name, API_TEXT_ONE_LINE, err);
}

bool api_menu_trim_lines(json_t *body, const char *name, struct osy_error *err)
{
    const char *text = json_string_value(json_object_get(body, name));
    /* A form sends an empty text when nothing was written into it. */
    return !text || *text == '\0' || trim(body, name, API_TEXT_MANY_LINES, err);
}

static bool is_repeated(const json_t *list, size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (json_equal(json_array_get(list, i), json_array_get(list, index)))
            return true;
    }
    return false;
}

static bool trim_label(json_t *list, size_t index, const char *path, struct osy_error *err)
{
    const char *text = json_string_value(json_array_get(list, index));
    struct api_text trimmed;
    if (!text)
        return osy_error_set(err, OSY_ERR_INVALID, "'%s' must be a string", path);
    if (!api_text_trim(path, text, API_TEXT_ONE_LINE, &trimmed, err))
        return false;
    if (trimmed.length > LABEL_MAX)
        return osy_error_set(err, OSY_ERR_INVALID, "'%s' has more than %d bytes", path, LABEL_MAX);
    json_array_set_new(list, index, json_stringn(trimmed.bytes, trimmed.length));
    return !is_repeated(list, index) ||
           osy_error_set(err, OSY_ERR_INVALID, "'%s' is there twice", path);
}

bool api_menu_trim_labels(json_t *list, const char *name, struct osy_error *err)
{
    char path[PATH_BYTES];
    for (size_t i = 0; i < json_array_size(list); i++) {
        snprintf(path, sizeof path, "%s[%zu]", name, i);
        if (!trim_label(list, i, path, err))
            return false;
    }
    return true;
}

static bool is_visible(const char *text)
{
    for (; *text; text++) {
        if (*text <= ' ' || *text > '~' || strchr("\"<>\\^`{|}", *text))
            return false;
    }
    return true;
}

bool api_menu_check_image_url(const char *name, const char *url, struct osy_error *err)
{
    static const char scheme[] = "https://";
    if (!url)
        return true;
    const char *host = url + strlen(scheme);
    bool ok = strncmp(url, scheme, strlen(scheme)) == 0 && is_visible(url) &&
              strcspn(host, "/?#") > 0 && !memchr(host, '@', strcspn(host, "/?#"));
    return ok || osy_error_set(err, OSY_ERR_INVALID, "'%s' must be an https URL", name);
}

bool api_menu_check_sold_out(const char *name, bool available, const char *until,
                             struct osy_error *err)
{
    int64_t ignored;
    if (!until)
        return true;
    if (!osy_time_parse(until, strlen(until), &ignored))
        return osy_error_set(err, OSY_ERR_INVALID,
                             "'%s' must be a time such as 2026-01-31T12:00:00.000Z", name);
    return !available ||
           osy_error_set(err, OSY_ERR_INVALID, "'%s' is only for what is not available", name);
}

bool api_menu_check_weekdays(const char *name, const json_t *weekdays, struct osy_error *err)
{
    for (size_t i = 0; i < json_array_size(weekdays); i++) {
        const json_t *day = json_array_get(weekdays, i);
        if (!json_is_integer(day) || json_integer_value(day) < 1 || json_integer_value(day) > 7)
            return osy_error_set(err, OSY_ERR_INVALID,
                                 "'%s[%zu]' must be an integer from 1 (Monday) to 7", name, i);
        if (is_repeated(weekdays, i))
            return osy_error_set(err, OSY_ERR_INVALID, "'%s[%zu]' is there twice", name, i);
    }
    return true;
}

static bool is_clock(const char *text, enum api_menu_clock clock)
{
    if (clock == API_MENU_UP_TO_MIDNIGHT && strcmp(text, "24:00") == 0)
        return true;
    return strlen(text) == 5 && strspn(text, "0123456789") == 2 && text[2] == ':' &&
           strspn(text + 3, "0123456789") == 2 && strncmp(text, "24", 2) < 0 && text[3] < '6';
}

bool api_menu_check_clock(const char *name, const char *text, enum api_menu_clock clock,
                          struct osy_error *err)
{
    return !text || is_clock(text, clock) ||
           osy_error_set(err, OSY_ERR_INVALID, "'%s' must be a time such as 17:30", name);
}
