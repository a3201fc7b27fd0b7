/*
 * TLS sessions against each other, without sockets; and streams whose handshakes wait for a turn.
 */
#include "bell/net/tls.h"

#include "base/mem.h"
#include "bell/net/loop.h"
#include "bell/net/stream.h"
#include "bell/net/stream_tls.h"
#include "bell/net/tls_internal.h"
#include "certificate.h"

#include <malloc.h>
#include <openssl/crypto.h>
#include <openssl/ssl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { PATH_BYTES = 256, MIB = 1024 * 1024, SHARE_BYTES = 65536, RECORD_BYTES = 16384 };

static char folder[] = "/tmp/bell-tls-XXXXXX";
static struct bell_tls *tls; /* shows first, then second */
static struct bell_tls_client *trusting;

static const char *in_folder(const char *name)
{
    static char rooms[4][PATH_BYTES];
    static unsigned next;
    char *room = rooms[next++ % 4];
    (void)snprintf(room, PATH_BYTES, "%s/%s", folder, name);
    return room;
}

static void write_file(const char *name, size_t bytes)
{
    FILE *f = fopen(in_folder(name), "we");
    assert_non_null(f);
    for (size_t i = 0; i < bytes; i++) {
        assert_int_not_equal(fputc('\n', f), EOF);
    }
    assert_int_equal(fclose(f), 0);
}

/* Appends the second file to the first. */
static void append_file(const char *to, const char *from)
{
    FILE *in = fopen(in_folder(from), "re");
    FILE *out = fopen(in_folder(to), "ae");
    assert_non_null(in);
    assert_non_null(out);
    for (int c; (c = fgetc(in)) != EOF;) {
        assert_int_not_equal(fputc(c, out), EOF);
    }
    assert_int_equal(fclose(in), 0);
    assert_int_equal(fclose(out), 0);
}

static int set_up(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(folder));
    certificate_make("DNS:first.example,IP:127.0.0.1,IP:::1", in_folder("first.pem"),
                     in_folder("first.key"));
    certificate_make("DNS:*.shop.example,DNS:www.example", in_folder("second.pem"),
                     in_folder("second.key"));
    certificate_make("DNS:first.example", in_folder("stranger.pem"), in_folder("stranger.key"));
    write_file("all.pem", 0);
    append_file("all.pem", "first.pem");
    append_file("all.pem", "second.pem");
    bell_tls_client_options options;
    bell_tls_client_options_init(&options);
    options.ca_file = in_folder("all.pem");
    assert_int_equal(bell_tls_client_create(&options, &trusting), BELL_OK);
    assert_int_equal(bell_tls_create(NULL, &tls), BELL_OK);
    assert_int_equal(bell_tls_add_certificate(tls, in_folder("first.pem"), in_folder("first.key")),
                     BELL_OK);
    assert_int_equal(
        bell_tls_add_certificate(tls, in_folder("second.pem"), in_folder("second.key")), BELL_OK);
    return 0;
}

static int tear_down(void **state)
{
    static const char *const FILES[] = {"first.pem",    "first.key",    "second.pem", "second.key",
                                        "stranger.pem", "stranger.key", "all.pem",    "moving.pem",
                                        "moving.key",   "locked.key",   "large.pem",  "largest.pem",
                                        "plain.pem"};
    (void)state;
    bell_tls_destroy(tls);
    bell_tls_client_destroy(trusting);
    for (size_t i = 0; i < sizeof FILES / sizeof FILES[0]; i++) {
        (void)unlink(in_folder(FILES[i]));
    }
    (void)rmdir(folder);
    return 0;
}

/* ---- two sessions and what lies between ---- */

struct side {
    struct bell_loop loop; /* only its pool and what TLS keeps there */
    struct bell_tls_session *session;
    struct bell_out_queue queue;
    char *got; /* (owned) got_bytes of it */
    size_t got_bytes;
    bell_status st; /* of its last read */
};

struct pair {
    struct side client;
    struct side server;
};

static void side_finish(struct side *side)
{
    bell_tls_session_destroy(side->session);
    bell_out_queue_finish(&side->loop.pool, &side->queue);
    bell_out_pool_finish(&side->loop.pool);
    bell_tls_loop_destroy(side->loop.tls);
    bell_mem_free(side->got);
    *side = (struct side){.session = NULL};
}

static void pair_finish(struct pair *p)
{
    side_finish(&p->client);
    side_finish(&p->server);
}

static bell_status pair_create(struct pair *p, struct bell_tls *server,
                               struct bell_tls_client *client, const char *host)
{
    *p = (struct pair){.client = {.session = NULL}};
    bell_status st =
        bell_tls_client_session_create(&p->client.loop, client, host, &p->client.session);
    if (st == BELL_OK) {
        st = bell_tls_server_session_create(&p->server.loop, server, &p->server.session);
    }
    return st;
}

static void read_all(struct side *side, bell_slice in)
{
    do {
        char *bytes;
        size_t n;
        side->st = bell_tls_session_read(side->session, &in, &bytes, &n);
        if (n > 0) {
            char *grown = bell_mem_resize(side->got, side->got_bytes + n);
            if (grown == NULL) {
                side->st = BELL_ENOMEM;
                return;
            }
            memcpy(grown + side->got_bytes, bytes, n);
            side->got = grown;
            side->got_bytes += n;
        }
    } while (side->st == BELL_OK);
}

/* At most so many bytes go from one side to the other. Were there any? */
static bool carry(struct side *from, struct side *to, size_t most)
{
    struct iovec piece;
    bell_status st = bell_tls_session_write(from->session, &from->queue, false);
    if (st != BELL_OK) {
        from->st = st;
        return false;
    }
    if (bell_out_queue_gather(bell_tls_session_wire(from->session), &piece, 1) == 0) {
        return false;
    }
    size_t n = piece.iov_len < most ? piece.iov_len : most;
    read_all(to, bell_slice_make(piece.iov_base, n));
    bell_out_queue_consume(&from->loop.pool, &from->queue,
                           bell_tls_session_taken(from->session, n));
    return true;
}

static bool is_broken(const struct side *side)
{
    return side->st != BELL_OK && side->st != BELL_EAGAIN;
}

/* Until nothing moves any more, or one side says that it is over. */
static void talk(struct pair *p, size_t most)
{
    bool moves = true;
    while (moves && !is_broken(&p->client) && !is_broken(&p->server)) {
        bool out = carry(&p->client, &p->server, most);
        moves = (!is_broken(&p->server) && carry(&p->server, &p->client, most)) || out;
    }
}

static bool is_connected(const struct pair *p)
{
    return bell_tls_session_wait(p->client.session) == NULL &&
           bell_tls_session_wait(p->server.session) == NULL && !is_broken(&p->client) &&
           !is_broken(&p->server);
}

static void say(struct side *side, const char *bytes, size_t n)
{
    assert_int_equal(bell_out_queue_copy(&side->loop.pool, &side->queue, bell_slice_make(bytes, n),
                                         BELL_LIT("")),
                     BELL_OK);
}

static void assert_got(const struct side *side, const char *bytes, size_t n)
{
    assert_int_equal(side->got_bytes, n);
    assert_memory_equal(side->got, bytes, n);
}

/* One that speaks only this version. The caller destroys it. */
static struct bell_tls_client *client_of(bell_tls_version version)
{
    struct bell_tls_client *client;
    bell_tls_client_options options;
    bell_tls_client_options_init(&options);
    options.ca_file = in_folder("all.pem");
    options.min_version = version;
    assert_int_equal(bell_tls_client_create(&options, &client), BELL_OK);
    int most = version == BELL_TLS_1_2 ? TLS1_2_VERSION : TLS1_3_VERSION;
    assert_int_equal(SSL_CTX_set_max_proto_version(client->context, most), 1);
    return client;
}

static void connect_pair(struct pair *p)
{
    assert_int_equal(pair_create(p, tls, trusting, "first.example"), BELL_OK);
    talk(p, SIZE_MAX);
    assert_true(is_connected(p));
}

/* ---- sessions ---- */

static void nothing_depends_on_how_bytes_are_cut(void **state)
{
    static const size_t CUTS[] = {1, 2, 5, 1000, SIZE_MAX};
    enum { LONG_BYTES = 40000 };
    static char text[LONG_BYTES];
    (void)state;
    memset(text, 'x', sizeof text);
    for (int version = BELL_TLS_1_2; version <= BELL_TLS_1_3; version++) {
        struct bell_tls_client *client = client_of((bell_tls_version)version);
        for (size_t i = 0; i < sizeof CUTS / sizeof CUTS[0]; i++) {
            struct pair p;
            assert_int_equal(pair_create(&p, tls, client, "first.example"), BELL_OK);
            say(&p.client, "said before the handshake", 25); /* and so waits for its end */
            talk(&p, CUTS[i]);
            assert_true(is_connected(&p));
            assert_got(&p.server, "said before the handshake", 25);
            say(&p.server, text, sizeof text);
            talk(&p, CUTS[i]);
            assert_got(&p.client, text, sizeof text);
            assert_true(bell_out_queue_is_empty(&p.server.queue));
            pair_finish(&p);
        }
        bell_tls_client_destroy(client);
    }
}

/* RFC 6066 section 3, RFC 7301. */
static void both_sides_tell_what_was_agreed_on(void **state)
{
    (void)state;
    for (int version = BELL_TLS_1_2; version <= BELL_TLS_1_3; version++) {
        struct pair p;
        struct bell_tls_client *client = client_of((bell_tls_version)version);
        assert_int_equal(pair_create(&p, tls, client, "www.example"), BELL_OK);
        talk(&p, SIZE_MAX);
        assert_true(is_connected(&p));
        const struct bell_tls_session *sides[] = {p.client.session, p.server.session};
        for (size_t i = 0; i < 2; i++) {
            bell_tls_agreement a = bell_tls_session_agreement(sides[i]);
            assert_true(bell_slice_equal(a.server_name, BELL_LIT("www.example")));
            assert_true(bell_slice_equal(a.protocol, BELL_LIT("http/1.1")));
            assert_int_equal(a.version, version);
        }
        pair_finish(&p);
        bell_tls_client_destroy(client);
    }
}

static void small_frames_share_a_record(void **state)
{
    enum { FRAMES = 200, FRAME_BYTES = 30, OVERHEAD_BYTES = 64 };
    struct pair p;
    (void)state;
    connect_pair(&p);
    char frame[FRAME_BYTES] = "frame";
    for (int i = 0; i < FRAMES; i++) {
        say(&p.server, frame, sizeof frame);
    }
    assert_int_equal(bell_tls_session_write(p.server.session, &p.server.queue, false), BELL_OK);
    assert_in_range(bell_tls_session_wire(p.server.session)->bytes, FRAMES * FRAME_BYTES,
                    FRAMES * FRAME_BYTES + OVERHEAD_BYTES);
    talk(&p, SIZE_MAX);
    assert_int_equal(p.client.got_bytes, FRAMES * FRAME_BYTES);
    pair_finish(&p);
}

static void bytes_stay_queued_until_their_record_has_gone(void **state)
{
    struct pair p;
    (void)state;
    connect_pair(&p);
    struct side *s = &p.server;
    char *large = bell_mem_zalloc(MIB);
    assert_non_null(large);
    say(s, large, MIB);
    assert_int_equal(bell_tls_session_covered(s->session), 0);
    assert_int_equal(bell_tls_session_write(s->session, &s->queue, false), BELL_OK);
    assert_int_equal(bell_tls_session_covered(s->session), SHARE_BYTES);
    assert_int_equal(s->queue.bytes, MIB);
    /* No second share before the first has gone. */
    uint32_t wire_bytes = bell_tls_session_wire(s->session)->bytes;
    assert_int_equal(bell_tls_session_write(s->session, &s->queue, false), BELL_OK);
    assert_int_equal(bell_tls_session_wire(s->session)->bytes, wire_bytes);
    size_t covered = 0;
    for (uint32_t i = 0; i < wire_bytes; i++) {
        size_t now = bell_tls_session_taken(s->session, 1);
        assert_true(now <= 1);
        covered += now;
    }
    assert_int_equal(covered, SHARE_BYTES);
    assert_int_equal(bell_tls_session_covered(s->session), 0);
    bell_mem_free(large);
    pair_finish(&p);
}

/* RFC 8446 section 6.1: the other direction stays open. */
static void close_notify_ends_one_direction(void **state)
{
    struct pair p;
    (void)state;
    connect_pair(&p);
    say(&p.server, "last words", 10);
    assert_true(bell_tls_session_owes_end(p.server.session));
    assert_int_equal(bell_tls_session_write(p.server.session, &p.server.queue, true), BELL_OK);
    assert_false(bell_tls_session_owes_end(p.server.session));
    while (carry(&p.server, &p.client, SIZE_MAX)) {
    }
    assert_int_equal(p.client.st, BELL_ECLOSED);
    assert_got(&p.client, "last words", 10);
    say(&p.client, "and mine", 8);
    while (carry(&p.client, &p.server, SIZE_MAX)) {
    }
    assert_got(&p.server, "and mine", 8);
    pair_finish(&p);
}

static void what_is_broken_fails_for_good(void **state)
{
    struct pair p;
    (void)state;
    connect_pair(&p);
    char record[] = "\x17\x03\x03\x00\x20 this is not what was encrypted!!";
    read_all(&p.server, bell_slice_make(record, sizeof record - 1));
    assert_int_equal(p.server.st, BELL_EPROTO);
    assert_true(bell_tls_session_has_failed(p.server.session));
    assert_string_not_equal(bell_tls_session_why(p.server.session), "");
    read_all(&p.server, BELL_LIT("more"));
    assert_int_equal(p.server.st, BELL_EPROTO);
    /* The alert tells the peer. */
    p.server.st = BELL_OK;
    while (carry(&p.server, &p.client, SIZE_MAX)) {
    }
    assert_int_equal(p.client.st, BELL_EPROTO);
    pair_finish(&p);
}

/* ---- who is who ---- */

static void the_client_checks_for_whom_the_certificate_is(void **state)
{
    static const struct {
        const char *host;
        const char *why; /* "" = fine */
    } CASES[] = {
        {"first.example", ""},
        {"FIRST.example", ""},
        {"127.0.0.1", ""},
        {"::1", ""},
        {"www.example", ""},    /* the second, exact */
        {"a.shop.example", ""}, /* the second, by its wildcard */
        {"a.b.shop.example", "hostname mismatch"},
        {"elsewhere.test", "hostname mismatch"},
        {"127.0.0.2", "IP address mismatch"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct pair p;
        assert_int_equal(pair_create(&p, tls, trusting, CASES[i].host), BELL_OK);
        talk(&p, SIZE_MAX);
        assert_string_equal(bell_tls_session_why(p.client.session), CASES[i].why);
        assert_int_equal(is_connected(&p), CASES[i].why[0] == '\0');
        pair_finish(&p);
    }
}

static void the_client_checks_who_vouches(void **state)
{
    struct bell_tls *stranger;
    struct pair p;
    (void)state;
    assert_int_equal(bell_tls_create(NULL, &stranger), BELL_OK);
    assert_int_equal(
        bell_tls_add_certificate(stranger, in_folder("stranger.pem"), in_folder("stranger.key")),
        BELL_OK);
    assert_int_equal(pair_create(&p, stranger, trusting, "first.example"), BELL_OK);
    talk(&p, SIZE_MAX);
    assert_int_equal(p.client.st, BELL_EPROTO);
    assert_string_equal(bell_tls_session_why(p.client.session), "self-signed certificate");
    pair_finish(&p);

    bell_tls_client_options options;
    bell_tls_client_options_init(&options);
    options.accepts_any = true;
    struct bell_tls_client *any;
    assert_int_equal(bell_tls_client_create(&options, &any), BELL_OK);
    assert_int_equal(pair_create(&p, stranger, any, "whoever.example"), BELL_OK);
    talk(&p, SIZE_MAX);
    assert_true(is_connected(&p));
    pair_finish(&p);
    bell_tls_client_destroy(any);
    bell_tls_destroy(stranger);
}

static void the_oldest_version_may_be_raised(void **state)
{
    bell_tls_options options;
    struct bell_tls *modern;
    (void)state;
    bell_tls_options_init(&options);
    options.min_version = BELL_TLS_1_3;
    assert_int_equal(bell_tls_create(&options, &modern), BELL_OK);
    assert_int_equal(
        bell_tls_add_certificate(modern, in_folder("first.pem"), in_folder("first.key")), BELL_OK);
    for (int version = BELL_TLS_1_2; version <= BELL_TLS_1_3; version++) {
        struct bell_tls_client *client = client_of((bell_tls_version)version);
        struct pair p;
        assert_int_equal(pair_create(&p, modern, client, "first.example"), BELL_OK);
        talk(&p, SIZE_MAX);
        assert_int_equal(is_connected(&p), version == BELL_TLS_1_3);
        pair_finish(&p);
        bell_tls_client_destroy(client);
    }
    bell_tls_destroy(modern);
}

/* RFC 7301 section 3.2 */
static void no_common_protocol_is_refused(void **state)
{
    static const char *const H2[] = {"h2"};
    static const char *const BOTH[] = {"h2", "http/1.1"};
    bell_tls_client_options options;
    (void)state;
    bell_tls_client_options_init(&options);
    options.ca_file = in_folder("all.pem");
    for (size_t count = 0; count <= 2; count++) {
        struct bell_tls_client *client;
        struct pair p;
        options.alpn = count == 1 ? H2 : BOTH;
        options.alpn_count = count;
        assert_int_equal(bell_tls_client_create(&options, &client), BELL_OK);
        assert_int_equal(pair_create(&p, tls, client, "first.example"), BELL_OK);
        talk(&p, SIZE_MAX);
        assert_int_equal(is_connected(&p), count != 1);
        pair_finish(&p);
        bell_tls_client_destroy(client);
    }
}

static void options_are_checked(void **state)
{
    static const char *const EMPTY[] = {""};
    char long_name[257];
    const char *const LONG[] = {long_name};
    struct bell_tls *out;
    (void)state;
    memset(long_name, 'a', 256);
    long_name[256] = '\0';
    for (int i = 0; i < 6; i++) {
        bell_tls_options options;
        bell_tls_options_init(&options);
        bell_status expected = BELL_EINVAL;
        if (i == 0) {
            options.handshakes_per_turn = 0;
        } else if (i == 1) {
            options.handshakes_per_turn = 1000001;
        } else if (i == 2) {
            options.alpn = EMPTY;
        } else if (i == 3) {
            options.alpn = LONG;
        } else if (i == 4) {
            long_name[255] = '\0';
            options.alpn = LONG;
            expected = BELL_OK;
        } else {
            options.handshakes_per_turn = 1000000;
            expected = BELL_OK;
        }
        assert_int_equal(bell_tls_create(&options, &out), expected);
        if (expected == BELL_OK) {
            bell_tls_destroy(out);
        }
    }
}

/* ---- files ---- */

static void what_is_wrong_with_a_file_is_told(void **state)
{
    certificate_make_encrypted_key(in_folder("locked.key"));
    write_file("plain.pem", 10);
    write_file("large.pem", MIB - 700);
    append_file("large.pem", "first.pem");
    write_file("largest.pem", MIB + 1);
    struct stat about;
    assert_int_equal(stat(in_folder("large.pem"), &about), 0);
    assert_in_range(about.st_size, MIB - 300, MIB);
    const struct {
        const char *certificate;
        const char *key;
        bell_status st;
        const char *why; /* a part of it */
    } CASES[] = {
        {"first.pem", "first.key", BELL_OK, ""},
        {"large.pem", "first.key", BELL_OK, ""},
        {"largest.pem", "first.key", BELL_ELIMIT, "largest.pem: longer than 1048576 bytes"},
        {"none.pem", "first.key", BELL_ENOTFOUND, "certificate "},
        {"first.pem", "none.key", BELL_ENOTFOUND, "none.key: No such file"},
        {"first.pem/none", "first.key", BELL_ENOTFOUND, "Not a directory"},
        {".", "first.key", BELL_EINVAL, ": is not a file"},
        {"plain.pem", "first.key", BELL_EINVAL, "plain.pem: is not a certificate in PEM form"},
        {"first.key", "first.key", BELL_EINVAL, "first.key: is not a certificate in PEM form"},
        {"first.pem", "plain.pem", BELL_EINVAL, "plain.pem: is not a private key in PEM form"},
        {"first.pem", "second.key", BELL_EINVAL, "second.key: is not the key of the certificate"},
        {"first.pem", "locked.key", BELL_EINVAL, "locked.key: is encrypted"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct bell_tls *one;
        assert_int_equal(bell_tls_create(NULL, &one), BELL_OK);
        assert_int_equal(
            bell_tls_add_certificate(one, in_folder(CASES[i].certificate), in_folder(CASES[i].key)),
            CASES[i].st);
        assert_non_null(strstr(bell_tls_why(one), CASES[i].why));
        assert_int_equal(bell_tls_why(one)[0] == '\0', CASES[i].st == BELL_OK);
        bell_tls_destroy(one);
    }
}

static void without_a_certificate_nobody_is_served(void **state)
{
    struct bell_tls *empty;
    struct pair p;
    (void)state;
    assert_int_equal(bell_tls_create(NULL, &empty), BELL_OK);
    assert_int_equal(pair_create(&p, empty, trusting, "first.example"), BELL_ESTATE);
    pair_finish(&p);
    assert_int_equal(bell_tls_reload(empty), BELL_OK);
    bell_tls_destroy(empty);
}

static void sixty_four_certificates_are_the_limit(void **state)
{
    enum { MAX_CERTIFICATES = 64 };
    struct bell_tls *many;
    (void)state;
    assert_int_equal(bell_tls_create(NULL, &many), BELL_OK);
    for (int i = 0; i < MAX_CERTIFICATES; i++) {
        assert_int_equal(
            bell_tls_add_certificate(many, in_folder("first.pem"), in_folder("first.key")),
            BELL_OK);
    }
    assert_int_equal(bell_tls_add_certificate(many, in_folder("first.pem"), in_folder("first.key")),
                     BELL_ELIMIT);
    struct pair p;
    assert_int_equal(pair_create(&p, many, trusting, "first.example"), BELL_OK);
    talk(&p, SIZE_MAX);
    assert_true(is_connected(&p));
    pair_finish(&p);
    bell_tls_destroy(many);
}

static bool shows(struct bell_tls *server, const char *host)
{
    struct pair p;
    assert_int_equal(pair_create(&p, server, trusting, host), BELL_OK);
    talk(&p, SIZE_MAX);
    bool is_fine = is_connected(&p);
    pair_finish(&p);
    return is_fine;
}

static void a_reload_is_all_or_nothing(void **state)
{
    struct bell_tls *moving;
    struct pair old;
    (void)state;
    write_file("moving.pem", 0);
    write_file("moving.key", 0);
    append_file("moving.pem", "first.pem");
    append_file("moving.key", "first.key");
    assert_int_equal(bell_tls_create(NULL, &moving), BELL_OK);
    assert_string_equal(bell_tls_why(NULL), "");
    assert_int_equal(
        bell_tls_add_certificate(moving, in_folder("moving.pem"), in_folder("moving.key")),
        BELL_OK);
    assert_int_equal(pair_create(&old, moving, trusting, "first.example"), BELL_OK);
    assert_true(shows(moving, "first.example"));
    /* Half of the change: the key is still the old one. */
    write_file("moving.pem", 0);
    append_file("moving.pem", "second.pem");
    assert_int_equal(bell_tls_reload(moving), BELL_EINVAL);
    assert_non_null(strstr(bell_tls_why(moving), "moving.key: is not the key"));
    assert_true(shows(moving, "first.example"));
    write_file("moving.key", 0);
    append_file("moving.key", "second.key");
    assert_int_equal(bell_tls_reload(moving), BELL_OK);
    assert_string_equal(bell_tls_why(moving), "");
    assert_true(shows(moving, "www.example"));
    assert_false(shows(moving, "first.example"));
    /* Whoever was in the middle of a handshake got the old one. */
    talk(&old, SIZE_MAX);
    assert_true(is_connected(&old));
    pair_finish(&old);
    bell_tls_destroy(moving);
}

/* ---- hostile peers ---- */

/* A client that is connected to server, and does what ours does not. The caller frees it. */
static SSL *strange_client(SSL_CTX *context, struct side *server)
{
    static char room[64 * 1024];
    assert_int_equal(bell_tls_server_session_create(&server->loop, tls, &server->session), BELL_OK);
    SSL *ssl = SSL_new(context);
    BIO *in = BIO_new(BIO_s_mem());
    BIO *out = BIO_new(BIO_s_mem());
    assert_non_null(ssl);
    SSL_set_bio(ssl, in, out);
    SSL_set_connect_state(ssl);
    while (SSL_do_handshake(ssl) != 1) {
        int n = BIO_read(out, room, sizeof room);
        assert_true(n > 0);
        read_all(server, bell_slice_make(room, (size_t)n));
        struct iovec pieces[16];
        int count = bell_out_queue_gather(bell_tls_session_wire(server->session), pieces, 16);
        size_t sum = 0;
        for (int i = 0; i < count; i++) {
            assert_int_equal(BIO_write(in, pieces[i].iov_base, (int)pieces[i].iov_len),
                             pieces[i].iov_len);
            sum += pieces[i].iov_len;
        }
        (void)bell_tls_session_taken(server->session, sum);
    }
    return ssl;
}

/* Answers to KeyUpdate (RFC 8446 section 4.6.3) that the peer does not read have a bound. */
static void a_peer_that_asks_without_reading_is_dropped(void **state)
{
    static char room[64 * 1024];
    struct side server = {.session = NULL};
    (void)state;
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL *ssl = strange_client(context, &server);
    BIO *out = SSL_get_wbio(ssl);
    size_t updates = 0;
    server.st = BELL_EAGAIN;
    while (server.st == BELL_EAGAIN && updates < 100000) {
        assert_int_equal(SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED), 1);
        assert_int_equal(SSL_write(ssl, "x", 1), 1);
        int n = BIO_read(out, room, sizeof room);
        assert_true(n > 0);
        read_all(&server, bell_slice_make(room, (size_t)n));
        updates++;
    }
    assert_int_equal(server.st, BELL_ENOMEM);
    assert_in_range(bell_tls_session_wire(server.session)->bytes, 200 * 1024, 256 * 1024);
    assert_true(bell_tls_session_has_failed(server.session));
    side_finish(&server);
    SSL_free(ssl);
    SSL_CTX_free(context);
}

/* RFC 8446 section 4.6.3. */
static void many_key_updates_at_once_end_the_session(void **state)
{
    enum { MOST = 32 };
    static char room[1 << 16];
    (void)state;
    for (int count = MOST - 1; count <= MOST + 1; count++) {
        struct side server = {.session = NULL};
        SSL_CTX *context = SSL_CTX_new(TLS_client_method());
        assert_non_null(context);
        SSL *ssl = strange_client(context, &server);
        BIO *out = SSL_get_wbio(ssl);
        server.got_bytes = 0;
        /* Twice, so that those of one receive are not counted in the next. */
        for (int round = 0; round < 2; round++) {
            for (int i = 0; i < count; i++) {
                assert_int_equal(SSL_key_update(ssl, SSL_KEY_UPDATE_NOT_REQUESTED), 1);
                assert_int_equal(SSL_do_handshake(ssl), 1);
                assert_int_equal(SSL_write(ssl, "x", 1), 1);
            }
            int n = BIO_read(out, room, sizeof room);
            assert_in_range(n, 1, sizeof room - 1);
            read_all(&server, bell_slice_make(room, (size_t)n));
        }
        if (count <= MOST) {
            assert_int_equal(server.st, BELL_EAGAIN);
            assert_int_equal(server.got_bytes, 2 * count);
        } else {
            assert_int_equal(server.st, BELL_EPROTO);
            assert_string_equal(bell_tls_session_why(server.session),
                                "too many records without data");
        }
        side_finish(&server);
        SSL_free(ssl);
        SSL_CTX_free(context);
    }
}

/* ---- memory ---- */

static size_t openssl_bytes; /* that it holds */

static void *counted(void *p)
{
    openssl_bytes += malloc_usable_size(p);
    return p;
}

static void *openssl_alloc(size_t n, const char *file, int line)
{
    (void)file;
    (void)line;
    return counted(bell_mem_alloc(n));
}

static void *openssl_resize(void *p, size_t n, const char *file, int line)
{
    (void)file;
    (void)line;
    size_t before = malloc_usable_size(p);
    void *grown = bell_mem_resize(p, n);
    openssl_bytes -= grown == NULL ? 0 : before;
    return counted(grown);
}

static void openssl_free(void *p, const char *file, int line)
{
    (void)file;
    (void)line;
    openssl_bytes -= malloc_usable_size(p);
    bell_mem_free(p);
}

/* Connects, says something, and ends. Is everything as it should be? */
static bool converse(void)
{
    struct pair p;
    bool is_fine = pair_create(&p, tls, trusting, "www.example") == BELL_OK;
    if (is_fine) {
        is_fine = bell_out_queue_copy(&p.client.loop.pool, &p.client.queue, BELL_LIT("hello"),
                                      BELL_LIT("")) == BELL_OK;
        talk(&p, SIZE_MAX);
        is_fine = is_fine && is_connected(&p) && p.server.got_bytes == 5;
    }
    pair_finish(&p);
    return is_fine;
}

static void every_allocation_fails_once(void **state)
{
    (void)state;
    /* What OpenSSL makes once and keeps. */
    assert_true(converse());
    assert_true(converse());
    size_t failures = 0;
    int64_t n = 1;
    for (;; n++) {
        bell_mem_fail_at(n);
        bool is_fine = converse();
        bool has_failed = bell_mem_failed();
        bell_mem_fail_at(0);
        if (!has_failed) {
            assert_true(is_fine);
            break;
        }
        failures += !is_fine;
        int64_t live = bell_mem_live();
        assert_true(converse());
        assert_int_equal(bell_mem_live(), live);
    }
    assert_true(n > 100);
    assert_true(failures > 50);
}

/* Without what libbell has for any connection: less than 400 bytes. */
static void an_idle_session_is_small(void **state)
{
    enum { MAX_BYTES = 14600 };
    (void)state;
    for (int version = BELL_TLS_1_2; version <= BELL_TLS_1_3; version++) {
        struct pair p;
        struct bell_tls_client *client = client_of((bell_tls_version)version);
        assert_int_equal(pair_create(&p, tls, client, "www.example"), BELL_OK);
        talk(&p, SIZE_MAX);
        say(&p.client, "one message", 11);
        talk(&p, SIZE_MAX);
        say(&p.server, "and its answer", 14);
        talk(&p, SIZE_MAX);
        assert_true(is_connected(&p));
        size_t before = openssl_bytes;
        bell_tls_session_destroy(p.server.session);
        assert_in_range(before - openssl_bytes, 1000, MAX_BYTES);
        p.server.session = NULL;
        pair_finish(&p);
        bell_tls_client_destroy(client);
    }
}

/* ---- turns ---- */

enum { CROWD = 7 };

static void on_receive(struct bell_stream *s, char *bytes, size_t n)
{
    (void)s;
    (void)bytes;
    (void)n;
}

static void on_end(struct bell_stream *s, bell_status why)
{
    (void)s;
    (void)why;
}

static void on_sent(struct bell_stream *s)
{
    (void)s;
}

static void on_closed(struct bell_stream *s)
{
    (void)s;
}

static const struct bell_stream_handler HANDLER = {
    .on_receive = on_receive, .on_end = on_end, .on_sent = on_sent, .on_closed = on_closed};

static void loop_accept(struct bell_io_handle *listener, int fd, const bell_address *peer,
                        void *user)
{
    (void)listener;
    (void)fd;
    (void)peer;
    (void)user;
}

static void loop_accept_failed(struct bell_io_handle *listener, void *user)
{
    (void)listener;
    (void)user;
}

static void loop_time(struct bell_timer *timer, uint64_t now_ms, void *user)
{
    (void)timer;
    (void)now_ms;
    (void)user;
}

static void loop_event(void *user)
{
    (void)user;
}

/* Streams of one loop, each of which has sent its hello. */
struct crowd {
    struct bell_tls *slow;
    struct bell_loop loop;
    struct side clients[CROWD];
    struct bell_stream streams[CROWD];
    int peers[CROWD];
};

static void crowd_create(struct crowd *crowd, uint32_t budget)
{
    static const bell_loop_events EVENTS = {.on_accept = loop_accept,
                                            .on_accept_failed = loop_accept_failed,
                                            .on_time = loop_time,
                                            .on_wake = loop_event,
                                            .on_start = loop_event,
                                            .on_stop = loop_event};
    *crowd = (struct crowd){.slow = NULL};
    bell_tls_options options;
    bell_tls_options_init(&options);
    options.handshakes_per_turn = budget;
    assert_int_equal(bell_tls_create(&options, &crowd->slow), BELL_OK);
    assert_int_equal(
        bell_tls_add_certificate(crowd->slow, in_folder("first.pem"), in_folder("first.key")),
        BELL_OK);
    assert_int_equal(bell_loop_init(&crowd->loop, 0, BELL_IO_EPOLL, &EVENTS, NULL), BELL_OK);
    for (int i = 0; i < CROWD; i++) {
        int fds[2];
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
        crowd->peers[i] = fds[1];
        struct bell_tls_session *session;
        struct bell_stream *s = &crowd->streams[i];
        assert_int_equal(bell_stream_open(s, &crowd->loop, fds[0], &HANDLER), BELL_OK);
        assert_int_equal(bell_tls_server_session_create(&crowd->loop, crowd->slow, &session),
                         BELL_OK);
        bell_stream_start_tls(s, session, bell_slice_make(NULL, 0));
        struct side *client = &crowd->clients[i];
        assert_int_equal(bell_tls_client_session_create(&client->loop, trusting, "first.example",
                                                        &client->session),
                         BELL_OK);
        struct iovec hello;
        assert_int_equal(bell_out_queue_gather(bell_tls_session_wire(client->session), &hello, 1),
                         1);
        assert_int_equal(write(fds[1], hello.iov_base, hello.iov_len), hello.iov_len);
    }
}

static void crowd_turn(struct crowd *crowd)
{
    assert_int_equal(bell_io_turn(crowd->loop.io, 0), BELL_OK);
    bell_stream_tls_go_on(&crowd->loop);
}

static bool is_answered(const struct bell_stream *s)
{
    return s->state == BELL_STREAM_OPEN && !bell_out_queue_is_empty(bell_tls_session_wire(s->tls));
}

/* Returns how many were answered. */
static int crowd_finish(struct crowd *crowd)
{
    int answered = 0;
    for (int i = 0; i < CROWD; i++) {
        answered += is_answered(&crowd->streams[i]);
        bell_stream_close(&crowd->streams[i]);
        (void)close(crowd->peers[i]);
        side_finish(&crowd->clients[i]);
    }
    bell_loop_finish(&crowd->loop);
    bell_tls_destroy(crowd->slow);
    return answered;
}

static void a_turn_takes_only_so_many_steps(void **state)
{
    enum { BUDGET = 2 };
    static struct crowd crowd;
    (void)state;
    crowd_create(&crowd, BUDGET);
    /* One that leaves while it waits must not be found in the line. */
    for (int turn = 0; turn < 4; turn++) {
        crowd_turn(&crowd);
        assert_true(crowd.loop.handshake_steps <= BUDGET);
        if (turn == 0) {
            assert_non_null(crowd.loop.handshake);
            bell_stream_close(crowd.loop.handshake->stream);
        }
    }
    assert_null(crowd.loop.handshake);
    for (int i = 0; i < CROWD; i++) {
        assert_int_equal(is_answered(&crowd.streams[i]),
                         crowd.streams[i].state == BELL_STREAM_OPEN);
    }
    assert_int_equal(crowd_finish(&crowd), CROWD - 1);
}

static void who_has_gone_from_the_line_costs_no_step(void **state)
{
    static struct crowd crowd;
    (void)state;
    crowd_create(&crowd, 1);
    crowd_turn(&crowd); /* one is answered, the others stand in line */
    struct bell_stream *last = crowd.loop.handshake->stream;
    for (int i = 0; i < CROWD; i++) {
        if (!is_answered(&crowd.streams[i]) && &crowd.streams[i] != last) {
            assert_int_equal(shutdown(crowd.peers[i], SHUT_WR), 0); /* told to nobody */
        }
    }
    assert_false(is_answered(last));
    crowd_turn(&crowd);
    assert_int_equal(crowd.loop.handshake_steps, 1);
    assert_true(is_answered(last));
    assert_null(crowd.loop.handshake);
    assert_int_equal(crowd_finish(&crowd), 2);
}

int main(void)
{
    /* Before OpenSSL has any memory: its allocations fail and are counted as ours. */
    if (CRYPTO_set_mem_functions(openssl_alloc, openssl_resize, openssl_free) != 1) {
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_depends_on_how_bytes_are_cut),
        cmocka_unit_test(both_sides_tell_what_was_agreed_on),
        cmocka_unit_test(small_frames_share_a_record),
        cmocka_unit_test(bytes_stay_queued_until_their_record_has_gone),
        cmocka_unit_test(close_notify_ends_one_direction),
        cmocka_unit_test(what_is_broken_fails_for_good),
        cmocka_unit_test(the_client_checks_for_whom_the_certificate_is),
        cmocka_unit_test(the_client_checks_who_vouches),
        cmocka_unit_test(the_oldest_version_may_be_raised),
        cmocka_unit_test(no_common_protocol_is_refused),
        cmocka_unit_test(options_are_checked),
        cmocka_unit_test(what_is_wrong_with_a_file_is_told),
        cmocka_unit_test(without_a_certificate_nobody_is_served),
        cmocka_unit_test(sixty_four_certificates_are_the_limit),
        cmocka_unit_test(a_reload_is_all_or_nothing),
        cmocka_unit_test(a_peer_that_asks_without_reading_is_dropped),
        cmocka_unit_test(many_key_updates_at_once_end_the_session),
        cmocka_unit_test(an_idle_session_is_small),
        cmocka_unit_test(every_allocation_fails_once),
        cmocka_unit_test(a_turn_takes_only_so_many_steps),
        cmocka_unit_test(who_has_gone_from_the_line_costs_no_step),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
