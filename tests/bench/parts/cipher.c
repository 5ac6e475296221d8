/* Column encryption: an address of 60 bytes, and 900 bytes; with a key that stays and with one that is new each time. */
#include <stdlib.h>
#include <string.h>

#include "shared/alloc.h"
#include "shared/column_cipher.h"
#include "shared/data_key.h"
#include "tests/bench/parts/part.h"

#define LONG_BYTES 900

static const char address[] = "서울특별시 강남구 테헤란로 123, 4층 501호 (역삼동)";

struct cell {
    const struct osy_keyring *keyring;
    struct osy_column place;
    struct osy_data_key key;
    char text[LONG_BYTES];
    size_t length;
    struct osy_buffer stored, plain, wrapped;
};

static struct cell *begin(const struct osy_keyring *keyring, size_t length)
{
    struct cell *cell = osy_alloc(sizeof *cell);
    cell->keyring = keyring;
    cell->place = (struct osy_column){
        .table = "orders", .column = "customer_address", .row_id = osy_uuid_v7()};
    cell->length = length;
    for (size_t i = 0; i < sizeof cell->text; i++)
        cell->text[i] = address[i % (sizeof address - 1)];
    bench_check(osy_data_key_make(keyring, &cell->place, &cell->key, &cell->wrapped, NULL),
                "making a key");
    return cell;
}

static void *begin_cell(const struct osy_keyring *keyring)
{
    struct cell *cell = begin(keyring, sizeof address - 1);
    bench_check(
        osy_column_encrypt(keyring, &cell->place, cell->text, cell->length, &cell->stored, NULL),
        "encrypting");
    return cell;
}

static void *begin_long(const struct osy_keyring *keyring)
{
    struct cell *cell = begin(keyring, LONG_BYTES);
    bench_check(
        osy_column_seal(&cell->key, &cell->place, cell->text, cell->length, &cell->stored, NULL),
        "encrypting");
    return cell;
}

static void end_cell(void *state)
{
    struct cell *cell = state;
    osy_buffer_deinit(&cell->stored);
    osy_buffer_deinit(&cell->plain);
    osy_buffer_deinit(&cell->wrapped);
    free(cell);
}

static void encrypt(void *state, size_t times)
{
    struct cell *cell = state;
    while (times-- > 0) {
        osy_buffer_clear(&cell->stored);
        bench_check(osy_column_encrypt(cell->keyring, &cell->place, cell->text, cell->length,
                                       &cell->stored, NULL),
                    "encrypting");
    }
}

static void decrypt(void *state, size_t times)
{
    struct cell *cell = state;
    while (times-- > 0) {
        osy_buffer_clear(&cell->plain);
        bench_check(osy_column_decrypt(cell->keyring, &cell->place, cell->stored.bytes,
                                       cell->stored.length, &cell->plain, NULL),
                    "decrypting");
    }
}

static void seal(void *state, size_t times)
{
    struct cell *cell = state;
    while (times-- > 0) {
        osy_buffer_clear(&cell->stored);
        bench_check(osy_column_seal(&cell->key, &cell->place, cell->text, cell->length,
                                    &cell->stored, NULL),
                    "encrypting");
    }
}

static void unseal(void *state, size_t times)
{
    struct cell *cell = state;
    while (times-- > 0) {
        osy_buffer_clear(&cell->plain);
        bench_check(osy_column_open(&cell->key, &cell->place, cell->stored.bytes,
                                    cell->stored.length, &cell->plain, NULL),
                    "decrypting");
    }
}

/* What a guest's order costs more than one under the wrapping key. */
static void make_key(void *state, size_t times)
{
    struct cell *cell = state;
    while (times-- > 0) {
        osy_buffer_clear(&cell->wrapped);
        bench_check(
            osy_data_key_make(cell->keyring, &cell->place, &cell->key, &cell->wrapped, NULL),
            "making a key");
    }
}

/* And reading it. */
static void unwrap(void *state, size_t times)
{
    struct cell *cell = state;
    while (times-- > 0)
        bench_check(osy_data_key_unwrap(cell->keyring, &cell->place, cell->wrapped.bytes,
                                        cell->wrapped.length, &cell->key, NULL),
                    "unwrapping a key");
}

/* A new key for each value: its schedule has to be set, too. */
static void make_key_and_seal(void *state, size_t times)
{
    while (times-- > 0) {
        make_key(state, 1);
        seal(state, 1);
    }
}

const struct bench_part bench_cipher_parts[] = {
    {"column.encrypt", begin_cell, encrypt, end_cell},
    {"column.decrypt", begin_cell, decrypt, end_cell},
    {"column.seal_900", begin_long, seal, end_cell},
    {"column.open_900", begin_long, unseal, end_cell},
    {"datakey.make", begin_long, make_key, end_cell},
    {"datakey.unwrap", begin_long, unwrap, end_cell},
    {"datakey.seal_new_900", begin_long, make_key_and_seal, end_cell},
    {0},
};
