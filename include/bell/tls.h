/*
 * TLS 1.2 and 1.3 (RFC 5246, RFC 8446) for listeners and for clients.
 *
 * A bell_tls is what a server shows: certificates with their keys, chosen by the name the client
 * asks for (RFC 6066 section 3). All loops and several listeners may share one. A build without TLS
 * answers every create with BELL_ENOTSUP.
 */
#ifndef BELL_TLS_H
#define BELL_TLS_H

#include "bell/slice.h"
#include "bell/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct bell_tls;
struct bell_tls_client;

typedef enum { BELL_TLS_1_2, BELL_TLS_1_3 } bell_tls_version;

typedef struct {
    bell_tls_version min_version; /* default BELL_TLS_1_2 */
    /*
     * Application protocols (RFC 7301), the one liked best first. A client that offers others only
     * is refused; one that offers none is served. (borrowed during create) At most 16 of at most
     * 255 bytes. Default one: "http/1.1".
     */
    const char *const *alpn;
    size_t alpn_count;
    /*
     * Clients may resume with a ticket (RFC 5077, RFC 8446 section 4.6.1) for half a day, on any
     * loop and after a reload, but only for the name under which they got it (RFC 6066 section 3);
     * keys change with time and with each reload. Default true.
     */
    bool has_tickets;
    /*
     * Steps of handshakes that a loop takes in one turn, so that a flood of them does not keep
     * those waiting who are connected; the rest has its turn later. 1 to 1,000,000. Default 16, the
     * time of which is some milliseconds.
     */
    uint32_t handshakes_per_turn;
} bell_tls_options;

/* What the calls below are made of; the size says which fields the program knows (see version.h).
 */
BELL_API void bell_tls_options_init_sized(bell_tls_options *options, size_t options_bytes);
BELL_NODISCARD BELL_API bell_status bell_tls_create_sized(const bell_tls_options *options,
                                                          size_t options_bytes,
                                                          struct bell_tls **out);

/* The defaults. */
static inline void bell_tls_options_init(bell_tls_options *options)
{
    bell_tls_options_init_sized(options, sizeof *options);
}

/*
 * options NULL = defaults. Owned by the caller, outlives the I/O servers that listen with it.
 * BELL_EINVAL an option out of its range; BELL_ENOMEM; BELL_ENOTSUP a build without TLS, or an
 * option that only a later libbell knows.
 */
BELL_NODISCARD static inline bell_status bell_tls_create(const bell_tls_options *options,
                                                         struct bell_tls **out)
{
    return bell_tls_create_sized(options, sizeof *options, out);
}
/* Takes NULL. */
BELL_API void bell_tls_destroy(struct bell_tls *tls);

/*
 * Adds a certificate (PEM; the ones that lead to the root may follow in the file) and its private
 * key (PEM, not encrypted). A client that names a server gets the first certificate whose subject
 * alternative names have it, an exact one before a wildcard; the first certificate of all goes to
 * the others. Any thread, at any time; reads files, so not on a loop.
 *
 * BELL_ENOTFOUND, BELL_EACCES, BELL_EIO  of a file
 * BELL_EINVAL  a file is not what it should be, or the key is not the certificate's
 * BELL_ELIMIT  over 64 certificates, a file over 1 MiB, or no descriptor is left
 * BELL_ENOMEM
 *
 * After a failure nothing has changed, and bell_tls_why says more.
 */
BELL_NODISCARD BELL_API bell_status bell_tls_add_certificate(struct bell_tls *tls,
                                                             const char *certificate_file,
                                                             const char *key_file);
/*
 * Reads all files anew. Connections that are there go on; later ones get the new certificates. As
 * bell_tls_add_certificate; the outcome is logged.
 */
BELL_NODISCARD BELL_API bell_status bell_tls_reload(struct bell_tls *tls);
/* Why the last add or reload failed, one line that names the file; empty when it did not. Valid
 * until the next one. Takes NULL, of which a build without TLS says that it is one. */
BELL_API const char *bell_tls_why(const struct bell_tls *tls);

typedef struct {
    bell_tls_version min_version; /* default BELL_TLS_1_2 */
    /* As bell_tls_options. A server that knows none of them must refuse. Default "http/1.1". */
    const char *const *alpn;
    size_t alpn_count;
    const char *ca_file; /* whom to trust (PEM); NULL = whom the system trusts. Borrowed */
    bool accepts_any;    /* for tests: no certificate is checked. Default false */
} bell_tls_client_options;

/* As for servers. */
BELL_API void bell_tls_client_options_init_sized(bell_tls_client_options *options,
                                                 size_t options_bytes);
BELL_NODISCARD BELL_API bell_status bell_tls_client_create_sized(
    const bell_tls_client_options *options, size_t options_bytes, struct bell_tls_client **out);

/* The defaults. */
static inline void bell_tls_client_options_init(bell_tls_client_options *options)
{
    bell_tls_client_options_init_sized(options, sizeof *options);
}

/*
 * What clients trust; for any number of connections on any loop. options NULL = defaults. Owned by
 * the caller, outlives its connections. Reads files, so not on a loop. BELL_EINVAL (also a ca_file
 * without certificates), BELL_ENOTFOUND, BELL_EACCES, BELL_EIO, BELL_ELIMIT, BELL_ENOMEM,
 * BELL_ENOTSUP; the reason is logged.
 */
BELL_NODISCARD static inline bell_status
bell_tls_client_create(const bell_tls_client_options *options, struct bell_tls_client **out)
{
    return bell_tls_client_create_sized(options, sizeof *options, out);
}
/* Takes NULL. */
BELL_API void bell_tls_client_destroy(struct bell_tls_client *client);

/*
 * What TLS has agreed on with a peer: see bell_http_request_tls and bell_ws_tls. The texts are
 * borrowed from the connection.
 */
typedef struct {
    bell_slice server_name; /* that the client has asked for (RFC 6066 section 3), as it sent it:
                               check it before it is trusted; of a TLS 1.2 session that was resumed
                               only one that a certificate has. A client's: what it has asked for.
                               Empty = none */
    bell_slice protocol;    /* that was chosen of those offered (RFC 7301); empty = none */
    bell_tls_version version;
} bell_tls_agreement;

#ifdef __cplusplus
}
#endif
#endif
