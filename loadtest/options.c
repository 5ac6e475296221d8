#include "loadtest/options.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_ENV ".local/env"

static const struct load_options defaults = {
    .tablets = 200,
    .customers = 800,
    .restaurants = 200,
    .rate = 50,
    .kitchen = -1,
    .seconds = 20,
    .ramp = 500,
    .settle = 30,
    .env = DEFAULT_ENV,
};

enum option_kind { OPTION_COUNT = 0, OPTION_RATE, OPTION_TEXT, OPTION_JITTER, OPTION_FLAG };

#define FIELD(name) offsetof(struct load_options, name)

static const struct option {
    const char *name;
    enum option_kind kind;
    size_t field;
    double least, most; /* of a number */
    const char *value, *help;
} table[] = {
    {"tablets", OPTION_COUNT, FIELD(tablets), 0, 100000, "N",
     "sockets that follow a restaurant (200)"},
    {"customers", OPTION_COUNT, FIELD(customers), 0, 100000, "N",
     "sockets that follow an order (800)"},
    {"dashboards", OPTION_COUNT, FIELD(dashboards), 0, 10000, "N",
     "sockets that follow up to 32 restaurants each (0)"},
    {"stalled", OPTION_COUNT, FIELD(stalled), 0, 100000, "N",
     "tablets' sockets that stop reading; not judged (0)"},
    {"stall-after", OPTION_COUNT, FIELD(stall_after), 0, 86400, "S",
     "seconds of load before they do (0)"},
    {"jitter", OPTION_JITTER, FIELD(jitter), 0, 0, "E:F",
     "cut each client about every E seconds for about F seconds"},
    {"ack", OPTION_FLAG, FIELD(ack), 0, 0, NULL,
     "tablets are devices, and acknowledge what reaches them"},
    {"acknowledged", OPTION_TEXT, FIELD(acknowledged), 0, 0, "FILE",
     "write the id of each order there that was answered with 201"},
    {"restaurants", OPTION_COUNT, FIELD(restaurants), 1, 60000, "N",
     "spread over so many, seeded if need be (200, at most one for each tablet)"},
    {"rate", OPTION_RATE, FIELD(rate), 0, 100000, "R", "orders per second, open loop (50)"},
    {"kitchen", OPTION_RATE, FIELD(kitchen), 0, 100000, "R",
     "status changes per second (as --rate)"},
    {"seconds", OPTION_COUNT, FIELD(seconds), 1, 86400, "S", "length of the load (20)"},
    {"ramp", OPTION_COUNT, FIELD(ramp), 1, 100000, "R",
     "sockets opened per second before it (500)"},
    {"settle", OPTION_COUNT, FIELD(settle), 0, 3600, "S",
     "wait so long for what is missing after it (30)"},
    {"url", OPTION_TEXT, FIELD(url), 0, 0, "URL", "the edge, http://... ($EDGE_URL)"},
    {"ws", OPTION_TEXT, FIELD(ws), 0, 0, "URL", "the edge, ws://... ($WS_URL)"},
    {"env", OPTION_TEXT, FIELD(env), 0, 0, "FILE", "the stack's environment (" DEFAULT_ENV ")"},
    {"json", OPTION_TEXT, FIELD(json), 0, 0, "FILE", "write all figures there as JSON"},
    {"help", OPTION_FLAG, FIELD(help), 0, 0, NULL, "print this"},
    {"version", OPTION_FLAG, FIELD(version), 0, 0, NULL, "print the version"},
};

#define OPTIONS (sizeof(table) / sizeof(*table))

static bool parse_number(const struct option *option, const char *text, double *number,
                         struct osy_error *err)
{
    char *end;
    errno = 0;
    *number = strtod(text, &end);
    bool whole = option->kind == OPTION_RATE || floor(*number) == *number;
    if (end == text || *end || errno || !isfinite(*number) || !whole || *number < option->least ||
        *number > option->most)
        return osy_error_set(err, OSY_ERR_INVALID, "--%s must be %s from %.0f to %.0f, not '%s'",
                             option->name, option->kind == OPTION_RATE ? "a number" : "an integer",
                             option->least, option->most, text);
    return true;
}

static bool is_seconds(double seconds)
{
    return isfinite(seconds) && seconds >= 0.001 && seconds <= 86400;
}

/* "15:2", in seconds; fractions are fine. */
static bool parse_jitter(const struct option *option, const char *text, struct load_jitter *jitter,
                         struct osy_error *err)
{
    char *colon, *end;
    double every_s = strtod(text, &colon);
    double for_s = *colon == ':' ? strtod(colon + 1, &end) : 0;
    if (*colon != ':' || *end || !is_seconds(every_s) || !is_seconds(for_s))
        return osy_error_set(
            err, OSY_ERR_INVALID,
            "--%s must be two numbers of seconds up to 86400, as in 15:2, not '%s'", option->name,
            text);
    *jitter = (struct load_jitter){(uint32_t)(every_s * 1000), (uint32_t)(for_s * 1000)};
    return true;
}

static bool store(struct load_options *options, const struct option *option, const char *text,
                  struct osy_error *err)
{
    void *field = (char *)options + option->field;
    double number = 0;
    switch (option->kind) {
    case OPTION_COUNT:
        if (!parse_number(option, text, &number, err))
            return false;
        *(long *)field = (long)number;
        return true;
    case OPTION_RATE: return parse_number(option, text, field, err);
    case OPTION_TEXT: *(const char **)field = text; return true;
    case OPTION_JITTER: return parse_jitter(option, text, field, err);
    case OPTION_FLAG: *(bool *)field = true; return true;
    }
    return false;
}

/* "--name", "--name=value", or NULL. */
static const struct option *find_option(const char *argument, const char **value)
{
    size_t length = strcspn(argument, "=");
    for (size_t i = 0; i < OPTIONS; i++) {
        if (length == strlen(table[i].name) + 2 && strncmp(argument, "--", 2) == 0 &&
            strncmp(argument + 2, table[i].name, length - 2) == 0) {
            *value = argument[length] == '=' ? argument + length + 1 : NULL;
            return &table[i];
        }
    }
    return NULL;
}

static void fill_dependent(struct load_options *options)
{
    if (options->kitchen < 0)
        options->kitchen = options->rate;
    if (options->tablets > 0 && options->restaurants > options->tablets)
        options->restaurants = options->tablets;
}

bool load_options_parse(struct load_options *options, int argc, char **argv, struct osy_error *err)
{
    *options = defaults;
    const char *from_environment = getenv("OSY_ENV_FILE");
    if (from_environment && *from_environment) {
        options->env = from_environment;
        options->env_is_required = true;
    }
    for (int i = 1; i < argc; i++) {
        const char *value = NULL;
        const struct option *option = find_option(argv[i], &value);
        if (!option)
            return osy_error_set(err, OSY_ERR_INVALID, "unknown argument '%s'", argv[i]);
        if (option->kind == OPTION_FLAG && value)
            return osy_error_set(err, OSY_ERR_INVALID, "--%s takes no value", option->name);
        if (option->kind != OPTION_FLAG && !value && i + 1 < argc)
            value = argv[++i];
        if (option->kind != OPTION_FLAG && !value)
            return osy_error_set(err, OSY_ERR_INVALID, "--%s needs a value", option->name);
        if (!store(options, option, value, err))
            return false;
        options->env_is_required |= option->field == FIELD(env);
    }
    fill_dependent(options);
    return true;
}

void load_options_print_help(void)
{
    puts(
        "ordersync-loadtest: opens tablets' and customers' sockets, places orders at a fixed rate,\n"
        "and checks that every event reaches every socket once, in order.\n\n"
        "Usage: ordersync-loadtest [options]\n");
    for (size_t i = 0; i < OPTIONS; i++) {
        char left[32];
        snprintf(left, sizeof(left), "--%s%s%s", table[i].name, table[i].value ? " " : "",
                 table[i].value ? table[i].value : "");
        printf("  %-18s %s\n", left, table[i].help);
    }
    puts(
        "\nThe model and what the figures mean: loadtest/README.md.\n"
        "Exit status: 0 all arrived; 1 something was lost, duplicated, out of order or left without\n"
        "an answer, or the stack failed; 2 wrong usage.");
}
