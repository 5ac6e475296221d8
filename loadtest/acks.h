/*
 * What a tablet says of what has reached it (docs/protocol.md, `ack`): everything up to a position is
 * received, and one turn later, since a screen takes its moment, displayed. Acknowledgements are
 * cumulative, so one of each kind per turn is enough, however many events came.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "loadtest/message.h"

struct load_acks {
    char device[65];                    /* the tablet's name */
    char received[LOAD_POSITION_BYTES]; /* to be said; "": nothing */
    char displayed[LOAD_POSITION_BYTES];
};

struct load_acks *load_acks_create(const char *device); /* copies it; free() destroys */
void load_acks_note(struct load_acks *acks, const char *position);
bool load_acks_are_due(const struct load_acks *acks); /* there is something left to say */
/* The messages of one turn, 0 to 2, are given to send. */
void load_acks_turn(struct load_acks *acks,
                    void (*send)(void *context, const char *text, size_t length), void *context);
