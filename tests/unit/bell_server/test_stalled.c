/*
 * A thousand receivers of one topic, one of whom never reads: the others lose nothing and get it in
 * order, the memory of the server stays within the limit of one queue, and the one is dropped.
 */
#include "peer.h"
#include "service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#ifdef __has_feature
#define HAS(what) __has_feature(what)
#else
#define HAS(what) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || HAS(address_sanitizer) ||     \
    HAS(thread_sanitizer)
static const bool IS_SANITIZED = true; /* memory is not what it would be */
#else
static const bool IS_SANITIZED = false;
#endif

enum {
    RECEIVERS = 1000,
    RECEIVERS_SANITIZED = 100, /* each byte costs ten times as much there */
    LOOPS = 2,
    MESSAGE_BYTES = 1000,
    FRAME_BYTES = MESSAGE_BYTES + 4,
    MESSAGES_AT_A_TIME = 8,
    MESSAGES_MIN = 64,
    MESSAGES_MAX = 20000,    /* by then a socket's own buffers are full for long */
    QUEUE_BYTES = 64 * 1024, /* more than what is under way at a time */
    MORE_MEMORY_BYTES = 4 * 1024 * 1024,
    OTHER_DESCRIPTORS = 64,
};

static atomic_int closes;
static atomic_int close_code;
static atomic_int close_why;
static atomic_int close_origin;
static atomic_int errors;
static atomic_int last_error;

static void on_open(struct bell_ws_server *ws, bell_conn conn, const struct bell_http_request *r,
                    void *user)
{
    (void)r;
    (void)user;
    if (bell_ws_subscribe(ws, conn, BELL_LIT("news")) != BELL_OK) {
        (void)bell_ws_abort(ws, conn);
    }
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
    (void)user;
    atomic_store(&close_code, e->code);
    atomic_store(&close_why, (int)e->why);
    atomic_store(&close_origin, (int)e->origin);
    atomic_fetch_add(&closes, 1);
}

/* One who reads: it checks each byte as it comes. */
struct receiver {
    int fd;
    size_t at;       /* bytes of the frame under way that have come */
    uint32_t number; /* of the message under way */
};

static char expected_byte(uint32_t number, size_t at)
{
    static const unsigned char HEADER[4] = {0x82, 126, MESSAGE_BYTES >> 8, MESSAGE_BYTES & 0xff};
    if (at < sizeof HEADER) {
        return (char)HEADER[at];
    }
    at -= sizeof HEADER;
    return (char)(at < 4 ? number >> (8 * at) : number + at);
}

static void message_write(char *out, uint32_t number)
{
    for (size_t i = 0; i < MESSAGE_BYTES; i++) {
        out[i] = expected_byte(number, FRAME_BYTES - MESSAGE_BYTES + i);
    }
}

/* Takes bytes as far as they are what is due; returns how many. */
static size_t take(struct receiver *r, const char *bytes, size_t n)
{
    size_t i = 0;
    for (; i < n && bytes[i] == expected_byte(r->number, r->at); i++) {
        r->at++;
        if (r->at == FRAME_BYTES) {
            r->at = 0;
            r->number++;
        }
    }
    return i;
}

static void read_some(struct receiver *r)
{
    static char bytes[65536];
    ssize_t n = recv(r->fd, bytes, sizeof bytes, MSG_DONTWAIT);
    assert_true(n > 0);
    assert_int_equal(take(r, bytes, (size_t)n), n);
}

/* Until all have got all. */
static void read_all(struct receiver *receivers, size_t count, uint32_t messages)
{
    static struct pollfd ready[RECEIVERS];
    enum { PATIENCE_MS = 60000 };
    size_t behind;
    do {
        behind = 0;
        for (size_t i = 0; i < count; i++) {
            bool is_behind = receivers[i].number < messages;
            ready[i] = (struct pollfd){.fd = is_behind ? receivers[i].fd : -1, .events = POLLIN};
            behind += is_behind;
        }
        assert_true(behind == 0 || poll(ready, (nfds_t)count, PATIENCE_MS) > 0);
        for (size_t i = 0; i < count; i++) {
            if (ready[i].fd >= 0 && ready[i].revents != 0) {
                read_some(&receivers[i]);
            }
        }
    } while (behind > 0);
}

static size_t resident_bytes(void)
{
    unsigned long size;
    unsigned long resident;
    FILE *f = fopen("/proc/self/statm", "re");
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%lu %lu", &size, &resident), 2);
    (void)fclose(f);
    return resident * (size_t)sysconf(_SC_PAGESIZE);
}

/* How many both ends of may be here. */
static size_t receivers_possible(void)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    size_t most = (size_t)(limit.rlim_cur - OTHER_DESCRIPTORS) / 2;
    size_t wanted = IS_SANITIZED ? RECEIVERS_SANITIZED : RECEIVERS;
    return most < wanted ? most : wanted;
}

static void publish(const struct service *s, uint32_t number)
{
    static char text[MESSAGE_BYTES];
    message_write(text, number);
    assert_int_equal(bell_ws_publish(s->ws, BELL_LIT("news"), BELL_BINARY,
                                     bell_slice_make(text, sizeof text), 0),
                     BELL_OK);
}

/* What the one finds when it reads after all: the beginning of what was said, and why it ended. */
static void check_stalled(struct peer *stalled, uint32_t published)
{
    struct receiver r = {.fd = stalled->fd};
    static char all[MESSAGES_MAX * 64];
    size_t n = 0;
    ssize_t got;
    while ((got = recv(r.fd, all + n, sizeof all - n, 0)) > 0) {
        n += (size_t)got;
        size_t used = take(&r, all, n);
        memmove(all, all + used, n - used);
        n -= used;
    }
    assert_true(r.number > 0 && r.number < published);
    /* Unless it came too late even for that. */
    if (got == 0 && n > 0) {
        assert_int_equal(n, 4);
        assert_memory_equal(all, "\x88\x02\x03\xf5", 4);
    }
}

static void who_never_reads_costs_the_others_nothing(void **state)
{
    static const struct bell_component COMPONENT = {
        .on_open = on_open, .on_error = on_error, .on_close = on_close};
    static struct receiver receivers[RECEIVERS];
    static struct peer p;
    static struct peer stalled;
    struct service s;
    bell_ws_options o;
    (void)state;
    bell_ws_options_init(&o);
    o.queue.max_bytes = QUEUE_BYTES;
    o.heartbeat_ms = 0; /* nobody answers Pings, however long it takes */
    o.idle_timeout_ms = 0;
    service_init(&s, NULL);
    service_add_websocket(&s, &COMPONENT, &o);
    service_start(&s, LOOPS);
    size_t count = receivers_possible() - 1;
    for (size_t i = 0; i < count; i++) {
        peer_connect(&p, s.port);
        assert_int_equal(peer_upgrade(&p, "/ws", ""), 101);
        receivers[i] = (struct receiver){.fd = p.fd};
    }
    peer_connect_small(&stalled, s.port);
    assert_int_equal(peer_upgrade(&stalled, "/ws", ""), 101);

    uint32_t published = 0;
    size_t before = 0;
    size_t most = 0;
    while (published < MESSAGES_MIN || atomic_load(&closes) == 0) {
        assert_true(published < MESSAGES_MAX);
        for (int i = 0; i < MESSAGES_AT_A_TIME; i++) {
            publish(&s, published++);
        }
        read_all(receivers, count, published);
        size_t now = resident_bytes();
        before = before == 0 ? now : before; /* all has been in use once */
        most = now > most ? now : most;
    }
    assert_int_equal(atomic_load(&closes), 1);
    assert_int_equal(atomic_load(&close_code), 1013);
    assert_int_equal(atomic_load(&close_why), BELL_ELIMIT);
    assert_int_equal(atomic_load(&close_origin), BELL_CLOSED_BY_ENGINE);
    assert_int_equal(atomic_load(&errors), 1);
    assert_int_equal(atomic_load(&last_error), BELL_ELIMIT);
    assert_true(IS_SANITIZED || most - before < MORE_MEMORY_BYTES);
    print_message("%u messages to %zu receivers\n", published, count);
    check_stalled(&stalled, published);

    /* The others go on without it. */
    assert_int_equal(bell_ws_connection_count(s.ws), count);
    publish(&s, published++);
    read_all(receivers, count, published);
    for (size_t i = 0; i < count; i++) {
        (void)close(receivers[i].fd);
    }
    peer_close(&stalled);
    service_finish(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_never_reads_costs_the_others_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
