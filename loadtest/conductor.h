/*
 * The conductor: from the seed to the report. It starts the generators, lets them begin together, looks on once a
 * second, and adds up. It generates nothing itself, so what it does costs no generator a turn of its loop.
 */
#pragma once
#include "loadtest/options.h"

/* The exit status of the program: 0 all arrived, 1 not. */
int load_conduct(const struct load_options *options);
