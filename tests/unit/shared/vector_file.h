/*
 * NIST's response files (CAVP): lines of `Name = value`, `[Name = value]` for what holds until it is said anew, and
 * words alone. They come with a Debian package: deploy/deps/install --group test.
 */
#pragma once
#include <ctype.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

#define VECTOR_LINE_BYTES 4096

struct vector_file {
    FILE *file;
    char line[VECTOR_LINE_BYTES];
    const char *name,
        *value; /* of the last line read, within it; value is "" where there is none */
};

static inline void vector_file_open(struct vector_file *file, const char *path)
{
    char full[512];

    snprintf(full, sizeof full, "%s/%s", ORDERSYNC_TEST_VECTORS, path);
    file->file = fopen(full, "r");
    if (!file->file)
        fail_msg("no test vectors in %s: deploy/deps/install --group test installs them", full);
}

static inline void vector_file_close(struct vector_file *file)
{
    fclose(file->file);
}

static inline char *vector_trim(char *text)
{
    size_t length = 0;

    while (isspace((unsigned char)*text) || *text == '[')
        text++;
    length = strlen(text);
    while (length > 0 && (isspace((unsigned char)text[length - 1]) || text[length - 1] == ']'))
        text[--length] = '\0';
    return text;
}

/* The next line that says something; false at the end. */
static inline bool vector_file_next(struct vector_file *file)
{
    while (fgets(file->line, sizeof file->line, file->file)) {
        char *equals = strchr(file->line, '=');
        assert_true(strlen(file->line) + 1 < sizeof file->line); /* a longer one would be cut */
        if (equals)
            *equals = '\0';
        file->name = vector_trim(file->line);
        file->value = equals ? vector_trim(equals + 1) : "";
        if (*file->name && *file->name != '#')
            return true;
    }
    return false;
}

/* Returns how many bytes the hexadecimal text has. */
static inline size_t vector_bytes(const char *hex, uint8_t *out, size_t size)
{
    size_t length = strlen(hex) / 2;

    assert_true(strlen(hex) % 2 == 0 && length <= size);
    for (size_t i = 0; i < length; i++) {
        unsigned byte = 0;
        assert_int_equal(sscanf(hex + 2 * i, "%2x", &byte), 1);
        out[i] = (uint8_t)byte;
    }
    return length;
}
