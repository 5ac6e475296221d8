/*
 * Freshness: how long ago a topic's view was last proven to be whole. Proof is an answer from PostgreSQL
 * about where the stream stands, once everything up to there has been delivered; it holds for the moment at
 * which it was asked for, because what was committed later was not asked about. Pure logic: whoever
 * uses it says what time it is (monotonic), so that a process that was frozen counts that time as well.
 */
#pragma once
#include <stdint.h>

struct hub_freshness {
    int64_t proven_ms; /* the view was whole then */
    uint64_t
        claim_seq; /* it will have been at claim_ms once this number is delivered; 0: no claim */
    int64_t claim_ms;
};

/* Nothing is proven yet: stale from the first moment on. */
void hub_freshness_init(struct hub_freshness *freshness, int64_t now_ms, int64_t stale_ms);
/* PostgreSQL, asked at asked_ms, says that the stream stands at seq; delivered: how far we have come. */
void hub_freshness_note_head(struct hub_freshness *freshness, int64_t asked_ms, uint64_t seq,
                             uint64_t delivered);
/* More has been delivered. */
void hub_freshness_note_delivered(struct hub_freshness *freshness, uint64_t delivered);
int64_t hub_freshness_age_ms(const struct hub_freshness *freshness, int64_t now_ms);
