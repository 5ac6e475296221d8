/*
 * A token bucket: so many things a second, and so many at once after a pause. It is filled by the look at it,
 * so that a full one costs nothing.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct hub_bucket {
    int64_t level;     /* thousandths of a thing that may pass now */
    int64_t filled_ms; /* monotonic */
};

void hub_bucket_init(struct hub_bucket *bucket, int64_t burst, int64_t now_ms); /* full */
/* Whether one may pass now; then it has. */
bool hub_bucket_take(struct hub_bucket *bucket, int64_t per_second, int64_t burst, int64_t now_ms);
