#include "shared/config.h"

#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <uv.h>

#include "shared/alloc.h"
#include "shared/buffer.h"

#define PREFIX         "ORDERSYNC_"
#define HOST_BYTES     256
#define NAME_BYTES_MAX 63 /* longer names are not compared for a suggestion */
#define TYPO_EDITS_MAX 4

/* ---- the fields behind the offsets ---- */

static int64_t *int_field(const struct osy_setting *setting, void *config)
{
    return (int64_t *)(void *)((char *)config + setting->offset);
}

static bool *bool_field(const struct osy_setting *setting, void *config)
{
    return (bool *)((char *)config + setting->offset);
}

static char **text_field(const struct osy_setting *setting, void *config)
{
    return (char **)(void *)((char *)config + setting->offset);
}

static bool holds_text(const struct osy_setting *setting)
{
    return setting->type != OSY_SETTING_TYPE_INT && setting->type != OSY_SETTING_TYPE_BOOL;
}

/* ---- reading one value ---- */

static bool read_int(const struct osy_setting *setting, const char *text, void *config,
                     struct osy_error *err)
{
    char *end;
    int64_t value;

    errno = 0;
    value = strtoimax(text, &end, 10);
    /* strtoimax would also take leading white space and a plus. */
    if ((*text != '-' && (*text < '0' || *text > '9')) || *end != '\0' || errno != 0 ||
        value < setting->least || value > setting->most)
        return osy_error_set(err, OSY_ERR_INVALID,
                             "%s must be an integer from %" PRId64 " to %" PRId64, setting->name,
                             setting->least, setting->most);
    *int_field(setting, config) = value;
    return true;
}

static bool read_bool(const struct osy_setting *setting, const char *text, void *config,
                      struct osy_error *err)
{
    static const char *const words[] = {"false", "true", "0", "1", "no", "yes", "off", "on"};

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcasecmp(text, words[i]) == 0) {
            *bool_field(setting, config) = i % 2 == 1;
            return true;
        }
    }
    return osy_error_set(err, OSY_ERR_INVALID, "%s must be true or false", setting->name);
}

static bool is_choice(const char *choices, const char *text)
{
    size_t length = strlen(text);

    for (const char *choice = choices; choice; choice = strchr(choice, '|')) {
        choice += *choice == '|';
        if (strcspn(choice, "|") == length && strncmp(choice, text, length) == 0)
            return true;
    }
    return false;
}

static bool check_text(const struct osy_setting *setting, const char *text, struct osy_error *err)
{
    struct sockaddr_storage address;
    int64_t length = (int64_t)strlen(text);

    if (setting->type == OSY_SETTING_TYPE_CHOICE && !is_choice(setting->choices, text))
        return osy_error_set(err, OSY_ERR_INVALID, "%s must be one of %s", setting->name,
                             setting->choices);
    if (setting->type == OSY_SETTING_TYPE_ADDRESS && !osy_address_to_listen(text, &address, err))
        return osy_error_prefix(err, "%s", setting->name);
    if ((setting->type == OSY_SETTING_TYPE_STRING || setting->type == OSY_SETTING_TYPE_SECRET) &&
        (length < setting->least || length > setting->most))
        return osy_error_set(err, OSY_ERR_INVALID, "%s must have %" PRId64 " to %" PRId64 " bytes",
                             setting->name, setting->least, setting->most);
    return true;
}

static bool read_setting(const struct osy_setting *setting, const char *text, void *config,
                         struct osy_error *err)
{
    if (setting->type == OSY_SETTING_TYPE_INT)
        return read_int(setting, text, config, err);
    if (setting->type == OSY_SETTING_TYPE_BOOL)
        return read_bool(setting, text, config, err);
    if (!check_text(setting, text, err))
        return false;
    *text_field(setting, config) = osy_strdup(text);
    return true;
}

/* ---- names ---- */

static const char *find_value(char *const *environment, const char *name)
{
    size_t length = strlen(name);

    for (; *environment; environment++) {
        if (strncmp(*environment, name, length) == 0 && (*environment)[length] == '=')
            return *environment + length + 1;
    }
    return NULL;
}

static bool is_known(const struct osy_setting *settings, const char *name, size_t length)
{
    for (; settings->name; settings++) {
        if (strlen(settings->name) == length && memcmp(settings->name, name, length) == 0)
            return true;
    }
    return false;
}

static size_t least_of(size_t a, size_t b, size_t c)
{
    size_t least = a < b ? a : b;

    return least < c ? least : c;
}

/* Levenshtein's distance, one row of the table at a time. Both are at most NAME_BYTES_MAX long. */
static size_t count_edits(const char *a, size_t a_length, const char *b, size_t b_length)
{
    size_t row[NAME_BYTES_MAX + 1];

    for (size_t j = 0; j <= b_length; j++)
        row[j] = j;
    for (size_t i = 1; i <= a_length; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            size_t above = row[j];

            row[j] = least_of(above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
            diagonal = above;
        }
    }
    return row[b_length];
}

static const char *nearest_name(const struct osy_setting *settings, const char *name, size_t length)
{
    const char *nearest = NULL;
    size_t fewest = TYPO_EDITS_MAX + 1;

    for (; settings->name && length <= NAME_BYTES_MAX; settings++) {
        size_t known = strlen(settings->name);
        size_t edits =
            known <= NAME_BYTES_MAX ? count_edits(name, length, settings->name, known) : fewest;

        if (edits < fewest) {
            fewest = edits;
            nearest = settings->name;
        }
    }
    return nearest;
}

static bool refuse_unknown_names(const struct osy_setting *settings, char *const *environment,
                                 struct osy_error *err)
{
    for (; *environment; environment++) {
        const char *name = *environment, *nearest;
        size_t length = strcspn(name, "=");

        if (strncmp(name, PREFIX, strlen(PREFIX)) != 0 || is_known(settings, name, length))
            continue;
        nearest = nearest_name(settings, name, length);
        return osy_error_set(err, OSY_ERR_INVALID, "%.*s is not a known setting%s%s%s",
                             (int)(length < NAME_BYTES_MAX ? length : NAME_BYTES_MAX), name,
                             nearest ? " (did you mean " : "", nearest ? nearest : "",
                             nearest ? "?)" : "");
    }
    return true;
}

/* ---- the table as a whole ---- */

bool osy_config_load(const struct osy_setting *settings, char *const *environment, void *config,
                     struct osy_error *err)
{
    if (!refuse_unknown_names(settings, environment, err))
        return false;
    for (const struct osy_setting *setting = settings; setting->name; setting++) {
        const char *text = find_value(environment, setting->name);

        if (!text)
            text = setting->default_value;
        if (!text)
            osy_error_set(err, OSY_ERR_INVALID, "%s is required: %s", setting->name, setting->help);
        if (!text || !read_setting(setting, text, config, err)) {
            osy_config_free(settings, config);
            return false;
        }
    }
    return true;
}

void osy_config_free(const struct osy_setting *settings, void *config)
{
    for (; settings->name; settings++) {
        if (!holds_text(settings))
            continue;
        free(*text_field(settings, config));
        *text_field(settings, config) = NULL;
    }
}

static void describe_values(const struct osy_setting *setting, struct osy_buffer *out)
{
    osy_buffer_clear(out);
    switch (setting->type) {
    case OSY_SETTING_TYPE_INT:
        osy_buffer_printf(out, "%" PRId64 " to %" PRId64, setting->least, setting->most);
        break;
    case OSY_SETTING_TYPE_STRING: osy_buffer_text(out, "text"); break;
    case OSY_SETTING_TYPE_SECRET: osy_buffer_text(out, "secret text"); break;
    case OSY_SETTING_TYPE_BOOL: osy_buffer_text(out, "true|false"); break;
    case OSY_SETTING_TYPE_CHOICE: osy_buffer_text(out, setting->choices); break;
    case OSY_SETTING_TYPE_ADDRESS: osy_buffer_text(out, "ip:port"); break;
    case OSY_SETTING_TYPE_END: break;
    }
}

static const char *describe_default(const struct osy_setting *setting)
{
    if (!setting->default_value)
        return "(required)";
    return setting->default_value[0] != '\0' ? setting->default_value : "(empty)";
}

static int wider(int width, const char *text)
{
    int length = (int)strlen(text);

    return length > width ? length : width;
}

void osy_config_print_help(const struct osy_setting *settings, FILE *out)
{
    struct osy_buffer values = OSY_BUFFER_INIT;
    int name_width = wider(0, "VARIABLE"), value_width = wider(0, "VALUES");
    int default_width = wider(0, "DEFAULT");

    for (const struct osy_setting *setting = settings; setting->name; setting++) {
        describe_values(setting, &values);
        name_width = wider(name_width, setting->name);
        value_width = wider(value_width, values.bytes);
        default_width = wider(default_width, describe_default(setting));
    }
    fprintf(out, "  %-*s  %-*s  %-*s  %s\n", name_width, "VARIABLE", value_width, "VALUES",
            default_width, "DEFAULT", "MEANING");
    for (const struct osy_setting *setting = settings; setting->name; setting++) {
        describe_values(setting, &values);
        fprintf(out, "  %-*s  %-*s  %-*s  %s\n", name_width, setting->name, value_width,
                values.bytes, default_width, describe_default(setting), setting->help);
    }
    osy_buffer_deinit(&values);
}

void osy_config_print(const struct osy_setting *settings, const void *config, FILE *out)
{
    for (; settings->name; settings++) {
        void *fields = (void *)(uintptr_t)config; /* the accessors also write; here nobody does */

        fprintf(out, "%s=", settings->name);
        if (settings->type == OSY_SETTING_TYPE_INT)
            fprintf(out, "%" PRId64 "\n", *int_field(settings, fields));
        else if (settings->type == OSY_SETTING_TYPE_BOOL)
            fprintf(out, "%s\n", *bool_field(settings, fields) ? "true" : "false");
        else if (settings->type == OSY_SETTING_TYPE_SECRET)
            fprintf(out, "%s\n", (*text_field(settings, fields))[0] ? "(set)" : "");
        else
            fprintf(out, "%s\n", *text_field(settings, fields));
    }
}

/* ---- addresses ---- */

static bool parse_port(const char *text, uint16_t *port)
{
    unsigned value = 0;
    size_t length = strlen(text);

    if (length == 0 || length > 5 || strspn(text, "0123456789") != length)
        return false;
    for (size_t i = 0; i < length; i++)
        value = value * 10 + (unsigned)(text[i] - '0');
    *port = (uint16_t)value;
    return value <= UINT16_MAX;
}

bool osy_address_parse(const char *text, char host[HOST_BYTES], uint16_t *port,
                       struct osy_error *err)
{
    const char *colon = strrchr(text, ':'), *begin = text, *end = colon;

    if (colon && text[0] == '[') {
        begin = text + 1;
        end = colon > begin && colon[-1] == ']' ? colon - 1 : begin;
    }
    /* A colon in an unbracketed host is an IPv6 address that could end anywhere. */
    if (!colon || end <= begin || end - begin >= HOST_BYTES ||
        (begin == text && memchr(begin, ':', (size_t)(end - begin))) ||
        memchr(begin, ']', (size_t)(end - begin)) || !parse_port(colon + 1, port))
        return osy_error_set(err, OSY_ERR_INVALID, "an address is host:port or [ipv6]:port");
    memcpy(host, begin, (size_t)(end - begin));
    host[end - begin] = '\0';
    return true;
}

bool osy_address_to_listen(const char *text, struct sockaddr_storage *address,
                           struct osy_error *err)
{
    char host[HOST_BYTES];
    uint16_t port = 0;

    if (!osy_address_parse(text, host, &port, err))
        return false;
    const char *ip = strcmp(host, "localhost") == 0 ? "127.0.0.1" : host;
    return uv_ip4_addr(ip, port, (struct sockaddr_in *)(void *)address) == 0 ||
           uv_ip6_addr(ip, port, (struct sockaddr_in6 *)(void *)address) == 0 ||
           osy_error_set(err, OSY_ERR_INVALID, "'%s' is not an IP address to listen on", host);
}
