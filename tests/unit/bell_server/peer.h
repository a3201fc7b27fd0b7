/*
 * The other end for server tests: blocking sockets that speak exact bytes. Every wait has a limit,
 * and ends the test program when it is passed.
 */
#ifndef TEST_BELL_SERVER_PEER_H
#define TEST_BELL_SERVER_PEER_H

#include "bell/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct peer {
    int fd;
    size_t n; /* bytes read and not used yet */
    char bytes[1 << 16];
};

typedef struct {
    uint8_t first; /* FIN, RSV, opcode */
    size_t n;
    char payload[1 << 15];
} peer_frame;

/* Connects to 127.0.0.1. */
void peer_connect(struct peer *p, uint16_t port);
/* The same; false when there is nobody, or not any more. */
bool peer_connect_try(struct peer *p, uint16_t port);
/* The same with the smallest receive buffer, for a reader that is slow. */
void peer_connect_small(struct peer *p, uint16_t port);
/* Connects and says something so soon that it has come before the server has waited for so long:
 * with another connection when this program was held up meanwhile. */
void peer_connect_saying(struct peer *p, uint16_t port, bell_slice bytes, uint32_t within_ms);
/* Connects to ::1, and to a Unix socket. */
void peer_connect_ipv6(struct peer *p, uint16_t port);
void peer_connect_unix(struct peer *p, const char *path);
void peer_close(struct peer *p);
/* Resets the connection. */
void peer_reset(struct peer *p);
void peer_send(struct peer *p, bell_slice bytes);
/* An upgrade to path with further header lines ("" or "Name: value\r\n…"); returns the status. */
int peer_upgrade(struct peer *p, const char *path, const char *more_fields);
/* peer_connect and peer_upgrade to "/", which must succeed. */
void peer_open(struct peer *p, uint16_t port);
/* A masked frame with FIN. */
void peer_send_frame(struct peer *p, uint8_t opcode, bell_slice payload);
/* The next frame; false at the end of the stream. */
bool peer_read_frame(struct peer *p, peer_frame *out);
/* Reads a response head (with its empty line) into out as text; returns the status, 0 at the end of
 * the stream. */
int peer_read_head(struct peer *p, char *out, size_t size);
/* Reads exactly n bytes. */
bool peer_read(struct peer *p, char *out, size_t n);
/* Reads until the end of the stream and returns how much came. */
size_t peer_read_to_end(struct peer *p);

#endif
