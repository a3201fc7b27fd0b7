/*
 * Addresses: "ADDR:PORT" for listeners, peers as text, networks for block lists. No I/O, any
 * thread.
 */
#ifndef BELL_NET_ADDRESS_H
#define BELL_NET_ADDRESS_H

#include "bell/slice.h"
#include "bell/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* "2001:db8:…" with its zero byte (INET6_ADDRSTRLEN). */
enum { BELL_ADDRESS_TEXT_BYTES = 46 };

/*
 * An IP address. IPv4 is held as ::ffff:a.b.c.d, so that one comparison serves both. All zero
 * ("::", which is nobody's) stands for a peer without one: at the other end of a Unix socket.
 */
typedef struct {
    uint8_t bytes[16];
} bell_address;

/* Addresses whose first prefix_bits bits are those of base. */
typedef struct {
    bell_address base;
    uint8_t prefix_bits;
} bell_network;

/*
 * "127.0.0.1:8080", "[::1]:8080", ":8080" (any IPv4 and IPv6), port 0 = any. Names are not looked
 * up; only "localhost" is known. BELL_EINVAL.
 */
BELL_NODISCARD bell_status bell_address_parse_listen(const char *text, struct sockaddr_storage *out,
                                                     socklen_t *out_len);
/* Of its four bytes, in the order of the network. */
bell_address bell_address_from_ipv4(const void *v4);
/* The address of a socket address; all zero when it is neither IPv4 nor IPv6. */
bell_address bell_address_from_sockaddr(const struct sockaddr_storage *from);
/* BELL_EINVAL: not an IPv4 or IPv6 address. */
BELL_NODISCARD bell_status bell_address_parse(bell_slice text, bell_address *out);
/* Text with its zero byte, empty for a peer without an address; the slice points to room. */
bell_slice bell_address_format(const bell_address *a, char room[BELL_ADDRESS_TEXT_BYTES]);
bool bell_address_is_ipv4(const bell_address *a);
bool bell_address_is_none(const bell_address *a);

/*
 * "192.0.2.7", "192.0.2.0/24", "2001:db8::/32"; bits behind the prefix are cleared. "unix": peers
 * without an address. BELL_EINVAL.
 */
BELL_NODISCARD bell_status bell_network_parse(bell_slice text, bell_network *out);
/* That of an address: its first so many bits, 0 to 128. */
bell_network bell_network_of(const bell_address *a, uint8_t prefix_bits);
bool bell_network_has(const bell_network *network, const bell_address *a);
bool bell_network_equal(const bell_network *a, const bell_network *b);
/* Is the address in one of them? */
bool bell_networks_have(const bell_network *networks, size_t count, const bell_address *a);

#endif
