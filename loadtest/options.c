#include "loadtest/options.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loadtest/scenario.h"

#define DEFAULT_ENV     ".local/env"
#define DEFAULT_SECONDS 20

static const struct load_options defaults = {
    .tablets = 200,
    .customers = 800,
    .restaurants = 200,
    .rate = 50,
    .kitchen = -1,
    .ramp = 500,
    .settle = 30,
    .env = DEFAULT_ENV,
};

enum option_kind {
    OPTION_COUNT = 0,
    OPTION_RATE,
    OPTION_TEXT,
    OPTION_JITTER,
    OPTION_COOK,
    OPTION_FLAG,
};

#define FIELD(name) offsetof(struct load_options, name)
#define OF_LOAD     true  /* a scenario may set it */
#define OF_RUN      false /* it belongs to this run on this machine */

static const struct option {
    const char *name;
    enum option_kind kind;
    bool is_of_load;
    size_t field;
    double least, most; /* of a number */
    const char *value, *help;
} table[] = {
    {"tablets", OPTION_COUNT, OF_LOAD, FIELD(tablets), 0, 100000, "N",
     "sockets that follow a restaurant (200)"},
    {"customers", OPTION_COUNT, OF_LOAD, FIELD(customers), 0, 100000, "N",
     "sockets that follow an order (800)"},
    {"dashboards", OPTION_COUNT, OF_LOAD, FIELD(dashboards), 0, 10000, "N",
     "sockets that follow up to 32 restaurants each (0)"},
    {"stalled", OPTION_COUNT, OF_LOAD, FIELD(stalled), 0, 100000, "N",
     "tablets' sockets that stop reading; not judged (0)"},
    {"stall-after", OPTION_COUNT, OF_LOAD, FIELD(stall_after), 0, 86400, "S",
     "seconds of load before they do (0)"},
    {"jitter", OPTION_JITTER, OF_LOAD, FIELD(jitter), 0, 0, "E:F",
     "cut each client about every E seconds for about F seconds"},
    {"ack", OPTION_FLAG, OF_LOAD, FIELD(ack), 0, 0, NULL,
     "tablets are devices, and acknowledge what reaches them"},
    {"walk-in", OPTION_FLAG, OF_LOAD, FIELD(walk_in), 0, 0, NULL,
     "the load's orders are followed by nobody; customers stay with the order before it"},
    {"restaurants", OPTION_COUNT, OF_LOAD, FIELD(restaurants), 1, 60000, "N",
     "spread over so many, seeded if need be (200, at most one for each tablet)"},
    {"skew", OPTION_RATE, OF_LOAD, FIELD(skew), 0, 3, "S",
     "orders and customers by Zipf's law: 0 even, 1 as popularity is (0)"},
    {"rate", OPTION_RATE, OF_LOAD, FIELD(rate), 0, 100000, "R",
     "orders per second, open loop (50)"},
    {"kitchen", OPTION_RATE, OF_LOAD, FIELD(kitchen), 0, 100000, "R",
     "status changes per second (as --rate)"},
    {"cook", OPTION_COOK, OF_LOAD, FIELD(cook), 0, 0, "A:P:R:C",
     "each order is accepted, prepared, ready, complete after random delays of these means in "
     "seconds; --kitchen (4 times --rate) is then the most changes per second"},
    {"seconds", OPTION_COUNT, OF_LOAD, FIELD(seconds), 1, 86400, "S",
     "length of the load (20); stretches a scenario's phases"},
    {"ramp", OPTION_COUNT, OF_LOAD, FIELD(ramp), 1, 100000, "R",
     "sockets opened per second before it (500)"},
    {"settle", OPTION_COUNT, OF_LOAD, FIELD(settle), 0, 3600, "S",
     "wait so long for what is missing after it (30)"},
    {"scenario", OPTION_TEXT, OF_RUN, FIELD(scenario), 0, 0, "FILE",
     "begin with what it says (loadtest/scenarios/); options here go before it"},
    {"generators", OPTION_COUNT, OF_RUN, FIELD(generators), 0, LOAD_GENERATORS_MAX, "N",
     "processes that share the load, at most one for each restaurant (0: by need)"},
    {"acknowledged", OPTION_TEXT, OF_RUN, FIELD(acknowledged), 0, 0, "FILE",
     "write the id of each order there that was answered with 201"},
    {"url", OPTION_TEXT, OF_RUN, FIELD(url), 0, 0, "URL", "the edge, http://... ($EDGE_URL)"},
    {"ws", OPTION_TEXT, OF_RUN, FIELD(ws), 0, 0, "URL", "the edge, ws://... ($WS_URL)"},
    {"env", OPTION_TEXT, OF_RUN, FIELD(env), 0, 0, "FILE",
     "the stack's environment (" DEFAULT_ENV ")"},
    {"json", OPTION_TEXT, OF_RUN, FIELD(json), 0, 0, "FILE", "write all figures there as JSON"},
    {"out", OPTION_TEXT, OF_RUN, FIELD(out), 0, 0, "DIR",
     "write report.json and report.html there"},
    {"help", OPTION_FLAG, OF_RUN, FIELD(help), 0, 0, NULL, "print this"},
    {"version", OPTION_FLAG, OF_RUN, FIELD(version), 0, 0, NULL, "print the version"},
};

#define OPTIONS (sizeof(table) / sizeof(*table))

/* subject: how messages name the option; "--tablets" or "'tablets'". */
static bool parse_number(const struct option *option, const char *subject, const char *text,
                         double *number, struct osy_error *err)
{
    char *end;
    errno = 0;
    *number = strtod(text, &end);
    bool whole = option->kind == OPTION_RATE || floor(*number) == *number;
    if (end == text || *end || errno || !isfinite(*number) || !whole || *number < option->least ||
        *number > option->most)
        return osy_error_set(err, OSY_ERR_INVALID, "%s must be %s from %.0f to %.0f, not '%s'",
                             subject, option->kind == OPTION_RATE ? "a number" : "an integer",
                             option->least, option->most, text);
    return true;
}

static bool is_seconds(double seconds)
{
    return isfinite(seconds) && seconds >= 0.001 && seconds <= 86400;
}

/* count numbers of seconds with colons between them; fractions are fine. */
static bool parse_seconds(const char *text, double *seconds, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char *end;
        seconds[i] = strtod(text, &end);
        if (end == text || *end != (i + 1 < count ? ':' : '\0') || !is_seconds(seconds[i]))
            return false;
        text = end + 1;
    }
    return true;
}

static bool parse_jitter(const char *subject, const char *text, struct load_jitter *jitter,
                         struct osy_error *err)
{
    double seconds[2];
    if (!parse_seconds(text, seconds, 2))
        return osy_error_set(err, OSY_ERR_INVALID,
                             "%s must be two numbers of seconds up to 86400, as in 15:2, not '%s'",
                             subject, text);
    *jitter = (struct load_jitter){(uint32_t)(seconds[0] * 1000), (uint32_t)(seconds[1] * 1000)};
    return true;
}

static bool parse_cook(const char *subject, const char *text, struct load_cook *cook,
                       struct osy_error *err)
{
    if (!parse_seconds(text, cook->mean_s, LOAD_COOK_STEPS))
        return osy_error_set(
            err, OSY_ERR_INVALID,
            "%s must be four numbers of seconds up to 86400, as in 2:5:10:5, not '%s'", subject,
            text);
    cook->is_set = true;
    return true;
}

static bool store(struct load_options *options, const struct option *option, const char *subject,
                  const char *text, struct osy_error *err)
{
    void *field = (char *)options + option->field;
    double number = 0;
    switch (option->kind) {
    case OPTION_COUNT:
        if (!parse_number(option, subject, text, &number, err))
            return false;
        *(long *)field = (long)number;
        return true;
    case OPTION_RATE: return parse_number(option, subject, text, field, err);
    case OPTION_TEXT: *(const char **)field = text; return true;
    case OPTION_JITTER: return parse_jitter(subject, text, field, err);
    case OPTION_COOK: return parse_cook(subject, text, field, err);
    case OPTION_FLAG: *(bool *)field = strcmp(text, "true") == 0; return true;
    }
    return false;
}

static enum load_value value_of(enum option_kind kind)
{
    if (kind == OPTION_FLAG)
        return LOAD_VALUE_BOOL;
    return kind == OPTION_COUNT || kind == OPTION_RATE ? LOAD_VALUE_NUMBER : LOAD_VALUE_TEXT;
}

bool load_options_set(struct load_options *options, const char *name, enum load_value kind,
                      const char *text, struct osy_error *err)
{
    static const char *const kinds[] = {"a number", "a text", "true or false"};
    char subject[64];
    for (size_t i = 0; i < OPTIONS; i++) {
        if (!table[i].is_of_load || strcmp(table[i].name, name) != 0)
            continue;
        if (kind != value_of(table[i].kind))
            return osy_error_set(err, OSY_ERR_INVALID, "'%s' must be %s", name,
                                 kinds[value_of(table[i].kind)]);
        snprintf(subject, sizeof(subject), "'%s'", name);
        return store(options, &table[i], subject, text, err);
    }
    return osy_error_set(err, OSY_ERR_INVALID, "'%s' is not a known field", name);
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
    double length = 0;
    if (options->kitchen < 0)
        options->kitchen = options->cook.is_set ? LOAD_COOK_STEPS * options->rate : options->rate;
    if (options->tablets > 0 && options->restaurants > options->tablets)
        options->restaurants = options->tablets;
    if (options->phase_count == 0) {
        options->phases[options->phase_count++] =
            (struct load_phase){.name = "load", .seconds = DEFAULT_SECONDS, .from = 1, .to = 1};
    }
    for (size_t i = 0; i < options->phase_count; i++)
        length += options->phases[i].seconds;
    double stretch = options->seconds > 0 ? (double)options->seconds / length : 1;
    for (size_t i = 0; i < options->phase_count; i++)
        options->phases[i].seconds *= stretch;
    options->seconds = (long)ceil(length * stretch);
}

/* Takes argv[*at] and, where it needs one, the value behind it. */
static bool take_argument(struct load_options *options, int argc, char **argv, int *at,
                          struct osy_error *err)
{
    const char *value = NULL;
    const struct option *option = find_option(argv[*at], &value);
    if (!option)
        return osy_error_set(err, OSY_ERR_INVALID, "unknown argument '%s'", argv[*at]);
    if (option->kind == OPTION_FLAG && value)
        return osy_error_set(err, OSY_ERR_INVALID, "--%s takes no value", option->name);
    if (option->kind == OPTION_FLAG)
        value = "true";
    else if (!value && *at + 1 < argc)
        value = argv[++*at];
    if (!value)
        return osy_error_set(err, OSY_ERR_INVALID, "--%s needs a value", option->name);
    char subject[64];
    snprintf(subject, sizeof(subject), "--%s", option->name);
    options->env_is_required |= option->field == FIELD(env);
    return store(options, option, subject, value, err);
}

static bool take_arguments(struct load_options *options, int argc, char **argv,
                           struct osy_error *err)
{
    for (int i = 1; i < argc; i++)
        if (!take_argument(options, argc, argv, &i, err))
            return false;
    return true;
}

bool load_options_parse(struct load_options *options, int argc, char **argv, struct osy_error *err)
{
    *options = defaults;
    const char *from_environment = getenv("OSY_ENV_FILE");
    if (from_environment && *from_environment) {
        options->env = from_environment;
        options->env_is_required = true;
    }
    if (!take_arguments(options, argc, argv, err))
        return false;
    if (options->scenario && !options->help && !options->version) {
        /* Once more from the beginning, because the arguments go before the file that they name. */
        const char *scenario = options->scenario, *env = options->env;
        *options = defaults;
        options->env = env;
        if (!load_scenario_read(options, scenario, err) ||
            !take_arguments(options, argc, argv, err))
            return false;
        options->env_is_required = env != defaults.env;
    }
    fill_dependent(options);
    return true;
}

static void print_option(const struct option *option)
{
    char left[32];
    snprintf(left, sizeof(left), "--%s%s%s", option->name, option->value ? " " : "",
             option->value ? option->value : "");
    printf("  %-18s %s\n", left, option->help);
}

static void print_options(bool is_of_load)
{
    for (size_t i = 0; i < OPTIONS; i++)
        if (table[i].is_of_load == is_of_load)
            print_option(&table[i]);
}

void load_options_print_help(void)
{
    puts(
        "ordersync-loadtest: opens tablets' and customers' sockets, places orders at a fixed rate,\n"
        "and checks that every event reaches every socket once, in order.\n\n"
        "Usage: ordersync-loadtest [options]\n"
        "       ordersync-loadtest compare A[,A2...] B[,B2...]   (compare --help tells more)\n\n"
        "The load; a scenario file sets these by the same names:");
    print_options(OF_LOAD);
    puts("\nThe run:");
    print_options(OF_RUN);
    puts(
        "\nThe model and what the figures mean: loadtest/README.md.\n"
        "Exit status: 0 all arrived; 1 something was lost, duplicated, out of order or left without\n"
        "an answer, every order was refused, or the stack failed; 2 wrong usage.");
}
