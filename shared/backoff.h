/* Full-jitter exponential backoff: a random delay in [0, min(most, first * 2^attempt)]. */
#pragma once
#include <stdint.h>

struct osy_backoff {
    uint32_t first_ms, most_ms;
    uint32_t attempt; /* 0 after a success */
};

uint32_t osy_backoff_next_ms(struct osy_backoff *backoff); /* counts one attempt */
void osy_backoff_reset(struct osy_backoff *backoff);
