/*
 * Clients of ours (RFC 6455 section 4.1): against servers of ours over real sockets, and against
 * the other end in exact bytes.
 */
#include "base/compiler.h"
#include "base/mem.h"
#include "bell/server/io_server_internal.h"
#include "bell/server/ws_server_internal.h"
#include "client_app.h"
#include "service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static struct told there; /* the server's end */
static struct told here;  /* the client's */

/* ---- an I/O server for clients alone ---- */

struct client {
    struct bell_io_server *io;
    struct bell_ws_server *ws;
};

static void client_make(struct client *k, const bell_ws_options *options,
                        const bell_ws_client_options *client_options)
{
    bell_io_options io_options;
    bell_io_options_init(&io_options);
    io_options.threads = 2;
    told_reset(&here, false);
    const struct bell_component component = told_component(&here);
    assert_int_equal(bell_io_server_create(NULL, &io_options, &k->io), BELL_OK);
    assert_int_equal(bell_ws_client_create(k->io, &component, options, client_options, &k->ws),
                     BELL_OK);
}

static void client_init(struct client *k, const bell_ws_options *options,
                        const bell_ws_client_options *client_options)
{
    client_make(k, options, client_options);
    assert_int_equal(bell_io_server_start(k->io), BELL_OK);
}

static void client_finish(struct client *k)
{
    bell_io_server_destroy(k->io);
    bell_ws_server_destroy(k->ws);
}

/* Both ends; the server echoes. */
struct both {
    struct service s;
    struct client k;
};

static void both_init(struct both *b, const bell_ws_options *server, const bell_ws_options *client)
{
    told_reset(&there, true);
    const struct bell_component component = told_component(&there);
    service_init(&b->s, NULL);
    service_add_websocket(&b->s, &component, server);
    service_start(&b->s, 2);
    client_init(&b->k, client, NULL);
}

static void both_finish(struct both *b)
{
    client_finish(&b->k);
    service_finish(&b->s);
}

static const char *url_of(uint16_t port, const char *rest)
{
    static char url[256];
    (void)snprintf(url, sizeof url, "ws://127.0.0.1:%u%s", port, rest);
    return url;
}

static bell_conn connect_to(struct client *k, const char *url,
                            const bell_ws_connect_options *options)
{
    bell_conn conn = 0;
    assert_int_equal(bell_ws_client_connect(k->ws, url, options, &conn), BELL_OK);
    assert_true(conn != 0);
    return conn;
}

static bell_conn open_to(struct client *k, const char *url)
{
    int opens = atomic_load(&here.opens);
    bell_conn conn = connect_to(k, url, NULL);
    wait_for(&here.opens, opens + 1);
    return conn;
}

/* The connect has failed, and that is all that was told. */
static void check_failed(bell_status why, int status)
{
    wait_for(&here.closes, 1);
    assert_int_equal(atomic_load(&here.error), why);
    assert_int_equal(atomic_load(&here.why), why);
    assert_int_equal(atomic_load(&here.errors), 1);
    assert_int_equal(atomic_load(&here.opens), 0);
    assert_int_equal(atomic_load(&here.closes), 1);
    assert_int_equal(atomic_load(&here.code), 1006);
    assert_int_equal(atomic_load(&here.origin), BELL_CLOSED_BY_ENGINE);
    assert_int_equal(atomic_load(&here.status), status);
}

/* ---- with a server of ours ---- */

static void messages_go_both_ways_and_closing_is_told_at_both_ends(void **state)
{
    struct both b;
    (void)state;
    both_init(&b, NULL, NULL);
    bell_conn conn = open_to(&b.k, url_of(b.s.port, "/ws?room=1"));
    assert_int_equal(atomic_load(&here.conn), conn);
    assert_int_equal(atomic_load(&here.status), 101);
    assert_int_equal(bell_ws_connection_count(b.k.ws), 1);
    assert_int_equal(bell_ws_send(b.k.ws, conn, BELL_TEXT, BELL_LIT("hello")), BELL_OK);
    wait_for(&here.messages, 1);
    assert_string_equal(told_text(here.last), "hello");
    assert_string_equal(told_text(there.last), "hello");

    assert_int_equal(bell_ws_close(b.k.ws, conn, 4000, BELL_LIT("bye")), BELL_OK);
    wait_for(&here.closes, 1);
    wait_for(&there.closes, 1);
    assert_int_equal(atomic_load(&there.code), 4000);
    assert_int_equal(atomic_load(&there.origin), BELL_CLOSED_BY_PEER);
    assert_int_equal(atomic_load(&here.code), 4000);
    assert_int_equal(atomic_load(&here.origin), BELL_CLOSED_BY_US);

    conn = open_to(&b.k, url_of(b.s.port, "/ws"));
    wait_for(&there.opens, 2);
    assert_int_equal(bell_ws_close(b.s.ws, atomic_load(&there.conn), 4001, BELL_LIT("enough")),
                     BELL_OK);
    wait_for(&here.closes, 2);
    wait_for(&there.closes, 2);
    assert_int_equal(atomic_load(&here.code), 4001);
    assert_int_equal(atomic_load(&here.origin), BELL_CLOSED_BY_PEER);
    assert_int_equal(atomic_load(&there.origin), BELL_CLOSED_BY_US);
    assert_int_equal(atomic_load(&here.errors) + atomic_load(&there.errors), 0);
    both_finish(&b);
}

/* Text and binary of sizes around each change of the frame header, of the stack and of a receive.
 */
static void messages_of_all_sizes_come_back(void **state)
{
    static const size_t SIZES[] = {0,    1,    125,  126,   127,   1023,  1024,
                                   1025, 4096, 5000, 65535, 65536, 300000};
    struct both b;
    (void)state;
    char *data = malloc(300000);
    assert_non_null(data);
    for (size_t i = 0; i < 300000; i++) {
        data[i] = (char)('a' + i % 23);
    }
    both_init(&b, NULL, NULL);
    bell_conn conn = open_to(&b.k, url_of(b.s.port, "/ws"));
    for (size_t i = 0; i < BELL_ARRAY_LEN(SIZES); i++) {
        size_t before = atomic_load(&here.bytes);
        bell_message_type type = i % 2 == 0 ? BELL_TEXT : BELL_BINARY;
        assert_int_equal(bell_ws_send(b.k.ws, conn, type, bell_slice_make(data, SIZES[i])),
                         BELL_OK);
        wait_for(&here.messages, (int)i + 1);
        assert_int_equal(atomic_load(&here.bytes) - before, SIZES[i]);
        assert_memory_equal(told_text(here.last), data, SIZES[i] < 255 ? SIZES[i] : 255);
    }
    both_finish(&b);
    free(data);
}

struct deflate_case {
    bool server_keeps, client_keeps;
    uint8_t server_bits, client_bits;
};

static void compression_works_in_both_directions_on_all_terms(void **state)
{
    static const struct deflate_case CASES[] = {
        {false, false, 15, 15}, {true, true, 15, 15}, {true, false, 9, 12},
        {false, true, 12, 9},   {true, true, 8, 8},   {false, false, 8, 8},
    };
    char text[3000];
    (void)state;
    for (size_t i = 0; i < sizeof text; i++) {
        text[i] = "the quick brown fox "[i % 20];
    }
    for (size_t i = 0; i < BELL_ARRAY_LEN(CASES) * BELL_ARRAY_LEN(CASES); i++) {
        const struct deflate_case *ours = &CASES[i / BELL_ARRAY_LEN(CASES)];
        const struct deflate_case *theirs = &CASES[i % BELL_ARRAY_LEN(CASES)];
        const struct deflate_case *ends[] = {theirs, ours};
        bell_ws_options options[2];
        for (int e = 0; e < 2; e++) {
            bell_ws_options_init(&options[e]);
            options[e].deflate.is_enabled = true;
            options[e].deflate.has_server_takeover = ends[e]->server_keeps;
            options[e].deflate.has_client_takeover = ends[e]->client_keeps;
            options[e].deflate.server_max_window_bits = ends[e]->server_bits;
            options[e].deflate.client_max_window_bits = ends[e]->client_bits;
        }
        struct both b;
        both_init(&b, &options[0], &options[1]);
        bell_conn conn = open_to(&b.k, url_of(b.s.port, "/ws"));
        for (int m = 1; m <= 4; m++) {
            size_t n = m == 3 ? 100 : sizeof text - (size_t)m;
            assert_int_equal(bell_ws_send(b.k.ws, conn, BELL_TEXT, bell_slice_make(text, n)),
                             BELL_OK);
            wait_for(&here.messages, m);
            assert_memory_equal(told_text(here.last), text, n < 255 ? n : 255);
        }
        assert_int_equal(atomic_load(&here.bytes), 4 * sizeof text - 7 - sizeof text + 100);
        uint64_t packed = 0;
        for (uint32_t l = 0; l < b.k.ws->loop_count; l++) {
            packed += atomic_load(&b.k.ws->loops[l].packer.deflated);
        }
        assert_true(packed >= 3);
        both_finish(&b);
    }
}

static void limits_hold_for_what_the_server_sends(void **state)
{
    bell_ws_options options;
    struct both b;
    char data[1001];
    (void)state;
    memset(data, 'x', sizeof data);
    bell_ws_options_init(&options);
    options.max_message_bytes = 1000;
    both_init(&b, NULL, &options);
    bell_conn conn = open_to(&b.k, url_of(b.s.port, "/ws"));
    assert_int_equal(bell_ws_send(b.k.ws, conn, BELL_TEXT, bell_slice_make(data, 1000)), BELL_OK);
    wait_for(&here.messages, 1);
    assert_int_equal(bell_ws_send(b.k.ws, conn, BELL_TEXT, bell_slice_make(data, 1001)), BELL_OK);
    wait_for(&here.closes, 1);
    wait_for(&there.closes, 1);
    assert_int_equal(atomic_load(&here.error), BELL_ELIMIT);
    assert_int_equal(atomic_load(&here.code), 1009);
    assert_int_equal(atomic_load(&there.code), 1009);
    both_finish(&b);
}

static void fields_and_subprotocols_are_agreed_on(void **state)
{
    static const char *const OFFERED[] = {"two", "three"};
    static const char *const SUPPORTED[] = {"one", "three", "two"};
    bell_ws_options server;
    bell_ws_options client;
    struct both b;
    (void)state;
    bell_ws_options_init(&server);
    bell_ws_options_init(&client);
    server.subprotocols = SUPPORTED;
    server.subprotocol_count = 3;
    client.subprotocols = OFFERED;
    client.subprotocol_count = 2;
    both_init(&b, &server, &client);
    static const bell_http_field FIELDS[] = {{{"Origin", 6}, {"https://a.example", 17}},
                                             {{"Cookie", 6}, {"a=1; b=2", 8}}};
    const bell_ws_connect_options options = {.fields = FIELDS, .field_count = 2, .user = &b};
    char expected[256];
    bell_conn conn = connect_to(&b.k, url_of(b.s.port, "/ws?room=7&x=%20"), &options);
    wait_for(&there.opens, 1);
    wait_for(&here.opens, 1);
    assert_string_equal(told_text(here.subprotocol), "three");
    assert_string_equal(told_text(there.subprotocol), "three");
    (void)snprintf(expected, sizeof expected,
                   "/ws room=7&x=%%20 https://a.example a=1; b=2 127.0.0.1:%u", b.s.port);
    assert_string_equal(told_text(there.request), expected);
    assert_null(bell_ws_get_user(b.k.ws, conn)); /* this is not its thread */
    both_finish(&b);
}

static void one_publish_reaches_every_client_connection_under_its_own_mask(void **state)
{
    enum { COUNT = 20 };
    struct both b;
    (void)state;
    both_init(&b, NULL, NULL);
    for (int i = 0; i < COUNT; i++) {
        (void)open_to(&b.k, url_of(b.s.port, "/ws"));
    }
    assert_int_equal(bell_ws_broadcast(b.k.ws, BELL_TEXT, BELL_LIT("to all"), 0), BELL_OK);
    wait_for(&here.messages, COUNT);
    assert_int_equal(atomic_load(&there.messages), COUNT);
    assert_string_equal(told_text(there.last), "to all");
    both_finish(&b);
}

static atomic_int subscribed;

static void subscribe(struct bell_ws_server *ws, bell_conn conn, void *user)
{
    (void)user;
    assert_int_equal(bell_ws_subscribe(ws, conn, BELL_LIT("some")), BELL_OK);
    atomic_fetch_add(&subscribed, 1);
}

static void a_publish_reaches_the_connections_that_are_subscribed(void **state)
{
    enum { COUNT = 6, SOME = 4 };
    struct both b;
    (void)state;
    atomic_store(&subscribed, 0);
    both_init(&b, NULL, NULL);
    for (int i = 0; i < COUNT; i++) {
        bell_conn conn = open_to(&b.k, url_of(b.s.port, "/ws"));
        if (i < SOME) {
            assert_int_equal(bell_ws_run(b.k.ws, conn, subscribe, NULL), BELL_OK);
        }
    }
    wait_for(&subscribed, SOME);
    assert_int_equal(bell_ws_publish(b.k.ws, BELL_LIT("some"), BELL_TEXT, BELL_LIT("first"), 0),
                     BELL_OK);
    wait_for(&here.messages, SOME);
    /* Behind what was published: had the others been sent it, they would have had it first. */
    assert_int_equal(bell_ws_broadcast(b.k.ws, BELL_TEXT, BELL_LIT("second"), 0), BELL_OK);
    wait_for(&here.messages, SOME + COUNT);
    assert_int_equal(atomic_load(&here.bytes), SOME * 5 + COUNT * 6);
    both_finish(&b);
}

static void
thousands_of_connections_live_in_one_process_and_their_slots_are_used_again(void **state)
{
    enum { COUNT = 2000, AT_ONCE = 100, ROUNDS = 2 };
    struct both b;
    (void)state;
    both_init(&b, NULL, NULL);
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 1; i <= COUNT; i++) {
            (void)connect_to(&b.k, url_of(b.s.port, "/ws"), NULL);
            if (i % AT_ONCE == 0) { /* no more than a backlog takes */
                wait_for(&here.opens, round * COUNT + i);
            }
        }
        assert_int_equal(bell_ws_connection_count(b.k.ws), COUNT);
        assert_int_equal(bell_ws_broadcast(b.k.ws, BELL_TEXT, BELL_LIT("x"), 0), BELL_OK);
        wait_for(&here.messages, (round + 1) * COUNT);
        for (uint32_t l = 0; l < b.k.io->loop_count; l++) {
            struct bell_server_loop *home = &b.k.io->loops[l];
            assert_true(atomic_load(&home->clients.used) <= COUNT / b.k.io->loop_count);
            for (uint32_t slot = 0; slot < COUNT / b.k.io->loop_count; slot++) {
                bell_conn conn =
                    bell_connection_handle_of(l, BELL_CLIENT_SLOT | slot, (uint32_t)round);
                assert_int_equal(bell_ws_close(b.k.ws, conn, 1000, BELL_LIT("")), BELL_OK);
            }
        }
        wait_for(&here.closes, (round + 1) * COUNT);
        for (int i = 0; atomic_load(&b.k.io->connection_count) > 0; i++) {
            assert_true(i < 20000);
            (void)usleep(1000);
        }
    }
    assert_int_equal(atomic_load(&here.errors), 0);
    both_finish(&b);
}

/* ---- with the other end in exact bytes ---- */

/* A client, and the other end of the connection it makes. */
struct against {
    struct client k;
    int listener;
    uint16_t port;
    struct peer p;
    bell_conn conn;
    char request[4096];
    char accept[29];
};

static struct against a; /* it is large */

static void against_init(const bell_ws_options *options,
                         const bell_ws_client_options *client_options)
{
    client_init(&a.k, options, client_options);
    a.listener = fake_listen(&a.port);
    a.conn = connect_to(&a.k, url_of(a.port, "/a"), NULL);
    fake_accept(a.listener, &a.p);
    fake_read_request(&a.p, a.request, sizeof a.request, a.accept);
}

static void against_finish(void)
{
    peer_close(&a.p);
    (void)close(a.listener);
    client_finish(&a.k);
    assert_int_equal(bell_mem_live(), 0);
}

/* The request, byte by byte, but for its key. */
static void the_request_is_exactly_what_it_should_be(void **state)
{
    char expected[1024];
    char *key;
    (void)state;
    against_init(NULL, NULL);
    key = strstr(a.request, "Sec-WebSocket-Key: ");
    assert_non_null(key);
    (void)snprintf(expected, sizeof expected,
                   "GET /a HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nUpgrade: websocket\r\n"
                   "Connection: Upgrade\r\nSec-WebSocket-Key: %.24s\r\n"
                   "Sec-WebSocket-Version: 13\r\n\r\n",
                   a.port, key + 19);
    assert_string_equal(a.request, expected);
    against_finish();
}

/* RFC 6455 section 5.3: each frame is masked, with a key of its own. */
static void each_frame_is_masked_with_a_key_of_its_own(void **state)
{
    static peer_frame f;
    uint8_t keys[3][4];
    (void)state;
    against_init(NULL, NULL);
    fake_answer(&a.p, a.accept, "");
    wait_for(&here.opens, 1);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(bell_ws_send(a.k.ws, a.conn, BELL_TEXT, BELL_LIT("abc")), BELL_OK);
        assert_true(fake_read_frame(&a.p, &f, keys[i]));
        assert_int_equal(f.first, 0x81);
        assert_memory_equal(f.payload, "abc", 3);
    }
    assert_true(memcmp(keys[0], keys[1], 4) != 0 || memcmp(keys[1], keys[2], 4) != 0);
    against_finish();
}

/* Frames in the same segment as the answer, after interim ones (RFC 9110 section 15.2). */
static void what_follows_the_head_at_once_is_delivered(void **state)
{
    char text[1024];
    (void)state;
    against_init(NULL, NULL);
    int n = snprintf(text, sizeof text,
                     "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 \r\nLink: </a>\r\n\r\n"
                     "HTTP/1.1 101 x\r\nuPGRADE: WebSocket\r\nconnection: keep-alive, Upgrade\r\n"
                     "X-Answer: yes\r\nSec-WebSocket-Accept:  %s \r\n\r\n\x81\x03now",
                     a.accept);
    peer_send(&a.p, bell_slice_make(text, (size_t)n));
    wait_for(&here.messages, 1);
    assert_string_equal(told_text(here.last), "now");
    assert_string_equal(told_text(here.header), "yes");
    against_finish();
    assert_int_equal(atomic_load(&here.closes), 1);
}

/* The same, one byte at a time. */
static void an_answer_may_come_in_pieces(void **state)
{
    char text[1024];
    (void)state;
    against_init(NULL, NULL);
    int n = snprintf(text, sizeof text,
                     "HTTP/1.1 103 \r\n\r\nHTTP/1.1 101 x\r\nUpgrade: websocket\r\n"
                     "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n\x81\x03now",
                     a.accept);
    for (int i = 0; i < n; i++) {
        peer_send(&a.p, bell_slice_make(text + i, 1));
    }
    wait_for(&here.messages, 1);
    assert_string_equal(told_text(here.last), "now");
    against_finish();
}

struct answer_case {
    const char *answer; /* %s is the right Sec-WebSocket-Accept */
    bell_status why;
    int status;
};

#define UPGRADE "Upgrade: websocket\r\nConnection: Upgrade\r\n"
#define RIGHT   "HTTP/1.1 101 Switching Protocols\r\n" UPGRADE "Sec-WebSocket-Accept: %s\r\n"
#define WRONG   "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

static void check_answers(const struct answer_case *cases, size_t count,
                          const bell_ws_options *options,
                          const bell_ws_client_options *client_options)
{
    for (size_t i = 0; i < count; i++) {
        against_init(options, client_options);
        /* Around the one %s, if there is one. */
        const char *mark = strstr(cases[i].answer, "%s");
        if (mark != NULL) {
            peer_send(&a.p, bell_slice_make(cases[i].answer, (size_t)(mark - cases[i].answer)));
            peer_send(&a.p, bell_slice_from(a.accept));
        }
        peer_send(&a.p, bell_slice_from(mark == NULL ? cases[i].answer : mark + 2));
        (void)shutdown(a.p.fd, SHUT_WR);
        wait_for(&here.closes, 1);
        if (atomic_load(&here.error) != (int)cases[i].why ||
            atomic_load(&here.status) != cases[i].status) {
            fail_msg("%s: %s, status %d", cases[i].answer,
                     bell_status_name((bell_status)atomic_load(&here.error)),
                     atomic_load(&here.status));
        }
        check_failed(cases[i].why, cases[i].status);
        against_finish();
    }
}

/* RFC 6455 section 4.1, "If the response lacks …" and the like, item by item. */
static void an_answer_that_is_not_one_to_this_handshake_is_refused(void **state)
{
    static const struct answer_case CASES[] = {
        /* 1: any status but 101 */
        {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", BELL_EREFUSED, 200},
        {"HTTP/1.1 302 Found\r\nLocation: ws://a/\r\n\r\n", BELL_EREFUSED, 302},
        {"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\n\r\n", BELL_EREFUSED, 401},
        {"HTTP/1.0 503 \r\n\r\n", BELL_EREFUSED, 503},
        {"HTTP/1.1 101 x\r\n" UPGRADE "\r\n", BELL_EPROTO, 101},
        {"HTTP/1.0 101 x\r\n" UPGRADE "Sec-WebSocket-Accept: %s\r\n\r\n", BELL_EPROTO, 101},
        /* 2 and 3: Upgrade and Connection */
        {"HTTP/1.1 101 x\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n", BELL_EPROTO,
         101},
        {"HTTP/1.1 101 x\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n"
         "Sec-WebSocket-Accept: %s\r\n\r\n",
         BELL_EPROTO, 101},
        {"HTTP/1.1 101 x\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: %s\r\n\r\n", BELL_EPROTO,
         101},
        {"HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: close\r\n"
         "Sec-WebSocket-Accept: %s\r\n\r\n",
         BELL_EPROTO, 101},
        /* 4: the accept value */
        {"HTTP/1.1 101 x\r\n" UPGRADE "Sec-WebSocket-Accept: " WRONG "\r\n\r\n", BELL_EPROTO, 101},
        {RIGHT "Sec-WebSocket-Accept: " WRONG "\r\n\r\n", BELL_EPROTO, 101},
        /* 5: an extension, and 6: a sub-protocol that was not offered */
        {RIGHT "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n", BELL_EPROTO, 101},
        {RIGHT "Sec-WebSocket-Protocol: chat\r\n\r\n", BELL_EPROTO, 101},
        /* No HTTP at all */
        {"garbage\r\n\r\n", BELL_EPROTO, 0},
        {"SSH-2.0-OpenSSH_9\r\n", BELL_EPROTO, 0},
        {"HTTP/1.1 1O1 x\r\n\r\n", BELL_EPROTO, 0},
        {"HTTP/2.0 200 OK\r\n\r\n", BELL_EPROTO, 0},
        {"HTTP/1.1 101 x\nUpgrade: websocket\n\n", BELL_EPROTO, 0},
        /* An end before the end */
        {"", BELL_ECLOSED, 0},
        {"HTTP/1.1 101 x\r\nUpgrade:", BELL_ECLOSED, 0},
        {"HTTP/1.1 103 \r\n\r\n", BELL_ECLOSED, 0},
    };
    (void)state;
    check_answers(CASES, BELL_ARRAY_LEN(CASES), NULL, NULL);
}

static void an_answer_beyond_what_was_offered_is_refused(void **state)
{
    static const char *const OFFERED[] = {"a", "b"};
    static const struct answer_case CASES[] = {
        {RIGHT "Sec-WebSocket-Protocol: A\r\n\r\n", BELL_EPROTO, 101},
        {RIGHT "Sec-WebSocket-Protocol: a, b\r\n\r\n", BELL_EPROTO, 101},
        {RIGHT "Sec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: a\r\n\r\n", BELL_EPROTO, 101},
        {RIGHT "Sec-WebSocket-Extensions: x-other\r\n\r\n", BELL_EPROTO, 101},
        /* server_no_context_takeover was asked for */
        {RIGHT "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n", BELL_EPROTO, 101},
        {RIGHT "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover, "
               "permessage-deflate; server_no_context_takeover\r\n\r\n",
         BELL_EPROTO, 101},
    };
    bell_ws_options options;
    (void)state;
    bell_ws_options_init(&options);
    options.subprotocols = OFFERED;
    options.subprotocol_count = 2;
    options.deflate.is_enabled = true;
    check_answers(CASES, BELL_ARRAY_LEN(CASES), &options, NULL);
}

static void an_answer_above_the_limits_is_refused(void **state)
{
    static const struct answer_case ABOVE[] = {
        {RIGHT "X: 1\r\nY: 1\r\n\r\n", BELL_ELIMIT, 0},
        {"HTTP/1.1 103 \r\n\r\n" RIGHT "X: 1\r\n\r\n", BELL_ELIMIT, 0},
    };
    bell_ws_client_options options;
    (void)state;
    bell_ws_client_options_init(&options);
    options.max_header_count = 4;
    options.max_head_bytes = (uint32_t)strlen(RIGHT "X: 1\r\n\r\n") - 2 + 28;
    check_answers(ABOVE, BELL_ARRAY_LEN(ABOVE), NULL, &options);
    against_init(NULL, &options);
    fake_answer(&a.p, a.accept, "X: 1\r\n");
    wait_for(&here.opens, 1);
    assert_int_equal(atomic_load(&here.errors), 0);
    against_finish();
}

/* Section 5.4: fragments, with a Ping between them, which is answered under a mask. */
static void fragments_are_put_together_within_the_limits(void **state)
{
    static peer_frame f;
    uint8_t key[4];
    bell_ws_options options;
    (void)state;
    bell_ws_options_init(&options);
    options.max_message_bytes = 6;
    options.max_frame_bytes = 5;
    against_init(&options, NULL);
    fake_answer(&a.p, a.accept, "");
    peer_send(&a.p, BELL_LIT("\x01\x03"
                             "abc"
                             "\x89\x01?"
                             "\x80\x03"
                             "def"));
    assert_true(fake_read_frame(&a.p, &f, key));
    assert_int_equal(f.first, 0x8a);
    assert_memory_equal(f.payload, "?", 1);
    wait_for(&here.messages, 1);
    assert_string_equal(told_text(here.last), "abcdef");
    peer_send(&a.p, BELL_LIT("\x01\x05"
                             "abcde"
                             "\x80\x02"
                             "fg"));
    assert_true(fake_read_frame(&a.p, &f, key));
    assert_int_equal(f.first, 0x88);
    assert_memory_equal(f.payload, "\x03\xf1", 2); /* 1009 */
    wait_for(&here.closes, 1);
    assert_int_equal(atomic_load(&here.error), BELL_ELIMIT);
    assert_int_equal(atomic_load(&here.messages), 1);
    against_finish();
}

static void a_silent_server_is_pinged_and_then_given_up(void **state)
{
    static peer_frame f;
    uint8_t key[4];
    bell_ws_options options;
    (void)state;
    bell_ws_options_init(&options);
    options.heartbeat_ms = 50;
    options.idle_timeout_ms = 300;
    against_init(&options, NULL);
    fake_answer(&a.p, a.accept, "");
    assert_true(fake_read_frame(&a.p, &f, key));
    assert_int_equal(f.first, 0x89);
    wait_for(&here.closes, 1);
    assert_int_equal(atomic_load(&here.error), BELL_ETIMEOUT);
    assert_int_equal(atomic_load(&here.origin), BELL_CLOSED_BY_ENGINE);
    against_finish();
}

/* Section 5.1: a client must close when a frame is masked. */
static void a_masked_frame_closes_with_1002(void **state)
{
    static peer_frame f;
    uint8_t key[4];
    (void)state;
    against_init(NULL, NULL);
    fake_answer(&a.p, a.accept, "");
    peer_send_frame(&a.p, 1, BELL_LIT("hello"));
    assert_true(fake_read_frame(&a.p, &f, key));
    assert_int_equal(f.first, 0x88);
    assert_memory_equal(f.payload, "\x03\xea", 2);
    wait_for(&here.closes, 1);
    assert_int_equal(atomic_load(&here.error), BELL_EPROTO);
    assert_int_equal(atomic_load(&here.code), 1002);
    assert_int_equal(atomic_load(&here.messages), 0);
    against_finish();
}

/* Section 7.1.1: after both Close frames it is the server that closes TCP first. */
static void after_closing_the_server_is_the_first_to_end_the_stream(void **state)
{
    static peer_frame f;
    uint8_t key[4];
    (void)state;
    against_init(NULL, NULL);
    fake_answer(&a.p, a.accept, "");
    peer_send(&a.p, BELL_LIT("\x88\x02\x03\xe8"));
    assert_true(fake_read_frame(&a.p, &f, key));
    assert_int_equal(f.first, 0x88);
    assert_memory_equal(f.payload, "\x03\xe8", 2);
    wait_for(&here.closes, 1);
    struct pollfd end = {.fd = a.p.fd, .events = POLLIN};
    assert_int_equal(poll(&end, 1, 100), 0);
    (void)shutdown(a.p.fd, SHUT_WR);
    assert_int_equal(peer_read_to_end(&a.p), 0);
    against_finish();
}

static void a_silent_server_is_given_up_in_time(void **state)
{
    bell_ws_client_options options;
    (void)state;
    bell_ws_client_options_init(&options);
    options.connect_timeout_ms = 500; /* the request is sent in it */
    against_init(NULL, &options);
    peer_send(&a.p, BELL_LIT("HTTP/1.1 101 "));
    check_failed(BELL_ETIMEOUT, 0);
    against_finish();
}

static void closing_before_it_is_open_is_told_as_ours(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        against_init(NULL, NULL);
        assert_int_equal(i == 0 ? bell_ws_close(a.k.ws, a.conn, 1000, BELL_LIT(""))
                                : bell_ws_abort(a.k.ws, a.conn),
                         BELL_OK);
        wait_for(&here.closes, 1);
        assert_int_equal(atomic_load(&here.origin), BELL_CLOSED_BY_US);
        assert_int_equal(atomic_load(&here.code), 1006);
        assert_int_equal(atomic_load(&here.why), BELL_OK);
        assert_int_equal(peer_read_to_end(&a.p), 0);
        against_finish();
        assert_int_equal(atomic_load(&here.errors) + atomic_load(&here.opens), 0);
        assert_int_equal(atomic_load(&here.closes), 1);
    }
}

static void stopping_ends_what_is_not_open(void **state)
{
    (void)state;
    against_init(NULL, NULL);
    bell_io_server_stop(a.k.io);
    check_failed(BELL_ESTATE, 0);
    against_finish();
}

static void draining_ends_what_is_not_open_and_closes_what_is_with_1001(void **state)
{
    static peer_frame f;
    uint8_t key[4];
    (void)state;
    against_init(NULL, NULL);
    bell_io_server_drain(a.k.io, 10000);
    check_failed(BELL_ESTATE, 0);
    bell_io_server_wait(a.k.io);
    against_finish();

    against_init(NULL, NULL);
    fake_answer(&a.p, a.accept, "");
    wait_for(&here.opens, 1);
    bell_io_server_drain(a.k.io, 10000);
    assert_true(fake_read_frame(&a.p, &f, key));
    assert_memory_equal(f.payload, "\x03\xe9", 2);
    peer_send(&a.p, BELL_LIT("\x88\x02\x03\xe9"));
    (void)shutdown(a.p.fd, SHUT_WR);
    bell_io_server_wait(a.k.io);
    assert_int_equal(atomic_load(&here.closes), 1);
    assert_int_equal(atomic_load(&here.code), 1001);
    against_finish();
}

/* ---- places that are not there, and other ways to them ---- */

static void a_connect_to_nobody_fails(void **state)
{
    struct client k;
    uint16_t port;
    (void)state;
    (void)close(fake_listen(&port));
    client_init(&k, NULL, NULL);
    (void)connect_to(&k, url_of(port, ""), NULL);
    check_failed(BELL_EREFUSED, 0);
    client_finish(&k);
    client_init(&k, NULL, NULL);
    (void)connect_to(&k, "ws+unix:/nowhere/at/all.sock", NULL);
    check_failed(BELL_ENOTFOUND, 0);
    client_finish(&k);
}

/* Which of the two depends on whether there is a name server to ask (RFC 6761 section 6.4). */
static void a_name_that_nobody_has_fails(void **state)
{
    bell_ws_client_options options;
    struct client k;
    (void)state;
    bell_ws_client_options_init(&options);
    options.connect_timeout_ms = 1000;
    client_init(&k, NULL, &options);
    (void)connect_to(&k, "ws://nobody.invalid/", NULL);
    wait_for(&here.closes, 1);
    int error = atomic_load(&here.error);
    assert_true(error == BELL_ENOTFOUND || error == BELL_EAGAIN || error == BELL_EIO ||
                error == BELL_ETIMEOUT);
    check_failed((bell_status)error, 0);
    client_finish(&k);
}

static void a_name_is_looked_up_and_its_addresses_tried(void **state)
{
    char url[64];
    struct both b;
    (void)state;
    both_init(&b, NULL, NULL);
    (void)snprintf(url, sizeof url, "ws://localhost:%u/ws", b.s.port);
    (void)open_to(&b.k, url);
    both_finish(&b);
}

static void a_unix_socket_is_reached(void **state)
{
    char url[256];
    char folder[] = "/tmp/bell_client_XXXXXX";
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    (void)state;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(at.sun_path, sizeof at.sun_path, "%s/s", folder);
    (void)snprintf(url, sizeof url, "ws+unix:%s:/a?b", at.sun_path);
    a.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(a.listener, (const struct sockaddr *)(const void *)&at, sizeof at), 0);
    assert_int_equal(listen(a.listener, 4), 0);
    client_init(&a.k, NULL, NULL);
    a.conn = connect_to(&a.k, url, NULL);
    fake_accept(a.listener, &a.p);
    fake_read_request(&a.p, a.request, sizeof a.request, a.accept);
    assert_non_null(strstr(a.request, "GET /a?b HTTP/1.1\r\nHost: localhost\r\n"));
    fake_answer(&a.p, a.accept, "");
    wait_for(&here.opens, 1);
    against_finish();
    assert_int_equal(unlink(at.sun_path), 0);
    assert_int_equal(rmdir(folder), 0);
}

/* ---- calls ---- */

static void what_cannot_be_asked_is_refused_at_once(void **state)
{
    static const char *const URLS[] = {
        "",          "http://a/",   "ws:/a",     "ws://",         "ws://a b/",  "ws://a/b c",
        "ws://a/#f", "ws://u:p@a/", "ws://a:0/", "ws://a:65536/", "ws://[::1/", "ws+unix:relative"};
    static const bell_http_field BAD[] = {{{"Host", 4}, {"a", 1}},
                                          {{"sec-websocket-key", 17}, {"a", 1}},
                                          {{"Content-Length", 14}, {"0", 1}},
                                          {{"X Y", 3}, {"a", 1}},
                                          {{"X", 1}, {"a\r\nY: b", 7}},
                                          {{"", 0}, {"a", 1}},
                                          {{"connection", 10}, {"close", 5}},
                                          {{"Transfer-Encoding", 17}, {"chunked", 7}}};
    static char large[65536];
    struct client k;
    bell_conn conn = 1;
    (void)state;
    client_init(&k, NULL, NULL);
    for (size_t i = 0; i < BELL_ARRAY_LEN(URLS); i++) {
        assert_int_equal(bell_ws_client_connect(k.ws, URLS[i], NULL, &conn), BELL_EINVAL);
        assert_int_equal(conn, 0);
    }
    for (size_t i = 0; i < BELL_ARRAY_LEN(BAD); i++) {
        const bell_ws_connect_options options = {.fields = &BAD[i], .field_count = 1};
        assert_int_equal(bell_ws_client_connect(k.ws, "ws://127.0.0.1/", &options, &conn),
                         BELL_EINVAL);
    }
    memset(large, 'x', sizeof large);
    const bell_http_field field = {{"X", 1}, {large, sizeof large}};
    const bell_ws_connect_options options = {.fields = &field, .field_count = 1};
    assert_int_equal(bell_ws_client_connect(k.ws, "ws://127.0.0.1/", &options, &conn), BELL_ELIMIT);
    (void)snprintf(large, sizeof large, "ws+unix:/%0107d", 0);
    assert_int_equal(bell_ws_client_connect(k.ws, large, NULL, &conn), BELL_ELIMIT);
    client_finish(&k);
    assert_int_equal(atomic_load(&here.closes) + atomic_load(&here.errors), 0);
}

static void bad_options_are_refused(void **state)
{
    static const char *const TWINS[] = {"a", "b", "a"};
    struct bell_io_server *io;
    struct bell_ws_server *ws;
    bell_ws_options options;
    bell_ws_client_options client_options;
    const struct bell_component none = {.on_open = NULL};
    (void)state;
    assert_int_equal(bell_io_server_create(NULL, NULL, &io), BELL_OK);
    bell_ws_options_init(&options);
    options.subprotocols = TWINS;
    options.subprotocol_count = 3;
    assert_int_equal(bell_ws_client_create(io, &none, &options, NULL, &ws), BELL_EINVAL);
    options.subprotocol_count = 2;
    for (int i = 0; i < 3; i++) {
        bell_ws_client_options_init(&client_options);
        client_options.connect_timeout_ms = i == 0 ? 0 : 1;
        client_options.max_head_bytes = i == 1 ? 0 : 1;
        client_options.max_header_count = i == 2 ? 0 : 1;
        assert_int_equal(bell_ws_client_create(io, &none, &options, &client_options, &ws),
                         BELL_EINVAL);
    }
    assert_int_equal(bell_ws_client_create(io, &none, &options, NULL, &ws), BELL_OK);
    /* It is no server, and this I/O server has none. */
    assert_int_equal(bell_io_server_listen(io, "127.0.0.1:0"), BELL_ESTATE);
    bell_ws_server_destroy(ws);
    bell_io_server_destroy(io);
    assert_int_equal(bell_mem_live(), 0);
}

static void max_connections_hold_for_clients_too(void **state)
{
    bell_io_options io_options;
    struct client k;
    bell_conn conn;
    (void)state;
    told_reset(&here, false);
    const struct bell_component component = told_component(&here);
    bell_io_options_init(&io_options);
    io_options.max_connections = 2;
    assert_int_equal(bell_io_server_create(NULL, &io_options, &k.io), BELL_OK);
    assert_int_equal(bell_ws_client_create(k.io, &component, NULL, NULL, &k.ws), BELL_OK);
    assert_int_equal(bell_ws_client_connect(k.ws, "ws://127.0.0.1:1/", NULL, &conn), BELL_OK);
    assert_int_equal(bell_ws_client_connect(k.ws, "ws://127.0.0.1:1/", NULL, &conn), BELL_OK);
    assert_int_equal(bell_ws_client_connect(k.ws, "ws://127.0.0.1:1/", NULL, &conn), BELL_ELIMIT);
    /* Never started: those that wait are told when it is destroyed. */
    bell_io_server_destroy(k.io);
    assert_int_equal(atomic_load(&here.closes), 2);
    assert_int_equal(atomic_load(&here.errors), 2);
    assert_int_equal(atomic_load(&here.error), BELL_ESTATE);
    assert_int_equal(bell_ws_client_connect(k.ws, "ws://127.0.0.1:1/", NULL, &conn), BELL_ESTATE);
    bell_ws_server_destroy(k.ws);
    assert_int_equal(bell_mem_live(), 0);
}

static void a_connect_before_start_begins_with_it_and_one_after_the_end_is_refused(void **state)
{
    struct both b;
    bell_conn conn;
    (void)state;
    told_reset(&there, true);
    const struct bell_component component = told_component(&there);
    service_init(&b.s, NULL);
    service_add_websocket(&b.s, &component, NULL);
    service_start(&b.s, 1);
    client_make(&b.k, NULL, NULL);
    (void)connect_to(&b.k, url_of(b.s.port, "/ws"), NULL);
    assert_int_equal(bell_io_server_start(b.k.io), BELL_OK);
    wait_for(&here.opens, 1);
    bell_io_server_stop(b.k.io);
    assert_int_equal(atomic_load(&here.closes), 1);
    assert_int_equal(bell_ws_client_connect(b.k.ws, url_of(b.s.port, "/ws"), NULL, &conn),
                     BELL_ESTATE);
    assert_int_equal(conn, 0);
    both_finish(&b);
    assert_int_equal(atomic_load(&here.closes), 1);
}

/* ---- one program that is both, and comes back ---- */

static atomic_int tries;

static void connect_again(struct bell_ws_server *ws, bell_conn conn, const bell_close_event *e,
                          void *user)
{
    const char *url = user;
    bell_conn next = 0;
    (void)e;
    if (atomic_fetch_add(&tries, 1) < 3) {
        const bell_ws_connect_options options = {
            .delay_ms = 1 + bell_ws_client_backoff_ms((uint32_t)atomic_load(&tries), 4, 20)};
        assert_int_equal(bell_ws_client_connect(ws, url, &options, &next), BELL_OK);
        assert_true(next != conn);
    }
}

static void a_component_may_connect_again_in_on_close(void **state)
{
    struct bell_io_server *io;
    struct bell_ws_server *ws;
    uint16_t port;
    bell_conn conn;
    char url[64];
    (void)state;
    (void)close(fake_listen(&port));
    (void)snprintf(url, sizeof url, "ws://127.0.0.1:%u", port);
    const struct bell_component component = {.on_close = connect_again, .user = url};
    atomic_store(&tries, 0);
    assert_int_equal(bell_io_server_create(NULL, NULL, &io), BELL_OK);
    assert_int_equal(bell_ws_client_create(io, &component, NULL, NULL, &ws), BELL_OK);
    assert_int_equal(bell_io_server_start(io), BELL_OK);
    assert_int_equal(bell_ws_client_connect(ws, url, NULL, &conn), BELL_OK);
    wait_for(&tries, 4);
    bell_io_server_destroy(io);
    bell_ws_server_destroy(ws);
    assert_int_equal(bell_mem_live(), 0);
}

static void backoff_stays_within_its_bounds(void **state)
{
    (void)state;
    assert_int_equal(bell_ws_client_backoff_ms(0, 100, 1000), 0);
    assert_int_equal(bell_ws_client_backoff_ms(5, 0, 1000), 0);
    uint32_t most = 0;
    for (int i = 0; i < 1000; i++) {
        assert_true(bell_ws_client_backoff_ms(1, 100, 1000) <= 100);
        assert_true(bell_ws_client_backoff_ms(3, 100, 1000) <= 400);
        uint32_t late = bell_ws_client_backoff_ms(UINT32_MAX, 100, 1000);
        assert_true(late <= 1000);
        most = late > most ? late : most;
        assert_true(bell_ws_client_backoff_ms(9, UINT32_MAX, UINT32_MAX) <= UINT32_MAX);
    }
    assert_true(most > 500);
}

struct visits {
    atomic_int visits;
    atomic_int rounds;
};

static bool visit(struct bell_ws_server *ws, bell_conn conn, void *user)
{
    struct visits *v = user;
    bool is_subscribed = bell_ws_is_subscribed(ws, conn, BELL_LIT("visited"));
    bell_status st = is_subscribed ? BELL_ESTATE : bell_ws_subscribe(ws, conn, BELL_LIT("visited"));
    atomic_fetch_add(&v->visits, st == BELL_OK);
    return true;
}

static void visit_here(struct bell_ws_server *ws, bell_conn conn, void *user)
{
    struct visits *v = user;
    (void)conn;
    if (bell_ws_visit(ws, visit, user) != BELL_OK) {
        atomic_store(&v->visits, INT_MIN);
    }
}

static void visited(struct bell_ws_server *ws, bell_conn conn, void *user)
{
    struct visits *v = user;
    (void)ws;
    (void)conn;
    atomic_fetch_add(&v->rounds, 1);
}

/* How many connections of one kind all loops have. */
static int visit_all(struct bell_ws_server *ws)
{
    struct visits v = {.visits = 0};
    assert_int_equal(bell_ws_run_all(ws, visit_here, visited, &v), BELL_OK);
    wait_for(&v.rounds, 1);
    return atomic_load(&v.visits);
}

/* Messages that a server's connection passes on to a client's of the same program. */
static void server_and_client_share_their_loops(void **state)
{
    struct service s;
    struct bell_ws_server *client;
    bell_conn conn;
    (void)state;
    told_reset(&there, true);
    told_reset(&here, false);
    const struct bell_component server_component = told_component(&there);
    const struct bell_component component = told_component(&here);
    service_init(&s, NULL);
    service_add_websocket(&s, &server_component, NULL);
    service_start(&s, 2);
    assert_int_equal(bell_ws_client_create(s.io, &component, NULL, NULL, &client), BELL_OK);
    for (int i = 1; i <= 4; i++) {
        assert_int_equal(bell_ws_client_connect(client, url_of(s.port, "/ws"), NULL, &conn),
                         BELL_OK);
        wait_for(&here.opens, i);
        assert_int_equal(bell_ws_send(client, conn, BELL_TEXT, BELL_LIT("round")), BELL_OK);
        wait_for(&here.messages, i);
    }
    assert_int_equal(bell_http_server_websocket(s.http, "/x", client), BELL_ESTATE);
    /* A walk sees those of its own kind, whichever end of a socket they are. */
    assert_int_equal(visit_all(client), 4);
    assert_int_equal(visit_all(s.ws), 4);
    assert_int_equal(bell_ws_topic_count(client, BELL_LIT("visited")), 4);
    assert_int_equal(bell_ws_topic_count(s.ws, BELL_LIT("visited")), 4);
    bell_io_server_stop(s.io);
    bell_ws_server_destroy(client); /* before the I/O server is */
    service_finish(&s);
    assert_int_equal(atomic_load(&here.closes), 4);
}

/* ---- the end of what has never begun ---- */

enum { MOST_CONNECTS = 40 };

static atomic_int connects; /* that were taken */
static atomic_int closes;

static void connect_anywhere(struct bell_ws_server *ws, bell_conn conn, const bell_close_event *e,
                             void *user)
{
    bell_conn next;
    (void)conn;
    (void)user;
    assert_int_equal(e->why, BELL_ESTATE);
    atomic_fetch_add(&closes, 1);
    for (int i = 0; i < 3 && atomic_load(&connects) < MOST_CONNECTS; i++) {
        bell_status st = bell_ws_client_connect(ws, "ws://127.0.0.1:1/", NULL, &next);
        assert_true(st == BELL_OK || st == BELL_ESTATE); /* by the loop whose turn it is */
        atomic_fetch_add(&connects, st == BELL_OK);
    }
}

static void a_server_that_never_ran_ends_while_its_clients_connect_again(void **state)
{
    const struct bell_component component = {.on_close = connect_anywhere};
    struct bell_io_server *io;
    struct bell_ws_server *ws;
    bell_io_options options;
    (void)state;
    atomic_store(&connects, 0);
    atomic_store(&closes, 0);
    bell_io_options_init(&options);
    options.threads = 3;
    assert_int_equal(bell_io_server_create(NULL, &options, &io), BELL_OK);
    assert_int_equal(bell_ws_client_create(io, &component, NULL, NULL, &ws), BELL_OK);
    for (int i = 0; i < 6; i++) {
        bell_conn conn;
        assert_int_equal(bell_ws_client_connect(ws, "ws://127.0.0.1:1/", NULL, &conn), BELL_OK);
        atomic_fetch_add(&connects, 1);
    }
    bell_io_server_destroy(io);
    bell_ws_server_destroy(ws);
    assert_true(atomic_load(&connects) > 6);
    assert_int_equal(atomic_load(&closes), atomic_load(&connects));
    assert_int_equal(bell_mem_live(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_go_both_ways_and_closing_is_told_at_both_ends),
        cmocka_unit_test(messages_of_all_sizes_come_back),
        cmocka_unit_test(compression_works_in_both_directions_on_all_terms),
        cmocka_unit_test(limits_hold_for_what_the_server_sends),
        cmocka_unit_test(fields_and_subprotocols_are_agreed_on),
        cmocka_unit_test(one_publish_reaches_every_client_connection_under_its_own_mask),
        cmocka_unit_test(a_publish_reaches_the_connections_that_are_subscribed),
        cmocka_unit_test(
            thousands_of_connections_live_in_one_process_and_their_slots_are_used_again),
        cmocka_unit_test(the_request_is_exactly_what_it_should_be),
        cmocka_unit_test(each_frame_is_masked_with_a_key_of_its_own),
        cmocka_unit_test(what_follows_the_head_at_once_is_delivered),
        cmocka_unit_test(an_answer_may_come_in_pieces),
        cmocka_unit_test(an_answer_that_is_not_one_to_this_handshake_is_refused),
        cmocka_unit_test(an_answer_beyond_what_was_offered_is_refused),
        cmocka_unit_test(an_answer_above_the_limits_is_refused),
        cmocka_unit_test(fragments_are_put_together_within_the_limits),
        cmocka_unit_test(a_silent_server_is_pinged_and_then_given_up),
        cmocka_unit_test(a_masked_frame_closes_with_1002),
        cmocka_unit_test(after_closing_the_server_is_the_first_to_end_the_stream),
        cmocka_unit_test(a_silent_server_is_given_up_in_time),
        cmocka_unit_test(closing_before_it_is_open_is_told_as_ours),
        cmocka_unit_test(stopping_ends_what_is_not_open),
        cmocka_unit_test(draining_ends_what_is_not_open_and_closes_what_is_with_1001),
        cmocka_unit_test(a_connect_to_nobody_fails),
        cmocka_unit_test(a_name_that_nobody_has_fails),
        cmocka_unit_test(a_name_is_looked_up_and_its_addresses_tried),
        cmocka_unit_test(a_unix_socket_is_reached),
        cmocka_unit_test(what_cannot_be_asked_is_refused_at_once),
        cmocka_unit_test(bad_options_are_refused),
        cmocka_unit_test(max_connections_hold_for_clients_too),
        cmocka_unit_test(a_connect_before_start_begins_with_it_and_one_after_the_end_is_refused),
        cmocka_unit_test(a_component_may_connect_again_in_on_close),
        cmocka_unit_test(backoff_stays_within_its_bounds),
        cmocka_unit_test(server_and_client_share_their_loops),
        cmocka_unit_test(a_server_that_never_ran_ends_while_its_clients_connect_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
