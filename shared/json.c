#include "shared/json.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "shared/utf8.h"
#include "shared/uuid.h"

#define NAME_BYTES_MAX 40 /* of a foreign field's name in an error */

/* Behind the string that begins at `at` (its opening quote), or `length` when it does not end. */
static size_t skip_string(const char *bytes, size_t length, size_t at)
{
    for (at++; at < length; at++) {
        if (bytes[at] == '\\')
            at++;
        else if (bytes[at] == '"')
            return at + 1;
    }
    return length;
}

/* What ends a number or a word. Tables, because this looks at every byte of every body. */
static const bool ends_scalar[256] = {
    [' '] = true, ['\t'] = true, ['\n'] = true, ['\r'] = true, ['{'] = true, ['}'] = true,
    ['['] = true, [']'] = true,  [':'] = true,  [','] = true,  ['"'] = true,
};

/* All else costs the parser memory: a container, a string, a number or a word. */
static const bool is_free[256] = {
    [' '] = true, ['\t'] = true, ['\n'] = true, ['\r'] = true,
    ['}'] = true, [']'] = true,  [':'] = true,  [','] = true,
};

static size_t skip_scalar(const char *bytes, size_t length, size_t at)
{
    while (at < length && !ends_scalar[(unsigned char)bytes[at]])
        at++;
    return at;
}

static bool is_short_enough(size_t length, size_t most, const char *what, struct osy_error *err)
{
    return length <= most ||
           osy_error_set(err, OSY_ERR_LIMIT, "the JSON text has %s of more than %zu bytes", what,
                         most);
}

bool osy_json_within_limits(const char *bytes, size_t length, struct osy_error *err)
{
    size_t depth = 0, tokens = 0;

    if (length > 0 && memchr(bytes, '\0', length))
        return osy_error_set(err, OSY_ERR_INVALID, "the JSON text has a NUL character");
    for (size_t at = 0; at < length;) {
        unsigned char c = (unsigned char)bytes[at];
        size_t began = at;

        if (!is_free[c] && ++tokens > OSY_JSON_TOKENS_MAX)
            return osy_error_set(err, OSY_ERR_LIMIT, "the JSON text has more than %d values",
                                 OSY_JSON_TOKENS_MAX);
        if ((c == '{' || c == '[') && ++depth > OSY_JSON_DEPTH_MAX)
            return osy_error_set(err, OSY_ERR_LIMIT, "the JSON text is nested deeper than %d",
                                 OSY_JSON_DEPTH_MAX);
        if ((c == '}' || c == ']') && depth > 0)
            depth--;
        if (c == '"') {
            at = skip_string(bytes, length, at);
            if (!is_short_enough(at - began, OSY_JSON_STRING_MAX + 2, "a string", err))
                return false;
        } else if (ends_scalar[c]) {
            at++;
        } else {
            at = skip_scalar(bytes, length, at);
            if (!is_short_enough(at - began, OSY_JSON_SCALAR_MAX, "a number", err))
                return false;
        }
    }
    return true;
}

/* Explicitly, with randomness of jansson's own choice: chosen keys must not collide. */
static void seed_hashes(void)
{
    json_object_seed(0);
}

static const char *type_name(json_type type)
{
    switch (type) {
    case JSON_OBJECT: return "an object";
    case JSON_ARRAY: return "an array";
    case JSON_STRING: return "a string";
    case JSON_INTEGER: return "an integer";
    case JSON_REAL: return "a number";
    case JSON_TRUE:
    case JSON_FALSE: return "a boolean";
    case JSON_NULL: break;
    }
    return "null";
}

json_t *osy_json_parse(const char *bytes, size_t length, json_type top, struct osy_error *err)
{
    static pthread_once_t seeded = PTHREAD_ONCE_INIT;
    json_error_t failure;
    json_t *root;

    if (!osy_json_within_limits(bytes, length, err))
        return NULL;
    pthread_once(&seeded, seed_hashes);
    root = json_loadb(bytes, length, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &failure);
    if (!root) {
        /* jansson's own text quotes the input, which may be personal. */
        bool duplicate = json_error_code(&failure) == json_error_duplicate_key;

        osy_error_set(err, OSY_ERR_INVALID, "%s at line %d, column %d",
                      duplicate ? "a field occurs twice" : "not valid JSON", failure.line,
                      failure.column);
        return NULL;
    }
    if (json_typeof(root) != top) {
        json_decref(root);
        osy_error_set(err, OSY_ERR_INVALID, "the JSON text must be %s", type_name(top));
        return NULL;
    }
    return root;
}

static bool refuse(const char *path, const struct osy_json_field *field, const char *unit,
                   struct osy_error *err)
{
    return osy_error_set(err, OSY_ERR_INVALID, "'%s%s' must be %s of %lld to %lld %s", path,
                         field->name, field->kind == OSY_JSON_ARRAY ? "an array" : "a string",
                         (long long)field->least, (long long)field->most, unit);
}

static bool is_between(const struct osy_json_field *field, int64_t value)
{
    return value >= field->least && value <= field->most;
}

static bool read_string(const json_t *value, const char *path, const struct osy_json_field *field,
                        struct osy_error *err)
{
    const char *text = json_string_value(value);
    size_t length = json_string_length(value);

    /* jansson gives valid UTF-8 only, and no U+0000, unless somebody builds the tree by hand. */
    if (!text || strlen(text) != length ||
        !is_between(field, (int64_t)osy_utf8_count(text, length)))
        return refuse(path, field, "characters", err);
    *(const char **)field->target = text;
    return true;
}

static bool read_integer(const json_t *value, const char *path, const struct osy_json_field *field,
                         struct osy_error *err)
{
    if (!json_is_integer(value) || !is_between(field, json_integer_value(value)))
        return osy_error_set(err, OSY_ERR_INVALID, "'%s%s' must be an integer from %lld to %lld",
                             path, field->name, (long long)field->least, (long long)field->most);
    *(int64_t *)field->target = json_integer_value(value);
    return true;
}

static bool read_bool(const json_t *value, const char *path, const struct osy_json_field *field,
                      struct osy_error *err)
{
    if (!json_is_boolean(value))
        return osy_error_set(err, OSY_ERR_INVALID, "'%s%s' must be true or false", path,
                             field->name);
    *(bool *)field->target = json_is_true(value);
    return true;
}

static bool read_uuid(const json_t *value, const char *path, const struct osy_json_field *field,
                      struct osy_error *err)
{
    const char *text = json_string_value(value);

    if (!text || !osy_uuid_parse(text, json_string_length(value), field->target))
        return osy_error_set(err, OSY_ERR_INVALID, "'%s%s' must be a UUID", path, field->name);
    return true;
}

static bool read_object(json_t *value, const char *path, const struct osy_json_field *field,
                        struct osy_error *err)
{
    if (!json_is_object(value))
        return osy_error_set(err, OSY_ERR_INVALID, "'%s%s' must be an object", path, field->name);
    *(json_t **)field->target = value;
    return true;
}

static bool read_array(json_t *value, const char *path, const struct osy_json_field *field,
                       struct osy_error *err)
{
    if (!json_is_array(value) || !is_between(field, (int64_t)json_array_size(value)))
        return refuse(path, field, "elements", err);
    *(json_t **)field->target = value;
    return true;
}

static bool read_field(json_t *value, const char *path, const struct osy_json_field *field,
                       struct osy_error *err)
{
    if (!value || json_is_null(value)) {
        if (field->optional)
            return true;
        return osy_error_set(err, OSY_ERR_INVALID, "'%s%s' is missing", path, field->name);
    }
    switch (field->kind) {
    case OSY_JSON_STRING: return read_string(value, path, field, err);
    case OSY_JSON_INTEGER: return read_integer(value, path, field, err);
    case OSY_JSON_BOOL: return read_bool(value, path, field, err);
    case OSY_JSON_UUID: return read_uuid(value, path, field, err);
    case OSY_JSON_OBJECT: return read_object(value, path, field, err);
    case OSY_JSON_ARRAY: return read_array(value, path, field, err);
    case OSY_JSON_END: break;
    }
    abort(); /* a kind that the table cannot have */
}

static bool is_known(const struct osy_json_field *fields, const char *name)
{
    for (; fields->kind != OSY_JSON_END; fields++) {
        if (strcmp(fields->name, name) == 0)
            return true;
    }
    return false;
}

bool osy_json_read(json_t *object, const char *path, const struct osy_json_field *fields,
                   struct osy_error *err)
{
    const char *name;
    json_t *value;

    if (!json_is_object(object)) {
        int length = (int)strlen(path) - (path[0] != '\0'); /* without its last dot */

        return osy_error_set(err, OSY_ERR_INVALID, "'%.*s' must be an object", length, path);
    }
    json_object_foreach(object, name, value)
    {
        size_t shown = strnlen(name, NAME_BYTES_MAX);

        if (!is_known(fields, name))
            return osy_error_set(err, OSY_ERR_INVALID, "'%s%.*s' is not a known field", path,
                                 (int)osy_utf8_trim(name, shown), name);
    }
    for (; fields->kind != OSY_JSON_END; fields++) {
        if (!read_field(json_object_get(object, fields->name), path, fields, err))
            return false;
    }
    return true;
}
