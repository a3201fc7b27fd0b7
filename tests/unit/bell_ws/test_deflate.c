/*
 * The codec of permessage-deflate. Sections are those of RFC 7692.
 */
#include "base/buf.h"
#include "base/compiler.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "bell/ws/deflate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { OUT_MAX_BYTES = 1 << 24, SAMPLE_BYTES = 200000 };

static const bell_ws_deflater_options USUAL = {.window_bits = 15, .level = 6, .memory_level = 8};

static struct bell_ws_deflater *deflater(uint8_t window_bits)
{
    bell_ws_deflater_options options = USUAL;
    struct bell_ws_deflater *d;
    options.window_bits = window_bits;
    assert_int_equal(bell_ws_deflater_create(options, &d), BELL_OK);
    return d;
}

static struct bell_ws_inflater *inflater(uint8_t window_bits)
{
    struct bell_ws_inflater *i;
    assert_int_equal(bell_ws_inflater_create(window_bits, &i), BELL_OK);
    return i;
}

/* Inflates from a block of exactly the payload's size. */
static bell_status run(struct bell_ws_inflater *i, bell_slice payload, bool is_text, bool keeps,
                       struct bell_buf *out)
{
    char *copy = malloc(payload.n + (payload.n == 0));
    assert_non_null(copy);
    memcpy(copy, payload.p, payload.n);
    bell_status st = bell_ws_inflater_run(i, bell_slice_make(copy, payload.n), is_text, keeps, out);
    free(copy);
    return st;
}

/* One message with an inflater of its own. */
static bell_status run_alone(bell_slice payload, bool is_text, struct bell_buf *out)
{
    struct bell_ws_inflater *i = inflater(15);
    bell_status st = run(i, payload, is_text, false, out);
    bell_ws_inflater_destroy(i);
    return st;
}

static void expect(const struct bell_buf *out, bell_slice expected)
{
    assert_int_equal(out->n, expected.n);
    assert_memory_equal(out->p, expected.p, expected.n);
}

/* Text with much, little or nothing to be found again, by kind; its bytes are ASCII but for kind 3.
 */
static char *sample(int kind)
{
    static const char *const WORDS[] = {"order ", "delivery ", "when? ", "thank you, ", "invoice "};
    char *bytes = malloc(SAMPLE_BYTES);
    assert_non_null(bytes);
    uint32_t seed = 42;
    for (size_t n = 0; n < SAMPLE_BYTES;) {
        seed = seed * 1664525u + 1013904223u;
        if (kind == 0) {
            bytes[n++] = 'x';
        } else if (kind == 1) {
            const char *word = WORDS[(seed >> 16) % BELL_ARRAY_LEN(WORDS)];
            for (; *word != '\0' && n < SAMPLE_BYTES; word++) {
                bytes[n++] = *word;
            }
        } else {
            bytes[n++] = (char)(kind == 2 ? ' ' + (seed >> 16) % 95 : (seed >> 16) & 0xff);
        }
    }
    return bytes;
}

/* ---- what the RFC shows ---- */

static void understands_the_examples_of_the_rfc(void **state)
{
    (void)state;
    static const struct {
        bell_slice payload;
        const char *message;
    } CASES[] = {
        {{"\xf2\x48\xcd\xc9\xc9\x07\x00", 7}, "Hello"},                          /* 7.2.3.1 */
        {{"\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00", 11}, "Hello"},         /* 7.2.3.3 */
        {{"\xf3\x48\xcd\xc9\xc9\x07\x00\x00", 8}, "Hello"},                      /* 7.2.3.4 */
        {{"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00", 13}, "Hello"}, /* 7.2.3.5 */
        {{"\x00", 1}, ""},                                                       /* 7.2.3.6 */
    };
    for (size_t i = 0; i < BELL_ARRAY_LEN(CASES); i++) {
        struct bell_buf out;
        bell_buf_init(&out, OUT_MAX_BYTES);
        assert_int_equal(run_alone(CASES[i].payload, true, &out), BELL_OK);
        expect(&out, bell_slice_from(CASES[i].message));
        bell_buf_finish(&out);
    }
}

/* Section 7.2.3.2. */
static void shares_the_window_between_messages(void **state)
{
    (void)state;
    static const bell_slice FIRST = {"\xf2\x48\xcd\xc9\xc9\x07\x00", 7};
    static const bell_slice FIRST_FINAL = {"\xf3\x48\xcd\xc9\xc9\x07\x00\x00", 8};
    static const bell_slice AGAIN = {"\xf2\x00\x11\x00\x00", 5};
    const bell_slice firsts[] = {FIRST, FIRST_FINAL};
    for (size_t k = 0; k < BELL_ARRAY_LEN(firsts); k++) {
        struct bell_ws_inflater *i = inflater(8);
        struct bell_buf out;
        bell_buf_init(&out, OUT_MAX_BYTES);
        assert_int_equal(run(i, firsts[k], true, true, &out), BELL_OK);
        assert_int_equal(run(i, AGAIN, true, true, &out), BELL_OK);
        assert_int_equal(run(i, BELL_LIT("\x00"), true, true, &out), BELL_OK);
        assert_int_equal(run(i, AGAIN, true, true, &out), BELL_OK);
        expect(&out, BELL_LIT("HelloHelloHello"));
        /* Without takeover there is nothing to refer to. */
        assert_int_equal(run(i, AGAIN, true, false, &out), BELL_EPROTO);
        assert_int_equal(run(i, FIRST, true, false, &out), BELL_OK);
        bell_buf_finish(&out);
        bell_ws_inflater_destroy(i);
    }
}

/* ---- there and back ---- */

static const size_t LENGTHS[] = {0,    1,     2,     5,     125,   126,   250,    256,         257,
                                 1024, 16383, 16384, 16385, 65535, 65536, 100000, SAMPLE_BYTES};

static void check_round_trip(uint8_t bits, bool keeps, const char *bytes)
{
    struct bell_ws_deflater *d = deflater(bits);
    struct bell_ws_inflater *i = inflater(bits);
    struct bell_buf packed;
    struct bell_buf out;
    bell_buf_init(&packed, OUT_MAX_BYTES);
    bell_buf_init(&out, OUT_MAX_BYTES);
    for (size_t k = 0; k < BELL_ARRAY_LEN(LENGTHS) * 2; k++) {
        const bell_slice message = {bytes, LENGTHS[k / 2]};
        bell_buf_clear(&packed);
        bell_buf_clear(&out);
        assert_int_equal(bell_ws_deflater_run(d, message, keeps, &packed), BELL_OK);
        assert_true(packed.n > 0);
        assert_int_equal(run(i, bell_buf_slice(&packed), false, keeps, &out), BELL_OK);
        expect(&out, message);
    }
    bell_buf_finish(&packed);
    bell_buf_finish(&out);
    bell_ws_deflater_destroy(d);
    bell_ws_inflater_destroy(i);
}

static void messages_come_back_with_every_window(void **state)
{
    (void)state;
    for (int kind = 0; kind < 4; kind++) {
        char *bytes = sample(kind);
        for (uint8_t bits = 8; bits <= 15; bits++) {
            check_round_trip(bits, false, bytes);
            check_round_trip(bits, true, bytes);
        }
        free(bytes);
    }
}

/* The last bytes of a message must not be taken for the tail, nor those of a payload. */
static void messages_that_end_in_zero_bytes_or_in_a_tail_come_back(void **state)
{
    (void)state;
    static const bell_slice MESSAGES[] = {
        {"\x00", 1},
        {"\x00\x00\x00\x00", 4},
        {"\x00\x00\xff\xff", 4},
        {"Hello\x00\x00\xff\xff\x00\x00\xff\xff", 13},
        {"\xff\xff", 2},
        {"a\x00", 2},
    };
    for (size_t k = 0; k < BELL_ARRAY_LEN(MESSAGES); k++) {
        struct bell_ws_deflater *d = deflater(15);
        struct bell_buf packed;
        struct bell_buf out;
        bell_buf_init(&packed, OUT_MAX_BYTES);
        bell_buf_init(&out, OUT_MAX_BYTES);
        for (int times = 0; times < 3; times++) {
            bell_buf_clear(&packed);
            bell_buf_clear(&out);
            assert_int_equal(bell_ws_deflater_run(d, MESSAGES[k], false, &packed), BELL_OK);
            assert_int_equal(run_alone(bell_buf_slice(&packed), false, &out), BELL_OK);
            expect(&out, MESSAGES[k]);
        }
        bell_buf_finish(&packed);
        bell_buf_finish(&out);
        bell_ws_deflater_destroy(d);
    }
}

/* Section 7.2.3.6: a flush without anything between gives nothing, which would be no payload. */
static void empty_messages_have_a_payload_of_one_byte(void **state)
{
    (void)state;
    struct bell_ws_deflater *d = deflater(15);
    struct bell_buf packed;
    bell_buf_init(&packed, OUT_MAX_BYTES);
    for (int i = 0; i < 6; i++) {
        bell_buf_clear(&packed);
        assert_int_equal(bell_ws_deflater_run(d, BELL_LIT(""), i % 2 == 0, &packed), BELL_OK);
        expect(&packed, BELL_LIT("\x00"));
        bell_buf_clear(&packed);
        assert_int_equal(bell_ws_deflater_run(d, BELL_LIT("x"), i % 2 == 0, &packed), BELL_OK);
    }
    bell_buf_finish(&packed);
    bell_ws_deflater_destroy(d);
}

static void an_empty_payload_is_an_empty_message(void **state)
{
    (void)state;
    struct bell_buf out;
    bell_buf_init(&out, OUT_MAX_BYTES);
    assert_int_equal(run_alone(BELL_LIT(""), true, &out), BELL_OK);
    assert_int_equal(out.n, 0);
    bell_buf_finish(&out);
}

/* ---- windows ---- */

/* Inflates with zlib alone and one byte of room at a time, so that all it can look back into is its
 * window. */
static bool fits_window(bell_slice payload, int bits, size_t message_bytes)
{
    static const char TAIL[] = {0, 0, '\xff', '\xff'};
    z_stream z = {.zalloc = NULL};
    size_t total = 0;
    int result = Z_OK;
    char *all = malloc(payload.n + sizeof TAIL);
    assert_non_null(all);
    memcpy(all, payload.p, payload.n);
    memcpy(all + payload.n, TAIL, sizeof TAIL);
    assert_int_equal(inflateInit2(&z, -bits), Z_OK);
    z.next_in = (Bytef *)all;
    z.avail_in = (unsigned)(payload.n + sizeof TAIL);
    while (result == Z_OK) {
        Bytef byte;
        z.next_out = &byte;
        z.avail_out = 1;
        result = inflate(&z, Z_SYNC_FLUSH);
        total += z.avail_out == 0;
    }
    (void)inflateEnd(&z);
    free(all);
    return result == Z_BUF_ERROR && total == message_bytes;
}

/* Section 7.1.2.1: what we send must not refer back by more than the window agreed on, 256 bytes
 * included, of which zlib does not know. */
static void never_refers_back_beyond_the_window(void **state)
{
    (void)state;
    for (int kind = 0; kind < 4; kind++) {
        char *bytes = sample(kind);
        for (uint8_t bits = 8; bits <= 15; bits++) {
            struct bell_ws_deflater *d = deflater(bits);
            struct bell_buf packed;
            bell_buf_init(&packed, OUT_MAX_BYTES);
            const bell_slice message = {bytes, SAMPLE_BYTES};
            assert_int_equal(bell_ws_deflater_run(d, message, false, &packed), BELL_OK);
            assert_true(fits_window(bell_buf_slice(&packed), bits, message.n));
            bell_buf_finish(&packed);
            bell_ws_deflater_destroy(d);
        }
        free(bytes);
    }
}

/* A distance of exactly 256, and none of more, wherever something could be found again. */
static void window_of_8_bits_holds_at_its_edges(void **state)
{
    (void)state;
    for (size_t gap = 200; gap <= 600; gap++) {
        char message[1300];
        uint32_t seed = (uint32_t)gap;
        for (size_t k = 0; k < sizeof message; k++) {
            seed = seed * 1664525u + 1013904223u;
            message[k] = k < gap ? (char)(seed >> 24) : message[k - gap];
        }
        struct bell_ws_deflater *d = deflater(8);
        struct bell_buf packed;
        bell_buf_init(&packed, OUT_MAX_BYTES);
        const bell_slice whole = {message, sizeof message};
        assert_int_equal(bell_ws_deflater_run(d, whole, false, &packed), BELL_OK);
        assert_true(fits_window(bell_buf_slice(&packed), 8, whole.n));
        bell_buf_finish(&packed);
        bell_ws_deflater_destroy(d);
    }
}

static void takeover_makes_a_repeated_message_shorter(void **state)
{
    (void)state;
    char *bytes = sample(2);
    const bell_slice message = {bytes, 1000};
    size_t sizes[2][2];
    for (int keeps = 0; keeps < 2; keeps++) {
        struct bell_ws_deflater *d = deflater(15);
        for (int k = 0; k < 2; k++) {
            struct bell_buf packed;
            bell_buf_init(&packed, OUT_MAX_BYTES);
            assert_int_equal(bell_ws_deflater_run(d, message, keeps == 1, &packed), BELL_OK);
            sizes[keeps][k] = packed.n;
            bell_buf_finish(&packed);
        }
        bell_ws_deflater_destroy(d);
    }
    assert_int_equal(sizes[0][0], sizes[0][1]);
    assert_true(sizes[1][1] < sizes[1][0] / 20);
    free(bytes);
}

/* The peer never sees it: what follows must not refer to it. */
static void a_message_that_is_not_sent_can_be_forgotten(void **state)
{
    (void)state;
    char *bytes = sample(2);
    struct bell_ws_deflater *d = deflater(15);
    struct bell_ws_inflater *i = inflater(15);
    struct bell_buf packed;
    struct bell_buf out;
    bell_buf_init(&packed, OUT_MAX_BYTES);
    bell_buf_init(&out, OUT_MAX_BYTES);
    const bell_slice messages[] = {{bytes, 500}, {bytes + 1000, 500}, {bytes + 1000, 500}};
    for (int k = 0; k < 3; k++) {
        bell_buf_clear(&packed);
        bell_buf_clear(&out);
        assert_int_equal(bell_ws_deflater_run(d, messages[k], true, &packed), BELL_OK);
        if (k == 1) {
            bell_ws_deflater_reset(d);
            continue;
        }
        assert_int_equal(run(i, bell_buf_slice(&packed), true, true, &out), BELL_OK);
        expect(&out, messages[k]);
    }
    bell_buf_finish(&packed);
    bell_buf_finish(&out);
    bell_ws_deflater_destroy(d);
    bell_ws_inflater_destroy(i);
    free(bytes);
}

/* ---- limits ---- */

static void inflates_up_to_the_limit_and_no_byte_more(void **state)
{
    (void)state;
    static const size_t LIMITS[] = {1, 2, 1000, 16383, 16384, 16385, 65536, 150000};
    char *bytes = sample(1);
    struct bell_ws_deflater *d = deflater(15);
    for (size_t k = 0; k < BELL_ARRAY_LEN(LIMITS); k++) {
        for (int more = -1; more <= 1; more++) {
            struct bell_buf packed;
            struct bell_buf out;
            const bell_slice message = {bytes, (size_t)((int)LIMITS[k] + more)};
            bell_buf_init(&packed, OUT_MAX_BYTES);
            bell_buf_init(&out, LIMITS[k]);
            assert_int_equal(bell_ws_deflater_run(d, message, false, &packed), BELL_OK);
            bell_status st = run_alone(bell_buf_slice(&packed), true, &out);
            assert_int_equal(st, more > 0 ? BELL_ELIMIT : BELL_OK);
            if (st == BELL_OK) {
                expect(&out, message);
            }
            assert_true(out.capacity <= LIMITS[k]);
            bell_buf_finish(&packed);
            bell_buf_finish(&out);
        }
    }
    bell_ws_deflater_destroy(d);
    free(bytes);
}

/* A thousand times as long as what came: it costs no more than the limit. */
static void a_bomb_is_not_inflated_beyond_the_limit(void **state)
{
    (void)state;
    enum { BOMB_BYTES = 1 << 23, LIMIT_BYTES = 100000 };
    char *zeros = calloc(1, BOMB_BYTES);
    assert_non_null(zeros);
    struct bell_ws_deflater *d = deflater(15);
    struct bell_buf packed;
    struct bell_buf out;
    bell_buf_init(&packed, OUT_MAX_BYTES);
    bell_buf_init(&out, LIMIT_BYTES);
    assert_int_equal(bell_ws_deflater_run(d, bell_slice_make(zeros, BOMB_BYTES), false, &packed),
                     BELL_OK);
    assert_true(packed.n < BOMB_BYTES / 500);
    assert_int_equal(run_alone(bell_buf_slice(&packed), false, &out), BELL_ELIMIT);
    assert_true(out.n <= LIMIT_BYTES && out.capacity <= LIMIT_BYTES);
    bell_buf_finish(&packed);
    bell_buf_finish(&out);
    bell_ws_deflater_destroy(d);
    free(zeros);
}

static void deflates_into_what_room_there_is_or_not_at_all(void **state)
{
    (void)state;
    char *bytes = sample(2);
    const bell_slice message = {bytes, 50000};
    struct bell_ws_deflater *d = deflater(15);
    struct bell_ws_inflater *i = inflater(15);
    struct bell_buf packed;
    bell_buf_init(&packed, OUT_MAX_BYTES);
    assert_int_equal(bell_ws_deflater_run(d, message, true, &packed), BELL_OK);
    size_t size = packed.n;
    bell_ws_deflater_reset(d);
    bell_buf_finish(&packed);
    /* 4 for the tail that is cut; up to 5 more since zlib repeats a tail that just fits. */
    for (size_t room = 1; room <= size + 12; room += room < size - 3 ? size / 7 : 1) {
        struct bell_buf out;
        bell_buf_init(&packed, room + 3);
        bell_buf_init(&out, OUT_MAX_BYTES);
        assert_int_equal(bell_buf_append(&packed, BELL_LIT("123")), BELL_OK);
        bell_status st = bell_ws_deflater_run(d, message, true, &packed);
        assert_true(st == BELL_OK || st == BELL_ELIMIT);
        assert_true(st == BELL_OK ? room >= size + 4 : room < size + 10);
        assert_true(packed.n <= room + 3);
        assert_memory_equal(packed.p, "123", 3);
        if (st == BELL_OK) {
            bell_slice payload = {packed.p + 3, packed.n - 3};
            assert_int_equal(run(i, payload, true, false, &out), BELL_OK);
            expect(&out, message);
            bell_ws_deflater_reset(d);
        } else {
            assert_int_equal(packed.n, 3);
        }
        bell_buf_finish(&packed);
        bell_buf_finish(&out);
    }
    bell_ws_deflater_destroy(d);
    bell_ws_inflater_destroy(i);
    free(bytes);
}

/* The limit is what counts, not the memory that a buffer has from before. */
static void a_buffer_that_was_larger_has_its_limit(void **state)
{
    (void)state;
    char *bytes = sample(2);
    struct bell_ws_deflater *d = deflater(15);
    struct bell_buf packed;
    struct bell_buf out;
    bell_buf_init(&packed, OUT_MAX_BYTES);
    bell_buf_init(&out, OUT_MAX_BYTES);
    const bell_slice message = {bytes, 5000};
    assert_int_equal(bell_ws_deflater_run(d, message, false, &packed), BELL_OK);
    assert_int_equal(run_alone(bell_buf_slice(&packed), true, &out), BELL_OK);
    assert_true(out.capacity > 5000);
    bell_buf_clear(&out);
    out.max_bytes = 4999;
    assert_int_equal(run_alone(bell_buf_slice(&packed), true, &out), BELL_ELIMIT);
    assert_true(out.n <= 4999);
    packed.max_bytes = packed.n;
    bell_buf_clear(&packed);
    assert_int_equal(bell_ws_deflater_run(d, message, false, &packed), BELL_ELIMIT);
    bell_buf_finish(&packed);
    bell_buf_finish(&out);
    bell_ws_deflater_destroy(d);
    free(bytes);
}

/* ---- what is wrong ---- */

static void refuses_what_is_not_deflate(void **state)
{
    (void)state;
    static const bell_slice PAYLOADS[] = {
        {"\x07", 1},                                          /* a reserved type of block */
        {"\xff\xff\xff", 3},                                  /* likewise */
        {"\x00\x05\x00\xfa\xfe\x48\x65\x6c\x6c\x6f\x00", 11}, /* lengths that do not match */
        {"\xf2\x00\x11\x00\x00", 5},                          /* refers to before the beginning */
        {"\xf2\x48\xcd\xc9\xc9\x07", 6},                      /* the last byte is missing */
        {"\xf2\x48\xcd\xc9", 4},                              /* ends within a block */
        {"\x00\x05\x00\xfa\xff\x48\x65", 7},                  /* likewise */
        {"\x00\x05", 2},                                      /* ends within a header */
        {"\xf2\x48\xcd\xc9\xc9\x07\x00\x00\x00\xff\xff", 11}, /* the tail was not cut */
        {"\xf3\x48\xcd\xc9\xc9\x07\x00\x07", 8},              /* wrong behind a final block */
        {"Hello", 5},
    };
    struct bell_ws_inflater *i = inflater(15);
    for (size_t k = 0; k < BELL_ARRAY_LEN(PAYLOADS); k++) {
        struct bell_buf out;
        bell_buf_init(&out, OUT_MAX_BYTES);
        assert_int_equal(run(i, PAYLOADS[k], false, false, &out), BELL_EPROTO);
        /* The same inflater serves the next connection. */
        bell_buf_clear(&out);
        assert_int_equal(run(i, BELL_LIT("\xf2\x48\xcd\xc9\xc9\x07\x00"), true, false, &out),
                         BELL_OK);
        expect(&out, BELL_LIT("Hello"));
        bell_buf_finish(&out);
    }
    bell_ws_inflater_destroy(i);
}

/* A final block is no end of the message, however many there are. */
static void goes_on_behind_final_blocks(void **state)
{
    (void)state;
    static const struct {
        bell_slice payload;
        const char *message;
    } CASES[] = {
        {{"\xf3\x48\xcd\xc9\xc9\x07\x00\xf3\x48\xcd\xc9\xc9\x07\x00\x00", 15}, "HelloHello"},
        {{"\xf3\x48\xcd\xc9\xc9\x07\x00\xf2\x48\xcd\xc9\xc9\x07\x00", 14}, "HelloHello"},
        {{"\xf3\x48\xcd\xc9\xc9\x07\x00\xf2\x00\x11\x00\x00", 12}, "HelloHello"}, /* and back */
        {{"\xf3\x48\xcd\xc9\xc9\x07\x00", 7}, "Hello"}, /* with nothing behind */
        {{"\x03\x00\x03\x00\x03\x00\x00", 7}, ""},
        {{"\x01\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00", 11}, "Hello"},
        {{"\x01", 1}, ""}, /* a final block whose lengths are the tail */
    };
    for (size_t i = 0; i < BELL_ARRAY_LEN(CASES); i++) {
        struct bell_buf out;
        bell_buf_init(&out, OUT_MAX_BYTES);
        assert_int_equal(run_alone(CASES[i].payload, true, &out), BELL_OK);
        expect(&out, bell_slice_from(CASES[i].message));
        bell_buf_finish(&out);
    }
}

/* zlib is asked once more whenever it has used up all room: that must not hide where it stood. */
static void a_message_may_end_where_the_room_ends(void **state)
{
    (void)state;
    enum { ROOM_BYTES = 256 };                                /* the least that a buffer takes */
    char payload[5 + ROOM_BYTES] = {1, 0, 1, '\xff', '\xfe'}; /* a final block of 256 bytes */
    memset(payload + 5, 'x', ROOM_BYTES);
    for (int is_final = 0; is_final < 2; is_final++) {
        struct bell_buf out;
        bell_buf_init(&out, OUT_MAX_BYTES);
        payload[0] = (char)is_final;
        assert_int_equal(bell_buf_reserve(&out, 1), BELL_OK);
        assert_int_equal(out.capacity, ROOM_BYTES);
        /* Not final: the last four of the 256 bytes are those of the tail. */
        size_t n = sizeof payload - (is_final == 1 ? 0 : 4);
        assert_int_equal(run_alone(bell_slice_make(payload, n), false, &out), BELL_OK);
        assert_int_equal(out.n, ROOM_BYTES);
        bell_buf_finish(&out);
    }
}

static void half_a_million_final_blocks_are_one_empty_message(void **state)
{
    (void)state;
    enum { PAYLOAD_BYTES = (1 << 20) + 1 };
    char *payload = malloc(PAYLOAD_BYTES);
    struct bell_buf out;
    assert_non_null(payload);
    bell_buf_init(&out, OUT_MAX_BYTES);
    for (size_t k = 0; k < PAYLOAD_BYTES; k++) {
        payload[k] = k % 2 == 0 && k + 1 < PAYLOAD_BYTES ? '\x03' : '\x00';
    }
    assert_int_equal(run_alone(bell_slice_make(payload, PAYLOAD_BYTES), false, &out), BELL_OK);
    assert_int_equal(out.n, 0);
    bell_buf_finish(&out);
    free(payload);
}

static void refuses_text_that_is_not_utf_8(void **state)
{
    (void)state;
    static const struct {
        bell_slice message;
        bool is_right;
    } CASES[] = {
        {{"K\xc3\xb6ln", 5}, true},   {{"\xf0\x9f\x94\x94", 4}, true},
        {{"K\xc3", 2}, false}, /* ends within a character */
        {{"\xf0\x9f\x94", 3}, false}, {{"\xc0\x80", 2}, false},
        {{"\xed\xa0\x80", 3}, false}, {{"ok\xff", 3}, false},
    };
    struct bell_ws_deflater *d = deflater(15);
    for (size_t k = 0; k < BELL_ARRAY_LEN(CASES); k++) {
        for (int is_text = 0; is_text < 2; is_text++) {
            struct bell_buf packed;
            struct bell_buf out;
            bell_buf_init(&packed, OUT_MAX_BYTES);
            bell_buf_init(&out, OUT_MAX_BYTES);
            assert_int_equal(bell_ws_deflater_run(d, CASES[k].message, false, &packed), BELL_OK);
            assert_int_equal(run_alone(bell_buf_slice(&packed), is_text == 1, &out),
                             CASES[k].is_right || is_text == 0 ? BELL_OK : BELL_EPROTO);
            bell_buf_finish(&packed);
            bell_buf_finish(&out);
        }
    }
    bell_ws_deflater_destroy(d);
}

/* Characters that lie across the pieces in which text comes out; a bad byte ends it soon. */
static void looks_at_text_while_it_comes_out(void **state)
{
    (void)state;
    enum { TEXT_BYTES = 3 << 20, STEP_BYTES = 65536 };
    char *text = malloc(TEXT_BYTES);
    assert_non_null(text);
    for (size_t k = 0; k < TEXT_BYTES; k++) {
        text[k] = "\xe2\x82\xac"[k % 3];
    }
    struct bell_ws_deflater *d = deflater(15);
    for (int is_bad = 0; is_bad < 2; is_bad++) {
        struct bell_buf packed;
        struct bell_buf out;
        bell_buf_init(&packed, OUT_MAX_BYTES);
        bell_buf_init(&out, OUT_MAX_BYTES);
        text[100] = is_bad == 1 ? '\xff' : text[100];
        const bell_slice message = {text, TEXT_BYTES};
        assert_int_equal(bell_ws_deflater_run(d, message, false, &packed), BELL_OK);
        bell_status st = run_alone(bell_buf_slice(&packed), true, &out);
        assert_int_equal(st, is_bad == 1 ? BELL_EPROTO : BELL_OK);
        assert_int_equal(out.n <= STEP_BYTES, is_bad == 1);
        bell_buf_finish(&packed);
        bell_buf_finish(&out);
    }
    bell_ws_deflater_destroy(d);
    free(text);
}

/* ---- memory ---- */

/* Everything once with the n-th allocation failing; false when something did. */
static bool make_and_use(struct bell_buf *packed, struct bell_buf *out)
{
    struct bell_ws_deflater *d = NULL;
    struct bell_ws_inflater *i = NULL;
    bell_status st = bell_ws_deflater_create(USUAL, &d);
    if (st == BELL_OK) {
        st = bell_ws_inflater_create(15, &i);
    }
    for (int k = 0; k < 2 && st == BELL_OK; k++) {
        bell_buf_clear(packed);
        st = bell_ws_deflater_run(d, BELL_LIT("Hello, hello"), true, packed);
        if (st == BELL_OK) {
            st = bell_ws_inflater_run(i, bell_buf_slice(packed), true, true, out);
        }
    }
    bell_ws_deflater_destroy(d);
    bell_ws_inflater_destroy(i);
    assert_true(st == BELL_OK || st == BELL_ENOMEM);
    return st == BELL_OK;
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    int64_t live = bell_mem_live();
    int failures = 0;
    for (int64_t nth = 1;; nth++) {
        struct bell_buf packed;
        struct bell_buf out;
        bell_buf_init(&packed, OUT_MAX_BYTES);
        bell_buf_init(&out, OUT_MAX_BYTES);
        bell_mem_fail_at(nth);
        bool is_right = make_and_use(&packed, &out);
        bool has_failed = bell_mem_failed();
        bell_mem_fail_at(0);
        assert_int_equal(is_right, !has_failed);
        bell_buf_finish(&packed);
        bell_buf_finish(&out);
        assert_int_equal(bell_mem_live(), live);
        if (!has_failed) {
            break;
        }
        failures++;
    }
    assert_true(failures >= 8); /* ours, those of zlib, both buffers */
}

static void destroy_takes_null(void **state)
{
    (void)state;
    bell_ws_deflater_destroy(NULL);
    bell_ws_inflater_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(understands_the_examples_of_the_rfc),
        cmocka_unit_test(shares_the_window_between_messages),
        cmocka_unit_test(messages_come_back_with_every_window),
        cmocka_unit_test(messages_that_end_in_zero_bytes_or_in_a_tail_come_back),
        cmocka_unit_test(empty_messages_have_a_payload_of_one_byte),
        cmocka_unit_test(an_empty_payload_is_an_empty_message),
        cmocka_unit_test(never_refers_back_beyond_the_window),
        cmocka_unit_test(window_of_8_bits_holds_at_its_edges),
        cmocka_unit_test(takeover_makes_a_repeated_message_shorter),
        cmocka_unit_test(a_message_that_is_not_sent_can_be_forgotten),
        cmocka_unit_test(inflates_up_to_the_limit_and_no_byte_more),
        cmocka_unit_test(a_bomb_is_not_inflated_beyond_the_limit),
        cmocka_unit_test(deflates_into_what_room_there_is_or_not_at_all),
        cmocka_unit_test(a_buffer_that_was_larger_has_its_limit),
        cmocka_unit_test(refuses_what_is_not_deflate),
        cmocka_unit_test(goes_on_behind_final_blocks),
        cmocka_unit_test(a_message_may_end_where_the_room_ends),
        cmocka_unit_test(half_a_million_final_blocks_are_one_empty_message),
        cmocka_unit_test(refuses_text_that_is_not_utf_8),
        cmocka_unit_test(looks_at_text_while_it_comes_out),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(destroy_takes_null),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
