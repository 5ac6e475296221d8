/*
 * A pool: objects of one kind that were done with and will be wanted again. malloc keeps seven blocks of a size at hand
 * for a thread, and none above 1,032 bytes; when a batch of hundreds ends at once, the rest goes the long way, locks
 * and all. The pool keeps the objects as they are, so the buffers in them may keep their room.
 * One thread. Built with the address sanitizer it keeps nothing, so that whoever touches an object after its end is found.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct osy_pool { /* zeroed but for most: empty */
    size_t most;  /* objects to keep */
    size_t count;
    void **objects; /* the array is owned */
};

/* An object as it was given, or NULL: make one. */
void *osy_pool_take(struct osy_pool *pool);
/* Keeps object. False: there are enough, and object is still the caller's to free. */
bool osy_pool_give(struct osy_pool *pool, void *object);
