/*
 * SHA-256 of what comes with every request. OpenSSL's one-shot calls look the algorithm up and make a context each
 * time, which costs more than hashing a few hundred bytes does; here every thread keeps its own. From any thread.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#define OSY_SHA256_BYTES 32

struct osy_piece { /* borrowed */
    const void *bytes;
    size_t length;
};

/* Of the pieces as if they were one text. */
void osy_sha256(const struct osy_piece *pieces, size_t count, uint8_t digest[OSY_SHA256_BYTES]);
