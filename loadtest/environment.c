#include "loadtest/environment.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_BYTES  128
#define VALUE_BYTES 4096

static bool put(char *out, size_t *at, size_t capacity, char c)
{
    if (*at + 1 >= capacity)
        return false;
    out[(*at)++] = c;
    return true;
}

/* One word of a shell, up to unquoted white space or the end of the line. */
static bool unquote(const char *text, char *out, size_t capacity)
{
    size_t at = 0;
    char quote = '\0';
    for (; *text && *text != '\n'; text++) {
        if (quote == '\0' && (*text == '\'' || *text == '"')) {
            quote = *text;
        } else if (*text == quote) {
            quote = '\0';
        } else if (quote == '\0' && isspace((unsigned char)*text)) {
            break;
        } else {
            bool escaped = *text == '\\' && quote != '\'' && text[1] && text[1] != '\n' &&
                           (quote == '\0' || strchr("\"\\$`", text[1]));
            if (!put(out, &at, capacity, escaped ? *++text : *text))
                return false;
        }
    }
    out[at] = '\0';
    return quote == '\0';
}

bool load_environment_parse_line(const char *line, char *name, size_t name_capacity, char *value,
                                 size_t value_capacity)
{
    while (isspace((unsigned char)*line))
        line++;
    if (strncmp(line, "export ", 7) == 0)
        line += 7;
    size_t length = 0;
    while (isalnum((unsigned char)line[length]) || line[length] == '_')
        length++;
    if (length == 0 || isdigit((unsigned char)*line) || line[length] != '=' ||
        length >= name_capacity)
        return false;
    memcpy(name, line, length);
    name[length] = '\0';
    return unquote(line + length + 1, value, value_capacity);
}

bool load_environment_read(const char *path,
                           void (*on_pair)(void *context, const char *name, const char *value),
                           void *context, struct osy_error *err)
{
    char name[NAME_BYTES], value[VALUE_BYTES];
    char *line = NULL;
    size_t capacity = 0;
    FILE *file = fopen(path, "re");
    if (!file)
        return osy_error_set(err, OSY_ERR_NOT_FOUND, "%s: %s", path, strerror(errno));
    while (getline(&line, &capacity, file) >= 0)
        if (load_environment_parse_line(line, name, sizeof(name), value, sizeof(value)))
            on_pair(context, name, value);
    free(line);
    fclose(file);
    return true;
}

static void import_pair(void *context, const char *name, const char *value)
{
    (void)context;
    setenv(name, value, 0);
}

bool load_environment_import(const char *path, struct osy_error *err)
{
    return load_environment_read(path, import_pair, NULL, err);
}
