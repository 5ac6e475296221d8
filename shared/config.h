/*
 * Configuration: one table per program, filled from environment variables that begin with
 * ORDERSYNC_. The table is the single place that knows name, type, default, limits and help text:
 * parsing, checking, `--help` and `--check-config` all read it.
 *
 *   static const struct osy_setting settings[] = {
 *       OSY_SETTING_INT(struct hub_config, idle_ms, "ORDERSYNC_IDLE_MS", "25000", 1000, 600000,
 *                       "silence after which a socket is pinged, ms"),
 *       ...
 *       OSY_SETTING_END};
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>

#include "shared/error.h"

enum osy_setting_type {
    OSY_SETTING_TYPE_END = 0,
    OSY_SETTING_TYPE_INT,     /* int64_t field; limits are values */
    OSY_SETTING_TYPE_STRING,  /* char * field, owned by the config; limits are lengths in bytes */
    OSY_SETTING_TYPE_SECRET,  /* the same, and never printed */
    OSY_SETTING_TYPE_BOOL,    /* bool field: true/false/1/0/yes/no/on/off */
    OSY_SETTING_TYPE_CHOICE,  /* char * field; choices is "a|b|c" */
    OSY_SETTING_TYPE_ADDRESS, /* char * field: what osy_address_to_listen takes */
};

struct osy_setting {
    const char *name; /* of the environment variable */
    enum osy_setting_type type;
    size_t offset;             /* of the field in the program's config struct */
    const char *default_value; /* NULL: the variable is required */
    int64_t least, most;
    const char *choices;
    const char *help; /* one line, with the unit */
};

/* clang-format off */
#define OSY_SETTING_INT(s, f, name, def, least, most, help) \
    {name, OSY_SETTING_TYPE_INT, offsetof(s, f), def, least, most, NULL, help}
#define OSY_SETTING_STRING(s, f, name, def, least, most, help) \
    {name, OSY_SETTING_TYPE_STRING, offsetof(s, f), def, least, most, NULL, help}
#define OSY_SETTING_SECRET(s, f, name, def, least, most, help) \
    {name, OSY_SETTING_TYPE_SECRET, offsetof(s, f), def, least, most, NULL, help}
#define OSY_SETTING_BOOL(s, f, name, def, help) \
    {name, OSY_SETTING_TYPE_BOOL, offsetof(s, f), def, 0, 0, NULL, help}
#define OSY_SETTING_CHOICE(s, f, name, def, choices, help) \
    {name, OSY_SETTING_TYPE_CHOICE, offsetof(s, f), def, 0, 0, choices, help}
#define OSY_SETTING_ADDRESS(s, f, name, def, help) \
    {name, OSY_SETTING_TYPE_ADDRESS, offsetof(s, f), def, 0, 0, NULL, help}
#define OSY_SETTING_END {NULL, OSY_SETTING_TYPE_END, 0, NULL, 0, 0, NULL, NULL}
/* clang-format on */

/*
 * Fills config (zeroed by the caller) from environment, which is environ or a test's array. Fails
 * with OSY_ERR_INVALID on the first variable that is unknown (any ORDERSYNC_ name that the table
 * does not have; the nearest known name is suggested), missing or out of its limits; the message
 * names it.
 */
OSY_MUST_CHECK bool osy_config_load(const struct osy_setting *settings, char *const *environment,
                                    void *config, struct osy_error *err);
/* Frees the strings, not config, and leaves NULLs. */
void osy_config_free(const struct osy_setting *settings, void *config);
void osy_config_print_help(const struct osy_setting *settings, FILE *out); /* a row for each */
/* `--check-config`: NAME=value lines; of a secret only whether it is set. */
void osy_config_print(const struct osy_setting *settings, const void *config, FILE *out);
/* Splits "host:port" or "[v6]:port". host must hold 256 bytes. */
OSY_MUST_CHECK bool osy_address_parse(const char *text, char host[256], uint16_t *port,
                                      struct osy_error *err);
/* The same with an IP address or localhost (127.0.0.1) as its host: a name could mean several addresses. */
OSY_MUST_CHECK bool osy_address_to_listen(const char *text, struct sockaddr_storage *address,
                                          struct osy_error *err);
