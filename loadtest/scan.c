#include "loadtest/scan.h"

#include <string.h>

#include "shared/json.h"
#include "shared/utf8.h"

#define MEMBERS_MAX 32   /* of one object: each name is compared with those before it */
#define DIGITS_MAX  18   /* whatever they are, an int64_t holds them */
#define UNWANTED    (-2) /* the row of an object of which no member is wanted */

_Static_assert(LOAD_SCAN_BYTES_MAX <= OSY_JSON_TOKENS_MAX, "a text of that length keeps the limit");

struct scan {
    const char *at, *end;
    size_t depth;
    const struct load_scan_field *fields;
    size_t count;
    struct load_scan_value *values;
};

struct name {
    const char *bytes;
    size_t length;
};

static bool scan_value(struct scan *scan, int row, struct load_scan_value *value);

/* What a string cannot have as it is. What is not ASCII is checked once, for the whole text. */
static const bool ends_run[256] = {
    [0] = true,  [1] = true,  [2] = true,  [3] = true,  [4] = true,   [5] = true,    [6] = true,
    [7] = true,  [8] = true,  [9] = true,  [10] = true, [11] = true,  [12] = true,   [13] = true,
    [14] = true, [15] = true, [16] = true, [17] = true, [18] = true,  [19] = true,   [20] = true,
    [21] = true, [22] = true, [23] = true, [24] = true, [25] = true,  [26] = true,   [27] = true,
    [28] = true, [29] = true, [30] = true, [31] = true, ['"'] = true, ['\\'] = true,
};

/* The next byte; NUL at the end, which no JSON text has. */
static char peek(const struct scan *scan)
{
    return scan->at < scan->end ? *scan->at : '\0';
}

static bool take(struct scan *scan, char c)
{
    if (peek(scan) != c)
        return false;
    scan->at++;
    return true;
}

static void skip_space(struct scan *scan)
{
    for (char c = peek(scan); c == ' ' || c == '\t' || c == '\n' || c == '\r'; c = peek(scan))
        scan->at++;
}

/* Takes c and the space around it, as between values. */
static bool take_mark(struct scan *scan, char c)
{
    skip_space(scan);
    if (!take(scan, c))
        return false;
    skip_space(scan);
    return true;
}

/* All escapes but \u. */
static bool take_escape(struct scan *scan)
{
    scan->at++;
    char c = peek(scan);
    if (c == '\0' || !strchr("\"\\/bfnrt", c))
        return false;
    scan->at++;
    return true;
}

static bool scan_string(struct scan *scan, struct load_scan_value *value)
{
    if (!take(scan, '"'))
        return false;
    value->kind = LOAD_SCAN_STRING;
    value->bytes = scan->at;
    for (;;) {
        while (scan->at < scan->end && !ends_run[(unsigned char)*scan->at])
            scan->at++;
        if (peek(scan) != '\\')
            break;
        value->kind = LOAD_SCAN_OTHER;
        if (!take_escape(scan))
            return false;
    }
    value->length = (size_t)(scan->at - value->bytes);
    return take(scan, '"');
}

/* 1 to DIGITS_MAX of them. */
static bool take_digits(struct scan *scan, int64_t *number)
{
    const char *first = scan->at;
    *number = 0;
    for (char c = peek(scan); c >= '0' && c <= '9'; c = peek(scan)) {
        if (scan->at++ - first == DIGITS_MAX)
            return false;
        *number = *number * 10 + (c - '0');
    }
    return scan->at > first;
}

/* What an exponent may begin, or a digit behind a leading 0, is met as a mark that is missing. */
static bool scan_number(struct scan *scan, struct load_scan_value *value)
{
    bool is_negative = take(scan, '-');
    int64_t fraction;
    if (take(scan, '0'))
        value->integer = 0;
    else if (!take_digits(scan, &value->integer))
        return false;
    if (is_negative)
        value->integer = -value->integer;
    value->kind = LOAD_SCAN_INTEGER;
    if (!take(scan, '.'))
        return true;
    value->kind = LOAD_SCAN_OTHER;
    return take_digits(scan, &fraction);
}

static bool scan_word(struct scan *scan, const char *word, struct load_scan_value *value)
{
    size_t length = strlen(word);
    if ((size_t)(scan->end - scan->at) < length || memcmp(scan->at, word, length) != 0)
        return false;
    scan->at += length;
    value->kind = LOAD_SCAN_OTHER;
    return true;
}

static bool scan_array(struct scan *scan, struct load_scan_value *value)
{
    struct load_scan_value element;
    value->kind = LOAD_SCAN_OTHER;
    if (++scan->depth > OSY_JSON_DEPTH_MAX || !take_mark(scan, '['))
        return false;
    if (peek(scan) != ']') {
        do {
            if (!scan_value(scan, UNWANTED, &element))
                return false;
        } while (take_mark(scan, ','));
    }
    scan->depth--;
    return take(scan, ']');
}

/* The row of the member of the object at row within; UNWANTED. */
static int find_row(const struct scan *scan, int within, const struct name *name)
{
    for (size_t i = 0; within != UNWANTED && i < scan->count; i++) {
        const struct load_scan_field *field = &scan->fields[i];
        if (field->within == within && strncmp(field->name, name->bytes, name->length) == 0 &&
            field->name[name->length] == '\0')
            return (int)i;
    }
    return UNWANTED;
}

/* A name that none of the count ones before it is; jansson refuses what occurs twice. */
static bool scan_name(struct scan *scan, struct name *names, size_t count)
{
    struct load_scan_value value;
    if (count == MEMBERS_MAX || !scan_string(scan, &value) || value.kind != LOAD_SCAN_STRING)
        return false;
    for (size_t i = 0; i < count; i++)
        if (names[i].length == value.length &&
            memcmp(names[i].bytes, value.bytes, value.length) == 0)
            return false;
    names[count] = (struct name){value.bytes, value.length};
    return true;
}

static bool scan_member(struct scan *scan, int within, struct name *names, size_t count)
{
    struct load_scan_value unwanted;
    if (!scan_name(scan, names, count) || !take_mark(scan, ':'))
        return false;
    int row = find_row(scan, within, &names[count]);
    return scan_value(scan, row, row == UNWANTED ? &unwanted : &scan->values[row]);
}

static bool scan_object(struct scan *scan, int row, struct load_scan_value *value)
{
    struct name names[MEMBERS_MAX];
    size_t count = 0;
    value->kind = LOAD_SCAN_OTHER;
    if (++scan->depth > OSY_JSON_DEPTH_MAX || !take_mark(scan, '{'))
        return false;
    if (peek(scan) != '}') {
        do {
            if (!scan_member(scan, row, names, count++))
                return false;
        } while (take_mark(scan, ','));
    }
    scan->depth--;
    return take(scan, '}');
}

/* row: the value's own, for an object's members. */
static bool scan_value(struct scan *scan, int row, struct load_scan_value *value)
{
    switch (peek(scan)) {
    case '{': return scan_object(scan, row, value);
    case '[': return scan_array(scan, value);
    case '"': return scan_string(scan, value);
    case 't': return scan_word(scan, "true", value);
    case 'f': return scan_word(scan, "false", value);
    case 'n': return scan_word(scan, "null", value);
    default: return scan_number(scan, value);
    }
}

bool load_scan(const char *text, size_t length, const struct load_scan_field *fields, size_t count,
               struct load_scan_value *values)
{
    struct scan scan = {
        .at = text,
        .end = text + length,
        .fields = fields,
        .count = count,
        .values = values,
    };
    struct load_scan_value root;
    if (length == 0 || length > LOAD_SCAN_BYTES_MAX)
        return false;
    memset(values, 0, count * sizeof(*values));
    skip_space(&scan);
    if (peek(&scan) != '{' || !scan_object(&scan, LOAD_SCAN_ROOT, &root))
        return false;
    skip_space(&scan);
    return scan.at == scan.end && osy_utf8_valid(text, length);
}

bool load_scan_is(const struct load_scan_value *value, const char *text)
{
    return value->kind == LOAD_SCAN_STRING && value->length == strlen(text) &&
           memcmp(value->bytes, text, value->length) == 0;
}

bool load_scan_uuid(const struct load_scan_value *value, struct osy_uuid *out)
{
    return value->kind == LOAD_SCAN_STRING && osy_uuid_parse(value->bytes, value->length, out);
}

bool load_scan_copy(const struct load_scan_value *value, char *out, size_t capacity)
{
    if (value->kind != LOAD_SCAN_STRING || value->length >= capacity)
        return false;
    memcpy(out, value->bytes, value->length);
    out[value->length] = '\0';
    return true;
}
