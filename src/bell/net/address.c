#include "bell/net/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

static const uint8_t MAPPED_PREFIX[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
enum { MAPPED_BITS = 96 };

static bool port_parse(const char *text, in_port_t *out)
{
    uint32_t port = 0;
    size_t n = strlen(text);
    if (n == 0 || n > 5) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return false;
        }
        port = port * 10 + (uint32_t)(text[i] - '0');
    }
    if (port > UINT16_MAX) {
        return false;
    }
    *out = htons((uint16_t)port);
    return true;
}

bell_status bell_address_parse_listen(const char *text, struct sockaddr_storage *out,
                                      socklen_t *out_len)
{
    const char *colon = text == NULL ? NULL : strrchr(text, ':');
    char host[BELL_ADDRESS_TEXT_BYTES + 2];
    if (colon == NULL || (size_t)(colon - text) >= sizeof host) {
        return BELL_EINVAL;
    }
    size_t n = (size_t)(colon - text);
    memcpy(host, text, n);
    host[n] = '\0';
    in_port_t port;
    if (!port_parse(colon + 1, &port)) {
        return BELL_EINVAL;
    }
    struct sockaddr_storage address = {0};
    struct in_addr v4;
    struct in6_addr v6;
    if (strcmp(host, "localhost") == 0) {
        memcpy(host, "127.0.0.1", sizeof "127.0.0.1");
    }
    if (n == 0) {
        v6 = in6addr_any;
    } else if (host[0] == '[' && host[n - 1] == ']') {
        host[n - 1] = '\0';
        if (inet_pton(AF_INET6, host + 1, &v6) != 1) {
            return BELL_EINVAL;
        }
    } else if (inet_pton(AF_INET, host, &v4) == 1) {
        struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = port, .sin_addr = v4};
        memcpy(&address, &in, sizeof in);
        *out = address;
        *out_len = sizeof in;
        return BELL_OK;
    } else {
        return BELL_EINVAL;
    }
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = port, .sin6_addr = v6};
    memcpy(&address, &in6, sizeof in6);
    *out = address;
    *out_len = sizeof in6;
    return BELL_OK;
}

bell_address bell_address_from_ipv4(const void *v4)
{
    bell_address a;
    memcpy(a.bytes, MAPPED_PREFIX, sizeof MAPPED_PREFIX);
    memcpy(a.bytes + sizeof MAPPED_PREFIX, v4, 4);
    return a;
}

bell_address bell_address_from_sockaddr(const struct sockaddr_storage *from)
{
    bell_address a = {{0}};
    if (from->ss_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, from, sizeof in);
        return bell_address_from_ipv4(&in.sin_addr);
    }
    if (from->ss_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, from, sizeof in6);
        memcpy(a.bytes, &in6.sin6_addr, sizeof a.bytes);
    }
    return a;
}

bell_status bell_address_parse(bell_slice text, bell_address *out)
{
    char room[BELL_ADDRESS_TEXT_BYTES];
    if (text.n == 0 || text.n >= sizeof room) {
        return BELL_EINVAL;
    }
    memcpy(room, text.p, text.n);
    room[text.n] = '\0';
    struct in_addr v4;
    struct in6_addr v6;
    if (strlen(room) != text.n) {
        return BELL_EINVAL;
    }
    if (inet_pton(AF_INET, room, &v4) == 1) {
        *out = bell_address_from_ipv4(&v4);
        return BELL_OK;
    }
    if (inet_pton(AF_INET6, room, &v6) == 1) {
        memcpy(out->bytes, &v6, sizeof out->bytes);
        return BELL_OK;
    }
    return BELL_EINVAL;
}

bool bell_address_is_ipv4(const bell_address *a)
{
    return memcmp(a->bytes, MAPPED_PREFIX, sizeof MAPPED_PREFIX) == 0;
}

bool bell_address_is_none(const bell_address *a)
{
    static const bell_address NONE = {{0}};
    return memcmp(a->bytes, NONE.bytes, sizeof NONE.bytes) == 0;
}

/* As inet_ntop, which goes through printf: every connection is asked for its address. */
static bell_slice ipv4_format(const uint8_t bytes[4], char room[BELL_ADDRESS_TEXT_BYTES])
{
    size_t n = 0;
    for (size_t i = 0; i < 4; i++) {
        uint8_t byte = bytes[i];
        if (byte >= 100) {
            room[n++] = (char)('0' + byte / 100);
        }
        if (byte >= 10) {
            room[n++] = (char)('0' + byte / 10 % 10);
        }
        room[n++] = (char)('0' + byte % 10);
        room[n++] = '.';
    }
    room[--n] = '\0'; /* the last dot */
    return bell_slice_make(room, n);
}

bell_slice bell_address_format(const bell_address *a, char room[BELL_ADDRESS_TEXT_BYTES])
{
    if (bell_address_is_none(a)) {
        room[0] = '\0';
        return bell_slice_make(room, 0);
    }
    if (bell_address_is_ipv4(a)) {
        return ipv4_format(a->bytes + sizeof MAPPED_PREFIX, room);
    }
    return bell_slice_from(inet_ntop(AF_INET6, a->bytes, room, BELL_ADDRESS_TEXT_BYTES));
}

static void clear_behind(bell_address *a, unsigned prefix_bits)
{
    for (unsigned i = 0; i < sizeof a->bytes; i++) {
        unsigned first_bit = i * 8;
        if (first_bit >= prefix_bits) {
            a->bytes[i] = 0;
        } else if (prefix_bits - first_bit < 8) {
            unsigned keep = prefix_bits - first_bit;
            a->bytes[i] = (uint8_t)(a->bytes[i] & (0xff00U >> keep));
        }
    }
}

bell_status bell_network_parse(bell_slice text, bell_network *out)
{
    const char *slash = text.n == 0 ? NULL : memchr(text.p, '/', text.n);
    bell_slice base = {text.p, slash == NULL ? text.n : (size_t)(slash - text.p)};
    bell_network network;
    if (bell_slice_equal(text, BELL_LIT("unix"))) {
        *out = (bell_network){.prefix_bits = 128};
        return BELL_OK;
    }
    bell_status st = bell_address_parse(base, &network.base);
    if (st != BELL_OK) {
        return st;
    }
    unsigned offset = bell_address_is_ipv4(&network.base) ? MAPPED_BITS : 0;
    unsigned most = 128 - offset;
    unsigned bits = most;
    if (slash != NULL) {
        size_t digits = text.n - base.n - 1;
        if (digits == 0 || digits > 3) {
            return BELL_EINVAL;
        }
        bits = 0;
        for (size_t i = 1; i <= digits; i++) {
            if (slash[i] < '0' || slash[i] > '9') {
                return BELL_EINVAL;
            }
            bits = bits * 10 + (unsigned)(slash[i] - '0');
        }
        if (bits > most) {
            return BELL_EINVAL;
        }
    }
    network.prefix_bits = (uint8_t)(bits + offset);
    clear_behind(&network.base, network.prefix_bits);
    *out = network;
    return BELL_OK;
}

bell_network bell_network_of(const bell_address *a, uint8_t prefix_bits)
{
    bell_network network = {.base = *a, .prefix_bits = prefix_bits};
    clear_behind(&network.base, prefix_bits);
    return network;
}

bool bell_network_has(const bell_network *network, const bell_address *a)
{
    const uint8_t *base = network->base.bytes;
    size_t whole = network->prefix_bits / 8;
    unsigned rest_bits = network->prefix_bits % 8;
    return memcmp(a->bytes, base, whole) == 0 &&
           (rest_bits == 0 || (a->bytes[whole] ^ base[whole]) >> (8 - rest_bits) == 0);
}

bool bell_network_equal(const bell_network *a, const bell_network *b)
{
    return a->prefix_bits == b->prefix_bits &&
           memcmp(a->base.bytes, b->base.bytes, sizeof a->base.bytes) == 0;
}

bool bell_networks_have(const bell_network *networks, size_t count, const bell_address *a)
{
    for (size_t i = 0; i < count; i++) {
        if (bell_network_has(&networks[i], a)) {
            return true;
        }
    }
    return false;
}
