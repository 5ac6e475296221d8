/*
 * A slice: what one of several generators does of a run. Each has restaurants of its own (every n-th), with
 * all that watches and orders there, because an event can only be judged where everybody who is to get it is. Counts
 * and rates add up to the whole's. Pure.
 */
#pragma once
#include <stddef.h>

#include "loadtest/options.h"

/* How many generators a run takes on a machine of so many cores, when the options leave it open; at least 1. */
size_t load_slice_count(const struct load_options *options, size_t cores);
/* The options of generator number (from 0) of count. Its restaurants are number, number + count, ... */
void load_slice_cut(struct load_options *slice, const struct load_options *whole, size_t number,
                    size_t count);
