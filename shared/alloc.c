#include "shared/alloc.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FRESH_PAGES_BYTES (64u * 1024)

/* Writes by hand: the logger would allocate. */
static _Noreturn void die_out_of_memory(void)
{
    static const char line[] = "{\"level\":\"error\",\"event\":\"out_of_memory\"}\n";
    ssize_t written = write(STDERR_FILENO, line, sizeof line - 1);

    (void)written; /* nobody is left to tell */
    abort();
}

/* Not calloc where it is small: before glibc 2.41 that passes the thread's cache by and takes the arena's lock. What is
 * large are fresh pages, and calloc knows that they are zero already. */
void *osy_alloc(size_t bytes)
{
    void *memory;

    if (bytes == 0 || bytes > FRESH_PAGES_BYTES)
        return osy_alloc_array(1, bytes);
    memory = malloc(bytes);
    if (!memory)
        die_out_of_memory();
    return memset(memory, 0, bytes);
}

void *osy_alloc_array(size_t count, size_t bytes)
{
    /* calloc checks the multiplication; it may answer a request for nothing with NULL. */
    void *memory = count && bytes ? calloc(count, bytes) : calloc(1, 1);

    if (!memory)
        die_out_of_memory();
    return memory;
}

void *osy_realloc_array(void *old, size_t count, size_t bytes)
{
    void *memory = count && bytes ? reallocarray(old, count, bytes) : realloc(old, 1);

    if (!memory)
        die_out_of_memory();
    return memory;
}

char *osy_strdup(const char *text)
{
    return osy_strndup(text, strlen(text));
}

char *osy_strndup(const char *text, size_t length)
{
    char *copy;

    if (length == SIZE_MAX)
        die_out_of_memory();
    copy = osy_realloc_array(NULL, length + 1, 1);
    if (length > 0)
        memcpy(copy, text, length);
    copy[length] = '\0';
    return copy;
}
