/*
 * Random bytes from OpenSSL's generator. RAND_bytes(12) costs 1.5 us, mostly for the call; these
 * draw 4 KiB at once into a per-thread pool and hand out each byte once (it is wiped from the pool
 * on the way out). A fork drops the child's pool. A generator that fails ends the process: nothing
 * that we would do with worse randomness is acceptable.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

void osy_random_bytes(void *out, size_t length);
uint64_t osy_random_below(uint64_t bound); /* uniform in [0, bound); bound > 0 */
