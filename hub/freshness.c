#include "hub/freshness.h"

void hub_freshness_init(struct hub_freshness *freshness, int64_t now_ms, int64_t stale_ms)
{
    *freshness = (struct hub_freshness){.proven_ms = now_ms - stale_ms};
}

static void prove(struct hub_freshness *freshness, int64_t at_ms)
{
    if (at_ms > freshness->proven_ms)
        freshness->proven_ms = at_ms;
    freshness->claim_seq = 0;
}

/* A claim that waits is kept: a later one would be proven later, and under steady lag never. */
void hub_freshness_note_head(struct hub_freshness *freshness, int64_t asked_ms, uint64_t seq,
                             uint64_t delivered)
{
    if (delivered >= seq) {
        prove(freshness, asked_ms);
    } else if (freshness->claim_seq == 0) {
        freshness->claim_seq = seq;
        freshness->claim_ms = asked_ms;
    }
}

void hub_freshness_note_delivered(struct hub_freshness *freshness, uint64_t delivered)
{
    if (freshness->claim_seq > 0 && delivered >= freshness->claim_seq)
        prove(freshness, freshness->claim_ms);
}

int64_t hub_freshness_age_ms(const struct hub_freshness *freshness, int64_t now_ms)
{
    return now_ms - freshness->proven_ms;
}
