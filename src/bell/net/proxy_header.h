/*
 * PROXY protocol, versions 1 and 2: the few bytes with which a proxy says for whom it connects,
 * before anything else on the connection.
 *
 * No I/O, no memory. The result does not depend on how the bytes are cut. Strict: what is not by
 * the letter is refused, since whoever may send this header may claim any address. Source:
 * haproxy's doc/proxy-protocol.txt, 2020/03/05, sections 2.1 and 2.2.
 *
 *     version 1   "PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n", at most 107 bytes
 *     version 2   12 bytes of signature, version and command, family, length, addresses, and
 *                 further fields of type, length and value; a checksum among them is verified,
 *                 whatever the header says
 */
#ifndef BELL_NET_PROXY_HEADER_H
#define BELL_NET_PROXY_HEADER_H

#include "bell/net/address.h"
#include "bell/slice.h"
#include "bell/status.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    BELL_PROXY_V1_MAX_BYTES = 107,       /* with CR and LF; section 2.1 */
    BELL_PROXY_V2_HEAD_BYTES = 16,       /* of fixed length; section 2.2 */
    BELL_PROXY_V2_MAX_TAIL_BYTES = 4096, /* ours: room for more fields than proxies send */
    BELL_PROXY_MAX_BYTES = BELL_PROXY_V2_HEAD_BYTES + BELL_PROXY_V2_MAX_TAIL_BYTES,
};

typedef struct {
    bell_address source; /* the client, when has_source */
    size_t size_bytes;   /* of the header; behind it the client's own bytes begin */
    bool has_source;     /* false: the proxy speaks for itself, or does not say: take the socket's
                            address */
    bool is_secure;      /* version 2: the client came over TLS (field PP2_TYPE_SSL), even if not
                            said from where */
} bell_proxy_header;

/*
 * Reads the header at the beginning of bytes.
 *
 * BELL_OK      *out is filled
 * BELL_EAGAIN  as far as it goes it is right: try again with more bytes
 * BELL_EPROTO  no such header, or a broken one
 */
BELL_NODISCARD bell_status bell_proxy_header_read(bell_slice bytes, bell_proxy_header *out);

#endif
