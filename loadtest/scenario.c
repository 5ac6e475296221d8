#include "loadtest/scenario.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loadtest/options.h"
#include "shared/json.h"

#define FILE_BYTES   65536
#define PHASE_MOST_S 86400
#define FACTOR_MOST  1000
#define AWAY_S       2

static bool is_number_within(json_t *value, double least, double most)
{
    double number = json_number_value(value);
    return json_is_number(value) && number >= least && number <= most;
}

/* A number, or [from, to]. */
static bool read_factor(json_t *value, const char *where, struct load_phase *phase,
                        struct osy_error *err)
{
    bool is_pair = json_is_array(value) && json_array_size(value) == 2;
    json_t *from = is_pair ? json_array_get(value, 0) : value;
    json_t *to = is_pair ? json_array_get(value, 1) : value;
    if (!is_number_within(from, 0, FACTOR_MOST) || !is_number_within(to, 0, FACTOR_MOST))
        return osy_error_set(err, OSY_ERR_INVALID,
                             "'%s.rate' must be a factor from 0 to %d, or [from, to]", where,
                             FACTOR_MOST);
    phase->from = json_number_value(from);
    phase->to = json_number_value(to);
    return true;
}

static bool read_name(json_t *value, const char *where, struct load_phase *phase,
                      struct osy_error *err)
{
    size_t length = json_string_length(value);
    if (!json_is_string(value) || length == 0 || length >= sizeof(phase->name))
        return osy_error_set(err, OSY_ERR_INVALID, "'%s.name' must be a text of 1 to %zu bytes",
                             where, sizeof(phase->name) - 1);
    memcpy(phase->name, json_string_value(value), length + 1);
    return true;
}

static bool read_number(json_t *value, const char *where, const char *key, double least,
                        double most, double *number, struct osy_error *err)
{
    if (!is_number_within(value, least, most))
        return osy_error_set(err, OSY_ERR_INVALID, "'%s.%s' must be a number from %g to %g", where,
                             key, least, most);
    *number = json_number_value(value);
    return true;
}

static bool read_phase_field(struct load_phase *phase, const char *where, const char *key,
                             json_t *value, struct osy_error *err)
{
    double away_s = 0;
    if (strcmp(key, "name") == 0)
        return read_name(value, where, phase, err);
    if (strcmp(key, "rate") == 0)
        return read_factor(value, where, phase, err);
    if (strcmp(key, "seconds") == 0)
        return read_number(value, where, key, 0.1, PHASE_MOST_S, &phase->seconds, err);
    if (strcmp(key, "cut") == 0)
        return read_number(value, where, key, 0, 1, &phase->cut, err);
    if (strcmp(key, "away") != 0)
        return osy_error_set(err, OSY_ERR_INVALID, "'%s.%s' is not a known field", where, key);
    if (!read_number(value, where, key, 0.001, PHASE_MOST_S, &away_s, err))
        return false;
    phase->away_ms = (uint32_t)(away_s * 1000);
    return true;
}

static bool read_phase(struct load_phase *phase, size_t number, json_t *object,
                       struct osy_error *err)
{
    char where[32];
    const char *key;
    json_t *value;
    snprintf(where, sizeof(where), "phases[%zu]", number);
    *phase = (struct load_phase){.from = 1, .to = 1, .away_ms = AWAY_S * 1000};
    snprintf(phase->name, sizeof(phase->name), "%zu", number + 1);
    if (!json_is_object(object))
        return osy_error_set(err, OSY_ERR_INVALID, "'%s' must be an object", where);
    json_object_foreach(object, key, value)
    {
        if (!read_phase_field(phase, where, key, value, err))
            return false;
    }
    return phase->seconds > 0 ||
           osy_error_set(err, OSY_ERR_INVALID, "'%s.seconds' is missing", where);
}

static bool read_phases(struct load_options *options, json_t *phases, struct osy_error *err)
{
    size_t index, count = json_array_size(phases);
    json_t *phase;
    if (!json_is_array(phases) || count == 0 || count > LOAD_PHASES)
        return osy_error_set(err, OSY_ERR_INVALID, "'phases' must be an array of 1 to %d phases",
                             LOAD_PHASES);
    json_array_foreach(phases, index, phase)
    {
        if (!read_phase(&options->phases[index], index, phase, err))
            return false;
    }
    options->phase_count = count;
    return true;
}

static bool read_option(struct load_options *options, const char *key, json_t *value,
                        struct osy_error *err)
{
    char text[64];
    if (json_is_string(value))
        return load_options_set(options, key, LOAD_VALUE_TEXT, json_string_value(value), err);
    if (json_is_boolean(value))
        return load_options_set(options, key, LOAD_VALUE_BOOL,
                                json_is_true(value) ? "true" : "false", err);
    if (!json_is_number(value))
        return osy_error_set(err, OSY_ERR_INVALID, "'%s' must be a number, a text, true or false",
                             key);
    snprintf(text, sizeof(text), "%.15g", json_number_value(value));
    return load_options_set(options, key, LOAD_VALUE_NUMBER, text, err);
}

static bool read_field(struct load_options *options, const char *key, json_t *value,
                       struct osy_error *err)
{
    if (strcmp(key, "phases") == 0)
        return read_phases(options, value, err);
    if (strcmp(key, "description") != 0)
        return read_option(options, key, value, err);
    return json_is_string(value) ||
           osy_error_set(err, OSY_ERR_INVALID, "'description' must be a text");
}

bool load_scenario_parse(struct load_options *options, const char *text, size_t length,
                         struct osy_error *err)
{
    const char *key;
    json_t *value, *scenario = osy_json_parse(text, length, JSON_OBJECT, err);
    bool ok = scenario;
    json_object_foreach(scenario, key, value)
    {
        ok = ok && read_field(options, key, value, err);
    }
    json_decref(scenario);
    return ok;
}

bool load_scenario_read(struct load_options *options, const char *path, struct osy_error *err)
{
    static char text[FILE_BYTES + 1];
    FILE *file = fopen(path, "re");
    if (!file)
        return osy_error_set(err, OSY_ERR_NOT_FOUND, "%s: %s", path, strerror(errno));
    size_t length = fread(text, 1, sizeof(text), file);
    bool ok = !ferror(file);
    fclose(file);
    if (!ok || length > FILE_BYTES)
        return osy_error_set(err, OSY_ERR_INVALID, "%s: cannot be read, or has more than %d bytes",
                             path, FILE_BYTES);
    return load_scenario_parse(options, text, length, err) || osy_error_prefix(err, "%s", path);
}
