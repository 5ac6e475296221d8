#include "shared/backoff.h"

#include "shared/random.h"

static uint64_t ceiling_ms(const struct osy_backoff *backoff)
{
    /* 32 doublings take any uint32_t past any other; more would overflow the shift. */
    uint64_t grown = (uint64_t)backoff->first_ms << (backoff->attempt < 32 ? backoff->attempt : 32);

    return grown < backoff->most_ms ? grown : backoff->most_ms;
}

uint32_t osy_backoff_next_ms(struct osy_backoff *backoff)
{
    uint64_t delay_ms = osy_random_below(ceiling_ms(backoff) + 1);

    if (backoff->attempt < UINT32_MAX)
        backoff->attempt++;
    return (uint32_t)delay_ms;
}

void osy_backoff_reset(struct osy_backoff *backoff)
{
    backoff->attempt = 0;
}
