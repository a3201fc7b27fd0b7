/*
 * Addresses, networks and where to listen. For any text:
 *
 *  - an address written and read again is the same, and in a network of all its bits;
 *  - a network has its base, equals itself, and nothing of it lies behind its prefix;
 *  - a place to listen at has a family that this library knows and the size that belongs to it.
 *
 * The text holds no zero byte for the last one, which is told by one.
 */
#include "bell/net/address.h"
#include "fuzz.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

static void check_address(bell_slice text)
{
    char room[BELL_ADDRESS_TEXT_BYTES];
    char network_text[BELL_ADDRESS_TEXT_BYTES + 8];
    bell_address a;
    bell_address again;
    bell_network network;
    if (bell_address_parse(text, &a) != BELL_OK) {
        return;
    }
    bell_slice written = bell_address_format(&a, room);
    if (bell_address_is_none(&a)) {
        FUZZ_CHECK(written.n == 0);
        return;
    }
    FUZZ_CHECK(bell_address_parse(written, &again) == BELL_OK);
    FUZZ_CHECK(memcmp(&a, &again, sizeof a) == 0);
    (void)snprintf(network_text, sizeof network_text, "%s/%d", room,
                   bell_address_is_ipv4(&a) ? 32 : 128);
    FUZZ_CHECK(bell_network_parse(bell_slice_from(network_text), &network) == BELL_OK);
    FUZZ_CHECK(bell_network_has(&network, &a) && bell_networks_have(&network, 1, &a));
    again.bytes[15] ^= 1;
    FUZZ_CHECK(!bell_network_has(&network, &again));
}

static void check_network(bell_slice text)
{
    bell_network n;
    if (bell_network_parse(text, &n) != BELL_OK) {
        return;
    }
    FUZZ_CHECK(n.prefix_bits <= 128);
    FUZZ_CHECK(bell_network_equal(&n, &n) && bell_network_has(&n, &n.base));
    for (unsigned bit = n.prefix_bits; bit < 128; bit++) {
        FUZZ_CHECK((n.base.bytes[bit / 8] & 0x80 >> bit % 8) == 0);
    }
}

static void check_listen(bell_slice text)
{
    struct sockaddr_storage where;
    socklen_t len;
    char *copy = malloc(text.n + 1);
    FUZZ_CHECK(copy != NULL);
    memcpy(copy, text.p, text.n);
    copy[text.n] = '\0';
    if (bell_address_parse_listen(copy, &where, &len) == BELL_OK) {
        FUZZ_CHECK(where.ss_family == AF_INET
                       ? len == sizeof(struct sockaddr_in)
                       : where.ss_family == AF_INET6 && len == sizeof(struct sockaddr_in6));
    }
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    bell_slice text = bell_slice_make(data, size);
    check_address(text);
    check_network(text);
    check_listen(text);
    return 0;
}
