/*
 * permessage-deflate in a running server: what is agreed on, what goes compressed and what does
 * not, limits, windows kept, messages to many, and memory.
 */
#include "base/buf.h"
#include "base/compiler.h"
#include "base/mem.h"
#include "bell/net/blob.h"
#include "bell/server/connection.h"
#include "bell/server/ws_server_internal.h"
#include "bell/ws/deflate.h"
#include "peer.h"
#include "service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OUT_MAX_BYTES = 1 << 22, RSV1 = 0x40, TEXT_FRAME = 0x81, BINARY_FRAME = 0x82 };

#define OFFER "permessage-deflate; client_max_window_bits"

/* ---- the application ---- */

static atomic_int errors;
static atomic_int last_error;
static atomic_int closes;
static atomic_int opens;
static atomic_int allocations_left; /* the next send: this allocation fails; 0 = none */
static _Atomic bell_conn last_conn;

static void on_open(struct bell_ws_server *ws, bell_conn conn, const struct bell_http_request *r,
                    void *user)
{
    (void)r;
    (void)user;
    assert_int_equal(bell_ws_subscribe(ws, conn, BELL_LIT("all")), BELL_OK);
    atomic_store(&last_conn, conn);
    atomic_fetch_add(&opens, 1);
}

static void echo(struct bell_ws_server *ws, bell_conn conn, const bell_message *m, void *user)
{
    (void)user;
    bell_mem_fail_at(atomic_exchange(&allocations_left, 0));
    bell_status st = bell_ws_send(ws, conn, m->type, m->data);
    bell_mem_fail_at(0);
    assert_int_equal(st, BELL_OK);
}

static void on_error(struct bell_ws_server *ws, bell_conn conn, bell_status error, void *user)
{
    (void)ws;
    (void)conn;
    (void)user;
    atomic_store(&last_error, (int)error);
    atomic_fetch_add(&errors, 1);
}

static void on_close(struct bell_ws_server *ws, bell_conn conn, const bell_close_event *e,
                     void *user)
{
    (void)ws;
    (void)conn;
    (void)e;
    (void)user;
    atomic_fetch_add(&closes, 1);
}

static const struct bell_component ECHO = {
    .on_open = on_open, .on_message = echo, .on_error = on_error, .on_close = on_close};

static void wait_for(atomic_int *count, int least)
{
    for (int i = 0; atomic_load(count) < least; i++) {
        assert_true(i < 20000);
        (void)usleep(1000);
    }
}

static bell_ws_options enabled(void)
{
    bell_ws_options o;
    bell_ws_options_init(&o);
    o.deflate.is_enabled = true;
    return o;
}

static bell_ws_options keeping(void)
{
    bell_ws_options o = enabled();
    o.deflate.has_server_takeover = true;
    o.deflate.has_client_takeover = true;
    return o;
}

static void begin(struct service *s, const bell_ws_options *options, uint32_t threads)
{
    atomic_store(&errors, 0);
    atomic_store(&closes, 0);
    atomic_store(&opens, 0);
    service_init(s, NULL);
    service_add_websocket(s, &ECHO, options);
    service_start(s, threads);
}

static uint64_t deflated(const struct service *s)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < s->ws->loop_count; i++) {
        sum += atomic_load(&s->ws->loops[i].packer.deflated);
    }
    return sum;
}

/* ---- the other end ---- */

/* A client with a codec of its own. */
struct client {
    struct peer peer;
    struct bell_ws_deflater *deflater;
    struct bell_ws_inflater *inflater;
    struct bell_buf packed;
    struct bell_buf text; /* the message received last */
    size_t wire_bytes;    /* its payload on the wire */
    uint8_t first;        /* its first byte */
    char answer[256];     /* what was agreed on; empty = nothing */
    bool sends_kept;
    bool receives_kept;
};

static void client_open(struct client *c, const struct service *s, const char *offer)
{
    static const bell_ws_deflater_options OPTIONS = {15, 6, 8};
    char text[1024];
    *c = (struct client){.first = 0};
    bell_buf_init(&c->packed, OUT_MAX_BYTES);
    bell_buf_init(&c->text, OUT_MAX_BYTES);
    assert_int_equal(bell_ws_deflater_create(OPTIONS, &c->deflater), BELL_OK);
    assert_int_equal(bell_ws_inflater_create(15, &c->inflater), BELL_OK);
    int n = snprintf(text, sizeof text,
                     "GET /ws HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\n"
                     "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                     "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                     "Sec-WebSocket-Extensions: %s\r\n\r\n",
                     offer);
    peer_connect(&c->peer, s->port);
    peer_send(&c->peer, bell_slice_make(text, (size_t)n));
    assert_int_equal(peer_read_head(&c->peer, text, sizeof text), 101);
    const char *field = strstr(text, "Sec-WebSocket-Extensions: ");
    if (field != NULL) {
        field += strlen("Sec-WebSocket-Extensions: ");
        size_t length = strcspn(field, "\r");
        assert_true(length < sizeof c->answer);
        memcpy(c->answer, field, length);
    }
    c->sends_kept = strstr(c->answer, "client_no_context") == NULL;
    c->receives_kept = strstr(c->answer, "server_no_context") == NULL;
}

static void client_finish(struct client *c)
{
    peer_close(&c->peer);
    bell_ws_deflater_destroy(c->deflater);
    bell_ws_inflater_destroy(c->inflater);
    bell_buf_finish(&c->packed);
    bell_buf_finish(&c->text);
}

static void client_send(struct client *c, uint8_t opcode, bell_slice message)
{
    bell_buf_clear(&c->packed);
    assert_int_equal(bell_ws_deflater_run(c->deflater, message, c->sends_kept, &c->packed),
                     BELL_OK);
    peer_send_frame(&c->peer, RSV1 | opcode, bell_buf_slice(&c->packed));
}

/* The next message, inflated when it is compressed. */
static void client_read(struct client *c)
{
    static peer_frame f;
    assert_true(peer_read_frame(&c->peer, &f));
    c->first = f.first;
    c->wire_bytes = f.n;
    bell_buf_clear(&c->text);
    if ((f.first & RSV1) != 0) {
        assert_int_equal(bell_ws_inflater_run(c->inflater, bell_slice_make(f.payload, f.n), false,
                                              c->receives_kept, &c->text),
                         BELL_OK);
    } else {
        assert_int_equal(bell_buf_append(&c->text, bell_slice_make(f.payload, f.n)), BELL_OK);
    }
}

static void client_expect(struct client *c, uint8_t first, bell_slice message)
{
    client_read(c);
    assert_int_equal(c->first, first);
    assert_int_equal(c->text.n, message.n);
    assert_memory_equal(c->text.p, message.p, message.n);
}

static void client_expect_close(struct client *c, const char code[2])
{
    static peer_frame f;
    assert_true(peer_read_frame(&c->peer, &f));
    assert_int_equal(f.first, 0x88);
    assert_int_equal(f.n, 2);
    assert_memory_equal(f.payload, code, 2);
    assert_false(peer_read_frame(&c->peer, &f));
}

/* ASCII text in which much is found again but not all. */
static bell_slice text_of(size_t n)
{
    static char text[1 << 20];
    uint32_t seed = 7;
    assert_true(n <= sizeof text);
    for (size_t i = 0; i < n; i++) {
        seed = seed * 1664525u + 1013904223u;
        text[i] = (char)('a' + (seed >> 28));
    }
    return bell_slice_make(text, n);
}

/* ---- what is agreed on ---- */

static void is_off_by_default(void **state)
{
    (void)state;
    struct service s;
    struct client c;
    begin(&s, NULL, 1);
    client_open(&c, &s, OFFER);
    assert_string_equal(c.answer, "");
    peer_send_frame(&c.peer, 1, text_of(1000));
    client_expect(&c, TEXT_FRAME, text_of(1000));
    client_send(&c, 1, text_of(1000));
    client_expect_close(&c, "\x03\xea"); /* 1002 */
    client_finish(&c);
    service_finish(&s);
}

static void answers_what_its_options_say(void **state)
{
    (void)state;
    bell_ws_options small = keeping();
    small.deflate.server_max_window_bits = 10;
    small.deflate.client_max_window_bits = 9;
    const struct {
        bell_ws_options options;
        const char *offer;
        const char *answer;
    } cases[] = {
        {enabled(), "permessage-deflate",
         "permessage-deflate; server_no_context_takeover; client_no_context_takeover"},
        {keeping(), "permessage-deflate", "permessage-deflate"},
        {small, OFFER, "permessage-deflate; server_max_window_bits=10; client_max_window_bits=9"},
        {enabled(), "permessage-deflate; server_max_window_bits=7", ""},
        {enabled(), "x", ""},
    };
    for (size_t i = 0; i < BELL_ARRAY_LEN(cases); i++) {
        struct service s;
        struct client c;
        begin(&s, &cases[i].options, 1);
        client_open(&c, &s, cases[i].offer);
        assert_string_equal(c.answer, cases[i].answer);
        peer_send_frame(&c.peer, 1, text_of(1000));
        client_expect(&c, cases[i].answer[0] == '\0' ? TEXT_FRAME : TEXT_FRAME | RSV1,
                      text_of(1000));
        client_finish(&c);
        service_finish(&s);
    }
}

static void refuses_numbers_out_of_range(void **state)
{
    (void)state;
    static const struct {
        uint8_t server_bits;
        uint8_t client_bits;
        uint8_t level;
        uint8_t memory_level;
        bool is_right;
    } CASES[] = {
        {8, 8, 1, 1, true},     {15, 15, 9, 9, true},   {7, 15, 3, 8, false},
        {16, 15, 3, 8, false},  {15, 7, 3, 8, false},   {15, 16, 3, 8, false},
        {15, 15, 0, 8, false},  {15, 15, 10, 8, false}, {15, 15, 3, 0, false},
        {15, 15, 3, 10, false},
    };
    for (size_t i = 0; i < BELL_ARRAY_LEN(CASES); i++) {
        struct bell_ws_server *ws = NULL;
        bell_ws_options o = enabled();
        o.deflate.server_max_window_bits = CASES[i].server_bits;
        o.deflate.client_max_window_bits = CASES[i].client_bits;
        o.deflate.level = CASES[i].level;
        o.deflate.memory_level = CASES[i].memory_level;
        assert_int_equal(bell_ws_server_create(&ECHO, &o, &ws),
                         CASES[i].is_right ? BELL_OK : BELL_EINVAL);
        bell_ws_server_destroy(ws);
    }
}

/* ---- what goes compressed ---- */

static void compresses_from_the_threshold_on(void **state)
{
    (void)state;
    struct service s;
    struct client c;
    bell_ws_options o = enabled();
    begin(&s, &o, 1);
    client_open(&c, &s, OFFER);
    for (size_t n = 0; n <= 300; n += n == 0 ? 255 : n < 257 ? 1 : 43) {
        for (uint8_t opcode = 1; opcode <= 2; opcode++) {
            uint8_t plain = 0x80 | opcode;
            client_send(&c, opcode, text_of(n));
            client_expect(&c, n < 256 ? plain : plain | RSV1, text_of(n));
            peer_send_frame(&c.peer, opcode, text_of(n));
            client_expect(&c, n < 256 ? plain : plain | RSV1, text_of(n));
        }
    }
    client_finish(&c);
    service_finish(&s);
}

/* Random bytes do not become shorter; with takeover they must go compressed all the same. */
static void sends_plain_what_does_not_become_shorter(void **state)
{
    (void)state;
    static char noise[3000];
    uint32_t seed = 1;
    for (size_t i = 0; i < sizeof noise; i++) {
        seed = seed * 1664525u + 1013904223u;
        noise[i] = (char)(seed >> 24);
    }
    for (int keeps = 0; keeps < 2; keeps++) {
        struct service s;
        struct client c;
        bell_ws_options o = keeps == 1 ? keeping() : enabled();
        begin(&s, &o, 1);
        client_open(&c, &s, OFFER);
        const bell_slice message = {noise, sizeof noise};
        client_send(&c, 2, message);
        client_expect(&c, keeps == 1 ? BINARY_FRAME | RSV1 : BINARY_FRAME, message);
        client_send(&c, 2, message);
        client_expect(&c, keeps == 1 ? BINARY_FRAME | RSV1 : BINARY_FRAME, message);
        assert_int_equal(c.wire_bytes < 100, keeps == 1);
        client_finish(&c);
        service_finish(&s);
    }
}

/* Noise of so many bytes, and zeros behind it. */
static bool is_packed(size_t noise_bytes, size_t size)
{
    static char message[2 * BELL_WS_PACKER_LONG_BYTES];
    struct bell_ws_packer packer;
    struct bell_connection c = {.u.ws.deflate.server_bits = 15};
    bell_ws_options o = enabled();
    uint32_t seed = 1;
    memset(message, 0, sizeof message);
    for (size_t i = 0; i < noise_bytes; i++) {
        seed = seed * 1664525u + 1013904223u;
        message[i] = (char)(seed >> 24);
    }
    bell_ws_packer_init(&packer, &o);
    struct bell_ws_variants *variants = bell_ws_variants_create();
    struct bell_blob *plain =
        bell_ws_frame_create(BELL_WS_BINARY, bell_slice_make(message, size), false, NULL);
    assert_non_null(variants);
    assert_non_null(plain);
    const struct bell_blob *chosen = bell_ws_variants_choose(variants, &packer, &c, plain);
    bool is_twin = chosen != plain;
    assert_true(!is_twin || chosen->size < plain->size);
    bell_ws_variants_unref(variants);
    bell_blob_unref(plain);
    bell_ws_packer_finish(&packer);
    assert_int_equal(bell_mem_live(), 0);
    return is_twin;
}

static void a_long_message_is_judged_by_its_beginning(void **state)
{
    enum { LONG = BELL_WS_PACKER_LONG_BYTES, TRIED = BELL_WS_PACKER_TRIED_BYTES };
    (void)state;
    assert_true(is_packed(TRIED, LONG - 1)); /* which is not long yet */
    assert_false(is_packed(TRIED, LONG));
    assert_false(is_packed(TRIED, LONG + 1));
    assert_true(is_packed(TRIED - 1000, LONG));
    assert_true(is_packed(0, LONG));
    assert_false(is_packed(LONG, LONG));
    assert_false(is_packed(LONG - 1, LONG - 1));
}

static void control_frames_are_never_compressed(void **state)
{
    (void)state;
    struct service s;
    struct client c;
    bell_ws_options o = enabled();
    o.deflate.threshold_bytes = 0;
    begin(&s, &o, 1);
    client_open(&c, &s, OFFER);
    peer_send_frame(&c.peer, 9, BELL_LIT("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
    client_expect(&c, 0x8a, BELL_LIT("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
    peer_send_frame(&c.peer, 1, BELL_LIT("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
    client_expect(&c, TEXT_FRAME | RSV1, BELL_LIT("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
    peer_send_frame(&c.peer, 1, BELL_LIT(""));
    client_expect(&c, TEXT_FRAME, BELL_LIT(""));
    client_finish(&c);
    service_finish(&s);
}

static void keeps_windows_when_both_want_it(void **state)
{
    (void)state;
    static const struct {
        const char *offer;
        bool server_keeps;
        bool client_keeps;
    } CASES[] = {
        {OFFER, true, true},
        {OFFER "; server_no_context_takeover", false, true},
        {OFFER "; client_no_context_takeover", true, false},
        {OFFER "; client_no_context_takeover; server_no_context_takeover", false, false},
    };
    struct service s;
    bell_ws_options o = keeping();
    begin(&s, &o, 1);
    for (size_t i = 0; i < BELL_ARRAY_LEN(CASES); i++) {
        struct client c;
        client_open(&c, &s, CASES[i].offer);
        assert_int_equal(c.receives_kept, CASES[i].server_keeps);
        assert_int_equal(c.sends_kept, CASES[i].client_keeps);
        for (int k = 0; k < 3; k++) {
            client_send(&c, 1, text_of(2000));
            assert_int_equal(c.packed.n<100, k> 0 && CASES[i].client_keeps);
            client_expect(&c, TEXT_FRAME | RSV1, text_of(2000));
            assert_int_equal(c.wire_bytes<100, k> 0 && CASES[i].server_keeps);
        }
        client_finish(&c);
    }
    service_finish(&s);
}

/* ---- limits and wrong messages ---- */

static void the_limit_is_that_of_the_inflated_message(void **state)
{
    (void)state;
    for (int more = -1; more <= 1; more++) {
        struct service s;
        struct client c;
        bell_ws_options o = enabled();
        o.max_message_bytes = 20000;
        begin(&s, &o, 1);
        client_open(&c, &s, OFFER);
        client_send(&c, 1, text_of(o.max_message_bytes + (size_t)(more + 1) - 1));
        assert_true(c.packed.n < o.max_message_bytes);
        if (more <= 0) {
            client_expect(&c, TEXT_FRAME | RSV1,
                          text_of(o.max_message_bytes + (size_t)(more + 1) - 1));
        } else {
            client_expect_close(&c, "\x03\xf1"); /* 1009 */
            wait_for(&closes, 1);
            assert_int_equal(atomic_load(&last_error), BELL_ELIMIT);
        }
        client_finish(&c);
        service_finish(&s);
    }
}

/* RFC 1951 section 3.2.4: bytes that cannot be compressed go as they are, and so grow a little. */
static void what_cannot_be_compressed_may_have_the_limit_too(void **state)
{
    enum { LIMIT = 3000, HEADER_BYTES = 5 };
    static char frame[HEADER_BYTES + LIMIT + 1];
    struct service s;
    struct client c;
    bell_ws_options o = enabled();
    (void)state;
    o.max_message_bytes = LIMIT;
    o.deflate.threshold_bytes = SIZE_MAX; /* the answer comes plain */
    memset(frame, 'x', sizeof frame);
    memcpy(frame,
           (const char[]){0, (char)(LIMIT & 0xff), (char)(LIMIT >> 8), (char)(~LIMIT & 0xff),
                          (char)(~LIMIT >> 8 & 0xff)},
           HEADER_BYTES);
    frame[HEADER_BYTES + LIMIT] = 0; /* RFC 7692 section 7.2.1: the empty block, less its end */
    begin(&s, &o, 1);
    client_open(&c, &s, OFFER);
    peer_send_frame(&c.peer, RSV1 | 2, bell_slice_make(frame, sizeof frame));
    client_expect(&c, BINARY_FRAME, bell_slice_make(frame + HEADER_BYTES, LIMIT));
    client_finish(&c);
    service_finish(&s);
}

static void closes_with_1007_on_what_cannot_be_inflated(void **state)
{
    (void)state;
    static const bell_slice PAYLOADS[] = {
        {"\x07", 1},
        {"Hello", 5},
        {"\xf2\x48\xcd\xc9", 4},
        {"\xf2\x00\x11\x00\x00", 5},
        {"\x00\x01\x00\xfe\xff\xff\x00", 7}, /* the text "\xff" */
    };
    for (int keeps = 0; keeps < 2; keeps++) {
        struct service s;
        bell_ws_options o = keeps == 1 ? keeping() : enabled();
        begin(&s, &o, 1);
        for (size_t i = 0; i < BELL_ARRAY_LEN(PAYLOADS); i++) {
            struct client c;
            struct client other;
            client_open(&c, &s, OFFER);
            client_open(&other, &s, OFFER);
            peer_send_frame(&c.peer, RSV1 | 1, PAYLOADS[i]);
            client_expect_close(&c, "\x03\xef");
            wait_for(&errors, (int)i + 1);
            assert_int_equal(atomic_load(&last_error), BELL_EPROTO);
            /* Nobody else notices, though they share the windows. */
            client_send(&other, 1, text_of(500));
            client_expect(&other, TEXT_FRAME | RSV1, text_of(500));
            client_finish(&c);
            client_finish(&other);
        }
        service_finish(&s);
    }
}

static void half_a_message_is_freed_with_its_connection(void **state)
{
    (void)state;
    struct service s;
    struct client c;
    bell_ws_options o = keeping();
    begin(&s, &o, 1);
    client_open(&c, &s, OFFER);
    client_send(&c, 1, text_of(5000));
    client_expect(&c, TEXT_FRAME | RSV1, text_of(5000));
    /* A first fragment, not the last, of which a part comes. */
    peer_send(&c.peer, BELL_LIT("\x41\xfe\x10\x00\1\2\3\4half of it"));
    peer_send_frame(&c.peer, 9, BELL_LIT("")); /* is payload */
    peer_reset(&c.peer);
    wait_for(&closes, 1);
    client_finish(&c);
    service_finish(&s); /* nothing is left */
}

/* ---- from other threads and to many ---- */

static void messages_of_other_threads_are_compressed(void **state)
{
    (void)state;
    for (int keeps = 0; keeps < 2; keeps++) {
        struct service s;
        struct client c;
        bell_ws_options o = keeps == 1 ? keeping() : enabled();
        begin(&s, &o, 1);
        client_open(&c, &s, OFFER);
        wait_for(&opens, 1);
        for (size_t n = 200; n < 400; n += 150) {
            assert_int_equal(bell_ws_send(s.ws, atomic_load(&last_conn), BELL_TEXT, text_of(n)),
                             BELL_OK);
            client_expect(&c, n < 256 ? TEXT_FRAME : TEXT_FRAME | RSV1, text_of(n));
        }
        client_finish(&c);
        service_finish(&s);
    }
}

enum { MANY = 8 };

/* Publishes once and returns how often that was compressed. All get it; those that have agreed on
 * compression, compressed when it is long enough. */
static uint64_t publish_to(const struct service *s, struct client *clients, int count, bell_slice m)
{
    uint64_t before = deflated(s);
    assert_int_equal(bell_ws_publish(s->ws, BELL_LIT("all"), BELL_TEXT, m, 0), BELL_OK);
    for (int i = 0; i < count; i++) {
        bool is_deflated = clients[i].answer[0] != '\0' && m.n >= 256;
        client_expect(&clients[i], is_deflated ? TEXT_FRAME | RSV1 : TEXT_FRAME, m);
    }
    return deflated(s) - before;
}

static void a_published_message_is_compressed_once_for_all(void **state)
{
    (void)state;
    static const char *const OFFERS[] = {"permessage-deflate",
                                         "permessage-deflate; server_max_window_bits=15",
                                         "permessage-deflate; server_max_window_bits=11",
                                         "permessage-deflate; server_max_window_bits=8",
                                         "none",
                                         OFFER,
                                         "permessage-deflate; server_max_window_bits=9",
                                         "permessage-deflate; client_no_context_takeover"};
    static struct client clients[MANY];
    struct service s;
    bell_ws_options o = enabled();
    begin(&s, &o, 1);
    for (int i = 0; i < MANY; i++) {
        client_open(&clients[i], &s, OFFERS[i]);
    }
    wait_for(&opens, MANY);
    assert_int_equal(publish_to(&s, clients, MANY, text_of(255)), 0);
    /* Windows of 9 bits are too small for 1,000 bytes, all others are as good as each other. */
    assert_int_equal(publish_to(&s, clients, MANY, text_of(1000)), 2);
    assert_int_equal(publish_to(&s, clients, MANY, text_of(20000)), 3);
    for (int i = 0; i < MANY; i++) {
        client_finish(&clients[i]);
    }
    service_finish(&s);
}

static void with_takeover_a_published_message_is_compressed_for_each(void **state)
{
    (void)state;
    static struct client clients[MANY];
    struct service s;
    bell_ws_options o = keeping();
    begin(&s, &o, 1);
    for (int i = 0; i < MANY; i++) {
        client_open(&clients[i], &s,
                    i < 3 ? "permessage-deflate"
                          : "permessage-deflate; server_no_context_takeover");
    }
    wait_for(&opens, MANY);
    for (int k = 0; k < 3; k++) {
        assert_int_equal(publish_to(&s, clients, MANY, text_of(1000)), 3 + 1);
        assert_int_equal(clients[0].wire_bytes<50, k> 0);
    }
    for (int i = 0; i < MANY; i++) {
        client_finish(&clients[i]);
    }
    service_finish(&s);
}

/* Loops do not wait for each other: at most each compresses it once. */
static void reaches_all_loops_compressed(void **state)
{
    (void)state;
    enum { THREADS = 3, TIMES = 50 };
    static struct client clients[MANY];
    struct service s;
    bell_ws_options o = enabled();
    begin(&s, &o, THREADS);
    for (int i = 0; i < MANY; i++) {
        client_open(&clients[i], &s, i % 3 == 0 ? "none" : OFFER);
    }
    wait_for(&opens, MANY);
    for (int k = 0; k < TIMES; k++) {
        assert_in_range(publish_to(&s, clients, MANY, text_of(300 + (size_t)k * 20)), 1, THREADS);
        uint64_t before = deflated(&s);
        assert_int_equal(bell_ws_broadcast(s.ws, BELL_BINARY, text_of(700), 0), BELL_OK);
        for (int i = 0; i < MANY; i++) {
            client_expect(&clients[i], i % 3 == 0 ? BINARY_FRAME : BINARY_FRAME | RSV1,
                          text_of(700));
        }
        assert_in_range(deflated(&s) - before, 1, THREADS);
    }
    for (int i = 0; i < MANY; i++) {
        client_finish(&clients[i]);
    }
    service_finish(&s);
}

/* ---- memory ---- */

/* Blocks in use when they have not changed for a while: the server is at rest. */
static int64_t live_at_rest(void)
{
    int64_t live = bell_mem_live();
    for (int same = 0; same < 50; same++) {
        (void)usleep(1000);
        if (bell_mem_live() != live) {
            live = bell_mem_live();
            same = 0;
        }
    }
    return live;
}

/* The sum of what 20 clients hold after they have been heard and answered, in blocks. */
static int64_t held_by_20(const bell_ws_options *options, const char *offer)
{
    static struct client clients[20];
    struct service s;
    struct client first;
    begin(&s, options, 1);
    client_open(&first, &s, offer);
    client_send(&first, 1, text_of(1000));
    client_expect(&first, TEXT_FRAME | RSV1, text_of(1000));
    int64_t before = live_at_rest(); /* with what the loop needs for all of them */
    for (int i = 0; i < 20; i++) {
        client_open(&clients[i], &s, offer);
        client_send(&clients[i], 1, text_of(1000));
        client_expect(&clients[i], TEXT_FRAME | RSV1, text_of(1000));
    }
    for (int i = 0; i < 20; i++) {
        bell_ws_deflater_destroy(clients[i].deflater);
        bell_ws_inflater_destroy(clients[i].inflater);
        bell_buf_finish(&clients[i].packed);
        bell_buf_finish(&clients[i].text);
    }
    int64_t held = live_at_rest() - before;
    for (int i = 0; i < 20; i++) {
        peer_close(&clients[i].peer);
    }
    wait_for(&closes, 20);
    assert_int_equal(live_at_rest(), before);
    client_finish(&first);
    service_finish(&s);
    return held;
}

/* Each holds one block in any case: its list of topics. */
static void an_idle_connection_holds_no_window_without_takeover(void **state)
{
    (void)state;
    bell_ws_options fresh = enabled();
    bell_ws_options kept = keeping();
    assert_int_equal(held_by_20(&fresh, OFFER), 20);
    /* The contexts, the deflater and zlib's 5 blocks, the inflater and zlib's 2. */
    assert_int_equal(held_by_20(&kept, OFFER), 20 + 20 * (1 + 6 + 3));
}

static void without_memory_a_message_goes_plain(void **state)
{
    (void)state;
    for (int keeps = 0; keeps < 2; keeps++) {
        struct service s;
        struct client c;
        bell_ws_options o = keeps == 1 ? keeping() : enabled();
        begin(&s, &o, 1);
        client_open(&c, &s, OFFER "; client_no_context_takeover");
        /* Ours, zlib's, and the buffer for the payload: the first send makes them all. */
        for (int nth = 1; nth <= 6 + keeps; nth++) {
            atomic_store(&allocations_left, nth);
            client_send(&c, 1, text_of(1000));
            client_read(&c);
            assert_int_equal(c.text.n, 1000);
            assert_int_equal(c.first, TEXT_FRAME);
        }
        client_send(&c, 1, text_of(1000));
        client_expect(&c, TEXT_FRAME | RSV1, text_of(1000));
        client_finish(&c);
        service_finish(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_off_by_default),
        cmocka_unit_test(answers_what_its_options_say),
        cmocka_unit_test(refuses_numbers_out_of_range),
        cmocka_unit_test(compresses_from_the_threshold_on),
        cmocka_unit_test(sends_plain_what_does_not_become_shorter),
        cmocka_unit_test(a_long_message_is_judged_by_its_beginning),
        cmocka_unit_test(control_frames_are_never_compressed),
        cmocka_unit_test(keeps_windows_when_both_want_it),
        cmocka_unit_test(the_limit_is_that_of_the_inflated_message),
        cmocka_unit_test(what_cannot_be_compressed_may_have_the_limit_too),
        cmocka_unit_test(closes_with_1007_on_what_cannot_be_inflated),
        cmocka_unit_test(half_a_message_is_freed_with_its_connection),
        cmocka_unit_test(messages_of_other_threads_are_compressed),
        cmocka_unit_test(a_published_message_is_compressed_once_for_all),
        cmocka_unit_test(with_takeover_a_published_message_is_compressed_for_each),
        cmocka_unit_test(reaches_all_loops_compressed),
        cmocka_unit_test(an_idle_connection_holds_no_window_without_takeover),
        cmocka_unit_test(without_memory_a_message_goes_plain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
