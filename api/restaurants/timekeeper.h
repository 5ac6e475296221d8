/*
 * The timekeeper: what becomes of restaurants' affairs as time goes by. A thread of `ordersync-api work` with connections
 * of its own.
 *
 *   end_respites   pauses and busy times that are over are cleared away, and the restaurant's sockets are told
 *   plan_ahead     open_times grow by a day each day, and follow new editions of the time zone database
 *
 * Nothing depends on its being in time: a pause ends and hours begin at their moments, because whoever reads compares
 * them with the clock. After a time without any worker the first pass does what was left. Any number of workers may do
 * this: what one of them has locked the others skip.
 */
#pragma once
#include "shared/error.h"

struct api_config;
struct api_timekeeper;

/* Starts the thread. NULL: OSY_ERR_IO without one. config is borrowed. */
struct api_timekeeper *api_timekeeper_start(const struct api_config *config, struct osy_error *err);
/* Waits for the transaction under way, then ends the thread. NULL is fine. */
void api_timekeeper_stop(struct api_timekeeper *timekeeper);
