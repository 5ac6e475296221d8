#include "shared/pool.h"

#include "shared/alloc.h"

#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define KEEPS_NOTHING true
#endif
#endif
#if !defined(KEEPS_NOTHING) && defined(__SANITIZE_ADDRESS__)
#define KEEPS_NOTHING true
#endif
#ifndef KEEPS_NOTHING
#define KEEPS_NOTHING false
#endif

void *osy_pool_take(struct osy_pool *pool)
{
    return pool->count > 0 ? pool->objects[--pool->count] : NULL;
}

bool osy_pool_give(struct osy_pool *pool, void *object)
{
    if (KEEPS_NOTHING || pool->count == pool->most)
        return false;
    if (!pool->objects)
        pool->objects = osy_alloc_array(pool->most, sizeof(void *));
    pool->objects[pool->count++] = object;
    return true;
}
