#include "base/compiler.h"
#include "bell/net/address.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

static void reads_what_one_can_listen_on(void **state)
{
    (void)state;
    static const char *const GOOD[] = {"127.0.0.1:8080", "0.0.0.0:0", "[::1]:1",
                                       "[::]:65535",     ":8080",     "localhost:80"};
    static const char *const BAD[] = {
        "",        "8080",    "127.0.0.1", "127.0.0.1:",     "1.2.3:80",    "127.0.0.1:x",
        "[::1]",   "::1:80x", "a:65536",   "1.2.3.4:65536",  "1.2.3.4:-1",  "1.2.3.4: 80",
        "[::1:80", "name:80", "[]:80",     "1.2.3.4:000080", "[1.2.3.4]:80"};
    struct sockaddr_storage address;
    socklen_t len;
    for (size_t i = 0; i < BELL_ARRAY_LEN(GOOD); i++) {
        assert_int_equal(bell_address_parse_listen(GOOD[i], &address, &len), BELL_OK);
    }
    for (size_t i = 0; i < BELL_ARRAY_LEN(BAD); i++) {
        assert_int_equal(bell_address_parse_listen(BAD[i], &address, &len), BELL_EINVAL);
    }
    assert_int_equal(bell_address_parse_listen(NULL, &address, &len), BELL_EINVAL);
}

static void writes_addresses_as_people_do(void **state)
{
    (void)state;
    static const char *const TEXTS[] = {"192.0.2.1", "2001:db8::1", "::1", "255.255.255.255"};
    for (size_t i = 0; i < BELL_ARRAY_LEN(TEXTS); i++) {
        bell_address a;
        char room[BELL_ADDRESS_TEXT_BYTES];
        assert_int_equal(bell_address_parse(bell_slice_from(TEXTS[i]), &a), BELL_OK);
        (void)bell_address_format(&a, room);
        assert_string_equal(room, TEXTS[i]);
    }
    bell_address a;
    assert_int_equal(bell_address_parse(BELL_LIT("192.0.2"), &a), BELL_EINVAL);
    assert_int_equal(bell_address_parse(BELL_LIT(""), &a), BELL_EINVAL);
    assert_int_equal(bell_address_parse(BELL_LIT("1.2.3.4\0"), &a), BELL_EINVAL);
}

static bool has(const char *network, const char *address)
{
    bell_network n;
    bell_address a;
    assert_int_equal(bell_network_parse(bell_slice_from(network), &n), BELL_OK);
    assert_int_equal(bell_address_parse(bell_slice_from(address), &a), BELL_OK);
    return bell_network_has(&n, &a);
}

static void writes_every_byte_as_the_c_library_does(void **state)
{
    (void)state;
    for (unsigned value = 0; value <= 0xff; value++) {
        for (unsigned place = 0; place < 4; place++) {
            struct sockaddr_storage from = {.ss_family = AF_INET};
            struct sockaddr_in in = {.sin_family = AF_INET,
                                     .sin_addr.s_addr = htonl(0x0a630901U | value << 8 * place)};
            char expected[INET_ADDRSTRLEN];
            char room[BELL_ADDRESS_TEXT_BYTES];
            memcpy(&from, &in, sizeof in);
            bell_address a = bell_address_from_sockaddr(&from);
            bell_slice text = bell_address_format(&a, room);
            assert_non_null(inet_ntop(AF_INET, &in.sin_addr, expected, sizeof expected));
            assert_string_equal(room, expected);
            assert_int_equal(text.n, strlen(expected));
        }
    }
}

static void a_network_has_exactly_its_addresses(void **state)
{
    (void)state;
    assert_true(has("192.0.2.7", "192.0.2.7"));
    assert_false(has("192.0.2.7", "192.0.2.6"));
    assert_true(has("192.0.2.128/25", "192.0.2.128"));
    assert_true(has("192.0.2.128/25", "192.0.2.255"));
    assert_false(has("192.0.2.128/25", "192.0.2.127"));
    assert_true(has("192.0.2.200/25", "192.0.2.129")); /* bits behind the prefix do not count */
    assert_true(has("0.0.0.0/0", "8.8.8.8"));
    assert_false(has("0.0.0.0/0", "2001:db8::1"));
    assert_true(has("2001:db8::/33", "2001:db8:7fff::1"));
    assert_false(has("2001:db8::/33", "2001:db8:8000::1"));
    assert_true(has("::/0", "2001:db8::1"));
}

static void refuses_what_is_no_network(void **state)
{
    (void)state;
    static const char *const BAD[] = {"",          "/24",    "1.2.3.4/33",   "1.2.3.4/",
                                      "1.2.3.4/x", "::/129", "1.2.3.4/024x", "1.2.3.4/-1",
                                      "host/8"};
    bell_network n;
    for (size_t i = 0; i < BELL_ARRAY_LEN(BAD); i++) {
        assert_int_equal(bell_network_parse(bell_slice_from(BAD[i]), &n), BELL_EINVAL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_one_can_listen_on),
        cmocka_unit_test(writes_addresses_as_people_do),
        cmocka_unit_test(writes_every_byte_as_the_c_library_does),
        cmocka_unit_test(a_network_has_exactly_its_addresses),
        cmocka_unit_test(refuses_what_is_no_network),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
