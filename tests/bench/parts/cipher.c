/* Column encryption: an address of 60 bytes. */
#include <stdlib.h>

#include "shared/alloc.h"
#include "shared/column_cipher.h"
#include "tests/bench/parts/part.h"

static const char address[] = "서울특별시 강남구 테헤란로 123, 4층 501호 (역삼동)";

struct cell {
    const struct osy_keyring *keyring;
    struct osy_column place;
    struct osy_buffer stored, plain;
};

static void *begin_cell(const struct osy_keyring *keyring)
{
    struct cell *cell = osy_alloc(sizeof *cell);
    cell->keyring = keyring;
    cell->place = (struct osy_column){
        .table = "orders", .column = "customer_address", .row_id = osy_uuid_v7()};
    bench_check(
        osy_column_encrypt(keyring, &cell->place, address, sizeof address - 1, &cell->stored, NULL),
        "encrypting");
    return cell;
}

static void end_cell(void *state)
{
    struct cell *cell = state;
    osy_buffer_deinit(&cell->stored);
    osy_buffer_deinit(&cell->plain);
    free(cell);
}

static void encrypt(void *state, size_t times)
{
    struct cell *cell = state;
    while (times-- > 0) {
        osy_buffer_clear(&cell->stored);
        bench_check(osy_column_encrypt(cell->keyring, &cell->place, address, sizeof address - 1,
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

const struct bench_part bench_cipher_parts[] = {
    {"column.encrypt", begin_cell, encrypt, end_cell},
    {"column.decrypt", begin_cell, decrypt, end_cell},
    {0},
};
