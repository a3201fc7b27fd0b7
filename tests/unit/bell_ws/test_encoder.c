#include "base/compiler.h"
#include "base/hex.h"
#include "bell/ws/encoder.h"
#include "bell/ws/mask.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static const uint8_t KEY[BELL_WS_KEY_BYTES] = {0x37, 0xfa, 0x21, 0x3d};

/* RFC 6455 section 5.2: lengths in their shortest form, in network order. */
static void writes_the_shortest_header(void **state)
{
    (void)state;
    static const struct {
        uint64_t payload_bytes;
        const char *header; /* of a binary frame */
        const char *masked;
    } CASES[] = {
        {0, "8200", "828037fa213d"},
        {1, "8201", "828137fa213d"},
        {125, "827d", "82fd37fa213d"},
        {126, "827e007e", "82fe007e37fa213d"},
        {127, "827e007f", "82fe007f37fa213d"},
        {65535, "827effff", "82feffff37fa213d"},
        {65536, "827f0000000000010000", "82ff000000000001000037fa213d"},
        {INT64_MAX, "827f7fffffffffffffff", "82ff7fffffffffffffff37fa213d"},
    };
    for (size_t i = 0; i < BELL_ARRAY_LEN(CASES); i++) {
        for (int is_masked = 0; is_masked <= 1; is_masked++) {
            char out[BELL_WS_HEADER_MAX_BYTES];
            char text[2 * BELL_WS_HEADER_MAX_BYTES + 1];
            size_t n = bell_ws_encoder_write_header(out, BELL_WS_BINARY, true,
                                                    CASES[i].payload_bytes, is_masked ? KEY : NULL);
            bell_hex_encode(out, n, text);
            assert_string_equal(text, is_masked ? CASES[i].masked : CASES[i].header);
            assert_int_equal(n, bell_ws_encoder_header_size(CASES[i].payload_bytes, is_masked));
        }
    }
}

static void writes_opcode_and_fin(void **state)
{
    (void)state;
    static const struct {
        enum bell_ws_opcode opcode;
        bool fin;
        uint8_t first;
    } CASES[] = {
        {BELL_WS_CONTINUATION, false, 0x00}, {BELL_WS_CONTINUATION, true, 0x80},
        {BELL_WS_TEXT, false, 0x01},         {BELL_WS_TEXT, true, 0x81},
        {BELL_WS_BINARY, false, 0x02},       {BELL_WS_BINARY, true, 0x82},
        {BELL_WS_CLOSE, true, 0x88},         {BELL_WS_PING, true, 0x89},
        {BELL_WS_PONG, true, 0x8a},
    };
    for (size_t i = 0; i < BELL_ARRAY_LEN(CASES); i++) {
        char out[BELL_WS_HEADER_MAX_BYTES];
        (void)bell_ws_encoder_write_header(out, CASES[i].opcode, CASES[i].fin, 0, NULL);
        assert_int_equal((uint8_t)out[0], CASES[i].first);
    }
}

/* RFC 6455 section 5.7: "Hello", unmasked and masked. */
static void writes_the_frames_of_the_rfc(void **state)
{
    (void)state;
    char out[16];
    char text[2 * sizeof out + 1];
    size_t n = bell_ws_encoder_write_frame(out, BELL_WS_TEXT, BELL_LIT("Hello"), NULL);
    bell_hex_encode(out, n, text);
    assert_string_equal(text, "810548656c6c6f");
    n = bell_ws_encoder_write_frame(out, BELL_WS_TEXT, BELL_LIT("Hello"), KEY);
    bell_hex_encode(out, n, text);
    assert_string_equal(text, "818537fa213d7f9f4d5158");
}

static void masks_a_payload_that_stands_where_it_belongs(void **state)
{
    (void)state;
    char expected[400];
    char out[400];
    char payload[300];
    memset(payload, 'p', sizeof payload);
    size_t header = bell_ws_encoder_header_size(sizeof payload, true);
    size_t n = bell_ws_encoder_write_frame(expected, BELL_WS_BINARY,
                                           bell_slice_make(payload, sizeof payload), KEY);
    memcpy(out + header, payload, sizeof payload);
    bell_slice there = {out + header, sizeof payload};
    assert_int_equal(bell_ws_encoder_write_frame(out, BELL_WS_BINARY, there, KEY), n);
    assert_memory_equal(out, expected, n);
}

static void writes_an_empty_frame(void **state)
{
    (void)state;
    char out[BELL_WS_HEADER_MAX_BYTES];
    bell_slice nothing = {NULL, 0};
    assert_int_equal(bell_ws_encoder_write_frame(out, BELL_WS_PING, nothing, NULL), 2);
    assert_memory_equal(out, "\x89\x00", 2);
    assert_int_equal(bell_ws_encoder_write_frame(out, BELL_WS_PING, nothing, KEY), 6);
}

/* RFC 6455 section 5.5.1: two bytes of code in network order, then the reason. */
static void finds_the_payload_of_a_frame_again(void **state)
{
    (void)state;
    static const size_t SIZES[] = {0, 1, 125, 126, 127, 65535, 65536, 70000};
    static char payload[70000];
    static char frame[BELL_WS_HEADER_MAX_BYTES + sizeof payload];
    for (size_t i = 0; i < BELL_ARRAY_LEN(SIZES); i++) {
        enum bell_ws_opcode opcode = BELL_WS_CONTINUATION;
        memset(payload, 'a' + (int)i, SIZES[i]);
        size_t n = bell_ws_encoder_write_frame(frame, i % 2 == 0 ? BELL_WS_TEXT : BELL_WS_BINARY,
                                               bell_slice_make(payload, SIZES[i]), NULL);
        bell_slice found = bell_ws_encoder_payload(bell_slice_make(frame, n), &opcode);
        assert_int_equal(opcode, i % 2 == 0 ? BELL_WS_TEXT : BELL_WS_BINARY);
        assert_true(bell_slice_equal(found, bell_slice_make(payload, SIZES[i])));
    }
}

static void writes_a_close_payload(void **state)
{
    (void)state;
    char out[BELL_WS_CONTROL_MAX_BYTES];
    size_t n = 0;
    assert_int_equal(bell_ws_encoder_write_close(out, 1000, BELL_LIT("bye"), &n), BELL_OK);
    assert_int_equal(n, 5);
    assert_memory_equal(out,
                        "\x03\xe8"
                        "bye",
                        5);
    assert_int_equal(bell_ws_encoder_write_close(out, 4999, BELL_LIT(""), &n), BELL_OK);
    assert_int_equal(n, 2);
    assert_memory_equal(out, "\x13\x87", 2);
}

/* RFC 6455 section 5.5: 125 bytes at most, of which the code takes two. */
static void refuses_a_reason_of_more_than_123_bytes(void **state)
{
    (void)state;
    char out[BELL_WS_CONTROL_MAX_BYTES];
    char reason[124];
    size_t n = 77;
    memset(reason, 'r', sizeof reason);
    assert_int_equal(bell_ws_encoder_write_close(out, 1000, bell_slice_make(reason, 122), &n),
                     BELL_OK);
    assert_int_equal(n, 124);
    assert_int_equal(bell_ws_encoder_write_close(out, 1000, bell_slice_make(reason, 123), &n),
                     BELL_OK);
    assert_int_equal(n, 125);
    assert_int_equal(bell_ws_encoder_write_close(out, 1000, bell_slice_make(reason, 124), &n),
                     BELL_EINVAL);
    assert_int_equal(n, 125); /* untouched on failure */
}

static void refuses_codes_and_reasons_that_must_not_be_sent(void **state)
{
    (void)state;
    char out[BELL_WS_CONTROL_MAX_BYTES];
    size_t n;
    static const uint16_t BAD[] = {0, 999, 1004, 1005, 1006, 1015, 2999, 5000, 65535};
    for (size_t i = 0; i < BELL_ARRAY_LEN(BAD); i++) {
        assert_int_equal(bell_ws_encoder_write_close(out, BAD[i], BELL_LIT(""), &n), BELL_EINVAL);
    }
    assert_int_equal(bell_ws_encoder_write_close(out, 1000, BELL_LIT("\xff"), &n), BELL_EINVAL);
    assert_int_equal(bell_ws_encoder_write_close(out, 1000, BELL_LIT("\xe2\x82"), &n), BELL_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_the_shortest_header),
        cmocka_unit_test(writes_opcode_and_fin),
        cmocka_unit_test(writes_the_frames_of_the_rfc),
        cmocka_unit_test(masks_a_payload_that_stands_where_it_belongs),
        cmocka_unit_test(writes_an_empty_frame),
        cmocka_unit_test(finds_the_payload_of_a_frame_again),
        cmocka_unit_test(writes_a_close_payload),
        cmocka_unit_test(refuses_a_reason_of_more_than_123_bytes),
        cmocka_unit_test(refuses_codes_and_reasons_that_must_not_be_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
