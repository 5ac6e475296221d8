#include "hub/bucket.h"

enum { ONE = 1000 };

void hub_bucket_init(struct hub_bucket *bucket, int64_t burst, int64_t now_ms)
{
    *bucket = (struct hub_bucket){.level = burst * ONE, .filled_ms = now_ms};
}

/* A millisecond brings as many thousandths as a second brings things. */
static void fill(struct hub_bucket *bucket, int64_t per_second, int64_t burst, int64_t now_ms)
{
    int64_t missing = burst * ONE - bucket->level;
    int64_t elapsed_ms = now_ms - bucket->filled_ms;
    bucket->filled_ms = now_ms;
    bucket->level += elapsed_ms >= missing / per_second + 1 ? missing : elapsed_ms * per_second;
}

bool hub_bucket_take(struct hub_bucket *bucket, int64_t per_second, int64_t burst, int64_t now_ms)
{
    fill(bucket, per_second, burst, now_ms);
    if (bucket->level < ONE)
        return false;
    bucket->level -= ONE;
    return true;
}
