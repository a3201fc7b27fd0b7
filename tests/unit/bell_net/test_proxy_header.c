/*
 * The PROXY protocol by the letter of its specification, and not a byte beyond.
 */
#include "base/compiler.h"
#include "bell/net/proxy_header.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define V4        "\xc0\x00\x02\x01\xc6\x33\x64\x07\xdc\x04\x01\xbb"
#define V6                                                                                         \
    "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"                                                   \
    "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02"                                                   \
    "\xdc\x04\x01\xbb"

struct outcome {
    bell_status st;
    bell_proxy_header header;
};

/* Read anew whenever size more bytes have come, each time from a block of exactly that size. */
static struct outcome read_cut(bell_slice bytes, size_t first, size_t step)
{
    struct outcome outcome = {.st = BELL_EAGAIN};
    size_t n = first < bytes.n ? first : bytes.n;
    for (;;) {
        char *copy = malloc(n + 1);
        assert_non_null(copy);
        memcpy(copy, bytes.p, n);
        outcome.st = bell_proxy_header_read(bell_slice_make(copy, n), &outcome.header);
        free(copy);
        if (outcome.st != BELL_EAGAIN || n == bytes.n) {
            return outcome;
        }
        n = bytes.n - n < step ? bytes.n : n + step;
    }
}

/* The outcome, which must be the same however the bytes are cut. */
static struct outcome read_all_ways(bell_slice bytes)
{
    struct outcome whole = read_cut(bytes, bytes.n, 1);
    for (size_t i = 0; i <= bytes.n; i++) {
        struct outcome cut = i == 0 ? read_cut(bytes, 0, 1) : read_cut(bytes, i, bytes.n);
        assert_int_equal(cut.st, whole.st);
        if (whole.st == BELL_OK) {
            assert_int_equal(cut.header.size_bytes, whole.header.size_bytes);
            assert_int_equal(cut.header.has_source, whole.header.has_source);
            assert_int_equal(cut.header.is_secure, whole.header.is_secure);
            assert_memory_equal(cut.header.source.bytes, whole.header.source.bytes, 16);
        }
    }
    return whole;
}

/* source NULL: the header names none. */
static void assert_header(bell_slice bytes, size_t size, const char *source, bool is_secure)
{
    struct outcome outcome = read_all_ways(bytes);
    assert_int_equal(outcome.st, BELL_OK);
    assert_int_equal(outcome.header.size_bytes, size);
    assert_int_equal(outcome.header.has_source, source != NULL);
    assert_int_equal(outcome.header.is_secure, is_secure);
    if (source != NULL) {
        char room[BELL_ADDRESS_TEXT_BYTES];
        (void)bell_address_format(&outcome.header.source, room);
        assert_string_equal(room, source);
    }
}

static void version_1_names_the_client(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *source;
    } CASES[] = {
        {"PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n", "192.0.2.1"},
        {"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n", "255.255.255.255"},
        {"PROXY TCP4 192.0.2.1 198.51.100.7 0 0\r\n", "192.0.2.1"},
        {"PROXY TCP6 2001:db8::1 2001:db8::2 4711 443\r\n", "2001:db8::1"},
        {"PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
         "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n",
         "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
        {"PROXY UNKNOWN\r\n", NULL},
        {"PROXY UNKNOWN ffff:f...f:ffff anything 1 2 3 \r\n", NULL},
    };
    for (size_t i = 0; i < BELL_ARRAY_LEN(CASES); i++) {
        char text[256];
        size_t n = strlen(CASES[i].text);
        memcpy(text, CASES[i].text, n);
        assert_header(bell_slice_make(text, n), n, CASES[i].source, false);
        memcpy(text + n, "GET / HTTP/1.1\r\n", 16); /* the client's own bytes stay */
        assert_header(bell_slice_make(text, n + 16), n, CASES[i].source, false);
    }
}

static void version_1_by_the_letter_only(void **state)
{
    (void)state;
    static const char *const BAD[] = {
        "GET / HTTP/1.1\r\n",
        "PROXZ TCP4",
        "proxy TCP4 192.0.2.1 198.51.100.7 56324 443\r\n",
        "PROXY\r\n",
        "PROXY \r\n",
        "PROXY  TCP4 192.0.2.1 198.51.100.7 56324 443\r\n",
        "PROXY TCP4  192.0.2.1 198.51.100.7 56324 443\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.7 56324 443 \r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.7 56324 443 1\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.7 56324\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.7 56324 \r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.7\r\n",
        "PROXY TCP4 192.0.2.1\t198.51.100.7 56324 443\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\n",
        "PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\rX",
        "PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\r\n",
        "PROXY TCP4 192.0.2.256 198.51.100.7 56324 443\r\n",
        "PROXY TCP4 192.0.02.1 198.51.100.7 56324 443\r\n",
        "PROXY TCP4 2001:db8::1 2001:db8::2 4711 443\r\n",
        "PROXY TCP6 192.0.2.1 198.51.100.7 56324 443\r\n",
        "PROXY TCP6 2001:db8::1 192.0.2.1 56324 443\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.7 65536 443\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.7 1 065\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.7 1 00\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.7 -1 443\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.7 100000 443\r\n",
        "PROXY UDP4 192.0.2.1 198.51.100.7 56324 443\r\n",
        "PROXY TCP 192.0.2.1 198.51.100.7 56324 443\r\n",
        "PROXY unknown\r\n",
        "PROXY UNKNOWN\x01\r\n",
    };
    for (size_t i = 0; i < BELL_ARRAY_LEN(BAD); i++) {
        assert_int_equal(read_all_ways(bell_slice_from(BAD[i])).st, BELL_EPROTO);
    }
}

static void version_1_has_at_most_107_bytes(void **state)
{
    (void)state;
    char text[200];
    memset(text, 'x', sizeof text);
    memcpy(text, "PROXY UNKNOWN ", 14);
    memcpy(text + 105, "\r\n", 2);
    assert_header(bell_slice_make(text, 107), 107, NULL, false);
    assert_header(bell_slice_make(text, 200), 107, NULL, false);
    memcpy(text + 105, "x\r\n", 3);
    assert_int_equal(read_all_ways(bell_slice_make(text, 108)).st, BELL_EPROTO);
    assert_int_equal(read_all_ways(bell_slice_make(text, 106)).st, BELL_EAGAIN);
    memcpy(text + 105, "xx", 2);
    assert_int_equal(read_all_ways(bell_slice_make(text, 107)).st, BELL_EPROTO);
}

static void version_2_names_the_client(void **state)
{
    (void)state;
    char unix_header[16 + 216] = SIGNATURE "\x21\x31\x00\xd8";
    assert_header(BELL_LIT(SIGNATURE "\x21\x11\x00\x0c" V4), 28, "192.0.2.1", false);
    assert_header(BELL_LIT(SIGNATURE "\x21\x11\x00\x0c" V4 "GET"), 28, "192.0.2.1", false);
    assert_header(BELL_LIT(SIGNATURE "\x21\x21\x00\x24" V6), 52, "2001:db8::1", false);
    assert_header(bell_slice_make(unix_header, sizeof unix_header), 232, NULL, false);
    assert_header(BELL_LIT(SIGNATURE "\x21\x00\x00\x00"), 16, NULL, false);
}

static void version_2_local_is_the_proxy_itself(void **state)
{
    (void)state;
    assert_header(BELL_LIT(SIGNATURE "\x20\x00\x00\x00"), 16, NULL, false);
    assert_header(BELL_LIT(SIGNATURE "\x20\x11\x00\x0c" V4), 28, NULL, false);
    assert_header(BELL_LIT(SIGNATURE "\x20\xff\x00\x02zz"), 18, NULL, false);
    assert_header(BELL_LIT(SIGNATURE "\x20\x11\x00\x02zz"), 18, NULL, false);
    /* The proxy itself speaks no TLS here. */
    assert_header(BELL_LIT(SIGNATURE "\x20\x00\x00\x08\x20\x00\x05\x01\0\0\0\0"), 24, NULL, false);
}

/* Addresses that are to be ignored may be anything: what is no list of fields has no checksum. */
static void version_2_without_addresses_need_not_have_fields(void **state)
{
    (void)state;
    static const bell_slice ROWS[] = {
        {SIGNATURE "\x21\x00\x00\x03xyz", 19},
        {SIGNATURE "\x20\x00\x00\x03xyz", 19},
        {SIGNATURE "\x21\x00\x00\x08\x03\x00\x04zzzzz", 24},
        {SIGNATURE "\x20\x00\x00\x08\x03\x00\x04zzzzz", 24},
        {SIGNATURE "\x20\x11\x00\x14" V4 "\x03\x00\x04zzzzz", 36},
        {SIGNATURE "\x21\x00\x00\x0a\x20\x00\x05\x01\0\0\0\0\x04\x00", 26},
        {SIGNATURE "\x20\xff\x00\x07\x03\x00\x04zzzz", 23}, /* who knows where they begin? */
    };
    for (size_t i = 0; i < BELL_ARRAY_LEN(ROWS); i++) {
        assert_header(ROWS[i], ROWS[i].n, NULL, false);
    }
}

static void version_2_without_addresses_is_checked_by_its_sum(void **state)
{
    (void)state;
    static const struct {
        bell_slice bytes;
        bool is_secure;
    } ROWS[] = {
        {{SIGNATURE "\x20\x00\x00\x07\x03\x00\x04\xa9\xb8\x7e\x8f", 23}, false},
        {{SIGNATURE "\x20\x11\x00\x13" V4 "\x03\x00\x04\xa1\x89\xe1\x81", 35}, false},
        {{SIGNATURE "\x21\x00\x00\x07\x03\x00\x04\x3e\xc9\x89\x4e", 23}, false},
        {{SIGNATURE "\x21\x00\x00\x0f\x03\x00\x04\x09\xb7\x82\x94\x20\x00\x05\x01\0\0\0\0", 31},
         true},
    };
    for (size_t i = 0; i < BELL_ARRAY_LEN(ROWS); i++) {
        char wrong[64];
        size_t n = ROWS[i].bytes.n;
        size_t sum_end = i == 3 ? 23 : n;
        assert_header(ROWS[i].bytes, n, NULL, ROWS[i].is_secure);
        memcpy(wrong, ROWS[i].bytes.p, n);
        for (size_t at = sum_end - 4; at < sum_end; at++) {
            wrong[at] = (char)(wrong[at] ^ 1);
            assert_int_equal(read_all_ways(bell_slice_make(wrong, n)).st, BELL_EPROTO);
            wrong[at] = (char)(wrong[at] ^ 1);
        }
        if (i < 3) { /* any other bit of the fixed part, which the sum is there for */
            wrong[12] = (char)(wrong[12] ^ 1);
            assert_int_equal(read_all_ways(bell_slice_make(wrong, n)).st, BELL_EPROTO);
        }
    }
}

static void version_2_fields_tell_of_tls(void **state)
{
    (void)state;
    assert_header(BELL_LIT(SIGNATURE "\x21\x11\x00\x14" V4 "\x20\x00\x05\x01\0\0\0\0"), 36,
                  "192.0.2.1", true);
    assert_header(BELL_LIT(SIGNATURE "\x21\x11\x00\x14" V4 "\x20\x00\x05\x02\0\0\0\0"), 36,
                  "192.0.2.1", false);
    assert_header(
        BELL_LIT(SIGNATURE "\x21\x11\x00\x1a" V4 "\x04\x00\x03zzz\x20\x00\x05\x05\0\0\0\0"), 42,
        "192.0.2.1", true);
    assert_header(BELL_LIT(SIGNATURE "\x21\x11\x00\x0f" V4 "\xee\x00\x00"), 31, "192.0.2.1", false);
}

static void version_2_is_checked_by_its_sum(void **state)
{
    (void)state;
    static const bell_slice BAD[] = {
        {SIGNATURE "\x21\x11\x00\x13" V4 "\x03\x00\x04\xd4\x5a\x11\xb8", 35},
        {SIGNATURE "\x21\x11\x00\x13" V4 "\x03\x00\x04\xb9\x11\x5a\xd4", 35}, /* backwards */
        {SIGNATURE "\x21\x11\x00\x13" V4 "\x03\x00\x04\0\0\0\0", 35},
        {SIGNATURE "\x21\x11\x00\x12" V4 "\x03\x00\x03\xd4\x5a\x11", 34},
        {SIGNATURE "\x21\x11\x00\x14" V4 "\x03\x00\x05\xd4\x5a\x11\xb9\0", 36},
        {SIGNATURE "\x21\x11\x00\x0f" V4 "\x03\x00\x00", 31},
        /* Twice, and both are right. */
        {SIGNATURE "\x21\x11\x00\x1a" V4 "\x03\x00\x04\x92\x7a\x2a\x56\x03\x00\x04\x04\xe5\x3b\x99",
         42},
    };
    char bytes[35];
    memcpy(bytes, SIGNATURE "\x21\x11\x00\x13" V4 "\x03\x00\x04\xd4\x5a\x11\xb9", 35);
    assert_header(bell_slice_make(bytes, 35), 35, "192.0.2.1", false);
    assert_header(BELL_LIT(SIGNATURE "\x21\x11\x00\x20" V4 "\x04\x00\x02zz"
                                     "\x03\x00\x04\x29\xd3\xde\xc8\x20\x00\x05\x01\0\0\0\0"),
                  48, "192.0.2.1", true);
    for (size_t i = 16; i < 35; i = i == 27 ? 31 : i + 1) { /* the addresses, the sum */
        for (unsigned bit = 1; bit < 0x100; bit <<= 1) {
            bytes[i] = (char)(bytes[i] ^ (char)bit);
            assert_int_equal(read_all_ways(bell_slice_make(bytes, 35)).st, BELL_EPROTO);
            bytes[i] = (char)(bytes[i] ^ (char)bit);
        }
    }
    for (size_t i = 0; i < BELL_ARRAY_LEN(BAD); i++) {
        assert_int_equal(read_all_ways(BAD[i]).st, BELL_EPROTO);
    }
}

static void version_2_by_the_letter_only(void **state)
{
    (void)state;
    static const bell_slice BAD[] = {
        {SIGNATURE "\x11\x11\x00\x0c" V4, 28}, /* version 1 */
        {SIGNATURE "\x31\x11\x00\x0c" V4, 28}, /* version 3 */
        {SIGNATURE "\x22\x11\x00\x0c" V4, 28}, /* no such command */
        {SIGNATURE "\x21\x10\x00\x0c" V4, 28}, /* no such family */
        {SIGNATURE "\x21\x12\x00\x0c" V4, 28}, /* datagrams */
        {SIGNATURE "\x21\x41\x00\x0c" V4, 28},
        {SIGNATURE "\x21\x11\x00\x0b" V4, 28}, /* shorter than its addresses */
        {SIGNATURE "\x21\x21\x00\x0c" V4, 28},
        {SIGNATURE "\x21\x31\x00\x0c" V4, 28},
        {SIGNATURE "\x21\x11\x00\x0d" V4 "\x04", 29},             /* half a field */
        {SIGNATURE "\x21\x11\x00\x10" V4 "\x04\x00\x02z", 32},    /* a field longer than the rest */
        {SIGNATURE "\x21\x11\x00\x10" V4 "\x20\x00\x01\x01", 32}, /* too short to tell of TLS */
        {"\r\n\r\n\0\r\nQUIT\r", 12},
        {"\r\nGET / HTTP/1.1\r\n", 18},
    };
    for (size_t i = 0; i < BELL_ARRAY_LEN(BAD); i++) {
        assert_int_equal(read_all_ways(BAD[i]).st, BELL_EPROTO);
    }
}

static void version_2_has_a_longest_header(void **state)
{
    (void)state;
    enum { TAIL = BELL_PROXY_V2_MAX_TAIL_BYTES };
    static char bytes[BELL_PROXY_MAX_BYTES + 1] = SIGNATURE "\x21\x11\x10\x00" V4 "\x04\x0f\xf1";
    struct outcome outcome;
    assert_int_equal(TAIL, 0x1000);
    outcome.st = bell_proxy_header_read(bell_slice_make(bytes, sizeof bytes), &outcome.header);
    assert_int_equal(outcome.st, BELL_OK);
    assert_int_equal(outcome.header.size_bytes, BELL_PROXY_MAX_BYTES);
    outcome = read_cut(bell_slice_make(bytes, BELL_PROXY_MAX_BYTES - 1), 1, 100);
    assert_int_equal(outcome.st, BELL_EAGAIN);
    bytes[15] = 1; /* one more is refused before it comes */
    outcome = read_cut(bell_slice_make(bytes, 16), 16, 1);
    assert_int_equal(outcome.st, BELL_EPROTO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(version_1_names_the_client),
        cmocka_unit_test(version_1_by_the_letter_only),
        cmocka_unit_test(version_1_has_at_most_107_bytes),
        cmocka_unit_test(version_2_names_the_client),
        cmocka_unit_test(version_2_local_is_the_proxy_itself),
        cmocka_unit_test(version_2_without_addresses_need_not_have_fields),
        cmocka_unit_test(version_2_without_addresses_is_checked_by_its_sum),
        cmocka_unit_test(version_2_fields_tell_of_tls),
        cmocka_unit_test(version_2_is_checked_by_its_sum),
        cmocka_unit_test(version_2_by_the_letter_only),
        cmocka_unit_test(version_2_has_a_longest_header),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
