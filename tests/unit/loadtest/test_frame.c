#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "loadtest/frame.h"

/* What the reader has handed out: "T:text|" for each message, and how to go on. */
struct seen {
    struct osy_buffer text;
    bool stop;
};

static bool on_message(void *context, enum load_opcode opcode, const char *bytes, size_t length)
{
    struct seen *seen = context;
    osy_buffer_char(&seen->text, "?TB?????CPO"[opcode]);
    osy_buffer_append(&seen->text, bytes, length);
    osy_buffer_char(&seen->text, '|');
    return !seen->stop;
}

/* Feeds in pieces of the given size. The close code, or 0 when all was well. */
static unsigned read_all(const char *bytes, size_t length, size_t piece, struct seen *seen)
{
    struct load_frame_reader reader;
    struct osy_error err = {0};
    unsigned close_code = 0;
    load_frame_reader_init(&reader);
    for (size_t at = 0; at < length && !close_code; at += piece) {
        size_t count = length - at < piece ? length - at : piece;
        char *copy = malloc(count); /* exactly as long, so that the sanitizer sees each overrun */
        memcpy(copy, bytes + at, count);
        if (!load_frame_reader_feed(&reader, copy, count, on_message, seen, &err))
            close_code = reader.close_code;
        free(copy);
    }
    load_frame_reader_deinit(&reader);
    return close_code;
}

#define BYTES(text) (text), sizeof(text) - 1

static void any_cut_of_the_bytes_gives_the_same_messages(void **state)
{
    static const char bytes[] = "\x81\x05hello"
                                "\x01\x03one\x89\x02hi\x00\x03two\x80\x00"
                                "\x82\x01x\x8a\x00\x88\x02\x03\xe8";
    (void)state;
    for (size_t piece = 1; piece <= sizeof(bytes); piece++) {
        struct seen seen = {OSY_BUFFER_INIT, false};
        assert_int_equal(read_all(BYTES(bytes), piece, &seen), 0);
        assert_string_equal(seen.text.bytes, "Thello|Phi|Tonetwo|Bx|O|C\x03\xe8|");
        osy_buffer_deinit(&seen.text);
    }
}

static void long_lengths_are_read(void **state)
{
    static const size_t lengths[] = {126, 65535, 65536, LOAD_FRAME_MESSAGE_MAX};
    (void)state;
    for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
        size_t length = lengths[i];
        struct osy_buffer bytes = OSY_BUFFER_INIT;
        struct seen seen = {OSY_BUFFER_INIT, false};
        osy_buffer_char(&bytes, (char)0x81);
        osy_buffer_char(&bytes, length <= UINT16_MAX ? 126 : 127);
        for (int shift = length <= UINT16_MAX ? 8 : 56; shift >= 0; shift -= 8)
            osy_buffer_char(&bytes, (char)((uint64_t)length >> shift));
        for (size_t at = 0; at < length; at++)
            osy_buffer_char(&bytes, 'a');
        assert_int_equal(read_all(bytes.bytes, bytes.length, 60000, &seen), 0);
        assert_int_equal(seen.text.length, length + 2);
        osy_buffer_deinit(&bytes);
        osy_buffer_deinit(&seen.text);
    }
}

static void what_rfc_6455_forbids_gets_its_close_code(void **state)
{
    static const struct {
        const char *what;
        const char *bytes;
        size_t length;
        unsigned close_code;
    } cases[] = {
        {"reserved bit 1", BYTES("\xc1\x00"), 1002},
        {"reserved bit 3", BYTES("\x91\x00"), 1002},
        {"unknown data opcode", BYTES("\x83\x00"), 1002},
        {"unknown control opcode", BYTES("\x8b\x00"), 1002},
        {"masked by the server", BYTES("\x81\x81\x01\x02\x03\x04x"), 1002},
        {"fragmented ping", BYTES("\x09\x00"), 1002},
        {"ping of 126 bytes", BYTES("\x89\x7e\x00\x7e"), 1002},
        {"continuation of nothing", BYTES("\x80\x00"), 1002},
        {"text inside of a text",
         BYTES("\x01\x01"
               "a\x81\x01"
               "b"),
         1002},
        {"16-bit length that fits in 7", BYTES("\x81\x7e\x00\x7d"), 1002},
        {"64-bit length that fits in 16", BYTES("\x81\x7f\0\0\0\0\0\0\xff\xff"), 1002},
        {"too long", BYTES("\x81\x7f\0\0\0\0\0\x10\0\x01"), 1009},
        {"length with the highest bit", BYTES("\x81\x7f\xff\0\0\0\0\0\0\x01"), 1009},
        {"text that is not UTF-8", BYTES("\x81\x02\xc0\x80"), 1007},
        {"text that ends inside a character", BYTES("\x81\x02\xe2\x82"), 1007},
        {"fragments that are no UTF-8 together", BYTES("\x01\x01\xe2\x80\x01\x82"), 1007},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct seen seen = {OSY_BUFFER_INIT, false};
        for (size_t piece = 1; piece <= cases[i].length; piece++) {
            unsigned code = read_all(cases[i].bytes, cases[i].length, piece, &seen);
            if (code != cases[i].close_code)
                fail_msg("%s: closed with %u", cases[i].what, code);
        }
        osy_buffer_deinit(&seen.text);
    }
}

static void character_cut_by_fragments_is_whole_again(void **state)
{
    struct seen seen = {OSY_BUFFER_INIT, false};
    (void)state;
    assert_int_equal(read_all(BYTES("\x01\x01\xe2\x80\x02\x82\xac"), 100, &seen), 0);
    assert_string_equal(seen.text.bytes, "T\xe2\x82\xac|");
    osy_buffer_deinit(&seen.text);
}

static void nothing_is_handed_out_after_the_receiver_has_stopped(void **state)
{
    struct seen seen = {OSY_BUFFER_INIT, true};
    (void)state;
    assert_int_equal(read_all(BYTES("\x81\x01"
                                    "a\x81\x01"
                                    "b\xff\xff"),
                              100, &seen),
                     0);
    assert_string_equal(seen.text.bytes, "Ta|");
    osy_buffer_deinit(&seen.text);
}

static void built_frames_are_masked_and_unmask_to_their_payload(void **state)
{
    static const size_t lengths[] = {0, 1, 125, 126, 65535, 65536};
    (void)state;
    for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
        size_t length = lengths[i], head = length < 126 ? 2 : length < 65536 ? 4 : 10;
        struct osy_buffer out = OSY_BUFFER_INIT;
        char *payload = malloc(length + 1);
        for (size_t at = 0; at < length; at++)
            payload[at] = (char)at;
        load_frame_append(&out, LOAD_OPCODE_TEXT, payload, length);
        assert_int_equal(out.length, head + 4 + length);
        assert_int_equal((unsigned char)out.bytes[0], 0x81);
        assert_int_equal((unsigned char)out.bytes[1], 0x80 | (head == 2   ? length
                                                              : head == 4 ? 126
                                                                          : 127));
        const char *mask = out.bytes + head;
        for (size_t at = 0; at < length; at++)
            assert_int_equal((char)(mask[4 + at] ^ mask[at % 4]), payload[at]);
        free(payload);
        osy_buffer_deinit(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_cut_of_the_bytes_gives_the_same_messages),
        cmocka_unit_test(long_lengths_are_read),
        cmocka_unit_test(what_rfc_6455_forbids_gets_its_close_code),
        cmocka_unit_test(character_cut_by_fragments_is_whole_again),
        cmocka_unit_test(nothing_is_handed_out_after_the_receiver_has_stopped),
        cmocka_unit_test(built_frames_are_masked_and_unmask_to_their_payload),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
